"""Figures of `muxcast.plots` as inline SVG that follows the page's colours and is read out by screen readers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ..plots.style import BLUE, FAINT, INK, PLAIN, publication

_FONT = "system-ui, sans-serif"


def inline_figure(
    name: str, caption: str, draw: Callable[[Axes], Any], size: tuple[float, float] = (5.4, 4.4), note: str = ""
) -> str:
    """A ``<figure>`` with the drawing as inline SVG.

    Args:
        name: short id, unique on the page; makes the ids inside the SVG unique too.
        caption: what the figure shows; also its accessible name. Plain text.
        draw: puts the drawing on the axes it is given.
        size: width and height in inches.
        note: how to read it, plain text.
    """
    with publication():
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        sheet = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
            figure.savefig(sheet, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    svg = _themed(_unique(sheet.getvalue(), name), caption)
    said = f'<span class="how"> {escape(note)}</span>' if note else ""
    return f'<figure id="{name}">{svg}<figcaption>{escape(caption)}{said}</figcaption></figure>\n'


def _unique(svg: str, name: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    return re.sub(r'(xlink:href|href)="#([^"]+)"', rf'href="#{name}-\2"', svg)


def _themed(svg: str, caption: str) -> str:
    """Ink and grid take the page's colours, so that a dark page has a light drawing; fonts are the page's."""
    head, body = svg.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    body = (
        body.replace(INK, "currentColor")
        .replace(FAINT, "var(--faint)")
        .replace(PLAIN, "var(--accent)")
        .replace(BLUE, "var(--blue)")
    )
    body = re.sub(r"font: ([\w. ]*?)([\d.]+px) [^;\"]*", rf"font: \1\2 {_FONT}", body)
    return f'{head} role="img" aria-label="{escape(caption, quote=True)}">{body}'
