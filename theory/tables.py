"""Laws of whole tables of counts, on the host: every k in one pass, equal patterns worked out once.

A log is replayed once, so nothing is compiled: NumPy does what ``consistency.mode_law_logged`` does under JAX,
with the same code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .consistency import ROWS_AT_ONCE, ModeLaw, Ties, refuse_short
from .truncated_products import laws_of_block


class Sweep(NamedTuple):
    """Laws of every number of samples 0..k at once; nan where a row has too few logged samples."""

    correct: Float[np.ndarray, "*batch samples m"]
    """R(m) after that many samples."""
    top: Float[np.ndarray, "*batch samples m"]
    """P(T = m) after that many samples."""

    def law(self, samples: int) -> ModeLaw:
        """The law after ``samples`` samples, m = 0..samples."""
        return ModeLaw(*(part[..., samples, : samples + 1] for part in self))


def laws_of_counts(
    classes: Int[np.ndarray, "question model class"],
    blanks: Int[np.ndarray, "question model"],
    right: Int[np.ndarray, " question"],
    k: int,
    *,
    ties: Ties = "uniform",
) -> ModeLaw:
    """Laws of the mode at k of the logged samples, as NumPy arrays ``question model m``.

    Args:
        classes: counts per answer class, the ``right[q]`` correct classes of question q first.
        blanks: blank samples.
        right: number of correct classes of each question, at least 1; R is summed over them.
        k: samples, at most those logged in any row.
        ties: see ``consistency.Ties``.
    Raises:
        ValueError: a row with fewer than k samples.
    """
    refuse_short(np.asarray(classes).sum(-1) + np.asarray(blanks), k)
    return sweep_of_counts(classes, blanks, right, k, ties=ties).law(k)


def sweep_of_counts(
    classes: Int[np.ndarray, "question model class"],
    blanks: Int[np.ndarray, "question model"],
    right: Int[np.ndarray, " question"],
    k: int,
    *,
    ties: Ties = "uniform",
) -> Sweep:
    """Laws at every number of samples up to k in one go, ``question model samples m``.

    Rows with fewer samples than asked are nan from there on. A law depends on a row only through the count of
    the correct answer and the multiset of the others, so a table of a few hundred questions has few distinct
    rows. Arguments as for ``laws_of_counts``.
    """
    classes, blanks, right = np.asarray(classes), np.asarray(blanks), np.asarray(right)
    questions, models, width = classes.shape
    correct = np.zeros((questions, models, k + 1, k + 1))
    top = np.zeros_like(correct)
    for target in range(int(right.max(initial=1))):
        here = np.flatnonzero(right > target)
        own = classes[here, :, target, None]
        rivals = -np.sort(-np.delete(classes[here], target, axis=-1), axis=-1)
        rows = np.concatenate([own, blanks[here][..., None], rivals], -1).reshape(-1, width + 1)
        pattern, place = np.unique(rows, axis=0, return_inverse=True)
        by_use = np.argsort(-(pattern[:, 2:] > 0).sum(-1), kind="stable")
        laws = _of_patterns(pattern[by_use], k, ties)
        back = np.argsort(by_use)[place.reshape(-1)]
        shape = (len(here), models, k + 1, k + 1)
        correct[here] += laws.correct[back].reshape(shape)
        if target == 0:
            top[here] = laws.top[back].reshape(shape)
    return Sweep(correct, top)


def _of_patterns(pattern: Int[np.ndarray, "row column"], k: int, ties: Ties) -> Sweep:
    """Laws of rows (correct, blanks, rivals...)."""
    parts = [[np.zeros((0, k + 1, k + 1))] * 2]
    for start in range(0, len(pattern), ROWS_AT_ONCE):
        rows = pattern[start : start + ROWS_AT_ONCE].astype(float)
        used = np.concatenate([[True], rows[:, 2:].any(0)])
        x = np.delete(rows, 1, axis=1)[:, used].T
        parts.append(
            [law.transpose(2, 0, 1) for law in laws_of_block(np, "logged", x, rows[:, 1], None, k, ties, True)]
        )
    return Sweep(*(np.concatenate(both) for both in zip(*parts, strict=True)))
