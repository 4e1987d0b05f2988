"""Answer logs as files: Parquet, JSON Lines and CSV, read with checks and written whole."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pandas as pd

from .answers import AnswerLog
from .atomic import whole_file
from .errors import BadInput
from .logcheck import checked

_ENDINGS = ".parquet, .jsonl, .jsonl.gz or .csv"


def read_log(*paths: str | os.PathLike[str]) -> AnswerLog:
    """Read one answer log, given as one file or as several that hold parts of it.

    Args:
        paths: files ending in .parquet, .jsonl, .jsonl.gz or .csv.
    Raises:
        BadInput: a file that is absent, unreadable or violates the format; names file, row and column.
    """
    if not paths:
        raise BadInput("no answer log given; name at least one file")
    parts = [_read(Path(path)) for path in paths]
    if len(parts) == 1:
        return parts[0]
    source = " + ".join(part.source for part in parts)
    rows, notes = checked(pd.concat([part.rows for part in parts], ignore_index=True), source)
    return AnswerLog(rows, source, notes)


def write_log(log: AnswerLog, path: str | os.PathLike[str]) -> None:
    """Write the log atomically in the format that the ending of ``path`` names."""
    path = Path(path)
    write = _format(path)[1]
    with whole_file(path) as temporary:
        write(log.rows, temporary)


def _read(path: Path) -> AnswerLog:
    read = _format(path)[0]
    if not path.exists():
        raise BadInput(f"{path}: no such file; check the path")
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; name a log file ending in {_ENDINGS}")
    if path.stat().st_size == 0:
        raise BadInput(f"{path}: the file is empty; draw or import some samples first")
    try:
        rows, first_row = read(path)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}); check the file") from None
    return AnswerLog.from_rows(rows, str(path), first_row)


def _read_parquet(path: Path) -> tuple[pd.DataFrame, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pandas(), 1
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).split(". ")[0]
        raise BadInput(f"{path}: not a readable Parquet file ({reason}); write it again or use .jsonl") from None


def _read_jsonl(path: Path) -> tuple[pd.DataFrame, int]:
    rows = []
    with _open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise BadInput(f"{path}: row {number}: not valid JSON ({error.msg}); one object per line") from None
            if not isinstance(row, dict):
                raise BadInput(f"{path}: row {number}: not a JSON object; write one object per line")
            rows.append(row)
    return pd.DataFrame(rows), 1


def _open_text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return open(path, encoding="utf-8")


def _read_csv(path: Path) -> tuple[pd.DataFrame, int]:
    text = dict.fromkeys(("task", "question", "model", "answer", "reference", "text", "correct"), str)
    try:
        # only an empty field is null: "NA" and "None" are answers a model can give
        rows = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""], encoding="utf-8")
    except pd.errors.EmptyDataError:
        raise BadInput(f"{path}: the file is empty; draw or import some samples first") from None
    except pd.errors.ParserError as error:
        raise BadInput(f"{path}: not a readable CSV file ({str(error).strip()}); quote fields with commas") from None
    return rows, 2  # row 1 is the header


def _write_parquet(rows: pd.DataFrame, path: Path) -> None:
    rows.to_parquet(path, index=False, compression="zstd")


def _write_jsonl(rows: pd.DataFrame, path: Path) -> None:
    text = rows.to_json(orient="records", lines=True, force_ascii=False, double_precision=15) or ""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    else:
        path.write_text(text, encoding="utf-8")


def _write_csv(rows: pd.DataFrame, path: Path) -> None:
    rows.to_csv(path, index=False, encoding="utf-8")


_Reader = Callable[[Path], tuple[pd.DataFrame, int]]
_Writer = Callable[[pd.DataFrame, Path], None]
_FORMATS: dict[str, tuple[_Reader, _Writer]] = {
    ".parquet": (_read_parquet, _write_parquet),
    ".jsonl": (_read_jsonl, _write_jsonl),
    ".jsonl.gz": (_read_jsonl, _write_jsonl),
    ".csv": (_read_csv, _write_csv),
}


def _format(path: Path) -> tuple[_Reader, _Writer]:
    for ending, codec in _FORMATS.items():
        if path.name.endswith(ending):
            return codec
    raise BadInput(f"{path}: unknown kind of log file; use an ending of {_ENDINGS}")
