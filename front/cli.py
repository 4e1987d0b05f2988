"""The command line: finds the verbs, runs one, and turns bad input into one sentence and exit code 2."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from . import __version__

# verb -> one line of help; the verb lives in verbs/, in the module of its name. The lines stand here
# so that `muxcast --help` imports nothing heavy.
VERBS = {
    "quickstart": "The whole job on the recorded example pool, offline.",
    "forecast": "From a pilot log, what each pool will score, and how sure we are.",
    "replay": "Exact, unbiased accuracy of every pool on a log you already have.",
    "report": "One self-contained HTML page from a folder of results.",
    "doctor": "What is installed, which engine can run here, and what to do about it.",
    "validate": "Score a forecast against what really happened.",
    "sample": "Draw answers from the models of a pool; resumable.",
    "cluster": "Make one answer of open-ended answers that are equivalent.",
    "compare": "SLM-MUX and its rivals, live, on the same models and questions.",
    "plan": "Which pool at how many samples is worth its cost.",
    "search": "Which models to put in a pool, with an honest score.",
    "pilot-size": "How many questions and samples a pilot needs.",
    "simulate": "Whole runs played out: what one run shows, and which pool wins how often.",
    "scaling": "More models, more samples, or neither: the best use of a budget.",
    "check-rule": "Which axioms a selection rule keeps, with the smallest counterexamples.",
    "agreement": "What a log without reference answers can say of its models.",
    "import": "Bring the log of another tool into an answer log.",
    "run": "Ask a whole task of a pool and return one answer a question.",
    "ask": "Ask a pool one question.",
    "serve": "An OpenAI-compatible server whose one model is the pool.",
}


# verbs that no module can be called
_MODULES = {"import": "import_log"}


class Verbs(click.Group):
    """A group whose commands are imported only when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return import_module(f".verbs.{_MODULES.get(cmd_name, cmd_name.replace('-', '_'))}", __package__).command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(VERBS)}"
            ctx.fail(f"unknown verb {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="muxcast")
def cli() -> None:
    """Forecast, plan and run SLM-MUX pools of small language models.

    A pilot of a few samples per question becomes a forecast of what any pool
    of the models will score at any number of samples; a real run then judges it.

    \b
    Start here:
      muxcast quickstart
      muxcast forecast pilot.parquet --samples 1,2,4,8,16
    """


def main() -> None:
    """Entry point: exit 0 done, 1 a check said no, 2 bad input or usage, 130 interrupted."""
    from .simulate.errors import BadInput

    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BadInput as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    # outside its standalone mode click returns the code that a verb exits with
    sys.exit(code if isinstance(code, int) else 0)
