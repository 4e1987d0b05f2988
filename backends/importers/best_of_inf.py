"""Analysis files of Best-of-∞ (Komiyama et al. 2025): analysis_TASK_MODEL.jsonl, answers with their token counts.

They hold extracted answers and no completions, so answers are only brought to their canonical spelling. A
multiple-choice answer that is no letter is a blank.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from .foreign import Foreign, files_in, json_rows, needed

_KEYS = ("problem_num", "gold_answer", "all_answers")


def read(paths: Sequence[Path]) -> tuple[list[Foreign], list[str]]:
    """The samples of analysis files, and notes.

    Raises:
        BadInput: not such a file, or files whose problems are numbered differently.
    """
    samples: list[Foreign] = []
    golds: dict[tuple[str, str], str] = {}
    for path in files_in(paths, ("analysis_*.jsonl",), "analysis files"):
        name = re.fullmatch(r"analysis_(.+)_([^_]+)\.jsonl", path.name)
        if not name:
            raise BadInput(f"{path}: not named analysis_TASK_MODEL.jsonl; that is where task and model stand")
        for place, row in json_rows(path):
            needed(row, _KEYS, place, "Best-of-∞ analysis file")
            question, gold = f"{int(row['problem_num']):04d}", str(row["gold_answer"])
            if golds.setdefault((name[1], question), gold) != gold:
                raise BadInput(
                    f"{place}: problem {question} has the gold answer {gold!r}, in an earlier file "
                    f"{golds[name[1], question]!r}; the files number their problems differently"
                )
            samples += [_sample(entry, name[1], question, name[2], gold, place) for entry in row["all_answers"]]
    return samples, []


def _sample(entry: Any, task: str, question: str, model: str, gold: str, place: str) -> Foreign:
    answer, tokens = (entry[0], entry[1]) if isinstance(entry, list) and len(entry) > 1 else (entry, None)
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    if answer is not None and not isinstance(answer, (str, int, float)):
        raise BadInput(f"{place}: 'all_answers' holds {type(answer).__name__}; expected [answer, tokens] pairs")
    text = None if answer is None else str(answer)
    return Foreign(task, question, model, (gold,), None, text, completion_tokens=tokens, place=place)
