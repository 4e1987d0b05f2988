"""muxcast sample: draw answers from the models of a pool into an answer log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import terminal
from .options import json_option, members_option, read_members, seed_option
from .watching import watching

if TYPE_CHECKING:
    from ..backends.pool import Pool
    from ..backends.sampling import Drawn


@click.command(
    epilog="""\b
Examples:
  muxcast sample pool.toml --task reasoning-gym:gcd --questions 100 \\
      --samples 16 --out pilot.parquet
  muxcast sample pool.toml --task facts.jsonl --questions 50 --samples 4 \\
      --models a,b --out pilot.parquet
"""
)
@click.argument("pool_file", metavar="POOL", type=click.Path())
@click.option(
    "--task", "tasks", required=True, multiple=True, metavar="T",
    help="What to ask: NAME[:ARGUMENT][?key=value], or a .jsonl file. May be given several times.",
)  # fmt: skip
@click.option("--questions", type=click.IntRange(1), required=True, metavar="N", help="Questions of each task.")
@click.option("--samples", type=click.IntRange(1), required=True, metavar="K", help="Samples of each question.")
@click.option("--out", required=True, metavar="LOG", type=click.Path(), help="Answer log to write or to go on with.")
@members_option
@click.option("--temperature", type=float, help="Instead of the pool file's.")
@click.option("--top-p", type=float, help="Instead of the pool file's.")
@click.option("--max-tokens", type=int, help="Instead of the pool file's.")
@click.option("--base-url", metavar="URL", help="Instead of the pool file's, for models behind a server.")
@click.option("--api-key-env", metavar="NAME", help="Environment variable with the server's key.")
@click.option("--no-text", is_flag=True, help="Leave whole completions out of the log.")
@click.option("--allow-changes", is_flag=True, help="Mix samples of changed settings in one log.")
@seed_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    pool_file: str,
    tasks: tuple[str, ...],
    questions: int,
    samples: int,
    out: str,
    models: str | None,
    temperature: float | None,
    top_p: float | None,
    max_tokens: int | None,
    base_url: str | None,
    api_key_env: str | None,
    no_text: bool,
    allow_changes: bool,
    seed: int,
    json_out: str | None,
) -> None:
    """Draw answers from real models; only what LOG lacks.

    Samples are kept as they come: after an interruption the same command goes
    on where it stopped, and more questions or samples can be asked for later.
    Failed requests are retried, then left out and reported, never counted as
    wrong; the exit code is then 1.
    """
    from ..backends.sampling import sample
    from ..backends.tasks import task_named

    pool = read_members(pool_file, models)
    pool = pool.with_sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens)
    pool = pool.with_options(base_url=base_url, api_key_env=api_key_env)
    chosen = [task_named(spec) for spec in tasks]
    with terminal.progress("sampling") as bar:
        try:
            drawn = sample(
                pool, chosen, questions, samples, out,
                seed=seed, keep_text=not no_text, allow_changes=allow_changes, watch=watching(bar),
            )  # fmt: skip
        except KeyboardInterrupt:
            bar.stop()
            terminal.note(f"{out}: every sample drawn so far is kept; the same command goes on from there.")
            raise
    _show(pool, drawn, out)
    if json_out:
        terminal.write_json(_json(drawn, out), json_out)
    if drawn.failed:
        ctx.exit(1)


def _show(pool: Pool, drawn: Drawn, out: str) -> None:
    progress = drawn.progress
    if drawn.log is not None:
        rows = drawn.log.rows
        lines = []
        for spec in pool.models:
            ours = rows[rows["model"] == spec.name]
            if ours.empty:
                continue
            asked = ours[["task", "question"]].drop_duplicates()
            lines.append(
                (
                    spec.name,
                    len(asked),
                    len(ours),
                    terminal.points(float(ours["correct"].mean())),
                    terminal.points(float(ours["answer"].isna().mean())),
                    terminal.points(float((ours["finish_reason"] == "length").mean())),
                    None if ours["completion_tokens"].isna().all() else float(ours["completion_tokens"].mean()),
                )
            )
        columns = ("model", "questions", "samples", "right %", "blank %", "cut %", "tokens")
        terminal.table(out, columns, lines)
    cost = "" if progress.cost is None else f", ${progress.cost:.4f}"
    terminal.note(
        f"{progress.drawn} samples drawn ({progress.before} were there), "
        f"{progress.prompt_tokens + progress.completion_tokens} tokens{cost}"
    )
    if drawn.failed:
        lost = sum(len(failure["samples"]) for failure in drawn.failed)
        first = drawn.failed[0]
        terminal.note(
            f"{lost} samples failed and are not in the log, the first of model {first['model']!r} on question "
            f"{first['question']!r}: {first['error']}. The same command tries them again."
        )


def _json(drawn: Drawn, out: str) -> dict:
    progress = drawn.progress
    return {
        "format": "muxcast-sample",
        "version": 1,
        "log": str(out),
        "samples": {"wanted": progress.total, "before": progress.before, "drawn": progress.drawn},
        "failed": drawn.failed,
        "tokens": {"prompt": progress.prompt_tokens, "completion": progress.completion_tokens},
        "cost": progress.cost,
    }
