"""What happens to answers in a discussion: who changed, to what, and how often the truth was talked away.

A discussion is recorded as rows of (task, question, agent, round, answer, correct); round 0 holds the
answers before anybody has heard another. Everything here is counted from those rows, without a language
model as judge (the paper's groupthink table, A1, asked one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ..theory.conformity import Conformity, Discussion, Fit, discuss, fit
from .answers import AnswerLog
from .errors import BadInput

ROUND_COLUMNS = ["task", "question", "agent", "round", "answer", "correct"]
STATES = ("right", "wrong", "blank")


class Course(NamedTuple):
    """Discussions in dense form; class 0 is right and the last class is blank."""

    held: Int[np.ndarray, "question round agent"]
    """Class of each agent's answer; wrong answers are numbered per question."""
    classes: int
    """Number of classes over all questions, right and blank included."""
    questions: list[tuple[str, str]]
    agents: list[str]
    labels: list[dict[str, int]]
    """Per question, the class of each wrong answer string and of each right one (0)."""


def course_of(rounds: pd.DataFrame, extra: AnswerLog | None = None) -> Course:
    """Number the answers of every question.

    Args:
        rounds: recorded discussions, with the columns task, question, agent, round, answer, correct.
        extra: further answers to the same questions (a pilot) whose wrong answers get classes too.
    Raises:
        BadInput: missing columns, or an agent that missed a round.
    """
    missing = [name for name in ROUND_COLUMNS if name not in rounds]
    if missing:
        raise BadInput(f"rounds: missing columns {', '.join(missing)}; a discussion has {', '.join(ROUND_COLUMNS)}")
    agents = sorted(rounds["agent"].unique())
    steps = sorted(rounds["round"].unique())
    keys = ["task", "question"]
    questions = sorted(set(zip(rounds["task"], rounds["question"], strict=True)))
    if steps != list(range(len(steps))) or len(rounds) != len(agents) * len(steps) * len(questions):
        raise BadInput(
            "rounds: every agent must have one answer in every round from 0 on, for every question; "
            f"found {len(rounds)} rows, {len(questions)} questions, {len(steps)} rounds, {len(agents)} agents"
        )
    pilot = None if extra is None else dict(iter(extra.rows.groupby(keys, observed=True)))
    held = np.zeros((len(questions), len(steps), len(agents)), int)
    labels: list[dict[str, int]] = []
    grouped = dict(iter(rounds.groupby(keys, observed=True)))
    for number, question in enumerate(questions):
        rows = grouped[question]
        known: dict[str, int] = {}
        sources = [rows] + ([pilot[question]] if pilot is not None and question in pilot else [])
        for source in sources:
            for answer, correct in zip(source["answer"], source["correct"], strict=True):
                if isinstance(answer, str) and answer not in known:
                    known[answer] = 0 if correct else 1 + sum(label > 0 for label in known.values())
        labels.append(known)
        place = rows["round"].to_numpy(), np.searchsorted(agents, rows["agent"])
        held[number][place] = [known[answer] if isinstance(answer, str) else -1 for answer in rows["answer"]]
    classes = 2 + max(max(known.values(), default=0) for known in labels)
    return Course(np.where(held < 0, classes - 1, held), classes, questions, agents, labels)


@dataclass(frozen=True)
class Transitions:
    """Counts of what answers did from one round to the next, over all questions and agents."""

    moves: Int[np.ndarray, "from to"]
    """Moves between right, wrong and blank."""
    to_majority: Int[np.ndarray, " from"]
    """Changes of answer that went to the plurality of the other agents, by the state left."""
    changes: Int[np.ndarray, " from"]
    """All changes of answer (to another class, wrong to another wrong one included), by the state left."""
    discussions: int
    failed: int
    """Discussions whose final vote was not right (a tie counts by its wrong share of one half or more)."""
    had_it: int
    """Failed discussions in which some agent held the right answer before or during the discussion."""
    groupthink: int
    """Failed discussions in which an agent gave up the right answer for the others' plurality."""
    rescued: int
    """Discussions whose first vote was not right and whose final vote was."""
    agent_accuracy: Float[np.ndarray, "round agent"]
    vote_accuracy: Float[np.ndarray, " round"]
    """Share of right plurality votes after each round; ties are split evenly."""

    def to_frame(self) -> pd.DataFrame:
        """One row per move: from, to, count, share of the moves out of that state."""
        out = self.moves.sum(1, keepdims=True)
        share = self.moves / np.maximum(out, 1)
        return pd.DataFrame(
            [
                (STATES[i], STATES[j], int(self.moves[i, j]), float(share[i, j]))
                for i in range(len(STATES))
                for j in range(len(STATES))
            ],
            columns=["from", "to", "count", "share"],
        )

    def to_json(self) -> dict[str, Any]:
        """Counts and rates as plain JSON values."""
        return {
            "moves": {f"{STATES[i]} to {STATES[j]}": int(self.moves[i, j]) for i in range(3) for j in range(3)},
            "changes": dict(zip(STATES, self.changes.tolist(), strict=True)),
            "changes_to_majority": dict(zip(STATES, self.to_majority.tolist(), strict=True)),
            "discussions": self.discussions,
            "failed": self.failed,
            "failed_though_someone_had_it": self.had_it,
            "groupthink": self.groupthink,
            "groupthink_share_of_failures": self.groupthink / self.failed if self.failed else None,
            "rescued": self.rescued,
            "agent_accuracy": self.agent_accuracy.tolist(),
            "vote_accuracy": self.vote_accuracy.tolist(),
        }


