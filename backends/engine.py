"""What an engine is: requests in, several samples of each out, as they are finished."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..simulate.errors import BadInput, unknown_name
from .tasks.task import Prompt

MOST_SAMPLES = 2048
"""Samples of one question that have seeds of their own."""


@dataclass(frozen=True)
class Sampling:
    """How samples are drawn; the same for every question of a model."""

    temperature: float = 0.7
    """0 is greedy: every sample of a question is then the same."""
    top_p: float = 1.0
    """Share of probability that nucleus sampling keeps; 1 keeps everything."""
    top_k: int = 0
    """How many of the likeliest tokens are kept; 0 keeps all. Sent to a server only when it is not 0."""
    max_tokens: int = 1024
    """Longest completion; one that reaches it has ``finish_reason`` "length"."""
    stop: tuple[str, ...] = ()
    """Texts that end a completion and are not part of it."""

    def __post_init__(self) -> None:
        for name, good, needs in (
            ("temperature", 0 <= self.temperature < float("inf"), "at least 0 and finite"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", self.top_k >= 0, "at least 0"),
            ("max_tokens", self.max_tokens >= 1, "at least 1"),
        ):
            if not good:
                raise BadInput(f"sampling: {name} = {getattr(self, name)} cannot be used; it must be {needs}")

    @classmethod
    def of(cls, settings: dict[str, Any], place: str) -> Sampling:
        """Settings read from ``place``, a part of a pool file.

        Raises:
            BadInput: a key that is no sampling setting, or a value of the wrong kind.
        """
        kinds = {"temperature": (int, float), "top_p": (int, float), "top_k": (int,), "max_tokens": (int,)}
        known = [field.name for field in fields(cls)]
        for key, value in settings.items():
            if key not in known:
                raise BadInput(f"{place}: {unknown_name('key', key, known)}")
            if key == "stop":
                if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
                    raise BadInput(f"{place}: stop = {value!r} is not a list of texts; write stop = ['\\n']")
            elif isinstance(value, bool) or not isinstance(value, kinds[key]):
                raise BadInput(f"{place}: {key} = {value!r} is not a number of the right kind")
        given: dict[str, Any] = {**settings, "stop": tuple(settings.get("stop", ()))}
        try:
            return cls(**given)
        except BadInput as error:
            raise BadInput(f"{place}: {error}") from None

    def record(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {**asdict(self), "stop": list(self.stop)}


class Request(NamedTuple):
    """Samples wanted of one prompt."""

    prompt: Prompt
    samples: range
    """Which samples, counted from 0 over the life of a log; a run of consecutive numbers."""
    seed: int
    """Seed of sample 0; sample j is drawn with seed + j."""


class Sample(NamedTuple):
    """One completion of a prompt."""

    index: int
    """Its number among the samples of the question."""
    text: str
    finish_reason: str | None
    """"stop": ended by itself or at a stop text; "length": cut at max_tokens."""
    completion_tokens: int | None
    seed: int


class Completion(NamedTuple):
    """What came of one request: its samples, or the reason there are none."""

    samples: list[Sample]
    """Those that were drawn; fewer than asked for only together with an error."""
    prompt_tokens: int | None
    """Of the prompt, counted once however many samples were drawn of it."""
    latency_s: float | None
    """From the moment the engine took the request up to its last sample; None where time has no meaning."""
    error: str | None = None
    """Why samples are missing, after every retry; such samples are failed, which is not the same as wrong."""


@runtime_checkable
class Engine(Protocol):
    """A source of completions of one model."""

    name: str
    """What the pool calls the model."""

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        """Draw the samples; yields (position of the request, what came of it) in the order of finishing.

        Every request is yielded exactly once. A request that fails is yielded with an error; an engine
        that cannot work at all raises BadInput.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What draws the samples: kind, model, version, device and settings, as JSON values, without secrets."""
        ...

    def close(self) -> None:
        """Give back the memory or connections held."""
        ...


def seed_of(run: int, task: str, question: str, model: str) -> int:
    """Seed of sample 0 of one question and model; that of sample j lies j above it.

    Engines draw sample j of a request with seed + j, so seeds of different questions must lie apart by more
    than a question's samples, or questions would share random numbers. Questions and models get blocks of
    ``MOST_SAMPLES`` seeds at places fixed by a hash of their names, below 2^53 so that a seed survives
    every file format.
    """
    name = "\x1f".join((str(run), task, question, model)).encode()
    block = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") % (2**53 // MOST_SAMPLES)
    return block * MOST_SAMPLES


def runs_of(indexes: Sequence[int]) -> list[range]:
    """Sorted sample numbers as runs of consecutive ones: ``[0, 1, 2, 5]`` as ``[range(0, 3), range(5, 6)]``."""
    found: list[range] = []
    for index in sorted(indexes):
        if found and found[-1].stop == index:
            found[-1] = range(found[-1].start, index + 1)
        else:
            found.append(range(index, index + 1))
    return found
