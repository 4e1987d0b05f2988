"""A pool file: which models, by which engine, with which settings, at which price.

[defaults]                      # sampling of every model that says nothing else
temperature = 0.8
max_tokens = 512

[[model]]
name = "qwen"                   # what logs and forecasts call it
engine = "vllm"                 # vllm, server or simulated
model = "Qwen/Qwen2.5-0.5B-Instruct"
sampling = { top_p = 0.95 }
options = { max_model_len = 4096 }
price = { prompt = 0.02, completion = 0.06 }    # US dollars per million tokens
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ..simulate.errors import BadInput, unknown_name
from .engine import Engine, Sampling
from .tasks.task import Question

# engine kind -> "module:function"; the function takes a ModelSpec and the questions to be asked. The module may
# have check_options(options, place), asked when a pool file is read, and check_model(spec), asked before a run
# begins, so that a mistake in the last model of a pool does not wait for the first to be sampled.
ENGINES: dict[str, str] = {
    "vllm": "vllm_engine:open_vllm",
    "server": "server_engine:open_server",
    "simulated": "simulated_engine:open_simulated",
    "ray": "ray_sampling:open_ray",
}
_MODEL_KEYS = ("name", "engine", "model", "sampling", "options", "price")
# options that say where and how fast, but not what is drawn
_NOT_SETTINGS = {
    *("base_url", "api_key_env", "concurrency", "timeout_s", "attempts", "max_wait_s", "delay_s"),
    *("address", "replicas", "cpus_per_replica", "gpus_per_replica", "batch_size", "environment"),
}


@dataclass(frozen=True)
class Price:
    """What tokens cost, in US dollars per million."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Dollars for these tokens."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


@dataclass(frozen=True)
class ModelSpec:
    """One model of a pool."""

    name: str
    engine: str
    model: str
    sampling: Sampling = field(default_factory=Sampling)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the engine itself takes: see the engine."""
    price: Price | None = None

    def settings(self) -> dict[str, Any]:
        """What decides which samples come out; a run with other settings is another run."""
        options = {key: value for key, value in sorted(self.options.items()) if key not in _NOT_SETTINGS}
        model = Path(self.model).name if Path(self.model).is_dir() else self.model
        return {"engine": self.engine, "model": model, "sampling": self.sampling.record(), "options": options}

    def open(self, questions: Iterable[Question] = ()) -> Engine:
        """Load the model or connect to its server.

        Args:
            questions: those that will be asked; only a simulated model looks at them.
        """
        return getattr(_module(self.engine), ENGINES[self.engine].split(":")[1])(self, list(questions))

    def check(self) -> None:
        """Find out what can be found out without loading the model.

        Raises:
            BadInput: it could not be opened.
        """
        check = getattr(_module(self.engine), "check_model", None)
        if check is not None:
            check(self)


@dataclass(frozen=True)
class Pool:
    """The models of a pool, in the order of its file."""

    models: tuple[ModelSpec, ...]
    source: str = "pool"

    def only(self, names: Iterable[str]) -> Pool:
        """The part of the pool with these names, in the pool's order."""
        wanted = list(names)
        known = [spec.name for spec in self.models]
        for name in wanted:
            if name not in known:
                raise unknown_name(f"model in {self.source}", name, known)
        return replace(self, models=tuple(spec for spec in self.models if spec.name in wanted))

    def with_sampling(self, **changes: Any) -> Pool:
        """Every model with these sampling settings instead of its own; None leaves a setting alone."""
        kept = {key: value for key, value in changes.items() if value is not None}
        models = tuple(replace(spec, sampling=replace(spec.sampling, **kept)) for spec in self.models)
        return replace(self, models=models)

    def with_options(self, **changes: Any) -> Pool:
        """Every model that has a server with these options instead of its own; None leaves one alone.

        Raises:
            BadInput: there are changes and no model has a server.
        """
        kept = {key: value for key, value in changes.items() if value is not None}
        if kept and all(spec.engine != "server" for spec in self.models):
            given = ", ".join(f"--{key.replace('_', '-')}" for key in kept)
            raise BadInput(f"{given}: no model of {self.source} is behind a server; set engine = 'server' there")
        models = tuple(
            replace(spec, options={**spec.options, **kept}) if spec.engine == "server" else spec for spec in self.models
        )
        return replace(self, models=models)


