"""Reading LaTeX arithmetic and algebra into sympy, quickly and within bounds."""

from __future__ import annotations

import re
from typing import Any

_FUNCTIONS = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "ln": "log", "log": "log",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "exp": "exp",
}  # fmt: skip
_GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "theta",
    "lambda",
    "mu",
    "nu",
    "phi",
    "psi",
    "rho",
    "sigma",
    "tau",
    "omega",
]
_LARGEST_POWER, _LARGEST_FACTORIAL, _LONGEST, _DEEPEST = 64, 20, 300, 40


class Unread(ValueError):
    """Text that is not the arithmetic or algebra this reader knows."""


def read_latex(text: str) -> Any:
    """The sympy expression that ``text`` writes.

    Knows numbers, letters, + - * / ^, fractions, mixed numbers, roots, absolute values, factorials and the
    elementary functions; ``i``, ``e`` and ``\\pi`` are constants. Powers, factorials and length are bounded, so
    that no text can make it compute for long.

    Raises:
        Unread: anything else.
    """
    if len(text) > _LONGEST:
        raise Unread("too long")
    reader = _Reader(text)
    value = reader.sum()
    if reader.peek():
        raise Unread(reader.peek())
    return value


class _Reader:
    def __init__(self, text: str):
        import sympy

        self.sympy = sympy
        self.text, self.at, self.depth = text, 0, 0

    def peek(self) -> str:
        """The next command, number-free symbol or letter; "" at the end."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        if self.text[self.at : self.at + 1] == "\\":
            match = re.match(r"\\([a-zA-Z]+|.)", self.text[self.at :])
            return match[0] if match else "\\"
        return self.text[self.at : self.at + 1]

    def take(self, token: str = "") -> bool:
        """Move past ``token``, or past the next one; says whether it was there."""
        found = self.peek()
        if token and found != token:
            return False
        self.at += len(found)
        return True

    def need(self, token: str) -> None:
        if not self.take(token):
            raise Unread(f"{token} expected")

    def sum(self) -> Any:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unread("too deep")
        value = self.product()
        while (sign := self.peek()) in ("+", "-"):
            self.take()
            term = self.product()
            value = value + term if sign == "+" else value - term
        self.depth -= 1
        return value

    def product(self) -> Any:
        value = self.signed()
        while True:
            token = self.peek()
            if token in ("*", "\\cdot", "\\times"):
                self.take()
                value = value * self.signed()
            elif token in ("/", "\\div"):
                self.take()
                below = self.signed()
                if below.is_zero:
                    raise Unread("division by zero")
                value = value / below
            elif self.starts(token):
                value = value * self.power()
            else:
                return value

    def starts(self, token: str) -> bool:
        """Whether a factor begins here without a sign of multiplication."""
        return (
            (token.isalnum() and token.isascii()) or token in ("(", "{", "[", ".")
            or (token.startswith("\\") and token[1:] in {"frac", "sqrt", "pi", "infty", *_FUNCTIONS, *_GREEK})
        )  # fmt: skip

    def signed(self) -> Any:
        sign = 1
        while self.peek() in ("+", "-"):
            sign = -sign if self.peek() == "-" else sign
            self.take()
        return sign * self.power()

    def power(self) -> Any:
        value = self.atom()
        while True:
            if self.take("^"):
                value = self.raised(value, self.group())
            elif self.take("!"):
                if not value.is_Integer or not 0 <= value <= _LARGEST_FACTORIAL:
                    raise Unread("factorial")
                value = self.sympy.factorial(value)
            else:
                return value

    def raised(self, base: Any, power: Any) -> Any:
        if (base.is_number and power.is_number and abs(power) > _LARGEST_POWER) or power.has(self.sympy.I):
            raise Unread("large power")
        if base.is_zero and (not power.is_number or power <= 0):
            raise Unread("0^0")
        return base**power

    def group(self) -> Any:
        """An argument: a braced expression, or the single digit, letter or command that TeX takes."""
        if self.take("{"):
            value = self.sum()
            self.need("}")
            return value
        token = self.peek()
        if token.isdigit():
            self.take()
            return self.sympy.Integer(int(token))
        if token == "-":
            raise Unread("sign outside braces")
        return self.atom()

    def atom(self) -> Any:
        sympy, token = self.sympy, self.peek()
        number = re.match(r"\d+(?:\.\d+)?|\.\d+", self.text[self.at :])
        if number:
            self.at += number.end()
            following = self.peek()
            if following in ("_", ".") or following.isdigit():
                raise Unread("a number in a base, or two numbers side by side")
            value = sympy.Rational(number[0])
            return self.mixed(value) if value.is_Integer else value
        if token in ("(", "{", "["):
            self.take()
            value = self.sum()
            self.need({"(": ")", "{": "}", "[": "]"}[token])
            return value
        if token == "|":
            self.take()
            value = self.sum()
            self.need("|")
            return sympy.Abs(value)
        if len(token) == 1 and token.isalpha() and token.isascii():
            return self.letter()
        name = token[1:]
        if name == "pi":
            self.take()
            return sympy.pi
        if name == "infty":
            self.take()
            return sympy.oo
        if name == "frac":
            self.take()
            above, below = self.group(), self.group()
            if below.is_zero:
                raise Unread("division by zero")
            return above / below
        if name == "sqrt":
            return self.root()
        if name in _FUNCTIONS:
            return self.function(name)
        if name in _GREEK:
            self.take()
            return sympy.Symbol(f"\\{name}")
        raise Unread(token or "the end")

    def mixed(self, whole: Any) -> Any:
        """``1\\frac{4}{5}`` is one and four fifths."""
        if self.peek() != "\\frac":
            return whole
        start = self.at
        part = self.atom()
        if part.is_Rational and 0 < part < 1:
            return whole + part
        self.at = start
        return whole

    def letter(self) -> Any:
        name = self.peek()
        self.take()
        if name == "i":
            return self.sympy.I
        if name == "e":
            return self.sympy.E
        if self.take("_"):
            inside = re.match(r"\{\s*(\w+)\s*\}|(\w)", self.text[self.at :])
            if not inside:
                raise Unread("subscript")
            self.at += inside.end()
            name = f"{name}_{{{inside[1] or inside[2]}}}"
        return self.sympy.Symbol(name)

    def root(self) -> Any:
        self.take("\\sqrt")
        degree = 2
        if self.take("["):
            degree = self.sum()
            self.need("]")
            if not degree.is_Integer or not 2 <= degree <= _LARGEST_POWER:
                raise Unread("degree of a root")
        return self.group() ** self.sympy.Rational(1, int(degree))

    def function(self, name: str) -> Any:
        self.take()
        power = base = None
        while self.peek() in ("^", "_"):
            if self.take("^"):
                power = self.group()
            elif self.take("_"):
                base = self.group()
        value = self.power()
        while name != "exp" and self.starts(self.peek()) and self.peek()[1:] not in _FUNCTIONS and self.peek() != "(":
            value = value * self.power()
        called = getattr(self.sympy, _FUNCTIONS[name])
        if power == -1 and name in ("sin", "cos", "tan"):
            return getattr(self.sympy, f"a{name}")(value)
        result = called(value, base) if base is not None and name == "log" else called(value)
        return result if power is None else self.raised(result, power)
