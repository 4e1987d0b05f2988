"""Where answers come from: real engines, servers, recorded logs, tasks and their verifiers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "engine": ["Completion", "Engine", "Request", "Sample", "Sampling"],
        "pool": ["ModelSpec", "Pool", "Price", "read_pool"],
        "sampling": ["sample"],
        "server_engine": ["ServerEngine", "ServerOptions"],
        "simulated_engine": ["Population", "SimulatedEngine"],
        "store": ["Store"],
        "tasks": ["Question", "Task", "task_named"],
        "vllm_engine": ["VllmEngine"],
    },
)
