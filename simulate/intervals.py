"""The kinds of interval a forecast has, by name, and the paired difference between any two of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .cells import Cell
from .errors import BadInput

if TYPE_CHECKING:
    from .forecast import Forecast


def meanings(forecast: Forecast) -> dict[str, str]:
    """What each kind of interval in this forecast's JSON is about, in a sentence each."""
    where = (
        f"the pilot's own {forecast.questions} questions"
        if forecast.target == "same"
        else f"{forecast.questions} questions drawn afresh"
    )
    return {
        "accuracy": f"expected accuracy on {where}: how uncertain that number is, not how one run scatters",
        "run": f"observed accuracy of one single run on {where}: the above and the scatter of its answers",
        "gain": f"expected accuracy minus that of the pool's best single model at the same k, both on {where}: "
        "paired, so tighter than either accuracy",
        "difference": f"expected accuracy minus that of the cell named under 'over', both on {where}: paired likewise",
    }


def cell_named(forecast: Forecast, rule: str, models: Sequence[str], samples: int) -> int:
    """Place of a cell in the forecast; its models may be in any order.

    Raises:
        BadInput: no such cell.
    """
    for place, cell in enumerate(forecast.cells):
        if cell.rule == rule and cell.samples == samples and set(cell.models) == set(models):
            return place
    wanted = f"{rule} of {'+'.join(models)} at {samples} samples"
    raise BadInput(f"{wanted}: not a cell of this forecast; add it by --rules, --pools and --samples")


def differences(forecast: Forecast, other: int) -> list[dict[str, Any]]:
    """Every cell's expected accuracy minus that of the cell at ``other``, as in the forecast's JSON.

    Both are scored in the same worlds on the same questions, so what makes both good or bad drops out.
    """
    over: Cell = forecast.cells[other]
    found = []
    for place in range(len(forecast.cells)):
        draws = forecast.difference(place, other)
        lower, upper = forecast.interval(draws)
        found.append(
            {
                "over": {"rule": over.rule, "models": list(over.models), "samples": over.samples},
                "mean": float(draws.mean()),
                "sd": float(draws.std()),
                "lower": float(lower),
                "upper": float(upper),
                "probability_better": float((draws > 0).mean()),
            }
        )
    return found
