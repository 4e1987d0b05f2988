"""`muxcast validate`: a forecast held against real answers."""

from __future__ import annotations

import sys

import click

from .options import json_option, seed_option


@click.command("validate")
@click.argument("forecast", metavar="FORECAST")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--top", type=click.IntRange(1), default=12, show_default=True, help="Rows in the printed table.")
@seed_option
@json_option
def command(forecast, logs, top, seed, json_out):
    """Score a forecast against what really happened.

    LOG holds answers the pilot did not have: more samples of its questions
    (forecast with --target same) or other questions (--target new). Exits with
    1 when the answers refute the forecast.

    \b
    Examples:
      muxcast validate forecast.json rest.parquet
      muxcast validate forecast.json run.parquet --json validation.json
    """
    from ..simulate.logfile import read_log
    from ..simulate.validation import read_forecast, validate
    from ..terminal import note, write_json

    result = validate(read_forecast(forecast), read_log(*logs), seed=seed)
    for remark in result.notes:
        note(f"note: {remark}")
    if json_out:
        write_json(result.to_json(), json_out)
    if json_out != "-":
        show(result, top)
    sys.exit(1 if result.refuted else 0)


def show(result, top: int = 12) -> None:
    """Print the verdict, the summary and the cells that were forecast highest."""
    from ..terminal import points, table

    frame = result.to_frame().sort_values("mean", ascending=False, kind="stable").head(top)
    rows = [
        (
            row.models,
            row.rule,
            row.samples,
            points(row.mean),
            f"{points(row.lower)}-{points(row.upper)}",
            points(row.observed),
            "yes" if row.inside else "no",
        )
        for row in frame.itertuples()
    ]
    head = ["models", "rule", "k", "forecast", f"{100 * result.level:.0f} %", "observed", "in"]
    table(f"{len(result.cells)} cells on {result.questions} questions; highest {len(rows)}, percent", head, rows)
    s = result.summary
    gain = "" if s["gain_mae"] is None else f", gain error {points(s['gain_mae'])}"
    regret = "" if s["regret"] is None else f", regret {points(s['regret'])}"
    click.echo(
        f"error {points(s['mae'])} points, bias {100 * s['bias']:+.1f}, "
        f"coverage {points(s['coverage'])} %{gain}{regret}"
    )
    click.echo(f"verdict: the forecast {'is refuted' if result.refuted else 'stands'}")
