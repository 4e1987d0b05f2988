"""Methods over a pool of scripted models: what they ask, what they answer, what it takes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest

from muxcast.backends.baselines import METHODS, Setting, start
from muxcast.backends.baselines.protocol import Asked, Reply, leaders_of
from muxcast.backends.baselines.verification import approves
from muxcast.backends.baselines.wording import worded
from muxcast.backends.comparison import compare
from muxcast.backends.engine import Completion, Sample, Sampling
from muxcast.backends.pool import Pool
from muxcast.backends.tasks.task import Message, Question
from muxcast.simulate.errors import BadInput


class Sums:
    """Questions with a number as the answer; the completion is the answer, "?" a blank."""

    name = "sums"

    def questions(self, n, seed=0):
        return [Question(f"q{i}", f"Q: 10 + {i}\nA:", str(10 + i)) for i in range(n)]

    def extract(self, text, question):
        return None if text.strip() == "?" else text.strip()

    def verify(self, answer, question):
        return answer == question.reference

    def describe(self):
        return {"task": "sums"}


@dataclass
class Scripted:
    """A model of a pool whose replies are a function of the prompt and the sample."""

    name: str
    say: object
    sampling: Sampling = field(default_factory=Sampling)
    engine: str = "scripted"
    asked: list = field(default_factory=list)
    seeds: list = field(default_factory=list)
    opened: int = 0
    dies_after: float = float("inf")
    mistake: str | None = None

    def settings(self):
        return {"engine": self.engine, "model": self.name}

    def check(self):
        if self.mistake:
            raise BadInput(self.mistake)

    def open(self, questions=()):
        self.opened += 1
        return self

    def generate(self, requests, sampling):
        for place, request in enumerate(requests):
            if len(self.asked) >= self.dies_after:
                raise KeyboardInterrupt
            self.asked.append((request.prompt, request.samples, sampling.temperature))
            self.seeds.append((request.seed, request.samples))
            drawn = [
                Sample(index, self.say(request.prompt, index), "stop", 3, request.seed + index)
                for index in request.samples
            ]
            yield place, Completion(drawn, len(str(request.prompt)), 0.0)

    def describe(self):
        return {"engine": "scripted"}

    def close(self):
        pass


def number_of(prompt) -> int:
    text = prompt if isinstance(prompt, str) else prompt[-1].content
    return int(text.partition("10 + ")[2].split()[0])


def always_right(prompt, sample):
    return str(10 + number_of(prompt))


def always_wrong(prompt, sample):
    return "0"


def talk(tmp_path, models, methods, questions=6, **options):
    pool = Pool(tuple(models))
    options.setdefault("validation", 4)
    return compare(pool, [Sums()], questions, tmp_path / "log.jsonl", methods=methods, **options)


EVERY = [name for name in METHODS if name != "larger-model"]


def test_a_pool_that_is_always_right_scores_one_by_every_method(tmp_path):
    models = [Scripted(name, always_right) for name in ("ant", "bee")]
    found = talk(tmp_path, models, EVERY)
    assert (found.scores == 1).all()
    assert (found.to_frame()["se"] == 0).all()


def test_the_most_confident_model_wins_the_mux_and_the_crowd_wins_the_forest(tmp_path):
    sure = Scripted("sure", lambda prompt, sample: always_right(prompt, sample) if sample < 4 else "?")
    two = [Scripted(name, lambda prompt, sample: "7" if sample < 3 else "8") for name in ("u", "v")]
    found = talk(tmp_path, [sure, *two], ["slm-mux", "agent-forest"])
    assert found.scores[0].tolist() == [1.0] * 6
    assert found.scores[1].tolist() == [0.0] * 6  # 4 right votes, 6 for "7"


def test_a_tie_between_models_goes_to_the_better_one_on_validation(tmp_path):
    # on the validation questions (the last four) "late" is right, on the scored ones nobody tells them apart
    def late(prompt, sample):
        return always_right(prompt, sample) if number_of(prompt) >= 6 else "late"

    found = talk(tmp_path, [Scripted("early", lambda p, s: "early"), Scripted("late", late)], ["slm-mux"])
    assert found.accuracy == {"late": 1.0, "early": 0.0}
    assert found.answers[0] == ["late"] * 6


def test_ties_within_a_model_count_by_their_right_share(tmp_path):
    model = Scripted("half", lambda prompt, sample: always_right(prompt, sample) if sample % 2 else "0")
    found = talk(tmp_path, [model], ["single-best-sc"])
    assert found.scores[0].tolist() == [0.5] * 6


def test_debaters_see_the_others_answers_and_not_only_their_own(tmp_path):
    seen = []

    def follower(prompt, sample):
        if "Other people answered" in prompt:
            seen.append(prompt)
            return prompt.partition("Other people answered: ")[2].split(".")[0].split(";")[0]
        return "?"

    wise, fool = Scripted("wise", always_right), Scripted("fool", follower)
    found = talk(tmp_path, [wise, fool], ["llm-debate"], setting=Setting((), (), {}, rounds=1))
    assert found.scores[0].tolist() == [1.0] * 6
    assert all("You first answered: ?" in prompt and prompt.rstrip().endswith("A:") for prompt in seen)
    rounds = found.rounds["llm-debate"]
    assert rounds.groupby(["round", "agent"])["correct"].mean().to_dict() == {
        (0, "fool"): 0.0,
        (0, "wise"): 1.0,
        (1, "fool"): 1.0,
        (1, "wise"): 1.0,
    }


def test_the_aggregator_of_a_mixture_is_the_best_on_validation_and_reads_every_proposal(tmp_path):
    def picks_last(prompt, sample):
        if "Several people answered" in prompt:
            return prompt.partition("answered: ")[2].split(".")[0].split("; ")[-1]
        return always_right(prompt, sample)

    best, other = Scripted("best", picks_last), Scripted("other", always_wrong)
    found = talk(tmp_path, [best, other], ["mixture-of-agents"], setting=Setting((), (), {}, layers=2))
    assert found.answers[0] == ["0"] * 6  # the aggregator took the other's proposal, listed last
    assert not any("Several" in str(prompt) for prompt, _, _ in other.asked)


def test_verifiers_choose_the_candidate_with_most_approvals(tmp_path):
    def judge(prompt, sample):
        if "Proposed answer" in prompt:
            given = prompt.partition("Proposed answer: ")[2].split("\n")[0]
            return " True" if given == str(10 + number_of(prompt)) else " False, it is wrong"
        return always_right(prompt, sample) if sample == 3 else "0"

    judges = [Scripted("judge", judge), Scripted("jury", judge)]
    found = talk(tmp_path, judges, ["multi-agent-verification", "single-best-sc"])
    assert found.scores[0].tolist() == [1.0] * 6  # one candidate of four is right and is found
    assert found.scores[1].tolist() == [0.0] * 6


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("True", True),
        ("yes.", True),
        ("It is not true", True),
        ("False: true is", False),
        ("Truely", False),
        ("", False),
    ],
)
def test_a_verdict_is_the_first_word_that_can_be_read(text, good):
    assert approves(text) is good


def test_single_best_asks_greedily_and_only_the_best(tmp_path):
    best, other = Scripted("best", always_right), Scripted("other", always_wrong)
    talk(tmp_path, [best, other], ["single-best"])
    assert sum(temperature == 0 for *_, temperature in best.asked) == 6
    assert all(temperature > 0 for *_, temperature in other.asked)


def test_the_random_model_scores_the_mean_of_the_pool(tmp_path):
    models = [Scripted("right", always_right), Scripted("wrong", always_wrong)]
    found = talk(tmp_path, models, ["random-model"])
    assert found.scores[0].tolist() == [0.5] * 6
    assert found.requests[0].tolist() == [1.0] * 6


def test_tokens_are_charged_to_each_method_as_if_it_ran_alone(tmp_path):
    models = [Scripted("ant", always_right), Scripted("bee", always_right)]
    found = talk(tmp_path, models, ["slm-mux", "llm-debate", "single-best"], setting=Setting((), (), {}, samples=5))
    prompt = np.array([len(f"Q: 10 + {i}\nA:") for i in range(6)])
    np.testing.assert_array_equal(found.prompt_tokens[0], 2 * prompt)
    np.testing.assert_array_equal(found.completion_tokens[0], 2 * 5 * 3)
    np.testing.assert_array_equal(found.requests[1], 6)
    np.testing.assert_array_equal(found.completion_tokens[1], 3 * 2 * 3)
    np.testing.assert_array_equal(found.prompt_tokens[2], prompt)


def test_nothing_is_asked_twice_and_models_are_loaded_once_a_wave(tmp_path):
    models = [Scripted("ant", always_right), Scripted("bee", always_wrong)]
    talk(tmp_path, models, EVERY)
    for model in models:
        drawn = [seed + number for seed, numbers in model.seeds for number in numbers]
        assert len(set(drawn)) == len(drawn)
        assert model.opened <= 4


def test_a_mistake_in_the_last_model_is_found_before_the_first_is_loaded(tmp_path):
    models = [Scripted("ant", always_right), Scripted("bee", always_right, mistake="model 'bee': no such option")]
    with pytest.raises(BadInput, match="no such option"):
        talk(tmp_path, models, ["slm-mux"])
    assert [model.opened for model in models] == [0, 0]


def test_an_interrupted_comparison_resumes_and_ends_the_same(tmp_path):
    def noisy(prompt, sample):
        return str(hash((str(prompt), sample)) % 3)

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = talk(tmp_path / "a", [Scripted("ant", noisy), Scripted("bee", noisy)], EVERY)
    asked = 0
    for stop in itertools.count(7, 11):
        models = [Scripted("ant", noisy, dies_after=stop), Scripted("bee", noisy, dies_after=stop)]
        try:
            found = talk(tmp_path / "b", models, EVERY)
        except KeyboardInterrupt:
            asked += sum(len(model.asked) for model in models)
            continue
        asked += sum(len(model.asked) for model in models)
        break
    assert found.to_json() == whole.to_json()
    assert asked <= len(found.log.rows)


def test_equal_tokens_sizes_sampling_methods_to_the_dearest_discussion(tmp_path):
    models = [Scripted("ant", always_right), Scripted("bee", always_right)]
    methods = ["slm-mux", "single-best-sc", "llm-debate"]
    found = talk(tmp_path, models, methods, equal_tokens="max")
    frame = found.to_frame().set_index("method")
    assert found.budget == frame.loc["llm-debate", "tokens"]
    for method in methods[:2]:
        step = 3 if method == "single-best-sc" else 6
        assert frame.loc[method, "tokens"] <= found.budget
        capped = frame.loc[method, "size"] == "k = 64"
        assert capped or frame.loc[method, "tokens"] > found.budget - step - 1
    with pytest.raises(BadInput, match="no discussion is compared"):
        (tmp_path / "c").mkdir()
        talk(tmp_path / "c", models, ["slm-mux"], equal_tokens="max")


def test_paired_differences_have_the_error_of_the_differences(tmp_path):
    right_often = Scripted("ant", lambda p, s: always_right(p, s) if number_of(p) % 3 else "0")
    found = talk(tmp_path, [right_often, Scripted("bee", always_wrong)], ["slm-mux", "random-model"])
    frame = found.to_frame("slm-mux").set_index("method")
    gap = found.scores[1] - found.scores[0]
    assert frame.loc["random-model", "difference"] == pytest.approx(gap.mean())
    assert frame.loc["random-model", "difference_se"] == pytest.approx(np.sqrt(gap.var(ddof=1) / len(gap)))
    assert frame.loc["slm-mux", "difference_se"] == 0


def test_a_lone_model_cannot_debate_and_a_missing_larger_model_is_named(tmp_path):
    asked = [Asked(Sums(), question) for question in Sums().questions(2)]
    with pytest.raises(BadInput, match="at least two models"):
        next(start("llm-debate", Setting(asked, ["ant"], {})))
    with pytest.raises(BadInput, match="--larger"):
        next(start("larger-model", Setting(asked, ["ant"], {})))
    with pytest.raises(BadInput, match="did you mean 'slm-mux'"):
        start("slm-mix", Setting(asked, ["ant"], {}))


def test_a_chat_keeps_its_turns_and_adds_the_others_as_a_user(tmp_path):
    chat = (Message("system", "Be brief."), Message("user", "10 + 1"))
    prompt = worded("debate", chat, others="1. 11", own="12")
    assert [turn.role for turn in prompt] == ["system", "user", "assistant", "user"]
    assert prompt[2].content == "12"
    assert "1. 11" in prompt[3].content
    merged = worded("aggregate", chat, others="1. 11")
    assert [turn.role for turn in merged] == ["system", "user"]
    assert merged[1].content.startswith("10 + 1")


def test_edited_prompts_replace_the_packaged_ones_and_unknown_parts_are_named(tmp_path):
    (tmp_path / "debate.text.txt").write_text("{question}\nThey say {others}\n{cue}")
    assert worded("debate", "Q: 1\nA:", tmp_path, others="2", own="3") == "Q: 1\nThey say 2\nA:"
    (tmp_path / "debate.text.txt").write_text("{question} {else}")
    with pytest.raises(BadInput, match=r"asks for \{else\}"):
        worded("debate", "Q: 1\nA:", tmp_path, others="2", own="3")


def test_answers_with_braces_are_quoted_as_they_are():
    assert "{own}" in worded("aggregate", "Q: 1\nA:", others="{own} and {others}")


def test_leaders_are_the_most_common_answers_and_blanks_do_not_vote():
    def reply(answer):
        return Reply(answer, answer == "x", "", 0, 0)

    leaders, top = leaders_of(map(reply, ["x", "y", "y", "x", None, None, None]))
    assert ({leader.answer for leader in leaders}, top) == ({"x", "y"}, 2)
    assert leaders_of(map(reply, [None, None])) == ([], 0)
