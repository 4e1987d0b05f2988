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

READING = [
    "## Reading the table",
    "",
    "- **Reinforcement** fails for every rule that picks a model by its confidence: two sets of samples may agree on "
    "an answer for different reasons, and a model sure in each for different answers is unsure in both together. "
    "Votes whose weights are fixed add up, and keep it.",
    "- **Duplicate** fails for every rule in which samples of several models vote together: a model that is there "
    "twice votes twice. `calibrated-mux` is fitted again with the copy in the pilot, `adaptive-mux` lets the models "
    "still in the race vote on when to stop, `random-model` picks the copy as often as the original.",
    "- **One-sample** is a property of SLM-MUX, not of good rules: a vote lets two less accurate models outvote the "
    "best. `self-consistency` and `grouped-mux` break it, and unanimity, only where the models they listen to are "
    "blank or outside the pool chosen. Rules that weigh log odds keep it for these accuracies because the best model "
    "outweighs the other two.",
    "- **Blanks**: log odds depend on how many different answers were given, so that replacing a blank by a new answer "
    "changes every weight, and likewise in the scatter of wrong answers in `bayes`. The authors' scripts divide by the "
    "samples that gave an answer. `modelswitch-counted` leaves blanks out of its entropy.",
    "- **Monotonicity** fails where an answer says something about the model that gave it. In ModelSwitch one more "
    "answer can end a model's unanimity, so that further models are asked, or lower its weight; so can a blank, and "
    "leaving a model out. To `bayes` an answer is less credible if it was given by a model that is wrong on such "
    "questions.",
    "- **Independence** fails for votes: a model whose own answer lost may have given the winner the votes that "
    "mattered.",
    "- The **oracles** look at which answer is correct, and so are neither neutral nor possible in a live run.",
    "- **Anonymity** and **model order** fail only for the authors' scripts: first-seen modes, and ties by list order.",
]


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
        f"Written by `python docs/generate_axiom_table.py`, which runs every rule on all {len(small_tables().order):,}"
        " small tables of answers (1 or 2 models with up to 3 samples each, 3 models with up to 2, up to renaming "
        "answers; 3 models with 3, without blanks) and on what each axiom makes of them. `✓` no violation there; `✗` "
        "a counterexample, the smallest of which is below. Rules that learn do so on one made-up pilot, and the "
        "validation accuracies are those shown: for rules that use them, `✓` speaks of that pool.",
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
    lines += ["", *READING]
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
