"""`muxcast search`: which models to put in a pool."""

from __future__ import annotations

import re

import click

from ..simulate.errors import BadInput
from .options import costs_option, json_option, read_costs, seed_option


def _sizes(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if not match:
        raise BadInput(f"--size {text!r} is not a number or a range; write 3 or 2-5")
    return int(match[1]), int(match[2] or match[1])


@click.command("search")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option(
    "--objective",
    default="accuracy",
    show_default=True,
    metavar="NAME",
    help="accuracy, paper, paper-plotted or reference-code.",
)
@click.option("--samples", type=click.IntRange(1), help="Samples per model.  [default: 3, or all there are]")
@click.option("--size", help="Models in a pool: 3 or a range 2-5.  [default: any]")
@click.option("--tie-break", metavar="PILOT", help="Log whose accuracies break ties; its questions should be others.")
@costs_option
@click.option("--max-cost", type=float, help="Most a question may cost: samples times costs, over the pool.")
@click.option("--folds", type=click.IntRange(0), default=5, show_default=True, help="Folds of the honest score.")
@click.option("--top", type=click.IntRange(1), default=100, show_default=True, help="Pools kept in the ranking.")
@click.option("--rows", type=click.IntRange(1), default=10, show_default=True, help="Rows in the printed table.")
@click.option("--seconds", type=float, default=10.0, show_default=True, help="Time to prove the best beyond 20 models.")
@click.option("--plot", metavar="FILE", help="Draw the curves over pool size to FILE (.png, .svg or .pdf).")
@seed_option
@json_option
def command(
    logs, objective, samples, size, tie_break, costs, max_cost, folds, top, rows, seconds, plot, seed, json_out
):
    """Which models to put in a pool, and an honest score of the choice.

    Scores every pool of up to 20 models exactly; beyond that, beam search with
    a proved bound. The honest score chooses on some questions and scores on
    others, because the best of many pools looks better than it is.

    \b
    Examples:
      muxcast search answers.parquet
      muxcast search answers.parquet --samples 5 --size 2-4 --json search.json
      muxcast search answers.parquet --objective paper-plotted --plot curves.png
    """
    from ..simulate.logfile import read_log
    from ..simulate.search import search
    from ..terminal import note, points, table, write_json

    sizes = _sizes(size) if size else None
    order = read_log(tie_break).accuracy() if tie_break else None
    log = read_log(*logs)
    result = search(
        log,
        samples,
        objective,
        sizes=sizes,
        tie_break=order,
        costs=read_costs(costs, log) if costs else None,
        max_cost=max_cost,
        folds=folds,
        seed=seed,
        top=top,
        seconds=seconds,
    )
    for remark in result.notes:
        note(f"note: {remark}")
    if plot:
        from ..plots.pools import draw_search

        draw_search(result, plot)
    if json_out:
        write_json(result.to_json(), json_out)
    if json_out == "-":
        return
    frame = result.to_frame().head(rows)
    figures = [
        (row.models, *map(points, (row.score, row.accuracy, row.union, row.contradiction)))
        for row in frame.itertuples()
    ]
    title = f"{result.pools:,} pools, k = {result.samples}, {result.questions} questions; by {objective}, percent"
    table(title, ["models", "score", "accuracy", "union", "contra"], figures)
    curve = [
        (row.size, *map(points, (row.score, row.accuracy, row.union, row.contradiction, row.random_accuracy)))
        if "random_accuracy" in result.curves
        else (row.size, *map(points, (row.score, row.accuracy, row.union, row.contradiction)), "-")
        for row in result.curves.itertuples()
    ]
    table("Best pool of each size", ["size", "score", "accuracy", "union", "contra", "random"], curve)
    if result.honest:
        _say_honest(result.honest)


def _say_honest(honest) -> None:
    from ..terminal import points

    click.echo(
        f"Accuracy of the best pool on the questions it was chosen on: {points(honest.optimistic)}\n"
        f"Honest, chosen and scored on different questions:           {points(honest.honest)} ± "
        f"{points(honest.honest_sd)}\n"
        f"Best single model in the same way:                          {points(honest.single)} ± "
        f"{points(honest.single_sd)}\n"
        f"Honest gain over it, in points:                             {100 * honest.gain:+.1f} ± "
        f"{points(honest.gain_sd)}"
    )
