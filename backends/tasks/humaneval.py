"""HumanEval-style programming problems from a local file, judged by running them in the sandbox.

The file is JSON Lines (``.jsonl`` or ``.jsonl.gz``) in HumanEval's layout (Chen et al. 2107.03374): one object
a line with ``task_id``, ``prompt`` (imports, signature and docstring), ``entry_point``, ``test`` (a program that
defines ``check(candidate)``) and, optionally, ``canonical_solution``. No data set comes with this package.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput, unknown_name
from ..equivalence import normalised_code
from ..sandbox import Limits, require_isolation, run_program
from .task import Message, Question

_KEYS = ("task_id", "prompt", "entry_point", "test")
_STYLES = ("completion", "chat")
_FENCE = re.compile(r"```[ \t]*(?:python|py|python3)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_INSTRUCTION = "Complete this Python function. Reply with the whole function in one code block.\n\n"


class HumanEval:
    """The problems of one file.

    Args:
        path: the file.
        name: what the log's ``task`` column says; None for the file's name.
        style: ``completion``: the model continues the prompt as it stands; ``chat``: it is asked to complete it.
        seconds: wall-clock limit of one test run.
    Raises:
        BadInput: a file that is absent or malformed, naming the line.
    """

    def __init__(self, path: str | Path, name: str = "", style: str = "completion", seconds: float = 5.0):
        self._path = Path(path)
        self.name = name or re.sub(r"\.jsonl(\.gz)?$", "", self._path.name)
        self._style = style
        self._limits = Limits(seconds=seconds, cpu_seconds=seconds)
        self._problems, self._digest = _read(self._path)
        self._judged: dict[tuple[str, str], bool] = {}

    def questions(self, n: int, seed: int = 0) -> list[Question]:
        if n > len(self._problems):
            raise BadInput(f"{self._path}: holds {len(self._problems)} problems; ask for at most that many, not {n}")
        order = list(self._problems)
        random.Random(seed).shuffle(order)
        return [self._question(problem) for problem in order[:n]]

    def _question(self, problem: Mapping[str, Any]) -> Question:
        prompt = problem["prompt"]
        asked = prompt if self._style == "completion" else (Message("user", _INSTRUCTION + prompt),)
        solution = problem.get("canonical_solution")
        reference = None if solution is None else program_of(solution, prompt, problem["entry_point"])
        return Question(problem["task_id"], asked, reference, problem)

    def extract(self, text: str, question: Question) -> str | None:
        """The program in a completion: the signature's imports and the function, plain; None where none parses.

        Comments, docstrings, annotations and layout are gone, so that programs equal but for these count as
        one answer; cluster the log by ``code`` to look through the names of variables too.
        """
        return program_of(text, question.meta["prompt"], question.meta["entry_point"])

    def verify(self, answer: str, question: Question) -> bool:
        """Whether the program passes the problem's tests, run in the sandbox.

        Raises:
            BadInput: this machine cannot isolate a program; nothing is run.
        """
        key = (question.id, answer)
        if key not in self._judged:
            require_isolation()
            tests = f"\n\n{question.meta['test']}\n\ncheck({question.meta['entry_point']})\n"
            self._judged[key] = run_program(answer + tests, self._limits).finished
        return self._judged[key]

    def describe(self) -> dict[str, Any]:
        return {
            "task": "humaneval",
            "file": self._path.name,
            "sha256": self._digest,
            "style": self._style,
            "seconds": self._limits.seconds,
        }


def program_of(text: str, prompt: str, entry_point: str) -> str | None:
    """The whole program that a completion stands for, in one layout; None where nothing in it is a function.

    A completion may be the body that continues the prompt, with or without its indentation, or the whole
    function, in a code block or bare; what a model goes on to write after it is cut away. (The authors'
    released extractor strips the body's indentation, so that a reply which follows the prompt fails.)
    """
    fenced = [found[1] for found in _FENCE.finditer(text)]
    for code in [*fenced, text]:
        for candidate in (_whole(code, prompt, entry_point), _continued(code, prompt, entry_point)):
            if candidate is not None:
                return normalised_code(candidate, rename=False)
    return None


def _whole(code: str, prompt: str, entry_point: str) -> str | None:
    """The completion as a program of its own, after the prompt's imports and helpers."""
    found = re.search(rf"^(?:async )?def {re.escape(entry_point)}\b", code, re.MULTILINE)
    if found is None:
        return None
    before = re.split(rf"^def {re.escape(entry_point)}\b", prompt, maxsplit=1, flags=re.MULTILINE)[0]
    parsed = _longest_program(code, entry_point)
    return None if parsed is None else before + "\n" + parsed


def _continued(code: str, prompt: str, entry_point: str) -> str | None:
    """The completion as the body that continues the prompt."""
    body = code.rstrip()
    if not body.strip():
        return None
    lines = body.strip("\n").split("\n")
    if lines[0][:1] not in (" ", "\t"):
        # the first line often continues the prompt's own last line; then only the rest is indented
        rest = [line for line in lines[1:] if line.strip()]
        whole = any(line[:1] not in (" ", "\t") for line in rest) or not rest
        lines = ["    " + line for line in lines] if whole else ["    " + lines[0], *lines[1:]]
    start = prompt if prompt.endswith("\n") else prompt + "\n"
    return _longest_program(start + "\n".join(lines), entry_point, at_least=start.count("\n") + 1)


def _longest_program(source: str, entry_point: str, at_least: int = 1) -> str | None:
    """The longest leading part of ``source`` that is a program defining the function with a body of its own."""
    lines = source.split("\n")
    for end in range(len(lines), at_least - 1, -1):
        part = "\n".join(lines[:end])
        try:
            tree = ast.parse(part)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        kept = []
        for node in tree.body:
            kept.append(node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == entry_point:
                if all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in node.body):
                    return None
                # what follows the function is talk, tests or another exercise
                return ast.unparse(ast.Module(kept, []))
        return None
    return None


def humaneval_task(path: str, options: Mapping[str, str]) -> HumanEval:
    """The file ``path`` with ``name``, ``style`` and ``seconds`` as options."""
    known = ("name", "style", "seconds")
    for key in options:
        if key not in known:
            raise unknown_name("option of a HumanEval task", key, known)
    style = options.get("style", "completion")
    if style not in _STYLES:
        raise unknown_name("prompt style", style, _STYLES)
    try:
        seconds = float(options.get("seconds", 5))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 600:
        raise BadInput(f"task humaneval: seconds = {options['seconds']!r} is not a time; write a number up to 600")
    return HumanEval(path, options.get("name", ""), style, seconds)


def _read(path: Path) -> tuple[list[dict[str, Any]], str]:
    if not path.is_file():
        raise BadInput(f"{path or 'humaneval'}: no such file; write humaneval:PROBLEMS.jsonl in HumanEval's layout")
    raw = path.read_bytes()
    try:
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as JSON Lines ({error}); save it as UTF-8") from None
    problems: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            problem = json.loads(line)
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            raise BadInput(f"{path}: line {number}: not a JSON object; write one problem a line")
        for key in _KEYS:
            if not isinstance(problem.get(key), str) or not problem[key]:
                raise BadInput(f"{path}: line {number}: {key!r} is missing or not text")
        if problem["task_id"] in seen:
            raise BadInput(f"{path}: line {number}: task_id {problem['task_id']!r} stands there twice")
        seen.add(problem["task_id"])
        problems.append(problem)
    if not problems:
        raise BadInput(f"{path}: holds no problems; write one JSON object a line")
    return problems, hashlib.sha256(raw).hexdigest()
