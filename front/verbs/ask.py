"""muxcast ask: one question to a pool."""

from __future__ import annotations

import click

from .. import terminal
from .options import (
    answers_option,
    asked_option,
    json_option,
    members_option,
    read_members,
    rule_option,
    seed_option,
    tie_break_option,
)


@click.command(
    epilog="""\b
Examples:
  muxcast ask pool.toml "What is 17 * 23?" --answers number
  muxcast ask pool.toml "Capital of Peru?" --completion --pilot pilot.parquet
"""
)
@click.argument("pool_file", metavar="POOL", type=click.Path())
@click.argument("question")
@tie_break_option
@asked_option
@rule_option
@answers_option
@click.option("--completion", is_flag=True, help="Send the text as it stands, for base models; \\n is a new line.")
@members_option
@seed_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    pool_file: str,
    question: str,
    pilot: str | None,
    samples: int,
    rule: str,
    answers: str,
    completion: bool,
    models: str | None,
    seed: int,
    json_out: str | None,
) -> None:
    """Ask every model of the pool, and return the answer of the surest one.

    Models are asked one after another, so that those of one machine need not
    fit in it together. Exit code 1 when no model gave an answer.
    """
    import time

    from ..backends.asking import replied
    from ..backends.engine import Request, seed_of
    from ..backends.multiplexer import Multiplexer
    from ..backends.tasks.kinds import kind_named
    from ..backends.tasks.task import Message, Question
    from ..backends.validation_accuracy import validation_accuracy
    from ..simulate.logfile import read_log

    pool = read_members(pool_file, models)
    read = kind_named(answers).read
    names = [spec.name for spec in pool.models]
    log = read_log(pilot) if pilot else None
    multiplexer = Multiplexer(
        names, validation_accuracy(log, names), rule=rule, samples=samples, pilot=log, seed=seed
    )  # fmt: skip
    prompt = question.replace("\\n", "\n") if completion else (Message("user", question),)
    asked = Question("asked", prompt, None)
    for spec in pool.models:
        spec.check()
    completions, started = {}, time.perf_counter()
    with terminal.progress("asking", len(names)) as bar:
        for spec in pool.models:
            bar.update(bar.task_ids[0], description=spec.name)
            engine = spec.open([asked])
            try:
                request = Request(prompt, range(samples), seed_of(seed, "", question, spec.name))
                completions[spec.name] = next(iter(engine.generate([request], spec.sampling)))[1]
            finally:
                engine.close()
            bar.advance(bar.task_ids[0])
    reply = replied(multiplexer, completions, read, question, started, time.perf_counter())
    if json_out:
        terminal.write_json({"format": "muxcast-answer", "version": 1, "rule": rule, "text": reply.text,
                             **reply.to_json()}, json_out)  # fmt: skip
    if json_out != "-":
        decision = reply.decision
        click.echo(decision.answer if decision.answer is not None else "(no model gave an answer)")
        rows = [
            (
                f"{one.model} *" if one.model == decision.model else one.model,
                one.samples,
                f"{one.confidence:.2f}",
                terminal.points(one.accuracy),
                ", ".join(f"{answer[:20]} {count}" for answer, count in list(one.votes.items())[:2]) or None,
            )
            for one in decision.votes
        ]
        terminal.table(
            "", ("model", "samples", "confidence", "pilot %", "answers"), rows, caption="* credited with the answer"
        )
    for name, reason in reply.errors.items():
        terminal.note(f"{name}: {reason}")
    if reply.decision.answer is None:
        ctx.exit(1)
