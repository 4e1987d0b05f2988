"""The report of a folder: whatever results and logs lie in it, under the names the verbs give them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..simulate.atomic import write_text
from ..simulate.errors import BadInput
from .page import report_html
from .results import Results

DOCUMENTS = {
    "forecast": "forecast.json",
    "validation": "validation.json",
    "forecast_new": "forecast-new.json",
    "validation_new": "validation-new.json",
    "replay": "replay.json",
    "plan": "plan.json",
}
"""Which file each part of the report is read from."""
LOGS = ("same", "answers", "log", "pilot")
"""Logs that the pool is taken apart on, the first one found; answers beyond the pilot before the pilot's own."""
_ENDINGS = (".parquet", ".jsonl.gz", ".jsonl", ".csv")
_VERSIONS = ("muxcast", "numpy", "scipy", "jax", "pandas")


def report_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    title: str = "SLM-MUX forecast",
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write the report of everything in ``folder``, and say where.

    Args:
        folder: holds any of forecast.json, validation.json, forecast-new.json, validation-new.json, replay.json,
            plan.json, provenance.json, and logs named same, answers, log or pilot.
        out: the HTML file; default: ``report.html`` in the folder.
        title: heading of the page.
        provenance: names and values to record besides versions and hashes.
    Raises:
        BadInput: no such folder, nothing to report in it, or a file that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: no such folder; give the one that holds forecast.json, validation.json or replay.json"
        )
    found = {part: _read(folder / name) for part, name in DOCUMENTS.items() if (folder / name).is_file()}
    if not {"forecast", "validation", "replay"} & set(found):
        raise BadInput(
            f"{folder}: holds none of forecast.json, validation.json, replay.json; "
            f"write one with `muxcast forecast PILOT --json {folder / 'forecast.json'}`"
        )
    log = next((path for name in LOGS for end in _ENDINGS if (path := folder / f"{name}{end}").is_file()), None)
    used = [folder / DOCUMENTS[part] for part in found] + ([log] if log else [])
    recorded = folder / "provenance.json"
    record = {
        **(_read(recorded) if recorded.is_file() else {}),
        **(provenance or {}),
        "versions": _versions(),
        "sha256": {path.name: _digest(path) for path in used},
    }
    evidence = _evidence(log, found) if log else None
    target = Path(out) if out is not None else folder / "report.html"
    write_text(target, report_html(Results(**found, evidence=evidence, provenance=record), title))
    return target


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{path}: not a readable JSON file ({error}); write it again") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: not a JSON object; write it again with the verb's --json")
    return content


def _evidence(path: Path, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recommended pool taken apart on the log, at as many of its samples as the log has."""
    from ..simulate.anatomy import anatomy
    from ..simulate.logfile import read_log

    log = read_log(path)
    plan = (found.get("plan") or {}).get("recommended") or (found.get("forecast") or {}).get("recommended") or {}
    models = [name for name in plan.get("models", log.models) if name in log.models]
    if not models:
        return None
    reach = int(log.counts(models).samples.min(1).max())
    ties = next((found[part].get("tie_break_accuracy") for part in ("forecast", "replay") if part in found), None)
    known = ties if ties and set(models) <= set(ties) else None
    parts = anatomy(log, models, min(int(plan.get("samples", 8)), reach), known)
    return {"source": path.name, **parts.to_json()}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