def read_pool(path: str | os.PathLike[str]) -> Pool:
    """Read a pool file.

    Raises:
        BadInput: a file that is absent or not TOML, an unknown key, or a model that lacks something.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); name a pool file in TOML") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not valid TOML ({error}); correct the file") from None
    _refuse_unknown(content, ("defaults", "model"), str(path))
    defaults = content.get("defaults", {})
    if not isinstance(defaults, dict):
        raise BadInput(f"{path}: 'defaults' is not a table; write sampling settings below [defaults]")
    entries = content.get("model", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{path}: has no models; add a [[model]] table with name, engine and model")
    models = [_model(entry, number, defaults, path) for number, entry in enumerate(entries, 1)]
    names = [spec.name for spec in models]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{path}: two models are called {name!r}; give each its own name")
    return Pool(tuple(models), str(path))


def _model(entry: Mapping[str, Any], number: int, defaults: Mapping[str, Any], path: Path) -> ModelSpec:
    place = f"{path}: model {entry.get('name', number)!r}"
    _refuse_unknown(entry, _MODEL_KEYS, place)
    entry, defaults = _with_defaults(entry, defaults, f"{path}: defaults")
    for key in ("name", "engine"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise BadInput(f"{place}: {key!r} is missing or not text; every model needs one")
    if re.search(r"[+,\s]", entry["name"]):
        raise BadInput(f"{place}: a name may not hold '+', ',' or spaces, since pools are written a+b,c")
    if entry["engine"] not in ENGINES:
        raise BadInput(f"{place}: {unknown_name('engine', entry['engine'], ENGINES)}")
    for key in ("sampling", "options", "price"):
        if not isinstance(entry.get(key, {}), dict):
            raise BadInput(f"{place}: {key!r} is not a table; write {key} = {{ … }}")
    model = entry.get("model", entry["name"] if entry["engine"] == "simulated" else None)
    if not isinstance(model, str) or not model:
        raise BadInput(f"{place}: 'model' is missing; name the model as its engine knows it, or a folder")
    sampling = Sampling.of({**defaults, **entry.get("sampling", {})}, place)
    check = getattr(_module(entry["engine"]), "check_options", None)
    if check is not None:
        check(entry.get("options", {}), place)
    return ModelSpec(
        entry["name"],
        entry["engine"],
        _located(model, path, place),
        sampling,
        entry.get("options", {}),
        _price(entry["price"], place) if "price" in entry else None,
    )


def _with_defaults(
    entry: Mapping[str, Any], defaults: Mapping[str, Any], place: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model's table with the default engine and that engine's options, and the defaults left: sampling."""
    sampling = {key: value for key, value in defaults.items() if key not in ("engine", "options")}
    shared = defaults.get("options", {})
    if not isinstance(shared, dict) or (shared and "engine" not in defaults):
        raise BadInput(f"{place}: 'options' must be a table, of the engine named beside it: engine = \"…\"")
    full = {"engine": defaults["engine"], **entry} if "engine" in defaults else dict(entry)
    if shared and full["engine"] == defaults["engine"] and isinstance(full.get("options", {}), dict):
        full["options"] = {**shared, **full.get("options", {})}
    return full, sampling


def _located(model: str, path: Path, place: str) -> str:
    """A model's folder, with variables of the environment filled in, beside the pool file if it is there."""
    filled = os.path.expanduser(os.path.expandvars(model))
    if unset := re.search(r"\$\{?(\w+)", filled):
        raise BadInput(f"{place}: the environment variable {unset[1]} is not set; set it or write the folder out")
    beside = path.parent / filled
    return str(beside.resolve()) if beside.is_dir() else filled


def _price(table: Mapping[str, Any], place: str) -> Price:
    _refuse_unknown(table, ("prompt", "completion"), f"{place}: price")
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise BadInput(f"{place}: price: {key} = {value!r} is not a price; use dollars per million tokens")
    return Price(**table)


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    for key in table:
        if key not in known:
            raise BadInput(f"{place}: {unknown_name('key', key, known)}")


def _module(engine: str) -> Any:
    return import_module(f".{ENGINES[engine].split(':')[0]}", __package__)
