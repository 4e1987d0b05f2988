"""Price tables: what a token, a GPU-second and a change of model cost, read from a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import BadInput, unknown_name


@dataclass(frozen=True)
class Rate:
    """What one model costs and how fast it is; None where not stated."""

    input: float | None = None
    """Price of a million prompt tokens."""
    output: float | None = None
    """Price of a million completion tokens."""
    tokens_per_second: float | None = None
    """Completion tokens a second of all requests together, on ``gpus`` GPUs (throughput, not one stream)."""
    prompt_tokens_per_second: float | None = None
    """Prompt tokens a second; None counts reading the prompt as free."""
    gpus: float = 1.0
    """GPUs the model occupies while it runs."""
    stream_tokens_per_second: float | None = None
    """Completion tokens a second of a single request, for the waiting time."""
    first_token_seconds: float = 0.0
    """Seconds until a request's first token."""
    prompt_tokens: float | None = None
    """Mean tokens of a prompt, used where the pilot did not record them."""
    completion_tokens: float | None = None
    """Mean tokens of a completion, used where the pilot did not record them."""


@dataclass(frozen=True)
class LargerModel(Rate):
    """One bigger model that a pool is held against."""

    accuracy: float = 0.0
    """Its accuracy on the target questions, 0 to 1."""
    accuracy_error: float = 0.0
    """Standard error of that accuracy."""
    samples: int = 1
    """Samples it draws for one question."""


@dataclass(frozen=True)
class Prices:
    """A price table."""

    models: Mapping[str, Rate] = field(default_factory=dict)
    """Rate of each model of the pool."""
    larger: Mapping[str, LargerModel] = field(default_factory=dict)
    """Bigger models to break even with."""
    currency: str = "USD"
    gpu_hour: float | None = None
    """Price of one GPU for an hour."""
    one_gpu: bool = False
    """The models of a pool share one GPU (or one group of GPUs) and are loaded in turn."""
    switch_seconds: float = 0.0
    """Seconds to unload one model and load the next; counts where ``one_gpu``."""
    questions_per_load: int | None = None
    """Questions answered between two loads; None for all questions of the run."""
    shared_prompt: bool = True
    """The prompt is read and billed once for the k samples of a question (one request with n = k)."""

    def per_million(self, name: str) -> tuple[float, float] | None:
        """Price of a million (prompt, completion) tokens of a pool's model, by token or else by GPU time."""
        rate = self.models[name]
        if rate.input is not None or rate.output is not None:
            return rate.input or 0.0, rate.output or 0.0
        if self.gpu_hour is None or rate.tokens_per_second is None:
            return None
        second = rate.gpus * self.gpu_hour / 3600
        reading = second / rate.prompt_tokens_per_second if rate.prompt_tokens_per_second else 0.0
        return 1e6 * reading, 1e6 * second / rate.tokens_per_second


def read_prices(path: str | os.PathLike[str]) -> Prices:
    """Read a price table.

    ::

        currency = "USD"
        gpu_hour = 2.0
        one_gpu = true
        switch_seconds = 30

        [models."qwen2.5-7b"]
        input = 0.05
        output = 0.10
        tokens_per_second = 2500

        [larger."qwen2.5-72b"]
        accuracy = 0.823
        completion_tokens = 450
        input = 0.35
        output = 0.40

    Raises:
        BadInput: a file that is absent or not TOML, a key that is not known, or a value out of range; names it.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; write a price table (TOML) or leave --prices out") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, OSError) as error:
        raise BadInput(f"{path}: not a readable TOML file ({error}); see `muxcast plan --help`") from None
    return prices_from(table, str(path))


def prices_from(table: Mapping[str, Any], source: str = "prices") -> Prices:
    """A price table from nested dictionaries of the file's shape; errors as in `read_prices`."""
    plain = {key: value for key, value in table.items() if key not in ("models", "larger")}
    checked = _checked(Prices, plain, source)
    for part in ("models", "larger"):
        if not isinstance(table.get(part, {}), Mapping):
            raise BadInput(f'{source}: {part!r} is not a table; write [{part}."name"] and its keys below it')
    models = {name: _rate(Rate, name, row, f'{source}: [models."{name}"]') for name, row in _items(table, "models")}
    larger = {}
    for name, row in _items(table, "larger"):
        where = f'{source}: [larger."{name}"]'
        if isinstance(row, Mapping) and "accuracy" not in row:
            raise BadInput(f"{where}: key 'accuracy' is missing; state the model's accuracy, 0 to 1")
        larger[name] = _rate(LargerModel, name, row, where)
    return Prices(models=models, larger=larger, **checked)


def _items(table: Mapping[str, Any], part: str) -> list[tuple[str, Any]]:
    return list(table.get(part, {}).items())


def _rate(kind: type, name: str, row: Any, where: str) -> Any:
    if not isinstance(row, Mapping):
        raise BadInput(f"{where}: is not a table; write keys such as input and output below it")
    return kind(**_checked(kind, row, where))


_POSITIVE = {"tokens_per_second", "prompt_tokens_per_second", "stream_tokens_per_second", "gpus"}
_WHOLE = {"questions_per_load", "samples"}
_SHARE = {"accuracy", "accuracy_error"}


def _checked(kind: type, row: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {one.name for one in fields(kind)}
    for key, value in row.items():
        if key not in known:
            raise unknown_name(f"key in {where}:", key, known)
        _check_value(key, value, where)
    return dict(row)


def _check_value(key: str, value: Any, where: str) -> None:
    if key == "currency":
        fits, wanted = isinstance(value, str) and bool(value), "a name in quotes"
    elif key in ("one_gpu", "shared_prompt"):
        fits, wanted = isinstance(value, bool), "true or false"
    elif key in _WHOLE:
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        wanted = "a whole number of at least 1"
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        low_enough = number and value < float("inf") and (key not in _SHARE or value <= 1)
        fits = low_enough and (value > 0 if key in _POSITIVE else value >= 0)
        wanted = "a number " + ("from 0 to 1" if key in _SHARE else "above 0" if key in _POSITIVE else "of at least 0")
    if not fits:
        raise BadInput(f"{where}: key {key!r} is {value!r}; give {wanted}")
