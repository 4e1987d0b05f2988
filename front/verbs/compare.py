"""`muxcast compare`: SLM-MUX and its rivals on the same models and questions."""

from __future__ import annotations

from pathlib import Path

import click

from .options import json_option, level_option, members_option, read_members, seed_option


@click.command("compare")
@click.argument("pool", metavar="POOL")
@click.option("--task", "tasks", multiple=True, required=True, metavar="T", help="Task; may be given several times.")
@click.option("--questions", type=click.IntRange(2), default=100, show_default=True, help="Scored questions a task.")
@click.option(
    "--validation",
    type=click.IntRange(2),
    default=40,
    show_default=True,
    help="Further questions a task, for tie-breaks.",
)
@click.option("--methods", default="all", show_default=True, help="all, or names: slm-mux,llm-debate,…")
@click.option("--samples", type=click.IntRange(1, 64), default=4, show_default=True, help="Samples per model.")
@click.option("--rounds", type=click.IntRange(1, 20), default=2, show_default=True, help="Rounds of a debate.")
@click.option("--layers", type=click.IntRange(2, 20), default=3, show_default=True, help="Layers of a mixture.")
@click.option("--candidates", type=click.IntRange(1, 64), default=4, show_default=True, help="Candidates to verify.")
@click.option(
    "--equal-tokens", metavar="N|max", help="Size sampling methods to N tokens a question, or the dearest discussion."
)
@members_option
@click.option("--larger", metavar="NAME", help="Model of the pool that is the one larger model.")
@click.option("--prompts", type=click.Path(path_type=Path, file_okay=False), help="Folder of edited prompt files.")
@click.option("--against", metavar="NAME", help="Method that differences are to.  [default: slm-mux, or the first]")
@click.option(
    "--out", default="comparison.parquet", show_default=True, help="Log of all replies; resumed if it exists."
)
@level_option
@click.option("--allow-changes", is_flag=True, help="Mix replies of different settings in one log.")
@seed_option
@json_option
def command(
    pool, tasks, questions, validation, methods, samples, rounds, layers, candidates,
    equal_tokens, models, larger, prompts, against, out, level, allow_changes, seed, json_out,
):  # fmt: skip
    """SLM-MUX and its rivals, live, on the same models and questions.

    Debate, Mixture-of-Agents, Multi-Agent Verification, Agent Forest, single
    models: one table with the standard error over questions, paired
    differences, and tokens. Every reply is kept in the log, so an interrupted
    comparison goes on where it stopped.

    \b
    Methods: slm-mux, agent-forest, single-best-sc, single-best,
      random-model, llm-debate, mixture-of-agents,
      multi-agent-verification, larger-model

    \b
    Examples:
      muxcast compare pool.toml --task capitals.jsonl --questions 100
      muxcast compare pool.toml --task reasoning-gym:gcd --equal-tokens max
      muxcast compare pool.toml --task t.jsonl --methods slm-mux,llm-debate
    """
    from ..backends.baselines import Setting
    from ..backends.comparison import MOST_FOR_BUDGET, USUAL, compare
    from ..backends.tasks import task_named
    from ..simulate.errors import unknown_name
    from ..simulate.transitions import course_of, transitions
    from ..terminal import note, points, progress, table, write_json

    chosen = (
        [*USUAL, *(["larger-model"] if larger else [])]
        if methods == "all"
        else [name.strip() for name in methods.split(",")]
    )
    for name in chosen:
        if name not in (*USUAL, "larger-model"):
            raise unknown_name("method", name, (*USUAL, "larger-model"))
    against = against or ("slm-mux" if "slm-mux" in chosen else chosen[0])
    if against not in chosen:
        raise unknown_name("method to compare against", against, chosen)
    members = read_members(pool, models, *([larger] if larger else []))
    sizes = Setting((), (), {}, samples, rounds, layers, candidates, prompts=prompts)
    with progress("replies") as bar:

        def watch(model: str, drawn: int) -> None:
            bar.update(bar.task_ids[0], description=model, completed=drawn)

        result = compare(
            members,
            [task_named(name) for name in tasks],
            questions,
            out,
            methods=chosen,
            validation=validation,
            equal_tokens=equal_tokens,
            setting=sizes,
            larger=larger,
            level=level,
            seed=seed,
            allow_changes=allow_changes,
            watch=watch,
        )
    talked = {name: transitions(course_of(rows)) for name, rows in result.rounds.items()}
    if json_out:
        full = result.to_json(against)
        full["discussions"] = {name: counted.to_json() for name, counted in talked.items()}
        write_json(full, json_out)
    if json_out == "-":
        return
    frame = result.to_frame(against)
    rows = [
        (row.method, row.size.partition(",")[0], points(row.accuracy), points(row.se), _signed(row.difference),
         points(row.difference_se), round(row.tokens))
        for row in frame.itertuples()
    ]  # fmt: skip
    title = f"{len(result.questions)} questions, percent; difference to {against}, paired"
    table(title, ["method", "size", "acc.", "SE", "diff.", "SE", "tokens"], rows)
    note("validation accuracy: " + ", ".join(f"{name} {points(share)}" for name, share in result.accuracy.items()))
    for name, counted in talked.items():
        told = counted.to_json()["moves"]
        note(
            f"{name}: right to wrong {told['right to wrong']}, wrong to right {told['wrong to right']}; "
            f"{counted.groupthink} of {counted.failed} failures gave up a right answer to the majority"
        )
    if result.budget is not None:
        note(f"sampling methods were sized to {result.budget:.0f} tokens a question")
    if result.capped:
        note(f"{', '.join(result.capped)}: stopped at {MOST_FOR_BUDGET} samples a model, below that budget")


def _signed(fraction: float) -> str:
    return f"{100 * fraction:+.1f}"
