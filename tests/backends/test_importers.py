"""Logs of other tools become answer logs, or are refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from muxcast.backends.importers import FORMATS, import_logs
from muxcast.cli import cli
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log

FIXTURES = Path(__file__).parent / "fixtures"


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def lm_eval_row(number, resps, target="so it is 12\n#### 1,200", filter_name="none"):
    """A row as lm_eval 0.4.13 writes it with --log_samples."""
    return {
        "doc_id": number, "doc": {"question": f"Q{number}?", "answer": target}, "target": target,
        "arguments": {"gen_args_0": {"arg_0": f"Question: Q{number}?", "arg_1": {
            "until": ["\n\n"], "do_sample": True, "temperature": 0.8}}},
        "resps": [resps], "filtered_resps": [resps[0]], "filter": filter_name, "metrics": ["exact_match"],
        "doc_hash": f"{number:x}".ljust(64, "0"), "prompt_hash": "a" * 64, "target_hash": "b" * 64, "exact_match": 0.0,
    }  # fmt: skip


def test_lm_eval_answers_are_read_again_from_all_responses(tmp_path):
    name = "samples_gsm8k_2026-01-02T03-04-05.678901.jsonl"
    for model, texts in (("ant", ["#### 1200", "#### 1,200.", "The answer is 7"]), ("bee", ["1200", "#### 9", ""])):
        rows = [lm_eval_row(1, texts, filter_name=kind) for kind in ("strict-match", "flexible-extract")]
        write_lines(tmp_path / model / name, rows)
        (tmp_path / model / name.replace("samples_gsm8k", "results").replace("jsonl", "json")).write_text(
            json.dumps({"model_name": f"org/{model}"})
        )
    log, notes = import_logs("lm-eval", [tmp_path])
    assert log.models == ["org/ant", "org/bee"] and log.tasks == ["gsm8k"]
    ant = log.select(models=["org/ant"]).rows
    assert list(ant["answer"]) == ["1200", "1200", "7"]  # once, though logged for two filters
    assert list(ant["correct"]) == [True, True, False]
    assert log.select(models=["org/bee"]).rows["answer"].isna().sum() == 1
    assert set(log.rows["temperature"]) == {0.8}
    assert notes == []


def test_lm_eval_runs_of_several_seeds_are_samples_and_copied_repeats_are_one(tmp_path):
    copies = [lm_eval_row(number, ["#### 5"] * 4) for number in range(6)]
    write_lines(tmp_path / "seed1" / "ant" / "samples_gsm8k_2026-01-02T03-04-05.1.jsonl", copies)
    log, notes = import_logs("lm-eval", [tmp_path / "seed1"])
    assert (log.samples_per_question == 1).all().all()
    assert "copies of one text" in notes[0] and "one sample" in notes[-1]
    other = [lm_eval_row(number, ["#### 6"]) for number in range(6)]
    write_lines(tmp_path / "seed2" / "ant" / "samples_gsm8k_2026-01-02T03-04-06.1.jsonl", other)
    write_lines(tmp_path / "seed3" / "ant" / "samples_gsm8k_2026-01-02T03-04-06.1.jsonl", other)
    log, notes = import_logs("lm-eval", [tmp_path])
    assert (log.samples_per_question == 2).all().all()
    assert any("is a copy of" in note for note in notes)


def test_a_log_that_lm_eval_wrote_of_two_real_models():
    """Four questions and four repeats of what `lm_eval run --log_samples` left of two models; its own score is 0."""
    log, notes = import_logs("lm-eval", [FIXTURES / "lm_eval"], rename={"models/gemma": "gemma"})
    assert notes == [] and log.tasks == ["capitals"] and log.models == ["gemma", "models/smollm2"]
    assert (log.samples_per_question == 4).all().all()
    said = log.rows.groupby(["model", "reference"])["answer"].agg(list)
    assert said["gemma", "Luanda"] == ["lusaka", "lusaka", "luanda", "luanda"]
    assert said["models/smollm2", "Tirana"] == ["kosovo", "albania", "athens", "albania"]
    assert log.rows["correct"].sum() == 15 and set(log.rows["temperature"]) == {0.8}


def test_a_gold_answer_with_commas_is_not_judged_by_its_beginning(tmp_path):
    rows = [lm_eval_row(number, ["Red", "red, yellow,  blue."], "Red, yellow, blue") for number in range(2)]
    log, _ = import_logs("lm-eval", [write_lines(tmp_path / "m" / "samples_colours_2026-01-02T03-04-05.1.jsonl", rows)])
    assert list(log.rows["answer"]) == ["red", "red, yellow, blue"] * 2
    assert list(log.rows["correct"]) == [False, True] * 2


@pytest.mark.parametrize("field", ["doc_hash", "doc", "target", "resps", "arguments"])
@pytest.mark.parametrize("value", [None, 3, "x", [], {}])
def test_an_lm_eval_field_of_another_kind_is_refused_or_read_but_never_crashes(tmp_path, field, value):
    path = write_lines(tmp_path / "m" / "samples_gsm8k_2026-01-02T03-04-05.1.jsonl", [
        {**lm_eval_row(1, ["#### 1"]), field: value}
    ])  # fmt: skip
    try:
        log, _ = import_logs("lm-eval", [path])
    except BadInput as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert len(log.rows) == 1


def test_lm_eval_likelihood_runs_are_refused(tmp_path):
    row = {**lm_eval_row(1, ["x"]), "resps": [[["-1.5", "False"]], [["-0.5", "True"]]]}
    path = write_lines(tmp_path / "m" / "samples_mmlu_2026-01-02T03-04-05.1.jsonl", [row])
    with pytest.raises(BadInput, match="scored by likelihood"):
        import_logs("lm-eval", [path])


def test_inspect_logs_are_read_by_inspect_and_epochs_are_samples(tmp_path):
    pytest.importorskip("inspect_ai")
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
    from inspect_ai.model import ModelOutput

    texts = {("fr", 1): "Paris", ("fr", 2): "Lyon", ("no", 1): "Oslo", ("no", 2): "Rome"}
    targets = {"fr": "Paris", "no": ["Oslo", "Christiania"]}
    samples = [
        EvalSample(id=name, epoch=epoch, input=f"Capital of {name}?", target=targets[name],
                   output=ModelOutput.from_content("mockllm/model", text))
        for (name, epoch), text in texts.items()
    ]  # fmt: skip
    spec = EvalSpec(created="2026-01-01T00:00:00+00:00", task="capitals", dataset=EvalDataset(),
                    model="mockllm/model", config=EvalConfig())  # fmt: skip
    ant = tmp_path / "a.eval"
    write_eval_log(EvalLog(status="success", eval=spec, samples=samples), str(ant))
    log, _ = import_logs("inspect", [ant], rename={"model": "ant"})
    assert log.models == ["ant"] and log.tasks == ["capitals"]
    assert len(log.rows) == 4 and set(log.rows["question"]) == {"fr", "no"}
    assert set(log.rows["sample"]) == {0, 1}
    assert set(log.rows["answer"]) <= {"paris", "lyon", "oslo", "rome"}
    rows = log.rows.set_index(["question", "sample"])
    assert all(
        rows["correct"] == [answer == {"fr": "paris", "no": "oslo"}[q] for (q, _), answer in rows["answer"].items()]
    )
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(BadInput, match="inspect_ai cannot read it"):
        import_logs("inspect", [tmp_path / "no.json"])


def test_a_log_that_inspect_wrote_of_two_real_models(tmp_path):
    """Three questions and two epochs of what `inspect eval` left of two models behind vLLM servers."""
    pytest.importorskip("inspect_ai")
    log, notes = import_logs("inspect", sorted(FIXTURES.glob("inspect_*.eval")))
    assert notes == []  # every verdict is inspect's own
    assert log.models == ["qwen", "smollm2"] and log.tasks == ["capitals"]
    assert (log.samples_per_question == 2).all().all()
    said = log.rows.groupby("model")["answer"].agg(list)
    assert said["smollm2"] == ["kabul", "kabul", "canberra", "canberra", "baku", "lakhaniya"]
    assert said["qwen"] == ["baghdad", "islamabad", "sydney", "new south wales", "tirana", "tbilis"]
    rows = log.rows
    assert (
        set(rows["temperature"]) == {0.8} and (rows["completion_tokens"] < 24).all() and (rows["latency_s"] > 0).all()
    )


def instance(model, sample, raw, reference=("12",), **more):
    """A row of schema instance_level_eval_0.2.1."""
    return {
        "schema_version": "instance_level_eval_0.2.1", "evaluation_id": f"gsm8k/{model}/1", "model_id": model,
        "evaluation_name": "GSM8K", "sample_id": sample, "sample_hash": None, "interaction_type": "single_turn",
        "input": {"raw": "Q?", "reference": list(reference)}, "output": {"raw": raw}, "messages": None,
        "answer_attribution": [{"turn_idx": 0, "source": "output.raw", "extracted_value": "12",
                                "extraction_method": "regex", "is_terminal": True}],
        "evaluation": {"score": 1.0, "is_correct": True},
        "token_usage": {"input_tokens": 10, "output_tokens": 40, "total_tokens": 50},
        "performance": {"latency_ms": 1500.0}, "error": None, **more,
    }  # fmt: skip


def test_every_eval_ever_rows_of_one_question_are_its_samples(tmp_path):
    rows = [
        instance("org/ant", "gsm8k_1", ["#### 12", "#### 13"]),
        instance("org/ant", "gsm8k_1", ["so 12."]),
        instance("org/bee", "gsm8k_1", ["#### 12"]),
        instance("org/bee", "gsm8k_1", [""], error="timeout"),
    ]
    log, notes = import_logs("every-eval-ever", [write_lines(tmp_path / "i.jsonl", rows)])
    assert list(log.select(models=["org/ant"]).rows["answer"]) == ["12", "13", "12"]
    assert list(log.select(models=["org/ant"]).rows["completion_tokens"]) == [20, 20, 40]
    assert log.rows["latency_s"].iloc[0] == 1.5
    assert "failed is not wrong" in notes[0]
    chat = instance("org/ant", "a", ["x"], interaction_type="multi_turn")
    with pytest.raises(BadInput, match="row 1: interaction_type 'multi_turn'"):
        import_logs("every-eval-ever", [write_lines(tmp_path / "m.jsonl", [chat])])


def collected(model, field, gold_field, question, gold, texts, **more):
    """A file as the authors' collect command writes it, with the answers its extractors would have written."""
    usage = {"prompt_tokens": 9, "completion_tokens": 30, "total_tokens": 39}
    samples = [
        {"round": i + 1, "model_response": text, "extracted_answer": "D", "token_usage": usage, "is_correct": False}
        for i, text in enumerate(texts)
    ]
    response = {"model": model, field: question, gold_field: gold, "samples": samples,
                "aggregation": {"method": "majority", "majority_answer": "D", "is_correct": False},
                "token_usage": usage, **more}  # fmt: skip
    return {"model": model, "timestamp": "20260101_000000", "temperature": 0.3, "max_new_tokens": 512,
            "sample_size": 1, "accuracy": 0.0, "correct_count": 0, "token_usage": usage,
            "num_samples": len(texts), "responses": [response]}  # fmt: skip


