"""`muxcast doctor`: what is installed, what can run here, and what to do about it."""

from __future__ import annotations

import sys

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
    from ..terminal import table, write_json

    found = examine()
    if json_out:
        write_json(found.to_json(), json_out)
    if json_out != "-":
        click.echo("\n".join(f"{name}: {value}" for name, value in found.machine.items()) + "\n")
        rows = [(part.name, "yes" if part.ready else "no", part.detail) for part in found.parts]
        table("What can run here", ["part", "ready", "found"], rows)
        for part in found.parts:
            if part.remedy:
                click.echo(f"\n{part.name}: {part.remedy}")
    sys.exit(0 if all(part.ready for part in found.parts if part.core) else 1)
