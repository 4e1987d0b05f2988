"""`muxcast scaling`: more models, more samples, or neither."""

from __future__ import annotations

import click

from .options import costs_option, json_option, parse_samples, read_costs


@click.command("scaling")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--samples", help="Samples per model: 1,2,4 or a range 1-16.  [default: 1-16 within the log]")
@click.option("--order", metavar="A,B,C", help="Models in the order they join.  [default: greedy]")
@click.option("--tie-break", metavar="PILOT", help="Log whose accuracies break ties; its questions should be others.")
@costs_option
@json_option
def command(logs, samples, order, tie_break, costs, json_out):
    """Accuracy over models and samples, and the best use of a budget.

    Exact on the log, without Monte Carlo. Says where one more model or sample
    hurts, and how much of it is questions gained and questions lost.

    \b
    Examples:
      muxcast scaling answers.parquet
      muxcast scaling answers.parquet --samples 1,2,4,8 --order a,b,c --json -
    """
    from ..simulate.logfile import read_log
    from ..simulate.scaling import scaling, where_more_hurts
    from ..terminal import points, table, write_json

    log = read_log(*logs)
    found = scaling(
        log,
        parse_samples(samples) if samples else None,
        order=[name.strip() for name in order.split(",")] if order else None,
        tie_break=read_log(tie_break).accuracy() if tie_break else None,
        costs=read_costs(costs, log) if costs else None,
    )
    hurts = where_more_hurts(found)
    if json_out:
        write_json(found.to_json(), json_out)
    if json_out == "-":
        return
    wide = found.grid.pivot(index="size", columns="samples", values="accuracy")
    shown = list(wide.columns)[-10:] if len(wide.columns) > 10 else list(wide.columns)
    rows = [(found.order[size - 1], *(points(wide.loc[size, k]) for k in shown)) for size in wide.index]
    table("Accuracy, percent; each row adds a model", ["model added", *[f"k={k}" for k in shown]], rows)
    plans = {row.budget: row.accuracy for row in found.uneven.itertuples()}
    budget = [
        (
            "+".join(row.models),
            row.size,
            row.samples,
            f"{row.cost:g}",
            points(row.accuracy),
            points(plans.get(row.cost)),
        )
        for row in found.budget.itertuples()
    ]
    table("Best use of a budget", ["models", "size", "k", "cost", "accuracy", "uneven"], budget)
    if len(hurts):
        lines = [
            ("+".join(row.models), row.what, row.samples, *map(points, (row.change, row.gained, row.lost)))
            for row in hurts.head(8).itertuples()
        ]
        table("Where more hurts, points", ["models", "more", "k", "change", "gained", "lost"], lines)
