"""`muxcast forecast`: from a pilot, what each pool will score."""

from __future__ import annotations

import click

from .options import json_option, parse_pools, parse_rules, parse_samples, pools_option, samples_option, seed_option


@click.command("forecast")
@click.argument("pilots", nargs=-1, required=True, metavar="PILOT...")
@samples_option
@click.option("--rules", default="mux,self-consistency,agent-forest", show_default=True, help="Selection rules.")
@pools_option
@click.option(
    "--target",
    type=click.Choice(["same", "new"]),
    default="same",
    show_default=True,
    help="same: more samples on the pilot's questions; new: fresh questions.",
)
@click.option("--questions", type=click.IntRange(1), help="How many new questions.  [default: as many as the pilot]")
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.9, show_default=True)
@click.option("--prices", metavar="FILE", help="JSON: model to [prompt, completion] price of a million tokens.")
@click.option("--model", default="joint", show_default=True, help="Calibration model variant.")
@click.option("--top", type=click.IntRange(1), default=15, show_default=True, help="Rows in the printed table.")
@seed_option
@json_option
def command(pilots, samples, rules, pools, target, questions, level, prices, model, top, seed, json_out):
    """From a pilot log, what each pool will score, and how sure we are.

    Intervals are about the expected accuracy on the target questions; gains
    are paired, over the pool's best single model with self-consistency.

    \b
    Examples:
      muxcast forecast pilot.parquet
      muxcast forecast pilot.parquet --samples 1-16 --json forecast.json
      muxcast forecast pilot.parquet --target new --questions 500 --rules mux
    """
    from ..simulate.calibration import calibrate
    from ..simulate.errors import BadInput
    from ..simulate.forecast import forecast
    from ..simulate.logfile import read_log
    from ..terminal import note, points, progress, table, write_json

    wanted, chosen, named = parse_samples(samples), parse_pools(pools), parse_rules(rules)
    if target == "same" and questions is not None:
        raise BadInput("--questions is for new questions; add --target new, or leave it out")
    log = read_log(*pilots)
    price_table = _read_prices(prices, log.models) if prices else None
    with progress("calibrating", 100) as bar:
        task = bar.task_ids[0]
        posterior = calibrate(log, seed, model, progress=lambda done: bar.update(task, completed=100 * done))
    with progress("forecasting", 100) as bar:
        task = bar.task_ids[0]
        result = forecast(
            posterior,
            wanted,
            named,
            chosen,
            target=target,
            questions=questions,
            level=level,
            seed=seed,
            prices=price_table,
            progress=lambda done: bar.update(task, completed=100 * done),
        )
    for remark in result.notes:
        note(f"note: {remark}")
    content = result.to_json()
    if json_out:
        write_json(content, json_out)
    if json_out == "-":
        return
    frame = result.to_frame().sort_values("mean", ascending=False, kind="stable").head(top)
    rows = [
        (
            row.models,
            row.rule,
            row.samples,
            f"{points(row.mean)} ({points(row.lower)}-{points(row.upper)})",
            f"{100 * row.gain_mean:+.1f} ± {100 * row.gain_sd:.1f}",
        )
        for row in frame.itertuples()
    ]
    title = f"{len(result.cells)} cells, {target} questions ({result.questions}); best {len(rows)}, percent"
    table(title, ["models", "rule", "k", f"accuracy ({100 * level:g} % interval)", "gain"], rows)
    best = content["recommended"]
    click.echo(
        f"Recommended: {best['rule']} of {'+'.join(best['models'])} at {best['samples']} samples; {best['why']}."
    )


def _read_prices(path: str, models: list[str]) -> dict[str, tuple[float, float]]:
    import json
    from pathlib import Path

    from ..simulate.errors import BadInput

    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        table = {name: (float(found[name][0]), float(found[name][1])) for name in models}
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give a JSON file of prices") from None
    except KeyError as error:
        raise BadInput(f"{path}: has no price for model {error}; add [prompt, completion] per million tokens") from None
    except (ValueError, TypeError, IndexError):
        raise BadInput(
            f'{path}: not a price table; write {{"model": [prompt, completion]}} per million tokens'
        ) from None
    return table
