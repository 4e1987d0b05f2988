"""What the figures rest on: the fit of the model, cautions, and what the report was made from."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from .results import Results
from .tables import plain_table

_MEANING = {
    "chains": ("chains", "independent runs of the sampler"),
    "draws": ("draws", "kept of all chains together"),
    "r_hat_max": ("R-hat, the largest", "chains agree when it is near 1; above 1.05 is a warning"),
    "ess_min": ("effective draws, the fewest", "of the least certain parameter; some hundred are enough"),
    "converged": ("converged", "what the two figures above come to"),
}
_CHECKS = {
    "all_right": "questions that every sample got right",
    "all_wrong": "questions that every sample got wrong",
    "someone_right": "questions that at least one model got right",
    "question_spread": "how unlike the questions are",
}


def diagnostics_section(results: Results) -> str:
    notes: list[str] = []
    for document in (results.forecast, results.validation, results.replay, results.plan):
        notes += [str(one) for one in (document or {}).get("notes") or []]
    text = ""
    found = (results.forecast or {}).get("diagnostics")
    if isinstance(found, Mapping):
        text += plain_table("Fit of the model to the pilot", ["figure", "value", "meaning"], _fit(found))
    cautions = [
        "An interval is about the expected accuracy, not about one run, which scatters around it.",
        "The best of many plans looks better on the pilot than it is; the recommendation uses forecast figures.",
    ]
    if results.forecast:
        kind = (results.forecast.get("target") or {}).get("kind")
        if kind == "same":
            cautions.append(
                "This forecast is for the pilot's own questions; other questions add the chance of which are drawn."
            )
        cautions.append(
            "It holds for the models, prompts and sampling settings of the pilot; a changed temperature is a new pilot."
        )
    items = "".join(f"<li>{escape(one)}</li>" for one in [*dict.fromkeys(notes), *cautions])
    return f"{text}<ul>{items}</ul>\n"


def _fit(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for name, value in found.items():
        if name == "predictive_p" and isinstance(value, Mapping):
            for check, share in value.items():
                said = _CHECKS.get(check, check.replace("_", " "))
                rows.append((f"check: {said}", _shown(share), "p-value of the pilot; near 0 or 1 is odd"))
            continue
        label, meaning = _MEANING.get(name, (name.replace("_", " "), ""))
        rows.append((label, _shown(value), meaning))
    return rows


def provenance_section(results: Results) -> str:
    rows: list[tuple[str, str]] = []
    for name, value in (results.provenance or {}).items():
        label = str(name).replace("_", " ")
        if isinstance(value, Mapping):
            rows += [(f"{label}: {inner}", _shown(one)) for inner, one in value.items()]
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            for place, one in enumerate(value, 1):
                rest = {inner: figure for inner, figure in one.items() if inner != "name"}
                rows.append((f"{label}: {one.get('name', place)}", _shown(rest)))
        else:
            rows.append((label, _shown(value)))
    for name, document in results._asdict().items():
        if name not in ("evidence", "provenance") and document:
            seed = document.get("seed")
            version = f"{document.get('format')} {document.get('version')}"
            rows.append((name.replace("_", " "), version + (f", seed {seed}" if seed is not None else "")))
    return plain_table("What this report was made from", ["what", "value"], rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_inner(one)}" for name, one in value.items())
    return "–" if value is None else str(value)


def _inner(value: Any) -> str:
    """A mapping within a mapping in brackets, so that its names are not taken for the outer one's; a line end shown."""
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name} {_inner(one)}" for name, one in value.items()) + ")"
    return _shown(value).replace("\n", "\\n")
