"""`muxcast report`: a folder of results as one HTML page."""

from __future__ import annotations

import click

from .options import json_option


@click.command("report")
@click.argument("run_dir", metavar="RUN_DIR")
@click.option("--out", metavar="FILE", help="The HTML file.  [default: RUN_DIR/report.html]")
@click.option("--title", default="SLM-MUX forecast", show_default=True, help="Heading of the page.")
@json_option
def command(run_dir, out, title, json_out):
    """One self-contained HTML page from a folder of results.

    Reads what it finds in RUN_DIR of forecast.json, validation.json,
    forecast-new.json, validation-new.json, replay.json and plan.json, as the
    verbs write them with --json, and a log named same, answers, log or pilot,
    on which the recommended pool is taken apart. The page needs no network:
    mail it, print it, open it on a phone.

    \b
    Examples:
      muxcast report muxcast-quickstart
      muxcast report run7 --out run7.html --title "Grading pool, March"
    """
    from ..report import report_folder

    written = report_folder(run_dir, out, title=title)
    if json_out != "-":
        click.echo(str(written))
    if json_out:
        from ..terminal import write_json

        write_json({"format": "muxcast-report", "version": 1, "report": str(written), "title": title}, json_out)
