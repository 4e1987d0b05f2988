"""The page: sections put together into one HTML file that needs no network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from ..simulate.atomic import write_text
from ..simulate.errors import BadInput
from .record import diagnostics_section, provenance_section
from .results import Document, Results
from .sections import (
    asked_section,
    curves_section,
    judgement_section,
    plans_section,
    pool_section,
    verdict,
)


def write_report(
    path: str | os.PathLike[str],
    *,
    forecast: Document | None = None,
    validation: Document | None = None,
    forecast_new: Document | None = None,
    validation_new: Document | None = None,
    replay: Document | None = None,
    plan: Document | None = None,
    evidence: Document | None = None,
    provenance: Document | None = None,
    title: str = "SLM-MUX forecast",
) -> None:
    """Write the report to ``path``, atomically.

    Args:
        path: the HTML file.
        forecast, validation, replay, plan: documents as the verbs' ``--json`` writes them.
        forecast_new, validation_new: a second forecast, of new questions, and its validation.
        evidence: the ``to_json()`` of `muxcast.simulate.anatomy.anatomy` with ``source``, the log's name.
        provenance: names and values to record.
        title: heading of the page.
    Raises:
        BadInput: neither a forecast nor a validation nor a replay.
    """
    results = Results(forecast, validation, forecast_new, validation_new, replay, plan, evidence, provenance)
    write_text(path, report_html(results, title))


def report_html(results: Results, title: str = "SLM-MUX forecast") -> str:
    """The report as one string of HTML, complete with its style, script and figures."""
    if results.forecast is None and results.validation is None and results.replay is None:
        raise BadInput("nothing to report: give a forecast, a validation or a replay (each verb's --json writes one)")
    sections: Sequence[tuple[str, str, str]] = [
        ("asked", "What was asked", asked_section(results)),
        ("curves", "Accuracy and cost", curves_section(results)),
        ("plans-section", "All plans", plans_section(results)),
        ("judgement", "Forecast against what happened", judgement_section(results)),
        ("pool", "Inside the pool", pool_section(results)),
        ("diagnostics", "Diagnostics", diagnostics_section(results)),
        ("provenance", "Provenance", provenance_section(results)),
    ]
    present = [section for section in sections if section[2]]
    links = "".join(f'<li><a href="#{name}">{escape(head)}</a></li>' for name, head, _ in present)
    body = "".join(
        f'<section id="{name}" aria-labelledby="{name}-head">'
        f'<h2 id="{name}-head">{escape(head)}</h2>\n{content}</section>\n'
        for name, head, content in present
    )
    room = files("muxcast.report")
    style, script = (room.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # no network, whatever a name in a log says
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n<style>\n{style}</style>\n</head>\n<body>\n'
        '<a class="skip" href="#content">Skip to the content</a>\n'
        f"<header><h1>{escape(title)}</h1>\n{verdict(results)}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n<main id="content">\n{body}</main>\n'
        "<footer>Made by muxcast. Accuracies are shares of questions answered correctly; intervals say how uncertain "
        f"the expected accuracy is.</footer>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )
