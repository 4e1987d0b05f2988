"""muxcast serve: an OpenAI-compatible server whose one model is the pool."""

from __future__ import annotations

import click

from .. import terminal
from .options import (
    answers_option,
    asked_option,
    members_option,
    read_members,
    rule_option,
    seed_option,
    tie_break_option,
)


@click.command(
    epilog="""\b
Examples:
  muxcast serve pool.toml --pilot pilot.parquet --samples 8
  muxcast serve pool.toml --host 0.0.0.0 --api-key-env MUXCAST_KEY
"""
)
@click.argument("pool_file", metavar="POOL", type=click.Path())
@tie_break_option
@asked_option
@rule_option
@answers_option
@click.option("--task", metavar="T", help="Read answers to this task's questions as it does (see muxcast sample).")
@click.option("--questions", type=click.IntRange(1), default=100, show_default=True, help="Of that task.")
@members_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 finds one.")
@click.option("--name", default="muxcast", show_default=True, help="What clients call the pool.")
@click.option("--api-key-env", metavar="NAME", help="Environment variable with the key clients must send.")
@click.option("--no-key", is_flag=True, help="Serve other machines without a key.")
@click.option("--timeout", type=click.FloatRange(0.1), default=120.0, show_default=True, help="Seconds for the models.")
@click.option("--concurrency", type=click.IntRange(1), default=64, show_default=True, help="Questions at once.")
@click.option("--queue", type=click.IntRange(0), default=512, show_default=True, help="Questions that may wait.")
@click.option("--max-body", type=click.IntRange(1), default=1_000_000, show_default=True, help="Bytes of a request.")
@click.option("--body-timeout", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds to send it.")
@seed_option
def command(
    pool_file: str,
    pilot: str | None,
    samples: int,
    rule: str,
    answers: str,
    task: str | None,
    questions: int,
    models: str | None,
    host: str,
    port: int,
    name: str,
    api_key_env: str | None,
    no_key: bool,
    timeout: float,
    concurrency: int,
    queue: int,
    max_body: int,
    body_timeout: float,
    seed: int,
) -> None:
    """Serve the pool as one OpenAI-compatible model.

    POST /v1/chat/completions asks every model, multiplexes, and returns the
    winner with confidence, votes and usage in the field "muxcast". Also
    /v1/models, /health and /metrics (Prometheus). A model that is down is left
    out and named in the answer; when all are down the status is 503.
    """
    import os
    import socket

    from ..backends.fanout import Fanout
    from ..backends.multiplexer import Multiplexer
    from ..backends.serve import ServeSettings, serving_app
    from ..backends.serve_limits import patient_protocol
    from ..backends.tasks import task_named
    from ..backends.validation_accuracy import validation_accuracy
    from ..simulate.errors import BadInput
    from ..simulate.logfile import read_log

    key = os.environ.get(api_key_env) if api_key_env else None
    if api_key_env and not key:
        raise BadInput(f"--api-key-env {api_key_env}: the variable is not set or empty; put the key there")
    if host not in ("127.0.0.1", "::1", "localhost") and key is None and not no_key:
        raise BadInput(f"--host {host} serves other machines: name a key with --api-key-env, or say --no-key")
    pool = read_members(pool_file, models)
    log = read_log(pilot) if pilot else None
    names = [spec.name for spec in pool.models]
    accuracy = validation_accuracy(log, names)
    chosen = task_named(task) if task else None
    asked = tuple(chosen.questions(questions, seed)) if chosen else ()
    multiplexer = Multiplexer(names, accuracy, rule=rule, samples=samples, pilot=log, seed=seed)
    settings = ServeSettings(
        name=name, samples=samples, answers=answers, key=key, largest_body=max_body, slowest_body_s=body_timeout,
        timeout_s=timeout, concurrency=concurrency, queue=queue, seed=seed,
    )  # fmt: skip
    fanout = Fanout(pool, asked, timeout_s=timeout)
    app = serving_app(fanout, multiplexer, settings, chosen, asked)
    try:
        import uvicorn
    except ImportError:
        raise BadInput("muxcast serve needs the server libraries: pip install 'muxcast[server]'") from None
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
                                         backlog=1024)  # fmt: skip
    except OSError as error:
        raise BadInput(
            f"--host {host} --port {port}: cannot listen there ({error.strerror}); use another port"
        ) from None
    shown = f"[{host}]" if ":" in host else host
    terminal.note(
        f"{name}: {' + '.join(names)} by {rule}, {samples} samples each, at "
        f"http://{shown}:{listening.getsockname()[1]}/v1" + ("" if key else " (no API key)")
    )
    config = uvicorn.Config(
        app, http=patient_protocol(body_timeout), ws="none", log_level="warning", access_log=False,
        timeout_keep_alive=10, timeout_graceful_shutdown=30, backlog=1024, h11_max_incomplete_event_size=65536,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])
