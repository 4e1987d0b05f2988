"""Writes docs/axioms.md: every rule of the catalogue against every axiom, with the smallest counterexamples.

Usage: python docs/generate_axiom_table.py [--missing] [RULE...]
Without arguments every rule is run, about 2 seconds each; ``--missing`` runs those that docs/axioms.json lacks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from muxcast.simulate.atomic import write_text
from muxcast.simulate.axioms import AXIOMS, check_axioms
from muxcast.simulate.rules import RULES, rule_named
from muxcast.simulate.small_tables import small_tables

HERE = Path(__file__).parent
STORE = HERE / "axioms.json"


def main(arguments: list[str]) -> None:
    found = json.loads(STORE.read_text()) if arguments and STORE.exists() else {}
    if arguments == ["--missing"]:
        arguments = [name for name in RULES if set(found.get(name, ())) != set(AXIOMS)]
    for name in arguments or list(RULES):
        cases = check_axioms(rule_named(name))
        found[name] = {axiom: None if case is None else str(case) for axiom, case in cases.items()}
        print(name, [axiom for axiom, case in found[name].items() if case], flush=True)
        write_text(STORE, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        write_text(HERE / "axioms.md", page({name: found[name] for name in RULES if name in found}))


def page(found: dict[str, dict[str, str | None]]) -> str:
    lines = [
        "# Rules and axioms",
        "",
        "Written by `python docs/generate_axiom_table.py`, which runs every rule on all "
        f"{len(small_tables().order):,} small tables of answers (1 or 2 models with up to 3 samples each, 3 models "
        "with up to 2, up to renaming answers) and on what each axiom makes of them. `✓` no violation there; `✗` a "
        "counterexample, the smallest of which is below. Rules that learn do so on one made-up pilot.",
        "",
        "| axiom | statement |",
        "|---|---|",
        *[f"| {axiom.name} | {axiom.statement} |" for axiom in AXIOMS.values()],
        "",
        "| rule | " + " | ".join(AXIOMS) + " |",
        "|---|" + "---|" * len(AXIOMS),
    ]
    for name, cases in found.items():
        lines.append(f"| {name} | " + " | ".join("✗" if cases[axiom] else "✓" for axiom in AXIOMS) + " |")
    lines += ["", "## Smallest counterexamples", "", "Answers are letters; the accuracies in brackets break ties."]
    for name, cases in found.items():
        broken = {axiom: case for axiom, case in cases.items() if case}
        if broken:
            lines += ["", f"### {name}"]
        for axiom, case in broken.items():
            lines += ["", f"{axiom}:", "", "```text", case, "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
