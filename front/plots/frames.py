"""Tidy frames from the JSON of a forecast, a replay or a validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..simulate.errors import BadInput

MISSING = float("nan")


def frame_of(document: Mapping[str, Any]) -> pd.DataFrame:
    """The cells of a forecast, replay or validation document as a tidy frame, one row per cell.

    Args:
        document: the JSON object that ``--json`` of the verb wrote, or the ``to_json()`` of the result.
    Returns:
        The columns that `muxcast.plots` describes. ``attrs`` keeps what a figure's labels need:
        ``format``, ``level``, ``questions``, ``tasks`` and ``recommended`` (as far as the document has them).
    Raises:
        BadInput: a document without cells.
    """
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise BadInput(
            f"a {document.get('format', 'JSON')} document without cells; give a forecast, replay or validation"
        )
    frame = pd.DataFrame([_row(cell) for cell in cells], columns=_COLUMNS)
    if frame["observed"].isna().all():
        frame = frame.drop(columns=["observed", "observed_se", "inside", "z", "observed_gain"])
    pilot, target = document.get("pilot") or document.get("log") or {}, document.get("target") or {}
    frame.attrs = {
        "format": document.get("format"),
        "level": document.get("level"),
        "questions": target.get("questions") or document.get("questions") or pilot.get("questions"),
        "tasks": pilot.get("tasks") or document.get("tasks"),
        "recommended": document.get("recommended"),
    }
    return frame


_COLUMNS = [
    "rule",
    "models",
    "size",
    "samples",
    "mean",
    "sd",
    "lower",
    "upper",
    "gain_mean",
    "gain_lower",
    "gain_upper",
    "tokens_per_question",
    "observed",
    "observed_se",
    "inside",
    "z",
    "observed_gain",
]


def _row(cell: Mapping[str, Any]) -> dict[str, Any]:
    accuracy = _figures(cell.get("accuracy", cell.get("forecast")))
    gain = _figures(cell.get("gain"))
    said = {name: _number((cell.get("gain") or {}).get(name)) for name in ("forecast", "observed")}
    observed = cell.get("observed")
    seen = _figures(observed)
    return {
        "rule": cell["rule"],
        "models": "+".join(cell["models"]),
        "size": len(cell["models"]),
        "samples": cell["samples"],
        "mean": accuracy["mean"],
        "sd": accuracy["sd"],
        "lower": accuracy["lower"],
        "upper": accuracy["upper"],
        "gain_mean": gain["mean"] if "mean" in (cell.get("gain") or {}) else said["forecast"],
        "gain_lower": gain["lower"],
        "gain_upper": gain["upper"],
        "tokens_per_question": _number(cell.get("tokens_per_question")),
        "observed": seen["mean"],
        "observed_se": _number(cell.get("observed_se", seen["sd"])),
        "inside": cell.get("inside"),
        "z": _number(cell.get("z")),
        "observed_gain": said["observed"],
    }


def _figures(value: Any) -> dict[str, float]:
    """Mean, sd, lower and upper of a JSON value that may be an object, a bare number or nothing."""
    if isinstance(value, Mapping):
        return {name: _number(value.get(name)) for name in ("mean", "sd", "lower", "upper")}
    return {"mean": _number(value), "sd": MISSING, "lower": MISSING, "upper": MISSING}


def _number(value: Any) -> float:
    return MISSING if value is None else float(value)
