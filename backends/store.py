"""The store of a sampling run: appended to while samples come in, an answer log at the end.

Beside the log LOG.parquet there are LOG.parquet.run.json, the record of what was drawn with which settings,
which stays, and LOG.parquet.partial.jsonl, the samples not yet in the log, which goes when they are.
A run that is killed at any moment loses at most the samples that were still being drawn.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..simulate.answers import AnswerLog
from ..simulate.atomic import write_text
from ..simulate.errors import BadInput
from ..simulate.logcheck import KEY, OPTIONAL, REQUIRED
from ..simulate.logfile import read_log, write_log

Key = tuple[str, str, str, int]
_SYNC_EVERY_S = 1.0


class Store:
    """The samples of one run, on disk.

    Args:
        out: the answer log to be written, in any of its formats.
        settings: what the samples depend on, as nested JSON objects. A part that an earlier run on the same
            log recorded otherwise is refused; parts that only one of the two has are kept.
        allow_changes: take over changed settings instead.
    Raises:
        BadInput: changed settings, a log that no sampling run wrote, or another run writing to it now.
    """

    def __init__(self, out: str | os.PathLike[str], settings: Mapping[str, Any], *, allow_changes: bool = False):
        self.out = Path(out)
        self.record_file = self.out.with_name(self.out.name + ".run.json")
        self.partial_file = self.out.with_name(self.out.name + ".partial.jsonl")
        if not self.out.parent.is_dir():
            raise BadInput(f"{self.out}: the folder {self.out.parent} does not exist; create it or choose another")
        if not self.out.name.endswith((".parquet", ".jsonl", ".jsonl.gz", ".csv")):
            raise BadInput(
                f"{self.out}: unknown kind of log file; use an ending of .parquet, .jsonl, .jsonl.gz or .csv"
            )
        if self.out.exists() and not self.record_file.exists():
            raise BadInput(
                f"{self.out}: exists and no record of a sampling run lies beside it; choose another name for --out"
            )
        try:
            self._handle = os.open(self.partial_file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise BadInput(
                f"{self.out}: cannot write {self.partial_file.name} beside it ({error.strerror}); choose another --out"
            ) from None
        try:
            self._lock()
            self.record = self._open_record(settings, allow_changes)
            self._rows: list[dict[str, Any]] = []
            self.drawn: set[Key] = set()
            self._read_log()
            self._read_partial()
        except BaseException:
            self.close()
            raise
        self._synced = time.monotonic()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                f"{self.out}: another run is writing to it now; wait for it or choose another --out"
            ) from None

    def _open_record(self, settings: Mapping[str, Any], allow_changes: bool) -> dict[str, Any]:
        self._begun = not self.record_file.exists()
        record: dict[str, Any] = {"format": "muxcast-run", "version": 1, "settings": {}, "engines": {}, "failed": []}
        if self.record_file.exists():
            try:
                record.update(json.loads(self.record_file.read_text(encoding="utf-8")))
            except (ValueError, TypeError, OSError) as error:
                raise BadInput(f"{self.record_file}: cannot be read ({error}); choose another name for --out") from None
            changed = _changes(record["settings"], json.loads(json.dumps(settings)))
            if changed and not allow_changes:
                raise BadInput(
                    f"{self.out}: was drawn with other settings ({'; '.join(changed[:3])}); "
                    "use those, another --out, or --allow-changes to mix them"
                )
            if changed:
                record.setdefault("changes", []).append(changed)
        record["settings"] = _merged(record["settings"], settings)
        self._write_record(record)
        return record

    def _write_record(self, record: Mapping[str, Any]) -> None:
        write_text(self.record_file, json.dumps(record, indent=1, ensure_ascii=False) + "\n")

    def _read_log(self) -> None:
        if not self.out.exists():
            return
        rows = read_log(self.out).rows
        self._old = rows
        self.drawn.update(zip(*(rows[name] for name in KEY), strict=True))

    _old: pd.DataFrame | None = None
    _begun = False
    """Whether this run is the first on its log."""

    def _read_partial(self) -> None:
        """Take up what an interrupted run left; a last line that was cut short is removed."""
        with os.fdopen(os.dup(self._handle), "rb") as lines:
            lines.seek(0)
            raw = lines.read()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            os.ftruncate(self._handle, whole)
        for number, line in enumerate(raw[:whole].splitlines(), 1):
            try:
                row = json.loads(line)
                key = (row["task"], row["question"], row["model"], row["sample"])
            except (ValueError, KeyError, TypeError):
                raise BadInput(f"{self.partial_file}: row {number}: not a sample; remove that line") from None
            if key not in self.drawn:
                self.drawn.add(key)
                self._rows.append(row)

    def append(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Keep these samples; those already there are left as they are. Returns how many were new."""
        fresh = []
        for row in rows:
            key = (row["task"], row["question"], row["model"], row["sample"])
            if key not in self.drawn:
                self.drawn.add(key)
                fresh.append(dict(row))
        if fresh:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in fresh).encode("utf-8")
            try:
                _write_all(self._handle, text)
            except OSError as error:
                raise BadInput(
                    f"{self.partial_file}: cannot be written ({error.strerror}); make room, and the same command goes "
                    "on from what was drawn before"
                ) from error
            self._rows += fresh
            if time.monotonic() - self._synced > _SYNC_EVERY_S:
                os.fsync(self._handle)
                self._synced = time.monotonic()
        return len(fresh)

    def drawn_by(self, model: str, engine: Mapping[str, Any]) -> None:
        """Record what draws a model's samples; a resumed run may add a second machine or version."""
        seen = self.record["engines"].setdefault(model, [])
        if dict(engine) not in seen:
            seen.append(dict(engine))
            self._write_record(self.record)

    def compact(self, failed: Sequence[Mapping[str, Any]] = ()) -> AnswerLog | None:
        """Write the answer log, sorted, and drop the partial file; None when nothing was ever drawn.

        Args:
            failed: samples that could not be drawn. They get no row, since a failure says nothing about
                the model; the record beside the log lists them, and the next run tries them again.
        """
        self.record["failed"] = [dict(failure) for failure in failed]
        self._write_record(self.record)
        if not self._rows:
            os.ftruncate(self._handle, 0)
            return None if self._old is None else AnswerLog.from_rows(self._old, str(self.out))
        parts = [pd.DataFrame(self._rows)] if self._old is None else [self._old, pd.DataFrame(self._rows)]
        rows = pd.concat([_typed(part) for part in parts], ignore_index=True)
        log = AnswerLog.from_rows(rows, str(self.out))
        write_log(log, self.out)
        # only now may the partial file go: until here a kill leaves both, and equal samples count once
        self._old, self._rows = log.rows, []
        os.ftruncate(self._handle, 0)
        return log

    def close(self) -> None:
        """Let go of the files; an empty partial file is removed."""
        if self._handle < 0:
            return
        os.fsync(self._handle)
        if os.fstat(self._handle).st_size == 0 and self.out.exists():
            self.partial_file.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = -1

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        if self._begun and not self.drawn and error[0] is not None:  # what never began leaves nothing behind
            self.partial_file.unlink(missing_ok=True)
            self.record_file.unlink(missing_ok=True)
        self.close()


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """The same column types whether rows come from a log or from the run, so that joining changes none."""
    kinds: dict[str, Any] = {"prompt_tokens": "Int64", "completion_tokens": "Int64", "seed": "Int64"}
    kinds |= {"latency_s": "float64", "temperature": "float64"}
    known = [name for name in (*REQUIRED, *OPTIONAL) if name in rows]
    extra = [name for name in rows if name not in known]
    rows = rows.reindex(columns=[*known, *extra])
    for name, kind in kinds.items():
        if name in rows:
            rows[name] = rows[name].astype(kind)
    return rows


def _write_all(handle: int, text: bytes) -> None:
    while text:
        text = text[os.write(handle, text) :]


def _changes(old: Any, new: Any, place: str = "") -> list[str]:
    """What both have and have differently, as sentences."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for key in sorted(old.keys() & new.keys()):
            found += _changes(old[key], new[key], f"{place}.{key}" if place else key)
        return found
    return [] if old == new else [f"{place} was {json.dumps(old)}, now {json.dumps(new)}"]


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = {**old, **new}
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(old.get(key), Mapping):
            both[key] = _merged(old[key], value)
    return both
