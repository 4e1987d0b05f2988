"""Options that several verbs share, and how their text is read."""

from __future__ import annotations

import re

import click

from ..simulate.errors import BadInput


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
