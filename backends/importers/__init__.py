"""Answer logs of other tools, read into this project's own.

Adding a format is a file here that yields :class:`foreign.Foreign` samples, and a line in ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ...simulate.errors import BadInput, unknown_name
from .foreign import Foreign, Imported, answer_log

# name -> module; each has read(paths) -> (samples, notes)
FORMATS: dict[str, str] = {
    "lm-eval": "lm_eval",
    "inspect": "inspect_log",
    "every-eval-ever": "every_eval_ever",
    "slm-mux": "slm_mux",
    "best-of-inf": "best_of_inf",
}


def import_logs(
    name: str,
    paths: Sequence[str | Path],
    *,
    answers: str | None = None,
    task: str | None = None,
    rename: dict[str, str] | None = None,
) -> Imported:
    """Logs of the format ``name`` as one answer log.

    Args:
        name: one of ``FORMATS``.
        paths: files, or folders that are searched for files of the format.
        answers: kind of answer by which completions are read again (see ``backends/tasks/kinds.py``);
            by default the kind that suits the task's name.
        task: one name for the task instead of the log's.
        rename: other names for models.
    Raises:
        BadInput: files of another format, or that hold no answers; names file and row.
    """
    if name not in FORMATS:
        raise unknown_name("log format", name, FORMATS)
    found = [Path(path).expanduser() for path in paths]
    if not found:
        raise BadInput("no file to import; name at least one")
    for path in found:
        if not path.exists():
            raise BadInput(f"{path}: no such file or folder; check the path")
    try:
        samples, notes = import_module(f".{FORMATS[name]}", __name__).read(found)
    except (TypeError, AttributeError, KeyError, IndexError) as error:  # a field of another kind than the tool writes
        raise BadInput(
            f"{', '.join(map(str, found[:3]))}: not laid out as {name} logs are ({type(error).__name__}: {error}); "
            "check what wrote them"
        ) from error
    return answer_log(samples, notes, name, answers, task, rename or {})


__all__ = ["FORMATS", "Foreign", "Imported", "import_logs"]
