"""Choosing a plan from a forecast without fooling oneself about the winner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .cells import SINGLE, Cell, tokens_per_question

if TYPE_CHECKING:
    from .forecast import Forecast

INDIFFERENT = 0.0005
"""Expected accuracies closer than this (0.05 points) count as equal, and the cheaper plan is taken."""
_FOLDS = 5


class Choice(NamedTuple):
    """The recommended cell and how sure one can be of it."""

    cell: Cell
    """What to run."""
    place: int
    """Its place among the forecast's cells."""
    accuracy: float
    """Its expected accuracy, from draws that took no part in choosing it."""
    uncorrected: float
    """Its expected accuracy over the very draws it was chosen on."""
    best_probability: float
    """Probability that no other cell has a higher utility, beyond INDIFFERENT."""
    regret: float
    """Expected utility lost to not knowing the best cell: E[max utility] minus its own."""
    rivals: list[Cell]
    """Cells that cannot be told apart from it: the interval of the difference holds 0. Best first."""
    why: str
    """The reason in one sentence."""

    def to_json(self) -> dict[str, Any]:
        """The choice as it stands in a forecast's JSON."""
        return {
            "rule": self.cell.rule,
            "models": list(self.cell.models),
            "samples": self.cell.samples,
            "why": self.why,
            "accuracy": self.accuracy,
            "uncorrected_accuracy": self.uncorrected,
            "best_probability": self.best_probability,
            "expected_regret": self.regret,
            "indistinguishable": len(self.rivals),
            "rivals": [
                {"rule": cell.rule, "models": list(cell.models), "samples": cell.samples} for cell in self.rivals[:20]
            ],
        }


def choose(forecast: Forecast, worth: float | None = None, cost: Mapping[Cell, float] | None = None) -> Choice:
    """The cell of highest posterior expected utility.

    Utility is accuracy, less cost / worth where a worth is given. The expected accuracy of the winner over
    the draws that made it win is optimistic (the winner's curse), so the figure reported comes from
    cross-fitting: it is chosen on four fifths of the draws and scored on the rest, in turn. The remaining
    optimism, that the model itself may favour a pool, is what validation is for.

    Args:
        forecast: the cells to choose from.
        worth: money per question that one more correct answer is worth; None ignores cost beyond breaking
            near-ties.
        cost: cost of a question per cell; None prices tokens by the forecast's price table, or counts
            samples where there is none.
    """
    price = np.array([cost[cell] for cell in forecast.cells]) if cost is not None else cell_costs(forecast)
    utility = forecast.halves.mean(0) - (0.0 if worth is None else price / worth)
    alone = np.array([cell.rule == SINGLE for cell in forecast.cells])
    winner = _winner(utility.mean(0), price, alone)
    draws = forecast.accuracy - (0.0 if worth is None else price / worth)
    held_out = []
    for fold in range(_FOLDS):
        test = np.arange(len(utility)) % _FOLDS == fold
        if test.all() or not test.any():
            continue
        held_out.append(forecast.halves.mean(0)[test, _winner(utility[~test].mean(0), price, alone)].mean())
    top = draws.max(1)
    best = float((draws[:, winner] >= top - INDIFFERENT).mean())
    regret = float((top - draws[:, winner]).mean())
    rivals = _rivals(forecast, draws, winner)
    cell = forecast.cells[winner]
    corrected = float(np.mean(held_out)) if held_out else float(forecast.mean[winner])
    what = "utility" if worth is not None else "accuracy"
    why = (
        f"highest expected {what} on the {forecast.target} questions: {100 * corrected:.1f} % after correcting for "
        f"having been chosen, {100 * best:.0f} % sure to be the best, expected regret {100 * regret:.1f} points; "
        f"{len(rivals)} other cells cannot be told apart from it"
    )
    return Choice(
        cell, winner, corrected, float(forecast.mean[winner]), best, regret, [forecast.cells[i] for i in rivals], why
    )


def cell_costs(forecast: Forecast) -> Float[np.ndarray, " cell"]:
    """Expected cost of one question per cell: money by the price table, else tokens, else samples drawn."""
    tokens, prices = forecast.posterior.pilot.tokens, forecast.prices
    if tokens is None:
        return np.array([sum(drawn) for drawn in forecast.drawn], float)
    if prices is None:
        return np.array(forecast.tokens_per_question, float)
    money = {
        name: (prompt * prices[name][0] / 1e6, completion * prices[name][1] / 1e6)
        for name, (prompt, completion) in tokens.items()
        if name in prices
    }
    pairs = zip(forecast.cells, forecast.drawn, strict=True)
    return np.array([tokens_per_question(cell, money, drawn) for cell, drawn in pairs], float)


def _winner(
    utility: Float[np.ndarray, " cell"], price: Float[np.ndarray, " cell"], alone: Bool[np.ndarray, " cell"]
) -> int:
    """The cheapest of the best; of names for the same plan (every rule on one model) self-consistency."""
    near = np.flatnonzero(utility >= utility.max() - INDIFFERENT)
    return int(near[np.lexsort((~alone[near], -utility[near], price[near]))[0]])


def _rivals(forecast: Forecast, draws: Float[np.ndarray, "draw cell"], winner: int) -> Int[np.ndarray, " rival"]:
    behind = draws[:, [winner]] - draws
    lower = forecast.interval(behind)[0]
    inside = (lower <= 0) & (np.arange(draws.shape[1]) != winner)
    found = np.flatnonzero(inside)
    return found[np.argsort(behind.mean(0)[found], kind="stable")]
