"""A sampling run on the progress bar: the model at work, its rate, what it cost so far and what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from ..backends.sampling import Progress


def watching(bar: Bar) -> Callable[[Progress], None]:
    """What :func:`backends.sampling.sample` calls after every question, to move the bar."""
    row = bar.task_ids[0]
    begun = False

    def watch(progress: Progress) -> None:
        nonlocal begun
        held = progress.before + progress.drawn
        if not begun:  # what was there before says nothing about the time to go
            bar.reset(row, total=progress.total, completed=held)
            begun = True
        bar.update(row, completed=held, description=_described(progress))

    return watch


def _described(progress: Progress) -> str:
    told = [progress.model or "sampling"]
    if progress.drawn:
        told.append(f"{progress.rate:.1f}/s")
    if progress.cost:
        told.append(f"${progress.cost:.4f}")
    if progress.failed:
        told.append(f"{progress.failed} failed")
    return " ".join(told)
