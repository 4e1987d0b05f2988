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
@click.option("--prices", metavar="FILE", help="Price table: TOML as for `muxcast plan`, or JSON. Adds money to cells.")
@click.option("--subgroups", metavar="COLUMN", help="Column of the log, such as subject, that splits tasks in kinds.")
@click.option("--model", default="joint", show_default=True, help="Calibration model variant.")
@click.option(
    "--against",
    metavar="RULE:POOL:K",
    help="Compare every cell with this one, paired: self-consistency:a:8 or mux:a+b:4.",
)
@click.option("--top", type=click.IntRange(1), default=15, show_default=True, help="Rows in the printed table.")
@seed_option
@json_option
def command(
    pilots, samples, rules, pools, target, questions, level, prices, subgroups, model, against, top, seed, json_out
):
    """From a pilot log, what each pool will score, and how sure we are.

    "accuracy" is about the expected accuracy on the target questions, "one run"
    about what a single run of them will score; gains are paired, over the
    pool's best single model with self-consistency at the same k, or over the
    cell that --against names.

    \b
    Examples:
      muxcast forecast pilot.parquet
      muxcast forecast pilot.parquet --samples 1-16 --json forecast.json
      muxcast forecast pilot.parquet --target new --questions 500 --rules mux
      muxcast forecast pilot.parquet --against self-consistency:qwen:8
    """
    from ..simulate.calibration import calibrate
    from ..simulate.choosing import cell_costs
    from ..simulate.errors import BadInput
    from ..simulate.forecast import forecast
    from ..simulate.intervals import cell_named, differences
    from ..simulate.logfile import read_log
    from ..terminal import note, progress, write_json

    wanted, chosen, named = parse_samples(samples), parse_pools(pools), parse_rules(rules)
    if target == "same" and questions is not None:
        raise BadInput("--questions is for new questions; add --target new, or leave it out")
    rival = _cell(against) if against else None
    log = read_log(*pilots)
    price_table = _read_prices(prices, log.models) if prices else None
    with progress("calibrating", 100) as bar:
        task = bar.task_ids[0]
        posterior = calibrate(
            log, seed, model, lambda done: bar.update(task, completed=100 * done), subgroups=subgroups
        )
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
    if price_table:
        for cell, money in zip(content["cells"], cell_costs(result), strict=True):
            cell["money_per_question"] = float(money) if log.tokens() is not None else None
    compared = None
    if rival:
        compared = differences(result, cell_named(result, *rival))
        for cell, difference in zip(content["cells"], compared, strict=True):
            cell["difference"] = difference
    if json_out:
        write_json(content, json_out)
    if json_out != "-":
        _show(result, content["recommended"], compared, against, top)


def _show(result, best, compared, against, top) -> None:
    from ..terminal import points, table

    frame = result.to_frame()
    frame["gain"], frame["gain_sd"] = frame["gain_mean"], frame["gain_sd"]
    if compared:
        frame["gain"] = [one["mean"] for one in compared]
        frame["gain_sd"] = [one["sd"] for one in compared]
    rows = [
        (
            row.models,
            row.rule,
            row.samples,
            points(row.mean),
            f"{points(row.lower)}-{points(row.upper)}",
            f"{points(row.run_lower)}-{points(row.run_upper)}",
            f"{100 * row.gain:+.1f} ± {100 * row.gain_sd:.1f}",
        )
        for row in frame.sort_values("mean", ascending=False, kind="stable").head(top).itertuples()
    ]
    table(
        f"{len(result.cells)} cells, {result.target} questions ({result.questions}); best {len(rows)}, percent",
        ["models", "rule", "k", "accuracy", f"{100 * result.level:g} %", "one run", "gain"],
        rows,
        caption=f"gain: over {against}, paired."
        if compared
        else "gain: over the pool's best single model at the same k, paired.",
    )
    click.echo(
        f"Recommended: {best['rule']} of {'+'.join(best['models'])} at {best['samples']} samples; {best['why']}."
    )


def _cell(text: str) -> tuple[str, list[str], int]:
    from ..simulate.errors import BadInput

    # names of models may hold colons, rules and numbers cannot
    rule, _, rest = text.partition(":")
    pool, _, samples = rest.rpartition(":")
    if not rule or not pool or not samples.isdigit() or int(samples) < 1:
        raise BadInput(f"--against {text!r}: not a cell; write RULE:POOL:K, such as mux:a+b:4")
    [models] = parse_pools(pool.replace(",", "")) or [[]]
    return rule, models, int(samples)


def _read_prices(path: str, models: list[str]) -> dict[str, tuple[float, float]]:
    """Price of a million (prompt, completion) tokens per model, from the table of `muxcast plan` or from JSON."""
    import json
    from pathlib import Path

    from ..simulate.errors import BadInput
    from ..simulate.prices import prices_from, read_prices

    if Path(path).suffix != ".json":
        table = read_prices(path)
    else:
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            rates = {name: {"input": pair[0], "output": pair[1]} for name, pair in found.items()}
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror}); give a file of prices") from None
        except (ValueError, TypeError, IndexError, KeyError, AttributeError):
            raise BadInput(
                f'{path}: not a price table; write {{"model": [prompt, completion]}} per million tokens, or the TOML '
                "table of `muxcast plan`"
            ) from None
        table = prices_from({"models": rates}, path)
    prices = {}
    for name in models:
        if name not in table.models:
            raise BadInput(f"{path}: has no price for model {name!r}; add it")
        pair = table.per_million(name)
        if pair is None:
            raise BadInput(f"{path}: model {name!r} has no token price and no GPU price; add input and output")
        prices[name] = pair
    return prices
