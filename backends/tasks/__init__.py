"""Tasks: questions with prompts, what answer a completion gives, and whether it is right.

A task is found by name with :func:`task_named`; adding one is a file here and a line in ``TASKS``.
"""

from __future__ import annotations

from importlib import import_module
from urllib.parse import parse_qsl

from ...simulate.errors import BadInput, unknown_name
from .task import Message, Prompt, Question, Task

# task name -> "module:factory"; a factory takes the text after the first colon and the options, all text
TASKS: dict[str, str] = {
    "reasoning-gym": "reasoning_gym:reasoning_gym_task",
    "jsonl": "jsonl:jsonl_task",
    "gsm8k": "gsm8k:gsm8k_task",
    "math": "competition_math:math_task",
    "gpqa": "multiple_choice:gpqa_task",
    "mmlu": "multiple_choice:mmlu_task",
    "multiple-choice": "multiple_choice:any_choice_task",
    "labels": "labels:label_task",
    "humaneval": "humaneval:humaneval_task",
}


def task_named(spec: str) -> Task:
    """The task that ``spec`` names: ``NAME[:ARGUMENT][?key=value&key=value]``, or a ``.jsonl`` file.

    Examples: ``reasoning-gym:gcd``, ``reasoning-gym:chain_sum?max_terms=2&shots=4``, ``facts/capitals.jsonl``.

    Raises:
        BadInput: an unknown task, a missing file, or an option the task does not have.
    """
    head, _, query = spec.partition("?")
    name, _, argument = head.partition(":")
    if name not in TASKS and head.endswith(".jsonl"):
        name, argument = "jsonl", head
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    try:
        options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
    except ValueError:
        raise BadInput(f"task {spec!r}: {query!r} is not a list of options; write ?key=value&key=value") from None
    module, factory = TASKS[name].split(":")
    return getattr(import_module(f".{module}", __name__), factory)(argument, options)


__all__ = ["TASKS", "Message", "Prompt", "Question", "Task", "task_named"]
