"""Questions in subgroups: by task, and within a task by a column of the log such as a subject or a level."""

from __future__ import annotations

from .answers import AnswerLog
from .errors import BadInput, unknown_name
from .logcheck import OPTIONAL, REQUIRED

MOST = 50
"""More subgroups than this are taken for a mistake: a column that names questions, or measures something."""


def subgroups_of(log: AnswerLog, column: str | None) -> dict[tuple[str, str], str]:
    """The subgroup of every (task, question): its task, or ``task: value`` where a column is named.

    Args:
        log: the answers.
        column: a column of the log beyond those of the format, constant over a question's rows; None for tasks
            alone. A question without a value belongs to its task's unnamed subgroup, ``task``.
    Raises:
        BadInput: no such column, a question with two values, or more than `MOST` subgroups.
    """
    if column is None:
        return {pair: pair[0] for pair in log.questions}
    extra = [name for name in log.rows.columns if name not in (*REQUIRED, *OPTIONAL)]
    if column not in extra:
        if not extra:
            raise BadInput(
                f"{log.source}: has no column {column!r}, nor any beyond the format's own; add it to the log"
            )
        raise unknown_name(f"column in {log.source}", column, extra)
    rows = log.rows[["task", "question", column]].dropna().drop_duplicates()
    twice = rows.duplicated(["task", "question"])
    if twice.any():
        task, question, _ = rows[twice].iloc[0]
        raise BadInput(f"{log.source}: column {column}: question {task}/{question} has two values; give it one")
    found = {pair: pair[0] for pair in log.questions}
    found |= {(task, question): f"{task}: {value}" for task, question, value in rows.itertuples(index=False, name=None)}
    if (count := len(set(found.values()))) > MOST:
        raise BadInput(
            f"{log.source}: column {column} makes {count} subgroups of {len(found)} questions; "
            f"name one with few values, at most {MOST} in all"
        )
    return found
