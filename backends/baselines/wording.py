"""The wording of prompts: text files that a person can edit, filled in for one question.

A prompt comes in two forms: ``NAME.text.txt`` continues a completion prompt such as "Q: … A:", which base
models understand too; ``NAME.chat.txt`` is a user's turn after the task's own chat.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from ...simulate.errors import BadInput
from ..tasks.task import Message, Prompt

_CUE = re.compile(r"\n([A-Z][\w ]{0,20}:)\s*$")
"""The short last line of a completion prompt that calls for the answer, such as ``A:``."""


def template(name: str, folder: Path | None = None) -> str:
    """The text of a prompt file: the one in ``folder`` where it has one, else the packaged one.

    Raises:
        BadInput: neither exists.
    """
    if folder is not None and (folder / name).is_file():
        return (folder / name).read_text(encoding="utf-8").rstrip("\n")
    packaged = files(__package__ or "muxcast.backends.baselines") / "prompts" / name
    if not packaged.is_file():
        raise BadInput(f"prompt file {name}: neither in {folder} nor in the package")
    return packaged.read_text(encoding="utf-8").rstrip("\n")


def worded(name: str, prompt: Prompt, folder: Path | None = None, **parts: str) -> Prompt:
    """The prompt of one question, continued by the words of file ``name``.

    Args:
        name: of the prompt file, without its endings.
        prompt: the task's own prompt of the question.
        folder: with files that replace the packaged ones.
        **parts: what stands in for ``{part}`` in the file.
    Raises:
        BadInput: the file asks for a part that there is none of.
    """
    if isinstance(prompt, str):
        cue = _CUE.search(prompt)
        stem = prompt[: cue.start()] if cue else prompt
        fields = {**parts, "question": stem, "cue": cue[1] if cue else ""}
        return _filled(f"{name}.text.txt", folder, fields)
    turn = Message("user", _filled(f"{name}.chat.txt", folder, {**parts, "question": prompt[-1].content}))
    own = parts.get("own")
    return (*prompt, Message("assistant", own), turn) if own is not None else (*prompt[:-1], turn)


def _filled(name: str, folder: Path | None, parts: dict[str, str]) -> str:
    def part(found: re.Match[str]) -> str:
        if found[1] not in parts:
            raise BadInput(f"prompt file {name}: asks for {{{found[1]}}}; it may use {', '.join(sorted(parts))}")
        return parts[found[1]]

    return re.sub(r"\{(\w+)\}", part, template(name, folder))


def one_line(text: str, longest: int = 400) -> str:
    """A reply as it is quoted to others: its first line that says something, cut at ``longest`` characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "(no answer)")
    return line[:longest]


def quoted(texts: list[str], chat: bool) -> str:
    """Several replies as they are shown to an agent: in a chat whole and numbered, else on one line."""
    if chat:
        return "\n".join(f"{number}. {text.strip() or '(no answer)'}" for number, text in enumerate(texts, 1))
    return "; ".join(one_line(text).rstrip(".;") for text in texts)
