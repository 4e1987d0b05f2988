"""Logs of inspect_ai (``.eval`` and ``.json``), read by its own reader; epochs are samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from .foreign import Foreign, files_in


def read(paths: Sequence[Path]) -> tuple[list[Foreign], list[str]]:
    """The samples of log files or folders of them, and notes.

    Raises:
        BadInput: inspect_ai is missing, a file is not its log, or models were asked different questions.
    """
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise BadInput("inspect logs are read by inspect_ai itself: pip install 'muxcast[inspect]'") from None
    samples: list[Foreign] = []
    notes: list[str] = []
    inputs: dict[tuple[str, str], str] = {}
    for path in files_in(paths, ("*.eval", "*.json"), "inspect logs"):
        try:
            log = read_eval_log(str(path))
        except Exception as error:  # whatever its reader raises: the file is not such a log
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BadInput(f"{path}: inspect_ai cannot read it as a log ({reason})") from None
        if not log.samples:
            raise BadInput(f"{path}: status {log.status!r} and no samples; import logs of finished runs")
        task, model = str(log.eval.task).rsplit("/", 1)[-1], _short(log.eval.model)
        temperature = log.eval.model_generate_config.temperature
        if temperature is None:
            temperature = log.plan.config.temperature
        failed, reason = 0, ""
        for number, sample in enumerate(log.samples, 1):
            place = f"{path}: sample {number}"
            if sample.error is not None:
                failed, reason = failed + 1, reason or sample.error.message.strip().split("\n")[0]
                continue
            key, asked = (task, str(sample.id)), _text(sample.input)
            if inputs.setdefault(key, asked) != asked:
                raise BadInput(
                    f"{place}: question {sample.id!r} of task {task!r} has another text than in an earlier log; "
                    "logs of different versions of a task cannot be joined"
                )
            samples.append(_foreign(sample, task, model, temperature, place))
        if failed:
            notes.append(
                f"{path}: {failed} samples ended in an error and were left out (failed is not wrong): {reason}"
            )
        if failed == len(log.samples):
            raise BadInput(f"{path}: all {failed} samples ended in an error ({reason}); run the evaluation again")
        if log.status != "success":
            notes.append(f"{path}: the run did not finish (status {log.status!r}); what it had was imported")
    return samples, notes


def _foreign(sample: Any, task: str, model: str, temperature: float | None, place: str) -> Foreign:
    usage = sample.output.usage
    target = sample.target
    score = next(iter((sample.scores or {}).values()), None)
    finish = {"max_tokens": "length", "model_length": "length"}.get(sample.output.stop_reason, "stop")
    return Foreign(
        task,
        str(sample.id),
        model,
        tuple(target if isinstance(target, list) else [target]) if target else (),
        sample.output.completion,
        correct=_verdict(score),
        choices=tuple(sample.choices or ()),
        prompt_tokens=usage.input_tokens if usage else None,
        completion_tokens=usage.output_tokens if usage else None,
        latency_s=sample.output.time,
        finish_reason=finish,
        temperature=temperature,
        place=place,
    )


def _verdict(score: Any) -> bool | None:
    """C and I are inspect's letters for right and wrong; part marks are wrong."""
    if score is None or isinstance(score.value, (dict, list)):
        return None
    return score.value == "C" or (isinstance(score.value, (int, float)) and score.value >= 1)


def _text(asked: Any) -> str:
    return asked if isinstance(asked, str) else "\n".join(turn.text for turn in asked)


def _short(model: str) -> str:
    return str(model).rsplit("/", 1)[-1]
