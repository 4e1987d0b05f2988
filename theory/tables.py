"""Laws of whole tables of counts: equal patterns are worked out once, and padding costs nothing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from .consistency import ModeLaw, Sweep, logged_laws

_ROWS = 1024


def laws_of_counts(
    classes: Int[np.ndarray, "question model class"],
    blanks: Int[np.ndarray, "question model"],
    right: Int[np.ndarray, " question"],
    k: int,
) -> ModeLaw:
    """Laws of the mode at k of the logged samples, as NumPy arrays [question, model, m].

    Args:
        classes: counts per answer class, the ``right`` correct classes first.
        blanks: blank samples.
        right: number of correct classes of each question, at least 1; R is summed over them.
        k: samples, at most those logged in any row.
    Raises:
        ValueError: a row with fewer than k samples.
    """
    if k > (fewest := int((np.asarray(classes).sum(-1) + blanks).min())):
        raise ValueError(f"k = {k} samples cannot be taken from {fewest} logged ones")
    return sweep_of_counts(classes, blanks, right, k).law(k)


def sweep_of_counts(
    classes: Int[np.ndarray, "question model class"],
    blanks: Int[np.ndarray, "question model"],
    right: Int[np.ndarray, " question"],
    k: int,
) -> Sweep:
    """Laws at every number of samples up to k in one go, as NumPy arrays [question, model, samples, m].

    Rows with fewer samples than asked are nan from there on. The law depends on a row only through the count
    of the correct answer and the multiset of the others, so a table of a few hundred questions has few
    distinct rows. Arguments as for `laws_of_counts`.
    """
    classes, blanks, right = np.asarray(classes), np.asarray(blanks), np.asarray(right)
    questions, models, _ = classes.shape
    correct = np.zeros((questions, models, k + 1, k + 1))
    at_most = np.zeros_like(correct)
    for target in range(int(right.max())):
        rows = np.flatnonzero(right > target)
        swept = _of_rows(classes[rows].reshape(len(rows) * models, -1), blanks[rows].ravel(), k, target)
        shape = (len(rows), models, k + 1, k + 1)
        correct[rows] += swept.correct.reshape(shape)
        at_most[rows] = swept.at_most.reshape(shape)
    return Sweep(correct, at_most)  # type: ignore[arg-type]


def _of_rows(classes: Int[np.ndarray, "row class"], blanks: Int[np.ndarray, " row"], k: int, target: int) -> Sweep:
    rivals = -np.sort(-np.delete(classes, target, axis=1), axis=1)
    single = (rivals == 1).sum(1)
    # answers given once are many and alike: they enter as a power of one polynomial
    rivals = np.where(rivals == 1, 0, rivals)
    width = max(int((rivals > 0).sum(1).max(initial=0)), 1)
    pattern = np.column_stack([classes[:, target], blanks, single, rivals[:, :width]])
    distinct, place = np.unique(pattern, axis=0, return_inverse=True)
    swept = _of_patterns(distinct.astype(float), k)
    return Sweep(swept.correct[place.ravel()], swept.at_most[place.ravel()])


def _of_patterns(pattern: Float[np.ndarray, "row column"], k: int) -> Sweep:
    """Laws of rows (correct, blanks, singles, rivals...), in blocks of few shapes so that few are compiled."""
    order = np.argsort((pattern[:, 3:] > 0).sum(1), kind="stable")
    correct = np.zeros((len(pattern), k + 1, k + 1))
    at_most = np.zeros_like(correct)
    width = 3 + _power_of_two(int((pattern[:, 3:] > 0).sum(1).max(initial=0)))
    height = min(_power_of_two(len(order)), _ROWS)
    for start in range(0, len(order), height):
        rows = order[start : start + height]
        block = _padded(pattern[rows], width, height)
        swept = logged_laws(block[:, 0], block[:, 3:], block[:, 1], block[:, 2], k)
        correct[rows] = np.asarray(swept.correct)[: len(rows)]
        at_most[rows] = np.asarray(swept.at_most)[: len(rows)]
    return Sweep(correct, at_most)  # type: ignore[arg-type]


def _padded(block: Float[np.ndarray, "row column"], width: int, height: int) -> Float[np.ndarray, "row column"]:
    padded = np.zeros((height, width))
    padded[:, :3] = block[0, :3]  # a row that is certainly valid
    columns = min(width, block.shape[1])
    padded[: len(block), :columns] = block[:, :columns]
    padded[len(block) :, 3:columns] = block[0, 3:columns]
    return padded


def _power_of_two(n: int) -> int:
    return 1 << max(n - 1, 0).bit_length()
