"""`muxcast plan`: which pool at how many samples is worth its cost."""

from __future__ import annotations

from pathlib import Path

import click

from .options import json_option, parse_pools, parse_rules, parse_samples, pools_option, samples_option, seed_option

MOST_ALONE = 64
"""Single models are forecast up to this many samples; beyond it their curves are flat and held."""


@click.command("plan")
@click.argument("source", metavar="FORECAST.json|PILOT")
@click.option("--prices", metavar="FILE", help="Price table (TOML); without it tokens, or samples, are the cost.")
@click.option("--pilot", metavar="LOG", help="Log whose token columns count, when the source is a forecast.")
@click.option("--by", type=click.Choice(["money", "gpu_seconds", "tokens", "samples"]), help="Unit of cost.")
@click.option("--budget", type=click.FloatRange(0), help="Most that one question may cost, in that unit.")
@click.option(
    "--within",
    type=click.FloatRange(0, 100),
    default=0.5,
    show_default=True,
    help="Accuracy points below the best that are not worth paying for.",
)
@samples_option
@click.option("--rules", default="mux,self-consistency", show_default=True, help="Rules to forecast from a PILOT.")
@pools_option
@seed_option
@json_option
def command(source, prices, pilot, by, budget, within, samples, rules, pools, seed, json_out):
    """Cost of every pool, the efficient ones, and what the money buys otherwise.

    Every pool is held against the best single model with as many samples as the
    whole pool draws, against random pools of its size, and against the larger
    models of the price table. A PILOT log is forecast first.

    \b
    The price table is TOML; every key is optional:
      currency = "USD"          gpu_hour = 2.0      one_gpu = true
      switch_seconds = 30       questions_per_load = 500
      shared_prompt = true      # k samples in one request bill the prompt once
      [models."qwen2.5-7b"]     # one for each model of the pool
      input = 0.05              # per million prompt tokens
      output = 0.10             # per million completion tokens
      tokens_per_second = 2500  # throughput of its GPUs, for GPU-seconds
      stream_tokens_per_second = 60   # one request, for the waiting time
      [larger."qwen2.5-72b"]    # the same keys, and
      accuracy = 0.823

    \b
    Examples:
      muxcast plan forecast.json --pilot pilot.parquet --prices prices.toml
      muxcast plan pilot.parquet --samples 1,2,4 --by tokens --budget 4000
      muxcast plan forecast.json --json plan.json
    """
    from ..simulate.cost import usage_in, usage_of
    from ..simulate.logfile import read_log
    from ..simulate.plan import plan
    from ..simulate.prices import read_prices
    from ..terminal import note, progress, write_json

    table = read_prices(prices) if prices else None
    if Path(source).suffix == ".json":
        from ..simulate.validation import read_forecast

        content = read_forecast(source)
        usage = usage_of(read_log(pilot)) if pilot else usage_in(content)
    else:
        from ..simulate.calibration import calibrate
        from ..simulate.forecast import forecast

        log = read_log(source)
        wanted, chosen = parse_samples(samples), parse_pools(pools)
        with progress("calibrating", 100) as bar:
            told = bar.task_ids[0]
            posterior = calibrate(log, seed=seed, progress=lambda done: bar.update(told, completed=100 * done))
        content = forecast(posterior, wanted, tuple(parse_rules(rules)), chosen, seed=seed).to_json()
        # the honest rival of a pool is its best member with as many samples as the whole pool draws
        sizes = {len(pool) for pool in chosen} if chosen else range(2, len(log.models) + 1)
        totals = {k * size for k in wanted for size in sizes if k * size <= MOST_ALONE} - set(wanted)
        if totals:
            singles = [[name] for name in log.models]
            alone = forecast(posterior, sorted(totals), ("self-consistency",), singles, seed=seed)
            content["cells"] += alone.to_json()["cells"]
        usage = usage_of(read_log(pilot) if pilot else log)
    result = plan(content, usage, table, by=by, budget=budget, within=within / 100)
    for remark in result.notes:
        note(f"note: {remark}")
    if json_out:
        write_json(result.to_json(), json_out)
    if json_out != "-":
        _show(result)


def _show(result) -> None:
    import numpy as np

    from ..terminal import note, points, table

    def figure(value: float) -> str:
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    order = [i for i in np.argsort(result.cost, kind="stable") if result.front[i]]
    unit = result.currency if result.unit == "money" else result.unit
    # money of one question is a tiny number; of a thousand it is one people know
    scale, per = (1000, "1,000 questions") if result.unit == "money" else (1, "question")
    waits = any(result.costs[i].latency_s is not None for i in order)
    rows = []
    for i in order:
        cell, same = result.cells[i], result.same_compute[i]
        gain = "-" if same is None else f"{100 * (result.mean[i] - same.accuracy):+.1f}" + "~" * same.interpolated
        others = result.random_pool[i]
        wait = result.costs[i].latency_s
        mark = "*" if i == result.recommended else ""
        rows.append(
            (
                "+".join(cell.models) + mark,
                cell.rule,
                cell.samples,
                figure(scale * result.cost[i]),
                points(result.mean[i]),
                f"±{50 * (result.upper[i] - result.lower[i]):.1f}",
                gain,
                "-" if others is None else f"{100 * (result.mean[i] - others.accuracy):+.1f}",
                *([] if not waits else ["-" if wait is None else figure(wait)]),
            )
        )
    table(
        f"Efficient cells of {len(result.cells)}: cost in {unit} a {per}, accuracy in percent",
        ["models", "rule", "k", "cost", "acc", "", "alone", "random", *(["wait s"] if waits else [])],
        rows,
        caption="alone: gain over the best single model with as many samples in all (~ interpolated). "
        "random: over the mean of all pools of its size. *: recommended.",
    )
    chosen = result.cells[result.recommended]
    note(f"recommended: {'+'.join(chosen.models)} by {chosen.rule}, k = {chosen.samples}: {result.why}")
    for one in result.break_even:
        _show_break_even(result, one, unit, scale, per, figure)


def _show_break_even(result, one, unit, scale, per, figure) -> None:
    from ..terminal import note

    price = "of unknown cost" if one.cost is None else f"at {figure(scale * one.cost)} {unit} a {per}"
    head = f"{one.name} ({100 * one.accuracy:.1f} %, {price}):"
    if one.cell is None:
        note(f"{head} no cell is forecast to reach it; the best falls {-100 * one.best_margin:.1f} points short")
        return
    cell = result.cells[one.cell]
    cost = figure(scale * result.cost[one.cell])
    text = f"{head} matched by {'+'.join(cell.models)}, k = {cell.samples}, at {cost} {unit}"
    if one.ratio is not None:
        cheap = f"{one.ratio:.2g} times cheaper" if one.ratio >= 1 else f"{1 / one.ratio:.2g} times dearer"
        text += f", {cheap}"
    note(f"{text}; at least as accurate with probability {one.probability:.2f}")
