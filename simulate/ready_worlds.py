"""Ready worlds: small populations that each make one trait of real pools large, for tests and teaching."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .errors import BadInput, unknown_name
from .worlds import TokenLaw, World


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _names(models: int) -> list[str]:
    width = len(str(models))
    return [f"slm-{i + 1:0{width}d}" for i in range(models)]


def _tokens(models: int) -> dict[str, TokenLaw]:
    return {name: TokenLaw(180.0, 250.0 * 1.4**i, 0.5) for i, name in enumerate(_names(models))}


def _skills(models: int, spread: float = 0.7) -> np.ndarray:
    return np.linspace(-spread, spread, models) if models > 1 else np.zeros(1)


def _wrong(
    rng: np.random.Generator, questions: int, models: int, classes: int, concentration: float, shared: float
) -> np.ndarray:
    """Law of the wrong answers [question, model, class - 1]; ``shared`` (0..1) pulls models to one law.

    A small ``concentration`` puts nearly all wrong mass on one answer.
    """
    common = rng.dirichlet(np.full(classes - 1, concentration), questions)[:, None, :]
    own = rng.dirichlet(np.full(classes - 1, concentration), (questions, models))
    return shared * common + (1 - shared) * own


def _compose(right: np.ndarray, wrong: np.ndarray, blank: np.ndarray) -> np.ndarray:
    named = 1 - blank
    p = np.concatenate([right[..., None], (1 - right)[..., None] * wrong], -1)
    return p * named[..., None]


def independent(seed: int, questions: int = 200, models: int = 4) -> World:
    """Models whose difficulties have nothing in common: the world independent Bayes believes in."""
    rng = np.random.default_rng(seed)
    right = _sigmoid(0.3 + _skills(models) + 1.5 * rng.standard_normal((questions, models)))
    blank = np.full((questions, models), 0.02)
    wrong = _wrong(rng, questions, models, 4, 1.0, 0.0)
    return World(
        _compose(right, wrong, blank),
        blank,
        ["independent"] * questions,
        _names(models),
        "independent",
        _tokens(models),
    )


def correlated(seed: int, questions: int = 200, models: int = 4) -> World:
    """Four options; hard questions are hard for all, and a second factor splits the models in two camps."""
    rng = np.random.default_rng(seed)
    camp = np.where(np.arange(models) % 2 == 0, 1.0, -1.0)
    difficulty, taste = rng.standard_normal((2, questions, 1))
    noise = rng.standard_normal((questions, models))
    right = _sigmoid(0.5 + _skills(models) + 1.8 * difficulty + 0.8 * camp * taste + 0.7 * noise)
    blank = _sigmoid(-3.5 - 1.0 * difficulty + _skills(models, 0.8)[::-1])
    wrong = _wrong(rng, questions, models, 4, 0.8, 0.5)
    return World(
        _compose(right, wrong, blank),
        blank,
        ["correlated"] * questions,
        _names(models),
        "correlated",
        _tokens(models),
    )


def u_shaped(seed: int, questions: int = 200, models: int = 4) -> World:
    """Open answers; models know a question or do not: atoms at p = 0 and p = 1 and a U between them."""
    rng = np.random.default_rng(seed)
    classes = 9
    known = _sigmoid(0.4 + _skills(models) + 2.0 * rng.standard_normal((questions, 1)))
    right = rng.beta(3.0 * known, 3.0 * (1 - known))
    atom = rng.random((questions, models))
    # a third of all pairs are certain: right with the probability of knowing, wrong otherwise
    certain = (rng.random((questions, models)) < known).astype(float)
    right = np.where(atom < 0.35, certain, right)
    blank = np.where(right < 1, 0.04, 0.0)
    wrong = _wrong(rng, questions, models, classes, 0.4, 0.4)
    return World(
        _compose(right, wrong, blank),
        blank,
        ["u-shaped"] * questions,
        _names(models),
        "u-shaped",
        _tokens(models),
    )


def confidently_wrong(seed: int, questions: int = 200, models: int = 4) -> World:
    """Two options, so that all wrong mass sits on one answer and a model can be sure of it."""
    rng = np.random.default_rng(seed)
    difficulty = rng.standard_normal((questions, 1))
    right = _sigmoid(2.5 * (0.3 + _skills(models, 0.4) + difficulty + 0.6 * rng.standard_normal((questions, models))))
    blank = np.full((questions, models), 0.01)
    wrong = np.ones((questions, models, 1))
    return World(
        _compose(right, wrong, blank),
        blank,
        ["two-options"] * questions,
        _names(models),
        "confidently-wrong",
        _tokens(models),
    )


def shared_distractors(seed: int, questions: int = 200, models: int = 4) -> World:
    """Open answers; when two models err they mostly fall for the same wrong answer."""
    rng = np.random.default_rng(seed)
    difficulty = rng.standard_normal((questions, 1))
    right = _sigmoid(0.4 + _skills(models) + 1.6 * difficulty + 0.8 * rng.standard_normal((questions, models)))
    blank = np.full((questions, models), 0.03)
    wrong = _wrong(rng, questions, models, 7, 0.25, 0.85)
    return World(
        _compose(right, wrong, blank),
        blank,
        ["distractors"] * questions,
        _names(models),
        "shared-distractors",
        _tokens(models),
    )


def position_bias(seed: int, questions: int = 200, models: int = 4) -> World:
    """Four options; a model in doubt picks its favourite position, right or wrong as chance has it."""
    rng = np.random.default_rng(seed)
    right = _sigmoid(
        0.2
        + _skills(models)
        + 1.6 * rng.standard_normal((questions, 1))
        + 0.6 * rng.standard_normal((questions, models))
    )
    favourite = _softmax(2.0 * np.eye(4))[np.arange(models) % 4]
    # the favourite position holds class j of a question; class 0 is correct, wherever it stands
    order = np.argsort(rng.random((questions, 4)), -1)
    guess = np.stack([favourite[:, order[q]] for q in range(questions)])
    blank = np.full((questions, models), 0.01)
    p = right[..., None] * np.eye(4)[0] + (1 - right)[..., None] * guess
    return World(
        p * (1 - blank)[..., None],
        blank,
        ["positions"] * questions,
        _names(models),
        "position-bias",
        _tokens(models),
    )


def mixed_tasks(seed: int, questions: int = 200, models: int = 4) -> World:
    """Three tasks in one log: two options without blanks, four options, open answers with many blanks."""
    parts = [
        confidently_wrong(seed, questions - 2 * (questions // 3), models),
        correlated(seed + 1, questions // 3, models),
        u_shaped(seed + 2, questions // 3, models),
    ]
    width = max(part.p.shape[-1] for part in parts)
    rng = np.random.default_rng(seed + 3)
    share = np.concatenate([np.full(len(part.p), level) for part, level in zip(parts, (0.0, 0.03, 0.25), strict=True)])
    extra = share[:, None] * rng.beta(1.0, 1.0, (questions, models))
    p = np.concatenate([np.pad(part.p, ((0, 0), (0, 0), (0, width - part.p.shape[-1]))) for part in parts])
    blank = np.concatenate([part.blank for part in parts])
    p, blank = p * (1 - extra)[..., None], blank + (1 - blank) * extra
    tasks = [task for part in parts for task in part.tasks]
    return World(p, blank, tasks, _names(models), "mixed-tasks", _tokens(models))


WORLDS: dict[str, Callable[..., World]] = {
    "independent": independent,
    "correlated": correlated,
    "u-shaped": u_shaped,
    "confidently-wrong": confidently_wrong,
    "shared-distractors": shared_distractors,
    "position-bias": position_bias,
    "mixed-tasks": mixed_tasks,
}
"""Ready worlds by name; each is ``make(seed, questions=200, models=4) -> World``."""


def world_named(name: str, seed: int, questions: int = 200, models: int = 4) -> World:
    """The ready world of that name.

    Raises:
        BadInput: a name that is not in `WORLDS`, or fewer than 3 questions or 1 model.
    """
    if name not in WORLDS:
        raise unknown_name("world", name, WORLDS)
    if questions < 3 or models < 1:
        raise BadInput(f"world {name!r}: {questions} questions and {models} models; ask for at least 3 and 1")
    return WORLDS[name](seed, questions, models)
