"""What a person sees in the terminal: tables that fit 80 columns, notes, and progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import fill, wrap
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from .simulate.atomic import write_text


def note(text: str) -> None:
    """A remark on standard error, so that standard output stays clean for results.

    Broken between words on a terminal; one line where it is kept in a file.
    """
    if sys.stderr.isatty():
        text = fill(text, min(80, Console(stderr=True).width), break_long_words=False, break_on_hyphens=False)
    click.echo(text, err=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> None:
    """Print rows as a table: plain text when piped, never wider than 80 columns."""
    console = Console(width=min(80, Console().width), highlight=False)
    grid = Table(title=title, caption=caption or None, title_justify="left", caption_justify="left", box=None)
    cells = [[_cell(value) for value in row] for row in rows]
    # every column has a space on either side; the first has what the figures leave
    figures = [max(map(len, column)) for column in zip(columns[1:], *(row[1:] for row in cells), strict=True)]
    room = console.width - 2 - sum(width + 2 for width in figures)
    for number, name in enumerate(columns):
        # the first column names the thing and may fold; figures may not
        grid.add_column(name, justify="left" if number == 0 else "right", no_wrap=number > 0, overflow="fold")
    for row in cells:
        grid.add_row(_folded(row[0], room), *row[1:])
    console.print(grid)


def _folded(name: str, room: int) -> str:
    """A pool's name on lines of its own length, broken after a plus sign or a hyphen where it can be."""
    if len(name) <= room or room < 8:
        return name
    return "\n".join(line.replace("+ ", "+") for line in wrap(name.replace("+", "+ "), room))


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else escape(str(value))


def points(fraction: float | None) -> str:
    """An accuracy (0 to 1) in percent, one decimal."""
    return "-" if fraction is None else f"{100 * fraction:.1f}"


class _Rate(ProgressColumn):
    """How many are done in a second, or in a minute where they are slow."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 0.5 else f"{60 * speed:.1f}/min")


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Progress]:
    """A progress bar with rate and time left on standard error; silent when that is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task(label, total=total)
        yield bar


@contextmanager
def steps(total: int) -> Iterator[Callable[[str], None]]:
    """A bar over named steps; the function it gives starts the next one."""
    with progress("", total) as bar:
        task = bar.task_ids[0]
        done = -1

        def step(name: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, description=name, completed=done)

        yield step
        bar.update(task, completed=total)


def write_json(result: Mapping[str, Any], target: str) -> None:
    """Write ``result`` to the file ``target`` atomically, or to standard output for ``-``."""
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        write_text(target, text)
