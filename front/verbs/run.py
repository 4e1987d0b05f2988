"""muxcast run: a whole task through a pool."""

from __future__ import annotations

import click

from .. import terminal
from .options import asked_option, json_option, members_option, read_members, rule_option, seed_option, tie_break_option
from .watching import watching


@click.command(
    epilog="""\b
Examples:
  muxcast run pool.toml --task facts.jsonl --questions 50 --out run
  muxcast run pool.toml --task gsm8k:test.json --questions 9 --out run
"""
)
@click.argument("pool_file", metavar="POOL", type=click.Path())
@click.option("--task", "tasks", required=True, multiple=True, metavar="T",
              help="What to ask: NAME[:ARGUMENT][?key=value], or a .jsonl file. May be repeated.")  # fmt: skip
@click.option("--questions", type=click.IntRange(1), required=True, metavar="N", help="Questions of each task.")
@asked_option
@rule_option
@tie_break_option
@members_option
@click.option("--out", required=True, metavar="DIR", type=click.Path(),
              help="Folder for answers.parquet, decisions.jsonl and run.json.")  # fmt: skip
@seed_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    pool_file: str,
    tasks: tuple[str, ...],
    questions: int,
    samples: int,
    rule: str,
    pilot: str | None,
    models: str | None,
    out: str,
    seed: int,
    json_out: str | None,
) -> None:
    """Ask a task of the pool; for every question the multiplexer returns one answer.

    The samples are an answer log like any other, so an interrupted run is
    resumed by the same command, and the log can be replayed under other rules.
    Exit code 1 when some samples could not be drawn.
    """
    import json
    from pathlib import Path

    from ..backends.deciding import judged, summary
    from ..backends.multiplexer import Multiplexer
    from ..backends.sampling import sample
    from ..backends.tasks import task_named
    from ..backends.validation_accuracy import validation_accuracy
    from ..simulate.atomic import write_text
    from ..simulate.errors import BadInput
    from ..simulate.logfile import read_log

    pool = read_members(pool_file, models)
    names = [spec.name for spec in pool.models]
    log = read_log(pilot) if pilot else None
    # set up before anything is drawn, so that a rule that cannot decide is refused at once
    multiplexer = Multiplexer(
        names, validation_accuracy(log, names), rule=rule, samples=samples, pilot=log, seed=seed
    )  # fmt: skip
    chosen = [task_named(spec) for spec in tasks]
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {out}: cannot be made a folder ({error.strerror}); choose another name") from None
    with terminal.progress("sampling") as bar:
        drawn = sample(
            pool, chosen, questions, samples, folder / "answers.parquet", seed=seed, watch=watching(bar)
        )  # fmt: skip
    if drawn.log is None:
        raise BadInput(f"no model answered: {drawn.failed[0]['error'] if drawn.failed else 'nothing was drawn'}")
    asked = drawn.log.select(keep=(drawn.log.rows["sample"] < samples).to_numpy())
    results = judged(multiplexer, asked)
    report = {"seed": seed, "samples": samples, **summary(multiplexer, results, asked), "failed": drawn.failed}
    write_text(folder / "decisions.jsonl",
               "".join(json.dumps(one.to_json(), ensure_ascii=False) + "\n" for one in results))  # fmt: skip
    terminal.write_json(report, str(folder / "run.json"))
    if json_out:
        terminal.write_json(report, json_out)
    if json_out != "-":
        rows = [
            (
                name,
                terminal.points(report["single_sample_accuracy"].get(name)),
                report["credited"][name],
                report["credited_correct"][name],
            )
            for name in names
        ]
        told = f"{terminal.points(report['accuracy'])} % right on {report['questions']} questions"
        terminal.table(
            f"{rule}: {told}", ("model", "one sample %", "credited", "and right"), rows,
            caption=f"answers, decisions and report in {folder}",
        )  # fmt: skip
    if multiplexer.accuracy is None:
        terminal.note("ties went to the model listed first in the pool file; --pilot breaks them by accuracy")
    if drawn.failed:
        terminal.note(
            f"{sum(len(one['samples']) for one in drawn.failed)} samples failed; the same command retries them"
        )
        ctx.exit(1)
