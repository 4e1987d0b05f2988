"""Cells: which rule over which pool with how many samples, the unit that is replayed, forecast and validated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from .answers import AnswerLog
from .errors import BadInput, unknown_name

SINGLE = "self-consistency"
"""The rule that needs no pool: one model's mode. It appears for single models only."""

MOST_MODELS = 20
"""All pools of more models than this are not enumerated (2^20 pools is a million)."""


class Cell(NamedTuple):
    """One forecast or replayed figure's address."""

    rule: str
    """Name of the selection rule."""
    models: tuple[str, ...]
    """The pool in tie-break order, the model preferred in a tie first."""
    samples: int
    """Samples drawn from each model for one question."""


def tie_break_order(accuracy: Mapping[str, float]) -> list[str]:
    """Models by falling validation accuracy; equal accuracies by name, so that the order is total."""
    return sorted(accuracy, key=lambda name: (-accuracy[name], name))


def pools_in_order(order: Sequence[str], pools: Iterable[Sequence[str]] | None) -> list[tuple[str, ...]]:
    """The pools, each in tie-break order and once; every non-empty subset of ``order`` when ``pools`` is None.

    Subsets come by size, then in tie-break order.

    Raises:
        BadInput: an unknown model, or all pools of more than ``MOST_MODELS`` models.
    """
    if pools is None:
        if len(order) > MOST_MODELS:
            raise BadInput(
                f"--pools all: {len(order)} models have {2 ** len(order) - 1:,} pools; "
                f"name the pools wanted, or use `muxcast search` (all pools are listed up to {MOST_MODELS} models)"
            )
        return [pool for size in range(1, len(order) + 1) for pool in combinations(order, size)]
    rank = {name: place for place, name in enumerate(order)}
    for name in (name for pool in pools for name in pool):
        if name not in rank:
            raise unknown_name("model", name, order)
    return list(dict.fromkeys(tuple(sorted(pool, key=rank.__getitem__)) for pool in pools))


def cells_of(rules: Sequence[str], pools: Sequence[tuple[str, ...]], samples: Sequence[int]) -> list[Cell]:
    """Every rule on every pool it applies to at every sample count; self-consistency applies to single models."""
    return [
        Cell(rule, pool, k) for rule in rules for pool in pools if rule != SINGLE or len(pool) == 1 for k in samples
    ]


def address_columns(cells: Sequence[Cell]) -> dict[str, list[str] | list[int]]:
    """The columns that say which cell a row of a tidy frame is: rule, models ("a+b"), size and samples."""
    return {
        "rule": [cell.rule for cell in cells],
        "models": ["+".join(cell.models) for cell in cells],
        "size": [len(cell.models) for cell in cells],
        "samples": [cell.samples for cell in cells],
    }


def tokens_of(log: AnswerLog) -> dict[str, tuple[float, float]] | None:
    """Mean (prompt, completion) tokens of one sample per model; None where the log has no token counts."""
    means = log.tokens()
    if means is None or means["completion_tokens"].isna().any():
        return None
    prompts = means["prompt_tokens"].fillna(0.0) if "prompt_tokens" in means else 0.0 * means["completion_tokens"]
    return {name: (float(prompts[name]), float(means["completion_tokens"][name])) for name in means.index}


def tokens_per_question(
    cell: Cell, tokens: Mapping[str, tuple[float, float]] | None, drawn: Sequence[float] | None = None
) -> float | None:
    """Expected tokens to answer one question: each model reads the prompt once and writes its completions.

    Args:
        cell: rule, pool and samples.
        tokens: mean (prompt, completion) tokens of one sample per model; None where unknown.
        drawn: expected samples of each of the cell's models, where a rule may stop early; a model that is asked
            for less than one sample on average reads its prompt that often.
    """
    if tokens is None:
        return None
    counts = [cell.samples] * len(cell.models) if drawn is None else drawn
    return float(
        sum(
            tokens[name][0] * min(count, 1.0) + count * tokens[name][1]
            for name, count in zip(cell.models, counts, strict=True)
        )
    )
