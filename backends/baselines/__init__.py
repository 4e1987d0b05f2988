"""Methods to compare SLM-MUX with, each following its own paper, over the same engines and questions.

A method is a file here and a line in ``METHODS``.
"""

from __future__ import annotations

from importlib import import_module

from ...simulate.errors import unknown_name
from .protocol import Ask, Item, Outcome, Reply, Setting, Steps, Verdict

# method name -> "module:generator function"
METHODS: dict[str, str] = {
    "slm-mux": "slm_mux:slm_mux",
    "agent-forest": "agent_forest:agent_forest",
    "single-best-sc": "single_best:self_consistency",
    "single-best": "single_best:single_best",
    "random-model": "single_best:random_model",
    "llm-debate": "debate:debate",
    "mixture-of-agents": "mixture_of_agents:mixture_of_agents",
    "multi-agent-verification": "verification:verification",
    "larger-model": "single_best:larger_model",
}

SAMPLING = ("slm-mux", "agent-forest", "single-best-sc")
"""Methods whose number of samples can be set to meet a budget of tokens."""


def start(name: str, setting: Setting) -> Steps:
    """Begin a method.

    Raises:
        BadInput: an unknown name.
    """
    if name not in METHODS:
        raise unknown_name("method", name, METHODS)
    module, function = METHODS[name].split(":")
    return getattr(import_module(f".{module}", __name__), function)(setting)


__all__ = ["METHODS", "SAMPLING", "Ask", "Item", "Outcome", "Reply", "Setting", "Steps", "Verdict", "start"]
