"""Sliders where somebody can move them, still pictures where nobody can."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes

from .style import publication

STILL = "MUXCAST_STILL"
"""Environment variable: set to 1 for pictures without sliders, as when notebooks are run by a machine."""


def sliders(draw: Callable[..., Any], **ranges: tuple[float, float, float]) -> None:
    """Draw at three settings side by side and, in a live notebook, add sliders that redraw.

    Args:
        draw: called with ``ax=`` and one value for each of ``ranges``; draws on the axes.
        ranges: (low, high, step) of each slider; integers stay integers. The pictures stand at the
            lowest, the middle and the highest values together.
    """
    import matplotlib.pyplot as plt

    with publication():
        _figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.0), layout="constrained", sharey=True)
        for ax, share in zip(panels, (0.0, 0.5, 1.0), strict=True):
            setting = {name: _at(limits, share) for name, limits in ranges.items()}
            draw(ax=ax, **setting)
            ax.set_title(", ".join(f"{name} = {value:g}" for name, value in setting.items()))
            if ax is not panels[0]:
                ax.set_ylabel("")
        plt.show()
    if os.environ.get(STILL) == "1":
        return
    try:
        from ipywidgets import interact
    except ImportError:
        return

    def redraw(**setting: float) -> None:
        with publication():
            _, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
            draw(ax=ax, **setting)
            plt.show()

    interact(redraw, **ranges)


def _at(limits: tuple[float, float, float], share: float) -> float:
    low, high, step = limits
    return low + step * round(share * (high - low) / step)


def panel(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Label the axes and put a faint grid behind the data."""
    from .style import grid

    ax.set(xlabel=xlabel, ylabel=ylabel)
    grid(ax)
