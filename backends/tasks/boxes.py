"""The content of ``\\boxed{…}``, with braces matched."""

from __future__ import annotations

import re

_BOX = re.compile(r"\\f?boxed\s*(\{|(?=[^\s{]))")


def last_box(text: str) -> str | None:
    """The content of the last box that is closed, the innermost one of nested boxes; None without one.

    A box that is cut off before its end does not count.
    """
    for match in reversed(list(_BOX.finditer(text))):
        if not match[1]:
            return text[match.end()]  # \boxed5, as TeX reads it
        content = _balanced(text, match.end())
        if content is not None and content.strip():
            return content.strip()
    return None


def opens_box(text: str) -> bool:
    """Whether a box begins anywhere: without a last box, a solution that was cut off inside it."""
    return _BOX.search(text) is not None


def _balanced(text: str, start: int) -> str | None:
    depth = 1
    for place in range(start, len(text)):
        letter = text[place]
        if place and text[place - 1] == "\\":
            continue
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return text[start:place]
    return None
