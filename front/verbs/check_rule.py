"""`muxcast check-rule`: which axioms a selection rule keeps, and the smallest case where it does not."""

from __future__ import annotations

import sys
from typing import Any

import click

from ..simulate.errors import BadInput
from .options import json_option


def load_rule(text: str) -> Any:
    """The rule ``module:name`` points at, or a registered rule of that name.

    Raises:
        BadInput: no such module or name, or something that cannot be called.
    """
    from importlib import import_module

    from ..simulate.rules import as_rule, rule_named

    if ":" not in text:
        return rule_named(text)
    module, _, name = text.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does: the user's module is usually in the current folder
    try:
        found = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise BadInput(f"{text}: {error}; run muxcast in the folder that holds the module, or install it") from None
    except AttributeError:
        raise BadInput(f"{text}: module {module!r} has no {name!r}; name the rule's function after the colon") from None
    except Exception as error:  # whatever a user's module may raise
        raise BadInput(f"{text}: importing module {module!r} raised {type(error).__name__}: {error}") from error
    if not callable(found):
        raise BadInput(f"{text}: {name!r} is not a function; write def {name}(answers, key): ...")
    return as_rule(found, name)


@click.command("check-rule")
@click.argument("rule", metavar="MODULE:RULE")
@click.option("--axioms", help="Axioms to check, separated by commas.  [default: all]")
@click.option("--strict", default="all", show_default=True, help="Axioms whose violation makes the exit code 1.")
@json_option
def command(rule, axioms, strict, json_out):
    """Which axioms a selection rule keeps; exit 1 if it breaks one.

    RULE is a function (answers, key) that returns the probability of each
    answer class, or the name of a rule in the catalogue. It is run on every
    small table of answers, so the case shown is the smallest there is.

    \b
    Examples:
      muxcast check-rule my_rules:my_rule
      muxcast check-rule mux
      muxcast check-rule my_rules:my_rule --strict unanimity,given,live
    """
    from ..simulate.axioms import AXIOMS, axiom_named, check_axioms
    from ..terminal import table, write_json

    def names(text: str | None) -> list[str]:
        wanted = [part.strip() for part in (text or "all").split(",") if part.strip()]
        return list(AXIOMS) if wanted == ["all"] else [axiom_named(name).name for name in wanted]

    must, chosen = names(strict), names(axioms)
    found = check_axioms(load_rule(rule), chosen)
    broken = [name for name, case in found.items() if case is not None]
    if json_out:
        result = {
            "format": "muxcast-check-rule",
            "version": 1,
            "rule": rule,
            "axioms": [
                {
                    "name": name,
                    "statement": AXIOMS[name].statement,
                    "kept": case is None,
                    "counterexample": None if case is None else str(case),
                }
                for name, case in found.items()
            ],
        }
        write_json(result, json_out)
    if json_out != "-":
        rows = [(name, "broken" if case else "kept") for name, case in found.items()]
        table(f"Axioms of {rule}", ["axiom", "rule"], rows)
        for name in broken:
            click.echo(f"\n{name}: {AXIOMS[name].statement}\nBroken when")
            click.echo(str(found[name]))
    if any(name in must for name in broken):
        raise SystemExit(1)
