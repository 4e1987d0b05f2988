"""Questions as benchmarks publish them: JSON, JSON Lines, CSV or Parquet files, or data sets of the hub."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...simulate.errors import BadInput

_ENDINGS = ".json, .jsonl, .csv or .parquet"


class Records(NamedTuple):
    """The records of one file or data set, as it names their fields."""

    rows: list[dict[str, Any]]
    source: str
    """File name, or what the hub calls the data set; used in messages and records."""
    digest: str
    """SHA-256 of the file, or of the rows of a hub data set."""


def read_records(path: str | Path, headless: Sequence[str] = ()) -> Records:
    """The records of a local file.

    Args:
        path: the file.
        headless: names of the columns of a CSV file without a header, which is one that has as many and whose
            first row already ends in an answer, the name of another column.
    Raises:
        BadInput: a file that is absent, of an unknown kind or malformed, naming the row.
    """
    path = Path(path).expanduser()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if path.suffix == ".parquet":
        rows = _parquet(path)
    elif path.suffix in (".json", ".jsonl", ".csv"):
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
        if path.suffix == ".csv":
            rows = _csv(text, headless)
        else:
            rows = _json(text, path) if path.suffix == ".json" else _jsonl(text, path)
    else:
        raise BadInput(f"{path}: unknown kind of question file; use an ending of {_ENDINGS}")
    if not rows:
        raise BadInput(f"{path}: holds no questions; use a file with at least one")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise BadInput(f"{path}: row {number}: not an object with named fields; use one object a question")
    return Records(rows, path.name, hashlib.sha256(raw).hexdigest())


def hub_records(name: str, config: str | None, split: str) -> Records:
    """The records of a data set on the Hugging Face hub, downloaded where it is not cached yet.

    Raises:
        BadInput: the library is missing, or the data set cannot be had.
    """
    try:
        from datasets import load_dataset
    except ImportError:
        raise BadInput("tasks from the hub need the library datasets: pip install 'muxcast[hub]'") from None
    try:
        rows = [dict(row) for row in load_dataset(name, config, split=split)]
    except Exception as error:  # the library raises many kinds, all meaning that the data cannot be had
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadInput(f"data set {name}: cannot be loaded ({reason}); name a local file instead") from None
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()
    return Records(rows, f"{name}/{config}/{split}" if config else f"{name}/{split}", digest)


def field_of(row: Mapping[str, Any], names: Iterable[str], place: str) -> Any:
    """The first of the fields ``names`` that the row has and that is not empty.

    Raises:
        BadInput: it has none of them.
    """
    names = list(names)
    for name in names:
        if row.get(name) not in (None, ""):
            return row[name]
    raise BadInput(f"{place}: has no field {' or '.join(map(repr, names))} (it has {', '.join(map(str, row))})")


def subject_of(row: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """What kind of question a row says it is: the first of the fields ``names`` that the row has; None if empty."""
    found = next((row[name] for name in names if name in row), None)
    return None if found in (None, "") else str(found)


def short_id(text: str) -> str:
    """An id made of a question's own text, so that the order of a file changes no id."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:10]


def _json(text: str, path: Path) -> list[Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: line {error.lineno}: not valid JSON ({error.msg}); correct the file") from None
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list)]
        if len(lists) == 1:
            return lists[0]
    if not isinstance(content, list):
        raise BadInput(f"{path}: not a list of questions; write a JSON list with one object a question")
    return content


def _jsonl(text: str, path: Path) -> list[Any]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise BadInput(f"{path}: row {number}: not valid JSON ({error.msg}); write one object a line") from None
    return rows


def _csv(text: str, headless: Sequence[str]) -> list[Any]:
    first = next(csv.reader(io.StringIO(text, newline="")), [])
    bare = bool(first) and len(first) == len(headless) and first[-1].strip() in headless[:-1]
    return list(csv.DictReader(io.StringIO(text, newline=""), headless if bare else None))


def _parquet(path: Path) -> list[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{path}: not a readable Parquet file ({str(error).split('. ')[0]})") from None
