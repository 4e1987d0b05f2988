"""The one error a person sees: bad input, with the place and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MANY = 40
"""More known names than this are not listed beside a suggestion."""


class BadInput(ValueError):
    """Input that cannot be used; the message is one sentence naming the thing, the place and the remedy.

    The command line prints the message and exits with code 2.
    """


def unknown_name(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that is not known, with the nearest known name as a suggestion."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if near and len(known) > MANY:
        return BadInput(f"unknown {kind} {name!r}: {hint.strip()}")
    return BadInput(f"unknown {kind} {name!r}: {hint}known: {', '.join(known)}")
