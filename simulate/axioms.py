"""Axioms of selection rules: what each says, whether a rule keeps it, and the smallest case where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from .errors import BadInput, unknown_name
from .rules.evaluate import tally
from .rules.protocol import ABSENT, BLANK, Answers, Rule, as_rule
from .small_tables import (
    CLASSES,
    FRESH,
    MODELS,
    Tables,
    in_words,
    outcome_in_words,
    reference_pilot,
    small_tables,
)

_CLOSE = 1e-9
# tables a rule is tried on when it cannot be compiled and runs table by table
_SLOW_TABLES = 400


class Seen(NamedTuple):
    """What a rule did on a batch of tables."""

    chance: Float[np.ndarray, "table class"]
    """Probability of each class."""
    used: Float[np.ndarray, "table model"]
    """Samples used up."""


class Trial(NamedTuple):
    """A change to some of the tables, and what must hold after it."""

    after: Tables
    """The changed tables, one for one."""
    concerns: Bool[np.ndarray, " table"]
    """Tables the axiom says something about."""
    holds: Callable[[Seen, Seen], Bool[np.ndarray, " table"]]
    """From what the rule did before and after, whether the axiom holds."""
    change: str
    """The change in plain words."""


Trials = Callable[[Tables, Seen], Iterable[Trial]]


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
            raise BadInput(
                f"rule {self.rule.name!r} raised {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}; "
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
        answers = Answers(counts, blanks, tables.accuracy, tables.order, right, group, learned)  # type: ignore[arg-type]
        if self.compiled:
            chance, used = _run(self.rule, answers)
            return Seen(np.asarray(chance), np.asarray(used))
        rows = [
            np.asarray(self.rule(Answers(c, b, tables.accuracy, o)), float)  # type: ignore[arg-type]
            for c, b, o in zip(counts, blanks, tables.order, strict=True)
        ]
        return Seen(np.array(rows), tables.samples.astype(float))

    def _learn(self, source: tuple[int, ...]) -> Any:
        if self.rule.learn is None:
            return None
        if source not in self._learned:
            tables = Tables(np.empty((0, MODELS, 1), int), source)
            self._learned[source] = self.rule.learn(reference_pilot(source), tables.accuracy, 8)  # type: ignore[arg-type]
        return self._learned[source]


@partial(jax.jit, static_argnames="rule")
def _run(rule: Rule, answers: Answers):
    axes = Answers(0, 0, None, 0, None if answers.right is None else 0, None if answers.group is None else 0, None)  # type: ignore[arg-type]

    def one(row: Answers):
        if rule.sequential is not None:
            run = rule.sequential.run(row, jax.random.key(0))
            return run.chance, run.used * 1.0
        return jnp.asarray(rule.choose(row, jax.random.key(0))), rule.spent(row)

    return jax.vmap(one, in_axes=(axes,))(answers)


def _same(before: Seen, after: Seen) -> np.ndarray:
    return np.abs(before.chance - after.chance).max(-1) < 1e-6


def _winner(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """The class returned for sure, and whether there is one."""
    return seen.chance.argmax(-1), seen.chance.max(-1) > 1 - 1e-6


def _always(tables: Tables) -> np.ndarray:
    return np.ones(len(tables.order), bool)


def _anonymity(tables: Tables, before: Seen) -> Iterator[Trial]:
    last = tables.samples[..., None] - 1
    place = np.arange(tables.order.shape[-1])
    for name, take in (
        ("reversed", np.where(place <= last, last - place, place)),
        ("rotated", np.where(place < last, place + 1, np.where(place == last, 0, place))),
    ):
        moved = np.take_along_axis(tables.order, np.maximum(take, 0), -1)
        yield Trial(tables._replace(order=moved), _always(tables), _same, f"with each model's samples {name}")


def _relabel(tables: Tables, names: np.ndarray) -> Tables:
    order = tables.order
    return tables._replace(order=np.where(order >= 0, names[np.maximum(order, 0)], order))


def _neutrality(tables: Tables, before: Seen) -> Iterator[Trial]:
    for names in ([1, 0, 2, 3, 4], [2, 0, 1, 3, 4], [1, 2, 0, 3, 4], [2, 1, 0, 3, 4]):
        new = np.array(names)

        def holds(before: Seen, after: Seen, new: np.ndarray = new) -> np.ndarray:
            return _same(before, after._replace(chance=after.chance[:, new]))

        text = ", ".join(f"{'ABC'[i]} as {'ABC'[new[i]]}" for i in range(3) if new[i] != i)
        yield Trial(_relabel(tables, new), _always(tables), holds, f"with {text}")


def _model_order(tables: Tables, before: Seen) -> Iterator[Trial]:
    for move in ((1, 0, 2, 3), (2, 1, 0, 3), (1, 2, 0, 3)):
        columns = list(move)
        after = Tables(tables.order[:, columns], tuple(tables.source[i] for i in columns))
        yield Trial(after, _always(tables), _same, "with the models listed in another order")


def _unanimity(tables: Tables, before: Seen) -> Iterator[Trial]:
    pooled = tables.counts.sum(1)
    common = pooled.argmax(-1)

    def holds(before: Seen, _: Seen) -> np.ndarray:
        return before.chance[np.arange(len(common)), common] > 1 - 1e-6

    yield Trial(tables, (pooled > 0).sum(-1) == 1, holds, "")


def _single_sample(tables: Tables, before: Seen) -> Iterator[Trial]:
    one = (tables.samples <= 1).all(-1) & (tables.counts.sum((1, 2)) > 0)
    answered = tables.counts.sum(-1) > 0
    best = np.where(answered, tables.accuracy, -1).argmax(-1)
    given = tables.counts[np.arange(len(best)), best].argmax(-1)

    def holds(before: Seen, _: Seen) -> np.ndarray:
        return before.chance[np.arange(len(given)), given] > 1 - 1e-6

    yield Trial(tables, one, holds, "")


def _duplicate(tables: Tables, before: Seen) -> Iterator[Trial]:
    for i in range(3):
        order = tables.order.copy()
        order[:, 3] = order[:, i]
        after = Tables(order, (*tables.source[:3], tables.source[i]))
        yield Trial(after, tables.samples[:, i] > 0, _same, f"with model {i + 1} in the pool twice")


def _monotonicity(tables: Tables, before: Seen) -> Iterator[Trial]:
    winner, sure = _winner(before)
    for i in range(3):
        after = tables.add(i, np.where(sure, winner, 0))

        def holds(before: Seen, after: Seen) -> np.ndarray:
            return after.chance[np.arange(len(winner)), winner] > 1 - 1e-6

        yield Trial(after, sure & (tables.samples[:, i] > 0), holds, f"with one more of that answer from model {i + 1}")


def _blanks(tables: Tables, before: Seen) -> Iterator[Trial]:
    rows = np.arange(len(tables.order))
    counts = tables.counts
    for i in range(3):
        mine = counts[:, i]
        mode = mine.argmax(-1)
        single = (mine == mine.max(-1, keepdims=True)).sum(-1) == 1

        def no_more(before: Seen, after: Seen, mode: np.ndarray = mode) -> np.ndarray:
            return after.chance[rows, mode] <= before.chance[rows, mode] + 1e-6

        yield Trial(tables.add(i, BLANK), single, no_more, f"with one more blank from model {i + 1}")

        def no_less(before: Seen, after: Seen, mode: np.ndarray = mode) -> np.ndarray:
            return after.chance[rows, mode] >= before.chance[rows, mode] - 1e-6

        blank = tables.order[:, i] == BLANK
        order = tables.order.copy()
        order[rows, i, blank.argmax(-1)] = np.where(blank.any(-1), FRESH, order[rows, i, blank.argmax(-1)])
        # an answer given once by nobody else cannot be a mode beside one given twice
        concerns = single & (mine.max(-1) > 1) & blank.any(-1)
        text = f"with a blank of model {i + 1} replaced by an answer nobody else gave"
        yield Trial(tables._replace(order=order), concerns, no_less, text)


def _given(tables: Tables, before: Seen) -> Iterator[Trial]:
    absent = tables.counts.sum(1) == 0

    def holds(before: Seen, _: Seen) -> np.ndarray:
        fine = (before.chance >= -_CLOSE).all(-1) & (before.chance.sum(-1) <= 1 + 1e-6)
        return fine & (np.where(absent, before.chance, 0).max(-1) < 1e-6)

    yield Trial(tables, _always(tables), holds, "")


def _reinforcement(tables: Tables, before: Seen) -> Iterator[Trial]:
    winner, sure = _winner(before)
    short = sure & (tables.samples <= 2).all(-1)
    partners = np.flatnonzero(short)
    rng = np.random.default_rng(0)
    for turn in range(24):
        # a partner of every table with the same winner: mostly small ones
        reach = partners[: max(len(partners) >> (turn % 6), 1)]
        other = reach[rng.integers(len(reach), size=len(winner))]
        joined = np.concatenate([tables.order, tables.order[other]], -1)
        kept = np.argsort(joined == ABSENT, axis=-1, kind="stable")
        joined = np.take_along_axis(joined, kept, -1)[..., : tables.order.shape[-1]]
        same_pool = ((tables.samples > 0) == (tables.samples[other] > 0)).all(-1)
        concerns = short & (winner == winner[other]) & same_pool

        def holds(before: Seen, after: Seen) -> np.ndarray:
            return after.chance[np.arange(len(winner)), winner] > 1 - 1e-6

        text = "with the samples of another table added, on which the rule returns the same answer"
        yield Trial(tables._replace(order=joined), concerns, holds, text)


def _independence(tables: Tables, before: Seen) -> Iterator[Trial]:
    winner, sure = _winner(before)
    rows = np.arange(len(winner))
    for i in range(3):
        mine = tables.counts[:, i]
        loses = mine[rows, winner] < mine.max(-1)
        order = tables.order.copy()
        order[:, i] = ABSENT
        yield Trial(tables._replace(order=order), sure & loses, _same, f"without model {i + 1}, whose answer lost")


def _live(tables: Tables, before: Seen) -> Iterator[Trial]:
    place = np.arange(tables.order.shape[-1])
    unused = (place >= before.used[..., None]) & (tables.order != ABSENT)
    for name, drawn in (("blank", BLANK), ("C", 2)):
        order = np.where(unused, drawn, tables.order)

        def holds(before: Seen, after: Seen) -> np.ndarray:
            return _same(before, after) & (before.used == after.used).all(-1)

        yield Trial(tables._replace(order=order), unused.any((1, 2)), holds, f"with the draws it never used {name}")
    # a live run numbers answers as they come in: model by model, the last model first
    names = np.full((len(tables.order), CLASSES), FRESH)
    last_first = tables.order[:, ::-1].reshape(len(tables.order), -1)
    first = np.array([np.where(last_first == c, np.arange(last_first.shape[1]), 99).min(-1) for c in range(CLASSES)]).T
    names = np.argsort(np.argsort(first, axis=-1, kind="stable"), axis=-1)
    order = np.where(
        tables.order >= 0, np.take_along_axis(names, np.maximum(tables.order, 0).reshape(len(names), -1), -1)
        .reshape(tables.order.shape), tables.order,
    )  # fmt: skip

    def renamed(before: Seen, after: Seen) -> np.ndarray:
        return _same(before, after._replace(chance=np.take_along_axis(after.chance, names, -1)))

    yield Trial(tables._replace(order=order), _always(tables), renamed, "with answers numbered as they came in")


AXIOMS: dict[str, Axiom] = {
    axiom.name: axiom
    for axiom in (
        Axiom("anonymity", "The order in which a model's samples were drawn does not matter.", _anonymity),
        Axiom("neutrality", "Renaming the answers renames the result and changes nothing else.", _neutrality),
        Axiom(
            "model-order",
            "The order in which models are listed does not matter, accuracies being distinct.",
            _model_order,
        ),
        Axiom("unanimity", "If all samples that are not blank agree, that answer is returned.", _unanimity),
        Axiom("one-sample", "At one sample a model, the most accurate model that answered decides.", _single_sample),
        Axiom("duplicate", "A model that is in the pool twice, samples and all, changes nothing.", _duplicate),
        Axiom("monotonicity", "One more sample of the winning answer does not unseat it.", _monotonicity),
        Axiom(
            "blanks",
            "A blank never helps a model's answer: adding one does not raise its chance, and a blank is worth no "
            "more than an answer nobody else gave.",
            _blanks,
        ),
        Axiom("given", "Only answers that somebody gave are returned, with probabilities of sum at most 1.", _given),
        Axiom(
            "reinforcement", "An answer returned on two sets of samples is returned on both together.", _reinforcement
        ),
        Axiom("independence", "Leaving out a model whose answer lost changes nothing.", _independence),
        Axiom(
            "live",
            "A live run, which sees no draw in advance and names answers as they come, decides like replay.",
            _live,
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
