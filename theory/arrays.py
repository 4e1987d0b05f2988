"""One formula, two array libraries: NumPy in, NumPy out, at once; JAX in, JAX out, compiled and differentiable.

A log is scored once on the host, where compiling would take longer than computing; a posterior is scored
for many draws under ``jit``, ``vmap`` and ``grad``. The mathematics is written once for both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def namespace(*arrays: Any) -> ModuleType:
    """``jax.numpy`` if any of ``arrays`` (or arrays inside them) is a JAX array or tracer, else ``numpy``."""
    return jnp if any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(arrays)) else np


def numpy_or_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function(xp, *arrays)`` when it is given JAX arrays; run it plainly on NumPy's.

    The wrapped function is called without ``xp``.
    """
    compiled = jax.jit(functools.partial(function, jnp))

    @functools.wraps(function)
    def call(*arrays: Any) -> Any:
        return compiled(*arrays) if namespace(*arrays) is jnp else function(np, *arrays)

    return call
