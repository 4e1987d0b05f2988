"""A testing kit for people who write selection rules: Hypothesis strategies and `assert_axioms`.

```python
from hypothesis import given
from muxcast.testing import answer_tables, assert_axioms

def test_my_rule_keeps_the_axioms():
    assert_axioms(my_rule, "unanimity", "given", "neutrality")

@given(answer_tables())
def test_my_rule_never_refuses(answers):
    assert my_rule(answers, None).sum() > 0.99
```

The strategies need `hypothesis` (``pip install 'muxcast[test]'``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .simulate.answers import AnswerLog
from .simulate.axioms import AXIOMS, Axiom, Counterexample, check_axioms
from .simulate.errors import BadInput
from .simulate.rules.evaluate import tally
from .simulate.rules.protocol import ABSENT, BLANK, Answers, Rule

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "AXIOMS",
    "Axiom",
    "Counterexample",
    "answer_logs",
    "answer_tables",
    "assert_axioms",
    "check_axioms",
    "populations",
    "ragged_pools",
]


def assert_axioms(rule: Rule | Callable, *names: str) -> None:
    """Fail with the smallest counterexample if ``rule`` breaks one of the axioms ``names`` (default: all).

    Raises:
        AssertionError: naming every axiom broken, with a case in plain words.
        BadInput: an unknown axiom.
    """
    found = check_axioms(rule, list(names) or None)
    broken = [f"{name}: {AXIOMS[name].statement}\n{case}" for name, case in found.items() if case is not None]
    if broken:
        title = getattr(rule, "name", getattr(rule, "__name__", "the rule"))
        raise AssertionError(f"{title} breaks {len(broken)} of {len(found)} axioms\n\n" + "\n\n".join(broken))


def answer_tables(
    models: tuple[int, int] = (1, 4), samples: tuple[int, int] = (1, 6), classes: int = 4, ragged: bool = False
) -> SearchStrategy[Answers]:
    """Answers of a pool to one question, with blanks; every model has the same number of samples unless ``ragged``.

    Args:
        models: least and most models.
        samples: least and most samples per model.
        classes: answers to choose from.
        ragged: whether models differ in samples.
    """
    st = _strategies()

    @st.composite
    def tables(draw: Any) -> Answers:
        count = draw(st.integers(*models))
        k = draw(st.integers(*samples))
        sizes = [draw(st.integers(samples[0], k)) if ragged else k for _ in range(count)]
        order = np.full((count, k), ABSENT)
        for row, size in zip(order, sizes, strict=True):
            row[:size] = draw(st.lists(st.integers(BLANK, classes - 1), min_size=size, max_size=size))
        # distinct accuracies, so that ties between models have one answer
        ranks = draw(st.permutations(range(count)))
        accuracy = (np.array(ranks) + 1) / (count + 1)
        counts, blanks = tally(order, classes)
        return Answers(counts, blanks, accuracy, order)

    return tables()


def ragged_pools(models: tuple[int, int] = (2, 4), samples: tuple[int, int] = (1, 6)) -> SearchStrategy[Answers]:
    """Answers of a pool whose models have different numbers of samples."""
    return answer_tables(models, samples, ragged=True)


def populations(
    models: tuple[int, int] = (1, 4), questions: tuple[int, int] = (1, 5), classes: int = 4
) -> SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """Answer probabilities p [question, model, class], class 0 correct, and blanks [question, model]; sums are 1."""
    st = _strategies()

    @st.composite
    def worlds(draw: Any) -> tuple[np.ndarray, np.ndarray]:
        shape = (draw(st.integers(*questions)), draw(st.integers(*models)), classes + 1)
        size = int(np.prod(shape))
        weights = np.array(draw(st.lists(st.integers(0, 20), min_size=size, max_size=size)), float).reshape(shape)
        weights[..., 0] += weights.sum(-1) == 0
        share = weights / weights.sum(-1, keepdims=True)
        return share[..., :-1], share[..., -1]

    return worlds()


def answer_logs(
    models: tuple[int, int] = (1, 3), questions: tuple[int, int] = (1, 5), samples: tuple[int, int] = (1, 4)
) -> SearchStrategy[AnswerLog]:
    """Checked answer logs with blanks and several wrong answers; every model answered every question."""
    st = _strategies()

    @st.composite
    def logs(draw: Any) -> AnswerLog:
        count, asked, k = draw(st.integers(*models)), draw(st.integers(*questions)), draw(st.integers(*samples))
        size = count * asked * k
        given = draw(st.lists(st.sampled_from(["gold", "x", "y", "z", None]), min_size=size, max_size=size))
        places = [(q, m, s) for q in range(asked) for m in range(count) for s in range(k)]
        rows = [
            {
                "task": "made-up",
                "question": f"q{q}",
                "model": f"model {m}",
                "sample": s,
                "answer": answer,
                "correct": answer == "gold",
            }
            for (q, m, s), answer in zip(places, given, strict=True)
        ]
        return AnswerLog.from_rows(pd.DataFrame(rows), "made-up log")

    return logs()


def _strategies() -> Any:
    try:
        from hypothesis import strategies
    except ImportError:
        raise BadInput("muxcast.testing needs hypothesis, not installed here: pip install 'muxcast[test]'") from None
    return strategies
