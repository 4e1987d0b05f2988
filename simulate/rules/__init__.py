"""Selection rules: from what a pool answered to one question, which answer to return.

Each rule is one file; naming the file in ``CATALOGUE`` puts it in the catalogue.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

CATALOGUE = ("mux", "self_consistency", "agent_forest")

_HOME = {
    **dict.fromkeys(("Answers", "Rule", "RULES", "register", "rule_named", "as_rule"), "protocol"),
    **dict.fromkeys(("rule_accuracy", "rule_outcomes", "rule_on_counts", "shuffled_draws"), "evaluate"),
}
__all__ = [*_HOME, "CATALOGUE", "load_catalogue"]


def load_catalogue() -> None:
    """Import every file of the catalogue, so that its rules are registered."""
    for name in CATALOGUE:
        import_module(f".{name}", __name__)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "RULES":
        load_catalogue()
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
