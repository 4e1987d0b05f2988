"""One spelling for equal mathematical answers, and the judgement whether one equals the gold answer."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from .boxes import last_box, opens_box
from .latex import Unread, read_latex

_MARK = re.compile(r"(?:final\s+answer|answer)\b\s*(?:\*\*)?\s*(?:is|=|:)\s*(?:\*\*)?\s*:?\s*", re.IGNORECASE)
_FORMATS = re.compile(r"\\(?:text|mbox|textbf|textit|mathrm|mathbf|textrm|operatorname)\s*\{([^{}]*)\}")
_DROPPED = re.compile(
    r"\\left(?![a-z])|\\right(?![a-z])|(?<!\\)\\[,;:> ]|\\(?:quad|qquad|displaystyle|limits)(?![a-z])|~|\$"
    r"|\^\s*\{?\s*\\circ\s*\}?|\\degree|°|\\%|%"
)
_SPELLED = ((r"\\[dt]frac", r"\\frac"), (r"\\cfrac", r"\\frac"), (r"\\(?:leq|leqslant)(?![a-z])", r"\\le"),
            (r"\\(?:geq|geqslant)(?![a-z])", r"\\ge"), (r"\\(?:lbrace)(?![a-z])", r"\\{"),
            (r"\\(?:rbrace)(?![a-z])", r"\\}"), (r"\\neq(?![a-z])", r"\\ne"), (r"\\to(?![a-z])", r"\\rightarrow"),
            (r"\\varnothing", r"\\emptyset"), ("−", "-"), ("π", r"\\pi "), ("∞", r"\\infty "), ("√", r"\\sqrt "),
            ("∪", r"\\cup "), (r"\\backslash", r"\\setminus"))  # fmt: skip
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_LONGEST_JUDGED = 160
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}")
_LONGEST_BARE = 80


def final_expression(text: str) -> str | None:
    """The last closed ``\\boxed{}``, else what follows the last "answer is", else a text that is nothing but
    one expression; None without any of them."""
    box = last_box(text)
    if box is not None:
        return box
    marks = list(_MARK.finditer(text))
    if not marks:
        return _bare_expression(text.strip())
    line = text[marks[-1].end() :].strip().split("\n")[0].strip()
    display = re.match(r"\$\$?(.+?)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", line)
    if display:
        return next(group for group in display.groups() if group)
    line = re.split(r"(?:(?<=\D)\.|\.(?!\d))(?:\s|$)|[*]{2}", line, maxsplit=1)[0].strip(" *.:")
    return line or None


def _bare_expression(text: str) -> str | None:
    """The text itself where it is one short line without a word, as of a model told to answer and nothing else."""
    short = len(text) <= _LONGEST_BARE and "\n" not in text and re.search(r"[\d\\]", text)
    return text.strip(" $.") if short and not _WORD.search(text) and not opens_box(text) else None


@lru_cache(maxsize=65536)
def canonical_expression(text: str) -> str | None:
    """One spelling for equal answers: ``\\dfrac12``, ``0.5`` and ``1/2`` all become ``1/2``.

    Numbers become whole numbers or fractions; expressions are multiplied out; lists and sets are sorted, while
    tuples, intervals and matrices keep their order; "x =" in front, units, degrees, currency and percent signs go.
    What cannot be read keeps its text without spacing. None when nothing is left.
    """
    text = _tidy(text)
    return _canonical(text) or None if text else None


@lru_cache(maxsize=65536)
def same_expression(answer: str, reference: str) -> bool:
    """Whether a canonical answer equals the gold answer, given as LaTeX.

    Equal canonical spellings are equal; otherwise math-verify decides, on expressions short and plain enough
    to be decided quickly.

    Raises:
        BadInput: math-verify is not installed.
    """
    if answer == canonical_expression(reference):
        return True
    if not (_plain(answer) and _plain(reference)):
        return False
    parse, verify, latex = _judge()
    settings = {"extraction_config": [latex(boxed_match_priority=0)], "parsing_timeout": None}
    gold, given = (parse(f"\\boxed{{{text}}}", **settings) for text in (reference, answer))
    return bool(gold and given and verify(gold, given, timeout_seconds=None))


def _plain(text: str) -> bool:
    return len(text) <= _LONGEST_JUDGED and not re.search(r"\d{5,}\s*!|\^\s*\{?\s*-?\d{3,}|\^\s*\{[^{}]*\^", text)


def _judge() -> tuple[Any, Any, Any]:
    from ...simulate.errors import BadInput

    try:
        from math_verify import LatexExtractionConfig, parse, verify
    except ImportError:
        raise BadInput("mathematical answers need math-verify: pip install 'muxcast[tasks]'") from None
    # it warns at every call that no signal interrupts it, which servers cannot use
    for name in ("math_verify", "math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return parse, verify, LatexExtractionConfig


def _tidy(text: str) -> str:
    text = text.strip()
    for pattern, spelled in _SPELLED:
        text = re.sub(pattern, spelled, text)
    text = re.sub(r"\\!\s*|(?<=\d)\\,(?=\d)", "", text.replace("\\$", "").replace("{,}", ","))
    text = re.sub(r"(?:\\text|\\mbox)\s*\{\s*(?:or|and)\s*\}|(?<=[\s\d}])(?:or|and)(?=[\s\d\\])", ",", text)
    text = _without_units(text)
    text = _FORMATS.sub(lambda found: f" {found[1].strip()} ", text)
    text = _DROPPED.sub(" ", text)
    text = re.sub(r"(?<!\.)\.$", "", re.sub(r"\s+", " ", text).strip()).strip()  # but not the dots of 0.333...
    while (whole := re.fullmatch(r"\{(.*)\}", text)) and _balanced(whole[1]):
        text = whole[1].strip()
    return re.sub(r"^(?:[a-zA-Z](?:\([a-z]\))?\s*(?:=|\\in)\s*)(?=[^=]+$)", "", text).strip()


def _without_units(text: str) -> str:
    """Text behind a number is a unit; text that stands alone is the answer."""
    unit = re.compile(r"(?:\s|\\[,;: ])*(?:\\(?:text|mbox|mathrm|textrm)\s*\{[^{}]*\}\s*(?:\^\s*\{?\d\}?)?\s*)+$")
    bare = unit.sub("", text).strip()
    if bare and re.search(r"[\d}\\a-zA-Z)]$", bare):
        text = bare
    return re.sub(r"(?<=\d)\s*(?:cm|mm|km|m|ft|in|inches|feet|meters|units|degrees|dollars|cents)(?:\^\{?\d\}?)?\s*$",
                  "", text)  # fmt: skip


def _canonical(text: str) -> str:
    text = text.strip()
    letter = re.fullmatch(r"\(\s*([A-Z])\s*\)", text)
    if letter:
        return letter[1]
    if re.fullmatch(r"[A-Za-z]{3,}|[A-Za-z]{2,}(?:[ -][A-Za-z]+)+", text):
        return text.casefold()
    if _THOUSANDS.fullmatch(text.lstrip("-")):
        text = text.replace(",", "")
    matrix = re.fullmatch(r"\\begin\{[pbBvV]?matrix\}(.*)\\end\{[pbBvV]?matrix\}", text, re.DOTALL)
    if matrix:
        rows = [row for row in matrix[1].split(r"\\") if row.strip()]
        return "[" + "; ".join(", ".join(_canonical(cell) for cell in row.split("&")) for row in rows) + "]"
    unions = _split(text, "\\cup")
    if len(unions) > 1:
        return " \\cup ".join(sorted(_canonical(part) for part in unions))
    inside = re.fullmatch(r"\\\{(.*)\\\}", text, re.DOTALL)
    if inside and inside[1].strip():
        return _listed(_split(inside[1], ","))
    parts = _split(text, ",")
    if len(parts) > 1:
        return _listed(parts)
    if text[:1] in "([" and text[-1:] in ")]":
        inner = _split(text[1:-1], ",")
        if len(inner) > 1 and _balanced(text[1:-1]):
            return f"{text[0]}{', '.join(_canonical(part) for part in inner)}{text[-1]}"
    sides = text.split("=")
    if len(sides) == 2 and all(side.strip() for side in sides):
        return _equation(*sides)
    if text.count("\\pm") == 1:
        return _listed([text.replace("\\pm", sign) for sign in "+-"])
    return _expression(text)


def _listed(parts: list[str]) -> str:
    """A set: sorted, each value once."""
    values = [value.strip() for part in parts if part.strip() for value in _canonical(part).split(", ")]
    return ", ".join(sorted(set(values)))


def _expression(text: str) -> str:
    import sympy

    try:
        return _spelled_out(sympy, _multiplied_out(sympy, read_latex(text)))
    except (Unread, TypeError, ValueError, ZeroDivisionError, AttributeError, RecursionError):
        return _squeezed(text)


def _equation(left: str, right: str) -> str:
    import sympy

    try:
        zero = sympy.expand(read_latex(left) - read_latex(right))
        zero = zero.as_content_primitive()[1]
        if zero.could_extract_minus_sign():
            zero = -zero
        return f"{_spelled_out(sympy, sympy.expand(zero))} = 0"
    except (Unread, TypeError, ValueError, ZeroDivisionError, AttributeError, RecursionError):
        return " = ".join(_squeezed(side) for side in (left, right))


def _multiplied_out(sympy: Any, value: Any) -> Any:
    if value.has(sympy.zoo, sympy.nan):
        raise Unread("undefined")
    if value.is_number:
        if value.has(sympy.I):
            real, imaginary = sympy.expand(value).as_real_imag()
            return sympy.radsimp(real) + sympy.I * sympy.radsimp(imaginary)
        return sympy.radsimp(sympy.expand(value))
    if value.count_ops() > 60 or any(power.exp.is_Integer and abs(power.exp) > 12 for power in value.atoms(sympy.Pow)):
        return value
    if value.is_rational_function():
        return sympy.expand(value) if value.is_polynomial() else sympy.cancel(value)
    return sympy.expand(value)


def _spelled_out(sympy: Any, value: Any) -> str:
    if value.is_Rational:
        return str(value)
    return sympy.latex(value).replace("\\left", "").replace("\\right", "")


def _squeezed(text: str) -> str:
    text = re.sub(r"([_^])\{(\w)\}", r"\1\2", text)
    text = re.sub(r"(\\[a-zA-Z]+)\s+(?=[a-zA-Z])", r"\1|", text)  # keeps "\cot x" apart
    return re.sub(r"\s+", "", text).replace("|", " ")


def _split(text: str, mark: str) -> list[str]:
    """Parts between marks outside all brackets."""
    parts, depth, start, at = [], 0, 0, 0
    while at < len(text):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        if depth == 0 and text.startswith(mark, at):
            parts.append(text[start:at])
            at = start = at + len(mark)
        else:
            at += 1
    return [*parts, text[start:]]


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            return False
    return depth == 0
