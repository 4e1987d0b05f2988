"""`muxcast doctor`: what is installed, what can run here, and what to do about it."""

from __future__ import annotations

import sys
import textwrap

import click

from .options import json_option


@click.command("doctor")
@json_option
def command(json_out):
    """What is installed, which engine can run here, and what to do about it.

    Looks at versions of the libraries, at accelerators, at processors and
    memory, and for each part of muxcast says whether it can run and, if not,
    the command that makes it. Contacts nothing. Exits with 1 when a part of
    the core is missing; missing extras are no fault.

    \b
    Examples:
      muxcast doctor
      muxcast doctor --json -
    """
    from ..doctor import examine
    from ..terminal import write_json

    found = examine()
    if json_out:
        write_json(found.to_json(), json_out)
    if json_out != "-":
        click.echo("\n".join(f"{name}: {value}" for name, value in found.machine.items()) + "\n")
        for part in found.parts:
            mark = click.style("yes", fg="green") if part.ready else click.style("no ", fg="yellow")
            click.echo(f"{mark}  {part.name}")
            click.echo(_indented(part.detail))
            if part.remedy:
                click.echo(_indented(f"do: {part.remedy}"))
    sys.exit(0 if all(part.ready for part in found.parts if part.core) else 1)


def _indented(text: str) -> str:
    return textwrap.fill(text, 80, initial_indent=" " * 5, subsequent_indent=" " * 9, break_on_hyphens=False)
