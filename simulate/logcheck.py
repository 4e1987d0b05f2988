"""The checks an answer log must pass, each a refusal that names the place and the remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .errors import BadInput

KEY = ["task", "question", "model", "sample"]
REQUIRED = [*KEY, "answer", "correct"]
OPTIONAL = [
    "reference",
    "prompt_tokens",
    "completion_tokens",
    "latency_s",
    "finish_reason",
    "temperature",
    "seed",
    "engine",
    "text",
]

_INTEGERS = {"sample": False, "prompt_tokens": True, "completion_tokens": True}
_TRUE = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def checked(rows: pd.DataFrame, source: str, first_row: int = 1) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows in canonical types and order, with notes on what is ragged.

    Raises:
        BadInput: the first violation, as one sentence with source, row and column.
    """
    missing = [name for name in REQUIRED if name not in rows.columns]
    if missing:
        raise BadInput(
            f"{source}: missing column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}; "
            f"an answer log needs {', '.join(REQUIRED)}"
        )
    if rows.empty:
        raise BadInput(f"{source}: the file has no rows; draw or import some samples first")
    place = _Place(source, first_row)
    extra = [name for name in rows.columns if name not in REQUIRED]
    rows = rows.loc[:, [*REQUIRED, *sorted(extra, key=_order)]].reset_index(drop=True)
    for name in ("task", "question", "model"):
        rows[name] = _text(rows[name], name, place, nullable=False)
    for name, nullable in _INTEGERS.items():
        if name in rows:
            rows[name] = _whole(rows[name], name, place, nullable)
    rows["answer"] = _text(rows["answer"], "answer", place, nullable=True)
    if "reference" in rows:
        rows["reference"] = _text(rows["reference"], "reference", place, nullable=True)
    rows["correct"] = _truth(rows["correct"], place)
    _refuse_correct_blank(rows, place)
    _refuse_two_verdicts(rows, place)
    _refuse_duplicates(rows, place)
    rows = rows.sort_values(KEY, kind="stable").reset_index(drop=True)
    return rows, _ragged(rows, source)


class _Place:
    def __init__(self, source: str, first_row: int):
        self.source, self.first_row = source, first_row

    def refuse(self, bad: np.ndarray, column: str, problem: str) -> None:
        """Raise for the first True of ``bad``."""
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise BadInput(f"{self.source}: row {row + self.first_row}: column {column!r}: {problem}")


def _order(name: str) -> tuple[int, str]:
    return (OPTIONAL.index(name), "") if name in OPTIONAL else (len(OPTIONAL), name)


def _text(column: pd.Series, name: str, place: _Place, nullable: bool) -> pd.Series:
    values = column.to_numpy(object)
    null = pd.isna(column).to_numpy()
    if not nullable:
        place.refuse(null, name, "is null; every sample needs one")
    if pd.api.types.is_float_dtype(column) or pd.api.types.is_bool_dtype(column):
        kind = "true/false values" if pd.api.types.is_bool_dtype(column) else "numbers"
        if not null.all():
            place.refuse(
                ~null,
                name,
                f"holds {kind}, not text; write it as strings so that equal text means equal answers",
            )
    if pd.api.types.is_integer_dtype(column):
        values = np.array([None if gone else str(value) for value, gone in zip(values, null, strict=True)], object)
    else:
        wrong = np.array([not gone and not isinstance(value, str) for value, gone in zip(values, null, strict=True)])
        place.refuse(wrong, name, "is not text; write it as a string so that equal text means equal answers")
        values = np.where(null, None, values)
    if not nullable:
        place.refuse(np.array([value == "" for value in values]), name, "is empty; every sample needs one")
    return pd.Series(values, dtype=object, name=name)


def _whole(column: pd.Series, name: str, place: _Place, nullable: bool) -> pd.Series:
    number = pd.to_numeric(column, errors="coerce")
    null = pd.isna(column).to_numpy()
    value = number.to_numpy(float, na_value=np.nan)
    if not nullable:
        place.refuse(null, name, "is null; every sample needs its index, counted from 0")
    place.refuse(~null & ~np.isfinite(value), name, "is not a number; use a whole number of at least 0")
    place.refuse(~null & (value != np.floor(value)), name, "is not a whole number; use a whole number of at least 0")
    place.refuse(~null & (value < 0), name, "is negative; use a whole number of at least 0")
    if nullable:
        return pd.Series(np.where(null, np.nan, value), name=name).astype("Int64")
    return pd.Series(value.astype(np.int64), name=name)


def _truth(column: pd.Series, place: _Place) -> pd.Series:
    if pd.api.types.is_bool_dtype(column) and not column.isna().any():
        return column.astype(bool)
    null = pd.isna(column).to_numpy()
    place.refuse(null, "correct", "is null; say true or false for every sample (a blank answer is false)")
    mapped = [_TRUE.get(str(value).strip().lower()) for value in column]
    place.refuse(np.array([value is None for value in mapped]), "correct", "is neither true nor false; use one of them")
    return pd.Series(mapped, dtype=bool, name="correct")


def _refuse_correct_blank(rows: pd.DataFrame, place: _Place) -> None:
    bad = (rows["correct"] & rows["answer"].isna()).to_numpy()
    place.refuse(bad, "correct", "is true for a blank answer; a null answer is never correct, set it to false")


def _refuse_two_verdicts(rows: pd.DataFrame, place: _Place) -> None:
    named = rows[rows["answer"].notna()]
    first = named.groupby(["task", "question", "answer"], sort=False)["correct"].transform("first")
    clash = (first != named["correct"]).to_numpy()
    if clash.any():
        row = named.index[np.flatnonzero(clash)[0]]
        answer, question = named.loc[row, "answer"], named.loc[row, "question"]
        bad = np.zeros(len(rows), bool)
        bad[row] = True
        place.refuse(
            bad,
            "correct",
            f"answer {answer!r} to question {question!r} is judged both correct and wrong; "
            "give equal answers one verdict",
        )


def _refuse_duplicates(rows: pd.DataFrame, place: _Place) -> None:
    again = rows.duplicated(KEY).to_numpy()
    if again.any():
        row = rows.iloc[int(np.flatnonzero(again)[0])]
        place.refuse(
            again,
            "sample",
            f"duplicate sample {row['sample']} of model {row['model']!r} on question {row['question']!r}; "
            "keep one row of each (task, question, model, sample)",
        )


def _ragged(rows: pd.DataFrame, source: str) -> list[str]:
    size = rows.groupby(["task", "question", "model"]).size().unstack("model", fill_value=0)
    common = (size > 0).all(axis=1)
    if not common.any():
        raise BadInput(
            f"{source}: no common question: no question was answered by all of {', '.join(size.columns)}; "
            "drop a model or add its answers"
        )
    notes = []
    if not common.all():
        absent = (size == 0).sum()
        worst = ", ".join(f"{name} lacks {count}" for name, count in absent[absent > 0].items())
        notes.append(
            f"{int((~common).sum())} of {len(size)} questions lack a model ({worst}); "
            "pools are compared on the questions all models answered"
        )
    seen = size.to_numpy()[size.to_numpy() > 0]
    if seen.min() != seen.max():
        notes.append(f"samples per question and model range from {seen.min()} to {seen.max()}")
    return notes
