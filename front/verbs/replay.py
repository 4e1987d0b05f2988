"""`muxcast replay`: what each pool would have scored on a log."""

from __future__ import annotations

import click

from .options import json_option, level_option, parse_pools, parse_rules, parse_samples, pools_option, seed_option


@click.command("replay")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--samples", help="Samples per model: 1,2,4 or a range 1-16.  [default: 1,2,4,8,16 within the log]")
@click.option("--rules", default="mux,self-consistency", show_default=True, help="Selection rules to score.")
@pools_option
@click.option("--tie-break", metavar="PILOT", help="Log whose accuracies break ties; its questions should be others.")
@level_option
@click.option("--top", type=click.IntRange(1), default=15, show_default=True, help="Rows in the printed table.")
@seed_option
@json_option
def command(logs, samples, rules, pools, tie_break, level, top, seed, json_out):
    """Exact, unbiased accuracy of every pool on a log you already have.

    Averages over all ways to take k of the logged samples: no Monte Carlo for
    mux and self-consistency. The error is the standard error over questions.

    \b
    Examples:
      muxcast replay answers.parquet
      muxcast replay answers.parquet --samples 1-16 --rules mux --json replay.json
      muxcast replay test.parquet --tie-break pilot.parquet --pools a+b,a+b+c
    """
    from ..simulate.logfile import read_log
    from ..simulate.replay import replay
    from ..terminal import note, points, table, write_json

    wanted = parse_samples(samples) if samples else None
    chosen = parse_pools(pools)
    log = read_log(*logs)
    order = read_log(tie_break).accuracy() if tie_break else None
    result = replay(log, wanted, parse_rules(rules), chosen, tie_break=order, level=level, seed=seed)
    for remark in result.notes:
        note(f"note: {remark}")
    if json_out:
        write_json(result.to_json(), json_out)
    if json_out != "-":
        frame = result.to_frame().sort_values("mean", ascending=False, kind="stable").head(top)
        rows = [
            (row.models, row.rule, row.samples, points(row.mean), points(row.sd), points(row.gain_mean))
            for row in frame.itertuples()
        ]
        title = f"{len(result.cells)} cells on {len(result.seen.questions)} questions; best {len(rows)}, percent"
        table(title, ["models", "rule", "k", "accuracy", "SE", "gain"], rows)
