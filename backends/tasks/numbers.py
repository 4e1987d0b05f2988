"""The final number of a worked solution, in one spelling."""

from __future__ import annotations

import re
from fractions import Fraction

from .boxes import last_box, opens_box

_CLEAN = (
    ("{,}", ","), ("\\!", ""), ("\\,", ""), ("\\$", "$"), ("\\%", "%"), ("−", "-"), ("–", "-"),
    ("\u00a0", " "), ("\u202f", " "),
)  # fmt: skip
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}|\\[dt]?frac\s*(\d)\s*(\d)")
# a sign counts as one only where no term stands before it: "10-5" ends in 5, not in -5
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)\]])-\s?)?[$£€]?\s?(?P<minus>-)?(?P<whole>\d{1,3}(?:,\d{3})+(?![\d])|\d+)?(?P<part>\.\d+)?"
    r"(?:[eE](?P<power>[-+]?\d{1,2})\b)?(?:\s?/\s?(?P<below>\d+(?:,\d{3})*))?"
)
_MARK = re.compile(r"(?:final\s+answer|answer)\b\s*(?:\*\*)?\s*(?:is|was|of|=|:)\s*(?:\*\*)?\s*:?", re.IGNORECASE)


def final_number(text: str) -> str | None:
    """The number a solution ends in, or None.

    Looked for, in this order: after the last ``####``, in the last ``\\boxed{}``, after the last "answer is",
    and else the last number of the text. A mark with no number behind it (a solution cut off there) is blank
    rather than a number of the reasoning.
    """
    text = _clean(text)
    if "####" in text:
        return _first(_right_side(text.rsplit("####", 1)[1].strip().split("\n")[0]))
    box = last_box(text)
    if box is not None:
        return _first(_right_side(box))
    if opens_box(text):
        return None
    marks = list(_MARK.finditer(text))
    if marks:
        line = text[marks[-1].end() :].strip().split("\n")[0]
        return _first(_right_side(line))
    found = _all(text)
    return found[-1] if found else None


def number_text(value: Fraction) -> str:
    """A rational number as a whole number, an exact decimal, or else a fraction ``p/q``."""
    if value.denominator == 1:
        return str(value.numerator)
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    digits = max(twos, fives)
    if rest != 1 or digits > 12:
        return f"{value.numerator}/{value.denominator}"
    scaled = str(abs(value.numerator) * 10**digits // value.denominator).rjust(digits + 1, "0")
    return f"{'-' * (value < 0)}{scaled[:-digits]}.{scaled[-digits:]}"


def _clean(text: str) -> str:
    for old, new in _CLEAN:
        text = text.replace(old, new)
    return _FRACTION.sub(lambda found: f"{found[1] or found[3]}/{found[2] or found[4]}", text)


def _right_side(line: str) -> str:
    """What stands behind the last "=", as in "9 * 2 = $18 every day"; the line itself where that holds no number."""
    right = line.rsplit("=", 1)[-1]
    return right if re.search(r"\d", right) else line


def _first(text: str) -> str | None:
    found = _all(text)
    return found[0] if found else None


def _all(text: str) -> list[str]:
    numbers = []
    for match in _NUMBER.finditer(text):
        if not (match["whole"] or match["part"]):
            continue
        value = Fraction((match["whole"] or "0").replace(",", "") + (match["part"] or ""))
        value *= Fraction(10) ** int(match["power"] or 0)
        below = int(match["below"].replace(",", "")) if match["below"] else 1
        if below:
            value /= below
        numbers.append(number_text(-value if match["sign"] or match["minus"] else value))
    return numbers
