"""muxcast import: bring another tool's log into an answer log."""

from __future__ import annotations

import click

from .. import terminal
from .options import json_option


@click.command(
    name="import",
    epilog="""\b
Formats:
  lm-eval          samples_*.jsonl of lm_eval --log_samples, or a folder
  inspect          .eval and .json logs of inspect_ai; epochs are samples
  every-eval-ever  instance files (JSON Lines)
  slm-mux          response files of the SLM-MUX authors' collect commands
  best-of-inf      analysis_TASK_MODEL.jsonl of Best-of-infinity
\b
Examples:
  muxcast import lm-eval results/ --out pilot.parquet
  muxcast import inspect logs/*.eval --answers number --out pilot.parquet
  muxcast import best-of-inf analysis_gpqa_*.jsonl --out gpqa.parquet
""",
)
@click.argument("format_name", metavar="FORMAT")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option("--out", required=True, metavar="LOG", type=click.Path(), help="Answer log to write.")
@click.option(
    "--answers", metavar="KIND",
    help="How answers are read again: number, math, letter, short, line, exact or final. Default: by the task's name.",
)  # fmt: skip
@click.option("--task", metavar="NAME", help="Name of the task, instead of the log's.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Another name for a model. May be repeated.")
@json_option
def command(
    format_name: str,
    paths: tuple[str, ...],
    out: str,
    answers: str | None,
    task: str | None,
    rename: tuple[str, ...],
    json_out: str | None,
) -> None:
    """Bring the log of another tool into an answer log.

    Answers are read again from the completions, so that equal answers of
    different models are equal, and judged again; where the log's own verdicts
    differ, that is said.
    """
    from ..backends.importers import import_logs
    from ..simulate.errors import BadInput
    from ..simulate.logfile import write_log

    names = {}
    for pair in rename:
        old, mark, new = pair.partition("=")
        if not mark or not old or not new:
            raise BadInput(f"--rename {pair!r}: write OLD=NEW")
        names[old] = new
    log, notes = import_logs(format_name, paths, answers=answers, task=task, rename=names)
    write_log(log, out)
    summary = []
    for (name, model), rows in log.rows.groupby(["task", "model"], sort=True):
        per_question = rows.groupby("question").size()
        fewest, most = int(per_question.min()), int(per_question.max())
        summary.append(
            {
                "task": name,
                "model": model,
                "questions": len(per_question),
                "samples": [fewest, most],
                "correct": float(rows["correct"].mean()),
                "blank": float(rows["answer"].isna().mean()),
            }
        )
    if json_out != "-":
        lines = [
            (
                f"{row['task']}: {row['model']}",
                row["questions"],
                "-".join(map(str, sorted(set(row["samples"])))),
                terminal.points(row["correct"]),
                terminal.points(row["blank"]),
            )
            for row in summary
        ]
        terminal.table(out, ("task: model", "questions", "samples", "right %", "blank %"), lines)
    for text in notes:
        terminal.note(text)
    if json_out:
        terminal.write_json(
            {"format": "muxcast-import", "version": 1, "log": str(out), "models": summary, "notes": notes}, json_out
        )
