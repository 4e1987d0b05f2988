"""Axioms of selection rules: what each says, whether a rule keeps it, and the smallest case where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import axiom_trials as trials
from .axiom_trials import Seen, Trial, Trials
from .errors import BadInput, unknown_name
from .rules.evaluate import tally
from .rules.protocol import Answers, Rule, as_rule
from .small_tables import (
    CLASSES,
    MODELS,
    Tables,
    in_words,
    outcome_in_words,
    reference_pilot,
    small_tables,
)

# tables a rule is tried on when it cannot be compiled and runs table by table
_SLOW_TABLES = 400


@dataclass(frozen=True)
class Counterexample:
    """The smallest table found on which a rule breaks an axiom."""

    axiom: str
    before: np.ndarray
    """Draws [model, sample]."""
    after: np.ndarray
    """Draws after the change."""
    accuracy: tuple[np.ndarray, np.ndarray]
    """Validation accuracies before and after."""
    chance: tuple[np.ndarray, np.ndarray]
    """What the rule returned before and after."""
    change: str
    """The change in plain words; empty for axioms about a single table."""

    def __str__(self) -> str:
        lines = [f"  {line}" for line in in_words(self.before, self.accuracy[0])]
        lines.append(f"  the rule returns {outcome_in_words(self.chance[0])}")
        if self.change:
            lines.append(f"{self.change}:")
            lines += [f"  {line}" for line in in_words(self.after, self.accuracy[1])]
            lines.append(f"  the rule returns {outcome_in_words(self.chance[1])}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Axiom:
    """A property a selection rule may have."""

    name: str
    statement: str
    """What it says, in one sentence."""
    trials: Trials = field(repr=False)
    """The changes that test it."""

    def counterexample(self, rule: Rule | Callable, tables: Tables | None = None) -> Counterexample | None:
        """The smallest violation among ``tables`` (default: all small tables); None if the axiom holds on all."""
        return self._search(_Tester(as_rule(rule)), tables)

    def check(self, rule: Rule | Callable) -> bool:
        """Whether ``rule`` keeps the axiom on all small tables."""
        return self.counterexample(rule) is None

    def _search(self, tester: _Tester, tables: Tables | None = None) -> Counterexample | None:
        tables = tester.tables if tables is None else tables
        before = tester(tables)
        found: tuple[int, Trial, Seen] | None = None
        for trial in self.trials(tables, before):
            if not trial.concerns.any():
                continue
            after = before if trial.after is tables else tester(trial.after)
            broken = np.flatnonzero(trial.concerns & ~trial.holds(before, after))
            if len(broken) and (found is None or broken[0] < found[0]):
                found = int(broken[0]), trial, after
        if found is None:
            return None
        row, trial, after = found
        return Counterexample(
            self.name,
            tables.order[row],
            trial.after.order[row],
            (tables.accuracy, trial.after.accuracy),
            (before.chance[row], after.chance[row]),
            trial.change if trial.after is not tables else "",
        )


class _Tester:
    """Runs one rule on tables, compiled where that is possible."""

    def __init__(self, rule: Rule):
        self.rule = rule
        self._learned: dict[tuple[int, ...], Any] = {}
        self.tables = small_tables()
        self.compiled = True
        few = self.tables.take(slice(0, 8))
        try:
            seen = self(few)
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
            self.compiled = False
            self.tables = self.tables.take(slice(0, _SLOW_TABLES))
            seen = self(few)
        shape = np.shape(seen.chance)
        if shape != (len(few.order), CLASSES):
            raise BadInput(
                f"rule {rule.name!r} returned shape {shape[1:]} for {CLASSES} classes; "
                "return the probability of each class, one number a class"
            )

    def __call__(self, tables: Tables) -> Seen:
        try:
            seen = self._run(tables)
        except (BadInput, jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
            raise
        except Exception as error:  # whatever a user's rule may raise
            said = (str(error).splitlines() or ["nothing more"])[0]
            raise BadInput(
                f"rule {self.rule.name!r} raised {type(error).__name__}: {said}; "
                "a rule takes (answers, key) and returns the probability of each class"
            ) from error
        wild = np.flatnonzero(~np.isfinite(seen.chance).reshape(len(seen.chance), -1).all(-1))
        if len(wild):
            case = "; ".join(in_words(tables.order[wild[0]], tables.accuracy))
            raise BadInput(
                f"rule {self.rule.name!r} returned a probability that is not a number on this table: {case}; "
                "return one between 0 and 1 for each class, all 0 for no answer"
            )
        return seen

    def _run(self, tables: Tables) -> Seen:
        counts, blanks = tally(tables.order, CLASSES)
        learned = self._learn(tables.source)
        right = np.ones(len(counts), int) if "right" in self.rule.needs else None
        group = np.zeros(len(counts), int) if "group" in self.rule.needs else None
        answers = Answers(counts, blanks, tables.accuracy, tables.order, right, group, learned)
        if self.compiled:
            chance, used = _run(self.rule, answers)
            return Seen(np.asarray(chance), np.asarray(used))
        rows = [
            np.asarray(self.rule(Answers(c, b, tables.accuracy, o)), float)
            for c, b, o in zip(counts, blanks, tables.order, strict=True)
        ]
        return Seen(np.array(rows), tables.samples.astype(float))

    def _learn(self, source: tuple[int, ...]) -> Any:
        if self.rule.learn is None:
            return None
        if source not in self._learned:
            tables = Tables(np.empty((0, MODELS, 1), int), source)
            self._learned[source] = self.rule.learn(reference_pilot(source), tables.accuracy, 8)
        return self._learned[source]


@partial(jax.jit, static_argnames="rule")
def _run(rule: Rule, answers: Answers):
    axes = Answers(0, 0, None, 0, None if answers.right is None else 0, None if answers.group is None else 0, None)

    def one(row: Answers):
        if rule.sequential is not None:
            run = rule.sequential.run(row, jax.random.key(0))
            return run.chance, run.used * 1.0
        return jnp.asarray(rule.choose(row, jax.random.key(0))), rule.spent(row)

    return jax.vmap(one, in_axes=(axes,))(answers)


AXIOMS: dict[str, Axiom] = {
    axiom.name: axiom
    for axiom in (
        Axiom("anonymity", "The order in which a model's samples were drawn does not matter.", trials.anonymity),
        Axiom("neutrality", "Renaming the answers renames the result and changes nothing else.", trials.neutrality),
        Axiom(
            "model-order",
            "The order in which models are listed does not matter, accuracies being distinct.",
            trials.model_order,
        ),
        Axiom("unanimity", "If all samples that are not blank agree, that answer is returned.", trials.unanimity),
        Axiom(
            "one-sample", "At one sample a model, the most accurate model that answered decides.", trials.single_sample
        ),
        Axiom("duplicate", "A model that is in the pool twice, samples and all, changes nothing.", trials.duplicate),
        Axiom("monotonicity", "One more sample of the winning answer does not unseat it.", trials.monotonicity),
        Axiom(
            "blanks",
            "A blank never helps a model's answer: adding one does not raise its chance, and a blank is worth no "
            "more than an answer nobody else gave.",
            trials.blanks,
        ),
        Axiom(
            "given", "Only answers that somebody gave are returned, with probabilities of sum at most 1.", trials.given
        ),
        Axiom(
            "reinforcement",
            "An answer returned on two sets of samples is returned on both together.",
            trials.reinforcement,
        ),
        Axiom("independence", "Leaving out a model whose answer lost changes nothing.", trials.independence),
        Axiom(
            "live",
            "A live run, which sees no draw in advance and names answers as they come, decides like replay.",
            trials.live,
        ),
    )
}
"""The axioms by name."""


def axiom_named(name: str) -> Axiom:
    """The axiom of that name.

    Raises:
        BadInput: no such axiom; the message suggests the nearest name.
    """
    if name not in AXIOMS:
        raise unknown_name("axiom", name, AXIOMS)
    return AXIOMS[name]


def check_axioms(
    rule: Rule | Callable, names: Sequence[str] | None = None, tables: Tables | None = None
) -> dict[str, Counterexample | None]:
    """The smallest counterexample per axiom, None where the rule keeps it on every small table.

    Args:
        rule: a rule, or a plain function ``(answers, key) -> probability of each class``. One that JAX cannot
            trace is run table by table, on fewer tables.
        names: axioms; default all.
        tables: tables to try; default all small ones.
    Raises:
        BadInput: an unknown axiom, or a rule that raises or does not return one number per class.
    """
    chosen = [axiom_named(name) for name in names or AXIOMS]
    tester = _Tester(as_rule(rule))
    return {axiom.name: axiom._search(tester, tables) for axiom in chosen}
