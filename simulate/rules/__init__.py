"""Selection rules: from what a pool answered to one question, which answer to return.

Each rule is one file; naming the file in ``CATALOGUE`` puts it in the catalogue.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

CATALOGUE = (
    "mux",
    "self_consistency",
    "agent_forest",
    "authors_scripts",
    "early_mux",
    "calibrated_mux",
    "adaptive_mux",
    "grouped_mux",
    "bayes",
    "weighted_votes",
    "best_of_infinity",
    "dawid_skene",
    "modelswitch",
    "cascade",
    "bounds",
)

_HOME = {
    **dict.fromkeys(("Answers", "Rule", "RULES", "register", "rule_named", "as_rule"), "protocol"),
    **dict.fromkeys(("SequentialRule", "State", "register_sequential"), "sequential"),
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
