"""Options that several verbs share, and how their text is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from ..simulate.errors import BadInput

if TYPE_CHECKING:
    from ..backends.pool import Pool
    from ..simulate.answers import AnswerLog


def parse_samples(text: str) -> list[int]:
    """``"1,2,4-6"`` as ``[1, 2, 4, 5, 6]``, sorted, without repeats.

    Raises:
        BadInput: anything else, or a number below 1.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not match:
            raise BadInput(f"--samples {text!r}: {part!r} is not a number or a range; write 1,2,4,8 or 1-16")
        low, high = int(match[1]), int(match[2] or match[1])
        if low < 1 or high < low:
            raise BadInput(f"--samples {text!r}: {part!r} is empty or below 1; write 1,2,4,8 or 1-16")
        if high > 1024:
            raise BadInput(f"--samples {text!r}: {high} is beyond the 1024 samples a question that are supported")
        found.update(range(low, high + 1))
    return sorted(found)


def parse_pools(text: str) -> list[list[str]] | None:
    """``"all"`` as None (every pool), ``"a+b,c"`` as ``[["a", "b"], ["c"]]``.

    Raises:
        BadInput: an empty pool or a model named twice in one.
    """
    if text == "all":
        return None
    pools = [[name.strip() for name in pool.split("+")] for pool in text.split(",")]
    for pool in pools:
        if not all(pool) or len(set(pool)) != len(pool):
            raise BadInput(f"--pools {text!r}: {'+'.join(pool)!r} is not a pool; write all, or a+b,c+d+e")
    return pools


def parse_rules(text: str) -> list[str]:
    """``"mux,self-consistency"`` as a list of rule names, without repeats."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def read_costs(text: str, log: AnswerLog) -> dict[str, float]:
    """Cost of one sample per model: from a JSON file, or ``tokens`` for the completion tokens logged.

    Raises:
        BadInput: no such file, not a JSON object of numbers, or a log without tokens.
    """
    import json
    from pathlib import Path

    from ..simulate.cells import tokens_of

    if text == "tokens":
        tokens = tokens_of(log)
        if tokens is None:
            raise BadInput("--costs tokens: the log has no completion_tokens of some model; give a JSON file of costs")
        return {name: completion for name, (_, completion) in tokens.items()}
    try:
        found = json.loads(Path(text).read_text())
        return {str(name): float(cost) for name, cost in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise BadInput(
            f'--costs {text}: not a JSON object of costs; write {{"model": 1.0, ...}}, or tokens for those logged'
        ) from None


def read_members(path: str, models: str | None, *also: str) -> Pool:
    """The pool file's pool, or its models named in ``"a,b"`` and in ``also``."""
    from ..backends.pool import read_pool

    pool = read_pool(path)
    return pool.only([*(name.strip() for name in models.split(",")), *also]) if models else pool


json_option = click.option(
    "--json",
    "json_out",
    metavar="FILE",
    help="Write the full result as JSON to FILE, or - for standard output.",
)
level_option = click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Probability of the intervals.",
)
seed_option = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed.")
samples_option = click.option(
    "--samples", default="1,2,4,8,16", show_default=True, help="Samples per model: 1,2,4 or a range 1-16."
)
pools_option = click.option(
    "--pools", default="all", show_default=True, help="all, or pools of model names: a+b,c+d+e."
)
costs_option = click.option(
    "--costs", metavar="FILE", help="JSON file: cost of one sample per model; or tokens, as logged.  [default: 1 each]"
)
# of the verbs that put questions to the models of a pool file
members_option = click.option("--models", metavar="A,B", help="Only these models of the pool.")
tie_break_option = click.option(
    "--pilot", metavar="LOG", help="Answer log whose accuracies break ties; without it POOL's order does."
)
rule_option = click.option("--rule", default="mux", show_default=True, help="Selection rule.")
asked_option = click.option(
    "--samples", type=click.IntRange(1, 1024), default=8, show_default=True, help="Samples of each model."
)
answers_option = click.option(
    "--answers",
    default="final",
    show_default=True,
    metavar="KIND",
    help="How answers are compared: number, math, letter, short, line, exact or final.",
)
