"""A simulated model: answers drawn from a stated population, for rehearsals and tests of everything else.

It never pretends to be a model: its name in records is "simulated", and its texts are bare answers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..simulate.errors import BadInput, unknown_name
from .engine import Completion, Engine, Request, Sample, Sampling, seed_of

if TYPE_CHECKING:
    from .pool import ModelSpec
    from .tasks.task import Question

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Population:
    """The population of questions as one simulated model meets them."""

    accuracy: float = 0.6
    """Mean probability of the correct answer, between 0 and 1."""
    concentration: float = 1.5
    """a + b of the Beta distribution of that probability over questions: small is all or nothing."""
    shared: float = 0.5
    """Share of a question's difficulty, 0 to 1, that is the same for every simulated model."""
    wrong_answers: int = 4
    """Wrong answers of a question; the same strings for every model."""
    attraction: float = 0.5
    """Share of the wrong probability, 0 to 1, on the first of them; the others share the rest."""
    blank: float = 0.02
    """Probability of saying nothing, 0 to 1."""
    tokens: float = 100.0
    """Mean completion tokens of a sample (geometric)."""
    world: int = 0
    """Seed of the questions' difficulties."""
    delay_s: float = 0.0
    """Seconds each request takes."""
    template: str = "{answer}"
    """The completion, with the answer in place of {answer}."""

    @classmethod
    def of(cls, options: Mapping[str, Any], place: str) -> Population:
        """Options of a pool file.

        Raises:
            BadInput: an unknown option or a value that cannot be used.
        """
        known = [field.name for field in fields(cls)]
        for key, value in options.items():
            if key not in known:
                raise BadInput(f"{place}: {unknown_name('option of a simulated model', key, known)}")
            if key == "template":
                good = isinstance(value, str) and "{answer}" in value
            else:
                good = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
                good = good and (value <= 1 or key not in ("accuracy", "shared", "attraction", "blank"))
            if not good:
                raise BadInput(f"{place}: {key} = {value!r} cannot be used; see the options of a simulated model")
        return cls(**options)

    def probabilities(self, question: str, model: str) -> Float[np.ndarray, " class"]:
        """P(blank), P(correct), P(each wrong answer) of one question, in that order."""
        from scipy.special import betaincinv, ndtr

        common = np.random.default_rng(seed_of(self.world, "", question, "")).standard_normal()
        own = np.random.default_rng(seed_of(self.world, "", question, model)).standard_normal()
        ease = math.sqrt(self.shared) * common + math.sqrt(1 - self.shared) * own
        mean = min(max(self.accuracy, 1e-9), 1 - 1e-9)
        right = float(betaincinv(self.concentration * mean, self.concentration * (1 - mean), ndtr(ease)))
        others = max(self.wrong_answers - 1, 0)
        first = self.attraction if others else 1.0
        wrong = [first, *[(1 - first) / others] * others]
        spoken = np.array([right, *[(1 - right) * share for share in wrong]])
        law = np.concatenate([[self.blank], (1 - self.blank) * spoken])
        return law / law.sum()


class SimulatedEngine:
    """Draws the samples of one simulated model.

    Args:
        name: what the pool calls it; also fixes what is its own in the questions' difficulties.
        population: what it draws from.
        questions: those that can be asked.
    """

    def __init__(self, name: str, population: Population, questions: Sequence[Question]):
        self.name, self._population = name, population
        self._questions = {question.prompt: question for question in questions}

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        for position, request in enumerate(requests):
            question = self._questions.get(request.prompt)
            if question is None or question.reference is None:
                yield position, Completion([], None, None, "a simulated model knows no answer to this question")
                continue
            if self._population.delay_s:
                time.sleep(self._population.delay_s)
            law = self._population.probabilities(f"{question.id}\x1f{question.prompt}", self.name).cumsum()
            answers = self._answers(question)
            samples = [self._sample(request.seed + index, index, law, answers, sampling) for index in request.samples]
            yield position, Completion(samples, len(str(request.prompt).split()), None)

    def _sample(
        self, seed: int, index: int, law: Float[np.ndarray, " class"], answers: list[str], sampling: Sampling
    ) -> Sample:
        rng = np.random.default_rng(seed)
        chosen = answers[min(int(np.searchsorted(law, rng.random(), side="right")), len(answers) - 1)]
        text = self._population.template.replace("{answer}", chosen) if chosen else ""
        tokens = min(int(rng.geometric(1 / max(self._population.tokens, 1.0))), sampling.max_tokens)
        return Sample(index, text, "length" if tokens == sampling.max_tokens else "stop", tokens, seed)

    def _answers(self, question: Question) -> list[str]:
        """Blank, the correct answer, the wrong ones."""
        right, count = str(question.reference), self._population.wrong_answers
        choices = question.meta.get("choices")
        if choices:
            others = [letter for letter in _LETTERS[: len(choices)] if letter != right]
            wrong = [others[place % len(others)] for place in range(count)]
        else:
            try:
                wrong = [str(int(right) + place) for place in range(1, count + 1)]
            except ValueError:
                wrong = [f"{right} not {place}" for place in range(1, count + 1)]
        return ["", right, *wrong]

    def describe(self) -> dict[str, Any]:
        drawn = {field.name: getattr(self._population, field.name) for field in fields(self._population)}
        return {"engine": "simulated", "model": self.name, "population": drawn}

    def close(self) -> None:
        """Nothing is held."""


def open_simulated(spec: ModelSpec, questions: list[Question]) -> Engine:
    """The engine of a pool's model."""
    return SimulatedEngine(spec.name, Population.of(spec.options, f"model {spec.name!r}"), questions)


def check_options(options: Mapping[str, Any], place: str) -> None:
    """Raise BadInput for options that no simulated model has."""
    Population.of(options, place)
