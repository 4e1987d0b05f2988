"""Best-of-infinity: vote weights that answer most pilot questions right in the limit of many samples."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import Bounds, LinearConstraint, milp

from ..answers import AnswerCounts
from .protocol import Answers, modes, register

_MARGIN = 1e-3
_SECONDS = 10.0
_LEAST = 1e-6


def learn_weights(
    pilot: AnswerCounts, accuracy: Float[np.ndarray, " model"], samples: int
) -> Float[np.ndarray, " model"]:
    """Weights w, summing to 1, that make the weighted answer shares right on the most pilot questions.

    Maximise Σ y_q subject to Σ_i w_i (share of the correct answer - share of a) ≥ margin - M (1 - y_q)
    for every wrong answer a, by mixed-integer programming (HiGHS, at most 10 seconds; the best found by then).
    """
    # several weights may be optimal: the solver meets the models by accuracy, not as they happen to be listed
    ranked = np.argsort(-np.asarray(accuracy), kind="stable")
    shares = (pilot.classes / np.maximum(pilot.samples, 1)[..., None])[:, ranked]
    questions, models, _ = shares.shape
    rows, lows = [], []
    for q in range(questions):
        wrong = [c for c in range(pilot.right[q], shares.shape[-1]) if pilot.classes[q, :, c].any()]
        for c in wrong:
            # a question right by any of its correct answers is judged by the most common one
            row = np.zeros(models + questions)
            row[:models] = shares[q, :, 0] - shares[q, :, c]
            row[models + q] = -(1 + _MARGIN)
            rows.append(row)
            lows.append(-1.0)
    if not rows:
        return np.full(models, 1 / models)
    total = np.concatenate([np.ones(models), np.zeros(questions)])
    with _standard_output_kept_clean():
        found = milp(
            np.concatenate([np.zeros(models), -np.ones(questions)]),
            integrality=np.concatenate([np.zeros(models), np.ones(questions)]),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(np.array(rows), np.array(lows), np.inf), LinearConstraint(total[None], 1, 1)],
            options={"time_limit": _SECONDS, "mip_rel_gap": 0.01},
        )
    return np.full(models, 1 / models) if found.x is None else found.x[:models][np.argsort(ranked)]


@contextmanager
def _standard_output_kept_clean() -> Iterator[None]:
    """HiGHS writes stray lines to C's standard output, where ``--json -`` puts its result; they are dropped."""
    if os.name != "posix":
        yield
        return
    try:
        sys.stdout.flush()
        kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError, AttributeError):  # no standard output to protect
        yield
        return
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


@register("best-of-infinity", source="Komiyama et al. 2509.21091, weights by MILP", learn=learn_weights)
def best_of_infinity(answers: Answers, key: Array) -> Float[Array, " class"]:
    """Each model's answer shares vote with weights learned on the pilot by mixed-integer programming."""
    share = answers.counts / jnp.maximum(answers.samples, 1)[:, None]
    return modes((share * jnp.maximum(answers.learned, _LEAST)[:, None]).sum(0))
