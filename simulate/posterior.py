"""What the pilot leaves open: posterior draws of every model's answer probabilities on every question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit

from .answers import AnswerCounts
from .arviz_export import to_arviz
from .difficulty import DifficultyDraws
from .distractors import DistractorDraws, WrongAnswers
from .errors import BadInput

Target = Literal["same", "new"]


class Population(NamedTuple):
    """Draws of worlds: how likely each model is to give each answer. ``p.sum(-1) + blank`` is 1."""

    p: Float[np.ndarray, "draw question model cls"]
    """Answer probabilities: class 0 is correct, the others are wrong answers, the same for every model."""
    blank: Float[np.ndarray, "draw question model"]
    """Probability that no answer can be extracted."""
    task: Int[np.ndarray, "draw question"]
    """Task of each question, an index into the posterior's ``tasks``."""


class Pilot(NamedTuple):
    """What the posterior was learned from."""

    tasks: list[str]
    questions: list[tuple[str, str]]
    """(task, question) of the questions that every model answered: those a forecast for the same questions is about."""
    models: list[str]
    samples: dict[str, int]
    """Most samples any question has, per model."""
    accuracy: dict[str, float]
    """Share correct per model on the common questions: what ties are broken by."""
    counts: AnswerCounts
    """Answers on the common questions, for rules that learn from a pilot."""
    notes: list[str]
    """In plain words, what was ragged and what was done about it."""
    tokens: dict[str, tuple[float, float]] | None
    """Mean prompt and completion tokens of one sample per model, where logged."""


@dataclass(frozen=True)
class Posterior:
    """Draws from the joint model of difficulty and distractors given a pilot; see ``calibrate``."""

    pilot: Pilot
    tasks: list[str]
    """Tasks, or their subgroups, that the worlds' ``task`` indexes."""
    model: str
    """Name of the model variant."""
    seed: int
    difficulty: DifficultyDraws
    distractors: DistractorDraws
    wrong: WrongAnswers
    common: Int[np.ndarray, " question"]
    """Rows of the fitted questions that every model answered."""
    kind: Int[np.ndarray, " channel"]
    """Family of each difficulty channel (0 blanks, 1 correct)."""
    channel: Int[np.ndarray, "kind model"]
    """Channel of each model's blanks and correctness; -1 where the model never left a blank."""
    blank_draws: Float[np.ndarray, "draw model"]
    """Blank probability of models without a blank channel."""
    diagnostics: dict[str, Any] = field(default_factory=dict)
    """R-hat and effective sample size of the figures that matter, and posterior predictive checks."""

    @property
    def models(self) -> list[str]:
        """Models, in the order of the arrays."""
        return self.pilot.models

    @property
    def draws(self) -> int:
        """Posterior draws at hand."""
        return len(self.difficulty.logits)

    def to_arviz(self) -> Any:
        """The draws as an ``arviz.InferenceData``; see `muxcast.simulate.arviz_export.to_arviz`."""
        return to_arviz(self)

    def worlds(
        self, target: Target = "same", questions: int | None = None, draws: int | None = None, seed: int | None = None
    ) -> Population:
        """Posterior draws of answer probabilities, all at once; see ``blocks`` to stream them.

        Args:
            target: the pilot's own questions, or new ones of the same population (tasks in random
                numbers, as likely as the pilot's share of them).
            questions: how many new questions per draw; None for as many as the pilot has. Not for "same".
            draws: posterior draws, evenly spaced over the chains; None for all.
            seed: of the randomness; None for the seed of the calibration.
        Raises:
            BadInput: a number of questions for "same", or an unknown target.
        """
        blocks = list(self.blocks(target, questions, draws, seed))
        width = max(block.p.shape[-1] for block in blocks)
        pad = [np.pad(b.p, [(0, 0)] * 3 + [(0, width - b.p.shape[-1])]) for b in blocks]
        return Population(
            np.concatenate(pad),
            np.concatenate([block.blank for block in blocks]),
            np.concatenate([block.task for block in blocks]),
        )

    def blocks(
        self,
        target: Target = "same",
        questions: int | None = None,
        draws: int | None = None,
        seed: int | None = None,
        cells: int = 1_000_000,
    ) -> Iterator[Population]:
        """The draws of ``worlds`` in pieces of at most about ``cells`` probabilities, each with its own seed.

        A draw's numbers do not depend on the size of the pieces.
        """
        if target not in ("same", "new"):
            raise BadInput(f"target {target!r} is not a target; use same or new")
        if target == "same" and questions is not None and questions != len(self.common):
            raise BadInput(
                f"{questions} questions: a forecast for the same questions is about the pilot's {len(self.common)}; "
                "use target new for another number"
            )
        count = min(draws or self.draws, self.draws)
        chosen = np.linspace(0, self.draws, count, endpoint=False).astype(int)
        size = len(self.common) if questions is None else questions
        seeds = np.random.SeedSequence(self.seed if seed is None else seed, spawn_key=(2,)).spawn(count)
        step = max(1, cells // max(1, size * len(self.models) * (self.wrong.counts.shape[-1] + 1)))
        for start in range(0, count, step):
            parts = [
                self._one(target, size, draw, np.random.default_rng(one))
                for draw, one in zip(chosen[start : start + step], seeds[start : start + step], strict=True)
            ]
            yield Population(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _one(self, target: Target, size: int, draw: int, rng: np.random.Generator) -> Population:
        at = np.array([draw])
        here = at % len(self.distractors.focus)
        if target == "same":
            task = self.wrong.task[self.common][None]
            logits = self.difficulty.logits[at].astype(float)
            shares = self.distractors.shares(rng, self.wrong, here, expit(logits[..., self.channel[1]]))[:, self.common]
            logits = logits[:, self.common]
        else:
            # the pilot's tasks are themselves a sample: Bayesian bootstrap of their shares
            tally = np.bincount(self.wrong.task[self.common], minlength=len(self.tasks)).astype(float)
            mix = rng.standard_gamma(tally) if len(self.tasks) > 1 else tally
            task = rng.choice(len(self.tasks), size, p=mix / mix.sum())[None]
            logits = self.difficulty.take(at).new_logits(rng, task, self.kind)
            right = expit(logits[..., self.channel[1]])
            shares = self.distractors.new_shares(rng, here, task, self.wrong.possible, right)
        blank = np.where(self.channel[0] >= 0, expit(logits[..., self.channel[0]]), self.blank_draws[at][:, None])
        right = (1 - blank) * expit(logits[..., self.channel[1]])
        wrong = (1 - blank) * expit(-logits[..., self.channel[1]])
        return Population(np.concatenate([right[..., None], wrong[..., None] * shares], -1), blank, task)