def test_slm_mux_files_are_read_again_where_their_extractors_erred(tmp_path):
    choices = ["A 14\n", "B 12", "C 11", "D 10"]
    texts = ["The answer depends on it. ##Answer: B##", "##Answer: \\boxed{B}##", "11"]
    gpqa = collected("ant", "question", "answer", "How many?", "B", texts, choices=choices)
    gsm = collected("ant", "question", "answer", "How much?", "6+6 = 12 so\n#### 1,200", ["#### 1,200", "#### 1"])
    math = collected("ant", "problem", "answer", "Solve", "\\frac{1}{2}", ["\\boxed{0.5}", "\\boxed{\\dfrac12}"])
    for name, content in (("gpqa", gpqa), ("gsm", gsm), ("math", math)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    answers = {}
    for name in ("gpqa", "gsm", "math"):
        log, notes = import_logs("slm-mux", [tmp_path / f"{name}.json"])
        answers[name] = list(zip(log.rows["answer"], log.rows["correct"], strict=True))
        assert "verdicts differ" in notes[0]
    assert answers["gpqa"] == [("B", True), ("B", True), ("C", False)]
    assert answers["gsm"] == [("1200", True), ("1", False)]
    assert answers["math"] == [("1/2", True), ("1/2", True)]


def test_slm_mux_single_responses_are_imported_and_their_limits_said(tmp_path):
    old = {"model": "ant", "temperature": 0.0, "responses": [
        {"model": "ant", "question": "How much?", "reference_answer": "12", "model_response": "#### 12",
         "extracted_answer": "12", "is_correct": True, "token_usage": 55}]}  # fmt: skip
    (tmp_path / "old.json").write_text(json.dumps(old))
    log, notes = import_logs("slm-mux", [tmp_path / "old.json"])
    assert list(log.rows["answer"]) == ["12"] and log.rows["correct"].all()
    assert "one sample of a model" in notes[-1]
    program = {"responses": [{"model": "ant", "prompt": "def f():", "samples": []}]}
    (tmp_path / "program.json").write_text(json.dumps(program))
    with pytest.raises(BadInput, match="HumanEval"):
        import_logs("slm-mux", [tmp_path / "program.json"])


def test_best_of_inf_files_join_on_the_problem(tmp_path):
    row = {"problem_num": 0, "total_answers": 3, "answer_counts": {"D": 2, "": 1}, "gold_answer": "D",
           "majority_answer": "D", "all_answers": [["D", 5138], ["", 6177], ["D", 5162]]}  # fmt: skip
    for model in ("EXAONE-Deep-32B", "gpt-oss-20b"):
        write_lines(tmp_path / f"analysis_gpqa_diamond_{model}.jsonl", [row])
    log, _ = import_logs("best-of-inf", [tmp_path])
    assert log.models == ["EXAONE-Deep-32B", "gpt-oss-20b"] and log.tasks == ["gpqa_diamond"]
    assert list(log.rows["completion_tokens"][:3]) == [5138, 6177, 5162]
    assert log.rows["answer"].isna().sum() == 2
    write_lines(tmp_path / "analysis_gpqa_diamond_other.jsonl", [{**row, "gold_answer": "A"}])
    with pytest.raises(BadInput, match="number their problems differently"):
        import_logs("best-of-inf", [tmp_path])


def test_the_verb_writes_a_log_and_says_what_it_holds(tmp_path):
    rows = [lm_eval_row(number, ["#### 12", "#### 13"], "#### 12") for number in range(3)]
    write_lines(tmp_path / "ant" / "samples_gsm8k_2026-01-02T03-04-05.1.jsonl", rows)
    out = tmp_path / "log.parquet"
    result = CliRunner().invoke(
        cli, ["import", "lm-eval", str(tmp_path), "--out", str(out), "--rename", "ant=bee", "--task", "sums"]
    )
    assert result.exit_code == 0, result.output
    log = read_log(out)
    assert (log.models, log.tasks, len(log.rows)) == (["bee"], ["sums"], 6)
    assert "50.0" in result.output


@pytest.mark.parametrize("name", FORMATS)
def test_files_of_another_kind_are_refused_in_one_sentence(tmp_path, name):
    if name == "inspect":
        pytest.importorskip("inspect_ai")
    path = tmp_path / ("analysis_a_b.jsonl" if name == "best-of-inf" else "x.json")
    path.write_text('{"something": "else"}\n')
    with pytest.raises(BadInput) as refused:
        import_logs(name, [path])
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(BadInput, match="no such file"):
        import_logs(name, [tmp_path / "absent"])


def test_an_unknown_format_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(BadInput, match="did you mean 'lm-eval'"):
        import_logs("lm_eval", [tmp_path])
