"""Docstrings as the reference reads them: every section gets the blank line above it that the parser asks for."""

from __future__ import annotations

import re
from typing import Any

import griffe

SECTION = re.compile(r"(?<=[^\n])\n(?=(?:Args|Returns|Raises|Yields|Attributes|Example|Examples):\n)")


class Sections(griffe.Extension):
    """Our docstrings leave the line out, to be shorter where the code is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = SECTION.sub("\n\n", obj.docstring.value)
