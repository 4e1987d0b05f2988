"""Tables of the report. Every text that came from a user is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

MOST_ROWS = 3000
"""Plans listed in the page; the JSON beside it has them all."""


def percent(value: Any, digits: int = 1) -> str:
    """A fraction in percent; a dash where there is none."""
    return "–" if _absent(value) else f"{100 * float(value):.{digits}f}"


def signed(value: Any) -> str:
    """A difference of fractions in points, with its sign."""
    return "–" if _absent(value) else f"{100 * float(value):+.1f}".replace("-", "−")


def plan_table(frame: pd.DataFrame, recommended: Mapping[str, Any] | None, level: float | None) -> str:
    """Every cell as a row that can be sorted and filtered, the recommended one marked.

    Args:
        frame: a tidy frame of `muxcast.plots`; columns ``observed`` and ``inside`` are shown where present.
        recommended: rule, models and samples of the cell to mark.
        level: nominal level of the intervals.
    """
    total = len(frame)
    frame = frame.sort_values(["mean", "samples"], ascending=[False, True], kind="stable").head(MOST_ROWS)
    tokens = _known(frame, "tokens_per_question")
    money = _known(frame, "money_per_question")
    observed = _known(frame, "observed")
    interval = f"{100 * level:.0f} % interval" if level else "interval"
    heads = [
        ("pool", "ascending"),
        ("rule", "ascending"),
        ("k", "ascending"),
        ("accuracy %", "descending"),
        (interval, ""),
        ("gain, points", "descending"),
    ]
    heads += [("observed %", "descending"), ("inside", "ascending")] if observed else []
    heads += [("tokens / question", "ascending")] if tokens else []
    heads += [("cost / question", "ascending")] if money else []
    marked = _address(recommended) if recommended else None
    body = []
    for row in frame.to_dict("records"):
        star = (row["rule"], row["models"], int(row["samples"])) == marked
        cells = [
            f'<td class="pool">{_star(star)}{escape(row["models"].replace("+", " + "))}</td>',
            f'<td class="text">{escape(row["rule"])}</td>',
            _figure(row["samples"], str(int(row["samples"]))),
            _figure(row["mean"], percent(row["mean"])),
            f"<td>{percent(row['lower'])} to {percent(row['upper'])}</td>",
            _figure(row["gain_mean"], signed(row["gain_mean"])),
        ]
        if observed:
            held = "–" if _absent(row["inside"]) else ("yes" if row["inside"] else "no")
            cells += [_figure(row["observed"], percent(row["observed"])), f'<td class="text">{held}</td>']
        if tokens:
            price = row["tokens_per_question"]
            cells.append(_figure(price, "–" if _absent(price) else f"{price:,.0f}"))
        if money:
            price = row["money_per_question"]
            cells.append(_figure(price, "–" if _absent(price) else f"{price:.3g}"))
        data = f'data-rule="{escape(row["rule"])}" data-samples="{int(row["samples"])}" data-size="{int(row["size"])}"'
        mark = ' class="recommended"' if star else ""
        body.append(f"<tr {data}{mark}>{''.join(cells)}</tr>")
    head = "".join(_head(name, first) for name, first in heads)
    left_out = f" The best {MOST_ROWS:,} of {total:,} plans are listed." if total > MOST_ROWS else ""
    return (
        _filters(frame)
        + f'<p class="count" id="plans-count" role="status">{len(frame):,} plans</p>\n'
        + '<p class="count" id="plans-how">Press a column head to sort. k is samples per model; gain is over '
        + f"self-consistency of the pool's best single model.{left_out}</p>\n"
        + '<div class="scroll" tabindex="0" role="region" aria-label="All plans">'
        + '<table id="plans" data-sortable aria-describedby="plans-how">'
        + f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table></div>\n"
    )


def plain_table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A small table without controls; every cell is escaped. Columns that hold only figures are set to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    figures = [all(_is_figure(row[column]) for row in rows) for column in range(len(heads))]
    styles = ["" if number else ' class="text"' for number in figures]
    head = "".join(f'<th scope="col"{style}>{escape(name)}</th>' for name, style in zip(heads, styles, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{style}>{escape(cell)}</td>" for cell, style in zip(row, styles, strict=True)) + "</tr>"
        for row in rows
    )
    label = escape(caption, quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="plain">'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def _is_figure(text: str) -> bool:
    return text in ("", "–") or text.rstrip(" %").replace(".", "", 1).lstrip("+−-").isdecimal()


def facts(items: Iterable[tuple[str, str, str]]) -> str:
    """Key figures as cards: name, value, and a remark under it."""
    cards = ""
    for name, value, remark in items:
        small = f"<small>{escape(remark)}</small>" if remark else ""
        cards += f"<div><dt>{escape(name)}</dt><dd>{escape(value)}{small}</dd></div>"
    return f'<dl class="facts">{cards}</dl>\n'


def _filters(frame: pd.DataFrame) -> str:
    def choice(name: str, label: str, values: Iterable[Any]) -> str:
        options = "".join(f'<option value="{escape(str(v))}">{escape(str(v))}</option>' for v in values)
        return f'<label>{label}<select name="{name}"><option value="">all</option>{options}</select></label>'

    return (
        '<form class="filters" data-filters="plans" hidden>'
        '<label>models named<input name="words" type="search" autocomplete="off" placeholder="part of a name"></label>'
        + choice("rule", "rule", sorted(frame["rule"].unique()))
        + choice("samples", "samples k", sorted(int(k) for k in frame["samples"].unique()))
        + choice("size", "models in the pool", sorted(int(n) for n in frame["size"].unique()))
        + "</form>\n"
    )


def _head(name: str, first: str) -> str:
    """A column head; ``first`` is the direction of the first press, empty for a column that is not sorted by."""
    if not first:
        return f'<th scope="col">{escape(name)}</th>'
    style = ' class="text"' if name in ("rule", "inside") else ""
    # browsers leave buttons out of the heads that they repeat on every printed page
    paper = f'<span class="paper" aria-hidden="true">{escape(name)}</span>'
    return f'<th scope="col" data-first="{first}"{style}><button type="button">{escape(name)}</button>{paper}</th>'


def _known(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and not bool(np.all(pd.isna(frame[column].to_numpy())))


def _figure(value: Any, shown: str) -> str:
    return f'<td data-value="{"" if _absent(value) else repr(float(value))}">{shown}</td>'


def _star(recommended: bool) -> str:
    return '<span class="star" role="img" aria-label="recommended">★</span> ' if recommended else ""


def _address(plan: Mapping[str, Any]) -> tuple[str, str, int]:
    return plan["rule"], "+".join(plan["models"]), int(plan["samples"])


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