def transitions(course: Course) -> Transitions:
    """Count the moves of recorded discussions.

    A discussion counts as groupthink when its final vote is wrong and, in some round, an agent that held
    the right answer took over the (wrong) plurality of the others. The paper's table A1 reports 59.5 % of
    242 failed debates, as judged by a language model; that figure and this one are not the same measurement.
    """
    held, classes = course.held, course.classes
    state = np.where(held == 0, 0, np.where(held == classes - 1, 2, 1))
    before, after = held[:, :-1], held[:, 1:]
    moves = np.zeros((3, 3), int)
    np.add.at(moves, (state[:, :-1].ravel(), state[:, 1:].ravel()), 1)
    shares = _plurality_of_others(before, classes)
    followed = np.take_along_axis(shares, after[..., None], -1)[..., 0] > 0
    changed = before != after
    count = np.bincount(state[:, :-1][changed], minlength=3)
    majority = np.bincount(state[:, :-1][changed & followed], minlength=3)
    vote = _vote_share_right(held, classes)
    failed = vote[:, -1] <= 0.5
    had_it = failed & (held == 0).any((1, 2))
    gave_up = ((before == 0) & (after != 0) & followed).any((1, 2))
    return Transitions(
        moves=moves,
        to_majority=majority,
        changes=count,
        discussions=len(held),
        failed=int(failed.sum()),
        had_it=int(had_it.sum()),
        groupthink=int((failed & gave_up).sum()),
        rescued=int(((vote[:, 0] <= 0.5) & ~failed).sum()),
        agent_accuracy=(held == 0).mean(0),
        vote_accuracy=vote.mean(0),
    )


def _votes(held: Int[np.ndarray, "... agent"], classes: int) -> Int[np.ndarray, "... class"]:
    return np.eye(classes, dtype=int)[held][..., :-1].sum(-2)


def _plurality_of_others(held: Int[np.ndarray, "... agent"], classes: int) -> Float[np.ndarray, "... agent class"]:
    one = np.eye(classes, dtype=int)[held]
    one[..., -1] = 0
    votes = one.sum(-2, keepdims=True) - one
    top = votes.max(-1, keepdims=True)
    leading = (votes == top) & (top > 0)
    return leading / np.maximum(leading.sum(-1, keepdims=True), 1)


def _vote_share_right(held: Int[np.ndarray, "... agent"], classes: int) -> Float[np.ndarray, ...]:
    votes = _votes(held, classes)
    top = votes.max(-1)
    return np.where((top > 0) & (votes[..., 0] == top), 1 / (votes == top[..., None]).sum(-1), 0.0)


def solo_laws(course: Course, pilot: AnswerLog, smoothing: float = 0.5) -> Float[np.ndarray, "question agent class"]:
    """Each agent's law when it answers alone, from its pilot samples on the same question.

    Args:
        course: numbered with the same pilot as ``extra``, so that every answer has a class.
        pilot: samples of every agent on every question; agents are the pilot's models, ``name#2`` being a
            second copy of ``name``.
        smoothing: pseudo-counts, half on the right answer and half spread over the wrong ones.
    Raises:
        BadInput: an agent without samples on some question.
    """
    law = np.zeros((len(course.questions), len(course.agents), course.classes))
    rows = dict(iter(pilot.rows.groupby(["task", "question", "model"], observed=True)))
    for number, (task, question) in enumerate(course.questions):
        known = course.labels[number]
        wrong = max(1, max(known.values(), default=0))
        for place, agent in enumerate(course.agents):
            drawn = rows.get((task, question, agent.partition("#")[0]))
            if drawn is None:
                raise BadInput(f"{pilot.source}: no samples of {agent!r} on {task}/{question}; a forecast needs them")
            for answer in drawn["answer"]:
                law[number, place, known[answer] if isinstance(answer, str) else course.classes - 1] += 1
            law[number, place, 0] += smoothing / 2
            law[number, place, 1 : 1 + wrong] += smoothing / 2 / wrong
    return law / law.sum(-1, keepdims=True)


@dataclass(frozen=True)
class DiscussionForecast:
    """What the model of conformity predicts for discussions it was not fitted to."""

    agents: list[str]
    fit: Fit
    vote_accuracy: Float[np.ndarray, "draw round"]
    """Mean vote accuracy over the forecast questions, per draw of the fitted parameters."""
    observed: Float[np.ndarray, " round"]
    observed_se: Float[np.ndarray, " round"]
    """Standard error over questions."""
    fitted_on: int
    """Questions the parameters come from."""
    judged_on: int
    """Other questions, whose end is forecast from their first answers."""

    def interval(self, level: float = 0.9) -> Float[np.ndarray, "two round"]:
        """Interval of the *observed* accuracy: parameters and the randomness of this many discussions."""
        tail = (1 - level) / 2
        return np.quantile(self.vote_accuracy, [tail, 1 - tail], axis=0)

    def to_json(self, level: float = 0.9) -> dict[str, Any]:
        """Parameters, forecast and observation as plain JSON values."""
        low, high = self.interval(level)
        best, draws = self.fit.best, self.fit.draws
        return {
            "agents": {
                agent: {
                    name: {
                        "best": float(np.asarray(getattr(best, name))[place]),
                        "sd": float(np.asarray(getattr(draws, name))[:, place].std()),
                    }
                    for name in Conformity._fields
                }
                for place, agent in enumerate(self.agents)
            },
            "fitted_on_questions": self.fitted_on,
            "judged_on_questions": self.judged_on,
            "level": level,
            "rounds": [
                {
                    "round": number,
                    "forecast": float(self.vote_accuracy[:, number].mean()),
                    "lower": float(low[number]),
                    "upper": float(high[number]),
                    "observed": float(self.observed[number]),
                    "observed_se": float(self.observed_se[number]),
                    "inside": bool(low[number] - 1e-9 <= self.observed[number] <= high[number] + 1e-9),
                }
                for number in range(len(self.observed))
            ],
        }


def forecast_discussion(
    course: Course,
    solo: Float[np.ndarray, "question agent class"],
    *,
    learned: tuple[Course, Float[np.ndarray, "question agent class"]] | None = None,
    share: float = 0.5,
    seed: int = 0,
) -> DiscussionForecast:
    """Fit conformity on some discussions, and forecast the end of others from their first answers.

    The forecast's spread holds the uncertainty of the parameters and the chance of a single run of each
    discussion, so the observed accuracy should fall inside its interval.

    Args:
        course: recorded discussions.
        solo: laws of the agents alone (see :func:`solo_laws`).
        learned: other discussions of the same agents, and their solo laws, to fit on; all of ``course`` is
            then forecast. None fits on a part of ``course`` and forecasts the rest.
        share: share of questions to fit on, without ``learned``.
        seed: of the split and of the simulated discussions.
    Raises:
        BadInput: fewer than 4 questions, no round after the first, or other agents in ``learned``.
    """
    count, steps = course.held.shape[:2]
    if count < 4 or steps < 2:
        raise BadInput(f"rounds: {count} questions in {steps} rounds are too few to fit and judge a discussion")
    if learned is None:
        order = np.random.default_rng(seed).permutation(count)
        cut = min(max(round(share * count), 2), count - 2)
        fitted, judged = np.sort(order[:cut]), np.sort(order[cut:])
        moves, laws = course.held[fitted], solo[fitted]
    else:
        if learned[0].agents != course.agents:
            raise BadInput(
                f"rounds: conformity learned of {', '.join(learned[0].agents)} does not tell of "
                f"{', '.join(course.agents)}; fit it on discussions of the same agents"
            )
        judged = np.arange(count)
        moves, laws = learned[0].held, learned[1]
    before = moves[:, :-1].reshape(-1, len(course.agents))
    after = moves[:, 1:].reshape(-1, len(course.agents))
    fit_key, run_key = jax.random.split(jax.random.key(seed))
    each_move = np.repeat(laws, moves.shape[1] - 1, axis=0)
    found = fit(jnp.asarray(before), jnp.asarray(after), jnp.asarray(each_move), fit_key)

    def one(key: Any, model: Conformity) -> Discussion:
        # one path a question: the scatter of a single real run belongs to the forecast
        return discuss(key, model, course.held[judged, 0], solo[judged], rounds=steps - 1, paths=1)

    keys = jax.random.split(run_key, len(found.draws.afresh))
    simulated = np.asarray(jax.vmap(one)(keys, found.draws).vote_accuracy).mean(1)
    vote = _vote_share_right(course.held[judged], course.classes)
    return DiscussionForecast(
        course.agents,
        found,
        simulated,
        vote.mean(0),
        vote.std(0, ddof=1) / np.sqrt(len(judged)),
        len(moves),
        len(judged),
    )
