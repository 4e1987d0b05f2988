"""`muxcast quickstart`: the whole job on the recorded example pool."""

from __future__ import annotations

import sys

import click

from .options import json_option, seed_option


@click.command("quickstart")
@click.option("--out", default="muxcast-quickstart", show_default=True, metavar="DIR", help="Folder for the results.")
@seed_option
@json_option
def command(out, seed, json_out):
    """The whole job on the recorded example pool, offline.

    Three small language models answered 32 times each on real vLLM. Four
    samples a question on half of the questions are the pilot; a forecast is
    made from them, and the rest of the answers judge it: the remaining samples
    of the same questions, and the other half of the questions.

    Writes the forecasts, their validations, report.html and three plots to
    DIR. Exits with 1 when the answers refute a forecast.

    \b
    Examples:
      muxcast quickstart
      muxcast quickstart --out /tmp/first --seed 3
    """
    from pathlib import Path

    from ..example import example_pool
    from ..terminal import steps, write_json

    folder = Path(out)
    with steps(7) as step:
        step("read the recorded pool")
        from ..trial import run_trial, save_trial

        trial = run_trial(example_pool(), seed=seed, step=step)
        step("draw the plots and write the report")
        from ..example import example_provenance
        from ..picture import draw_trial
        from ..report import report_folder

        save_trial(trial, folder, example_provenance())
        draw_trial(trial, folder)
        report_folder(folder, title="SLM-MUX on the example pool")
    if json_out:
        summaries = {"same": trial.same_judged.to_json(), "new": trial.new_judged.to_json()}
        write_json({"format": "muxcast-quickstart", "version": 1, "seed": seed, **summaries}, json_out)
    if json_out != "-":
        _show(trial, folder)
    sys.exit(1 if trial.same_judged.refuted or trial.new_judged.refuted else 0)


def _show(trial, folder) -> None:
    from ..terminal import points, table

    pilot = trial.split.pilot
    each = int(pilot.samples_per_question.to_numpy().max())
    click.echo(
        f"Pilot: {len(pilot.models)} models, {len(pilot.questions)} questions of {len(pilot.tasks)} tasks, "
        f"{each} samples each.\n"
    )
    rows = []
    for name, judged in (("same questions, more samples", trial.same_judged), ("new questions", trial.new_judged)):
        s = judged.summary
        gain = points(s["gain_mae"])
        rows.append((name, len(judged.cells), points(s["mae"]), gain, points(s["coverage"]), s["verdict"]))
    head = ["forecast for", "cells", "error", "gain error", "in 90 %", "verdict"]
    table("Forecasts held against real answers (error in points, coverage in percent)", head, rows)
    chosen = trial.same.to_json()["recommended"]
    if chosen:
        click.echo(f"\nRecommended: {chosen['rule']} of {' + '.join(chosen['models'])} at k = {chosen['samples']}.")
        click.echo(chosen["why"])
    click.echo(f"\nOpen {folder / 'report.html'}; plots and JSON are beside it.")
