"""`muxcast simulate`: whole runs played out, over pools, samples and seeds, on one or many devices."""

from __future__ import annotations

from pathlib import Path

import click

from .options import json_option, parse_pools, parse_rules, parse_samples, pools_option, samples_option, seed_option


@click.command("simulate")
@click.argument("source", nargs=-1, required=True, metavar="LOG...|WORLD")
@samples_option
@click.option(
    "--rules",
    default="mux,self-consistency",
    show_default=True,
    help="Of mux, self-consistency and agent-forest.",
)
@pools_option
@click.option("--runs", type=click.IntRange(2), default=1000, show_default=True, help="Simulated runs of every cell.")
@click.option("--devices", type=click.IntRange(1), help="JAX devices to spread the runs over.  [default: all]")
@click.option("--questions", type=click.IntRange(3), default=200, show_default=True, help="Questions of a WORLD.")
@click.option("--models", type=click.IntRange(1, 20), default=4, show_default=True, help="Models of a WORLD.")
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.9, show_default=True)
@seed_option
@json_option
def command(source, samples, rules, pools, runs, devices, questions, models, level, seed, json_out):
    """What single runs show: their spread, and which pool wins how often.

    Plays whole runs, every answer drawn anew, from the answer frequencies of a
    log or from a named world whose truth is known. Pools and sample counts of
    one run share its answers, so they are compared as a real run would.
    The result does not depend on the number of devices.

    \b
    Worlds: independent, correlated, u-shaped, confidently-wrong,
    shared-distractors, position-bias, mixed-tasks.

    \b
    Examples:
      muxcast simulate pilot.parquet --samples 4,8 --runs 2000
      muxcast simulate correlated --models 5 --rules mux,agent-forest
    """
    from ..simulate.grid import simulate_grid, world_of_log
    from ..simulate.ready_worlds import WORLDS, world_named
    from ..terminal import note, points, progress, table, write_json

    if len(source) == 1 and source[0] in WORLDS and not Path(source[0]).exists():
        world = world_named(source[0], seed, questions, models)
    else:
        from ..simulate.logfile import read_log

        world = world_of_log(read_log(*source))
    with progress("runs", runs) as bar:
        grid = simulate_grid(
            world,
            parse_samples(samples),
            parse_rules(rules),
            parse_pools(pools),
            runs=runs,
            seed=seed,
            devices=devices,
            progress=lambda done: bar.update(bar.task_ids[0], completed=done),
        )
    if json_out:
        write_json(grid.to_json(level), json_out)
    if json_out == "-":
        return
    shown = grid.to_frame(level).sort_values("mean", ascending=False, kind="stable").head(20)
    rows = [
        (row.models, row.rule, row.samples, points(row.mean), points(row.run_sd),
         f"{points(row.run_lower)}-{points(row.run_upper)}", points(row.best))
        for row in shown.itertuples()
    ]  # fmt: skip
    title = f"{grid.questions} questions, percent; a run's spread and {100 * level:.0f} % interval"
    table(title, ["models", "rule", "k", "mean", "sd", "one run", "best"], rows)
    if len(grid.cells) > len(rows):
        note(f"the {len(rows)} highest of {len(grid.cells)} cells; --json FILE has all")
    note(f"{runs} runs on {len(grid.devices)} device(s): {', '.join(grid.devices)}; best = wins among its k")
