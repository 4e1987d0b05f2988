"""`muxcast pilot-size`: how many questions and samples a pilot needs."""

from __future__ import annotations

from pathlib import Path

import click

from .options import json_option, parse_pools, parse_samples, pools_option, seed_option


@click.command("pilot-size")
@click.argument("draft", metavar="DRAFT|WORLD")
@click.option("--half-width", type=click.FloatRange(0, 100, min_open=True), default=1.0, show_default=True,
              help="Asked half-width of the gain's interval, in points.")  # fmt: skip
@click.option("--chance", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True,
              help="Asked probability of choosing a near-best pool.")  # fmt: skip
@click.option("--within", type=click.FloatRange(0, 100), default=0.5, show_default=True,
              help="What counts as near-best, in points below the best.")  # fmt: skip
@click.option("--samples", type=click.IntRange(1, 64), default=4, show_default=True,
              help="k, samples per model of the plan to decide on.")  # fmt: skip
@click.option("--per-question", default="1,2,4", show_default=True, help="Pilot samples a question to consider.")
@pools_option
@click.option("--target", type=click.Choice(["new", "same"]), default="new", show_default=True,
              help="The population of questions, or the pilot's own.")  # fmt: skip
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.9, show_default=True)
@click.option("--reference", type=click.IntRange(10, 2000), default=100, show_default=True,
              help="Questions of the simulated pilots.")  # fmt: skip
@click.option("--worlds", "count", type=click.IntRange(1, 50), default=2, show_default=True,
              help="Likely worlds to average over.")  # fmt: skip
@click.option("--models", type=click.IntRange(2, 10), default=3, show_default=True, help="Models of a named WORLD.")
@click.option("--checks", type=click.IntRange(0, 50), default=1, show_default=True,
              help="Pilots of the recommended size to simulate.")  # fmt: skip
@seed_option
@json_option
def command(
    draft, half_width, chance, within, samples, per_question, pools, target, level, reference, count, models, checks,
    seed, json_out,
):  # fmt: skip
    """Questions and samples needed for a gain known to ±x, or a sound choice.

    Starts from a draft pilot (a few dozen questions will do) or from a named
    world, draws pilots of two sizes from it, calibrates and forecasts each, and
    draws the law by which their doubt shrinks. The recommended size is then
    simulated as such. About a minute and a half with the defaults.

    \b
    Worlds: independent, correlated, u-shaped, confidently-wrong,
    shared-distractors, position-bias, mixed-tasks.

    \b
    Examples:
      muxcast pilot-size draft.parquet
      muxcast pilot-size draft.parquet --half-width 0.5 --pools a+b,a,b
      muxcast pilot-size correlated --models 3 --samples 8 --per-question 2,4
    """
    from ..simulate.errors import unknown_name
    from ..simulate.pilot_size import LARGE, pilot_size
    from ..simulate.ready_worlds import WORLDS, world_named
    from ..terminal import note, progress, write_json

    grid, chosen = parse_samples(per_question), parse_pools(pools)
    if draft in WORLDS and not Path(draft).exists():
        worlds = [world_named(draft, seed + i, LARGE, models) for i in range(count)]
    elif not Path(draft).exists() and not Path(draft).suffix:
        raise unknown_name("world, and no log,", draft, WORLDS)
    else:
        from ..simulate.calibration import calibrate
        from ..simulate.logfile import read_log
        from ..simulate.worlds import worlds_of

        worlds = worlds_of(calibrate(read_log(draft), seed=seed), "new", LARGE, count, seed)
    with progress("simulating pilots", 100) as bar:
        result = pilot_size(
            worlds,
            samples=samples,
            width=half_width / 100,
            chance=chance,
            within=within / 100,
            level=level,
            per_question=grid,
            pools=chosen,
            target=target,
            reference=reference,
            checks=checks,
            seed=seed,
            progress=lambda share: bar.update(bar.task_ids[0], completed=100 * share),
        )
    for remark in result.notes:
        note(f"note: {remark}")
    if json_out:
        write_json(result.to_json(), json_out)
    if json_out != "-":
        _show(result, half_width, chance, within)


def _show(result, half_width, chance, within) -> None:
    from ..terminal import note, table

    def figure(value: float | None) -> str:
        return "beyond" if value is None else f"{value:,.0f}"

    rows = [
        (
            f"{design.samples}" + ("*" if i == result.recommended else ""),
            figure(design.questions_for_width),
            figure(design.questions_for_choice),
            figure(design.draws),
            f"±{100 * design.half_width:.1f}",
            f"{design.chance:.2f}",
            f"{design.power:.2f}",
        )
        for i, design in enumerate(result.designs)
    ]
    table(
        f"Questions needed by samples a question ({result.target} questions)",
        [
            "n",
            f"for ±{half_width:g}",
            f"for {chance:g} choice",
            "samples in all",
            f"± at {result.reference}",
            "chance",
            "power",
        ],
        rows,
        caption=f"± and chance: at {result.reference} questions. power: ± falls as 1/questions^power. "
        "*: fewest samples in all.",
    )
    pool = "+".join(result.pool.models)
    note(
        f"the gain is that of {pool} by mux, k = {result.pool.samples}: {100 * result.gain:+.1f} points in these worlds"
    )
    if result.check is not None:
        one = result.check
        note(
            f"checked on {one.pilots} pilots of {one.questions} questions: ±{100 * one.half_width:.2f} points "
            f"(the law said ±{100 * one.law:.2f}); {one.near_best:.0%} chose within {within:g} points of the best"
        )
