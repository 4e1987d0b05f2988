"""The answer log: one row a sample, and its dense form, counts of answers per question and model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from .errors import BadInput, unknown_name
from .logcheck import KEY, checked


class AnswerCounts(NamedTuple):
    """How often each model gave each answer, one row of classes per question.

    Classes are ordered so that the correct answers of a question come first, then the wrong ones
    by falling total count; unused classes are zero. A class means the same answer for every model.
    """

    classes: Int[np.ndarray, "question model class"]
    """Counts of each answer class; excludes blanks."""
    blanks: Int[np.ndarray, "question model"]
    """Counts of blank samples (no answer could be extracted)."""
    right: Int[np.ndarray, " question"]
    """How many leading classes are correct, at least 1: class 0 is kept for the correct answer even
    where nobody gave it; more than 1 where several different strings were judged correct."""
    questions: list[tuple[str, str]]
    """(task, question) of each row."""
    models: list[str]
    """Model of each column."""
    labels: list[list[str]]
    """The answer string of each used class, per question; "" for a correct answer nobody gave."""

    @property
    def samples(self) -> Int[np.ndarray, "question model"]:
        """Samples drawn, blanks included."""
        return self.classes.sum(-1) + self.blanks

    @property
    def correct(self) -> Int[np.ndarray, "question model"]:
        """Samples whose answer was correct."""
        leading = np.arange(self.classes.shape[-1]) < self.right[:, None]
        return (self.classes * leading[:, None, :]).sum(-1)


@dataclass(frozen=True)
class AnswerLog:
    """A checked answer log.

    ``rows`` has the columns of the format (task, question, model, sample, answer, correct, and any
    optional ones), sorted by (task, question, model, sample), with at least one question that every
    model answered. ``notes`` says in plain words what is ragged about it.
    """

    rows: pd.DataFrame
    source: str = "answers"
    notes: list[str] = field(default_factory=list, compare=False)

    @classmethod
    def from_rows(cls, rows: pd.DataFrame, source: str = "answers", first_row: int = 1) -> AnswerLog:
        """Check ``rows`` against the format and keep them.

        Args:
            rows: a frame with the columns of the format, in any order.
            source: the name used in error messages, usually the file.
            first_row: number of the first row in messages.
        Raises:
            BadInput: naming source, row and column of the first violation.
        """
        rows, notes = checked(rows, source, first_row)
        return cls(rows, source, notes)

    @cached_property
    def models(self) -> list[str]:
        """Models in the log, sorted by name."""
        return sorted(self.rows["model"].unique())

    @cached_property
    def tasks(self) -> list[str]:
        """Tasks in the log, sorted by name."""
        return sorted(self.rows["task"].unique())

    @cached_property
    def questions(self) -> list[tuple[str, str]]:
        """(task, question) of every question, sorted."""
        pairs = self.rows[["task", "question"]].drop_duplicates()
        return sorted(zip(pairs["task"], pairs["question"], strict=True))

    @cached_property
    def samples_per_question(self) -> pd.DataFrame:
        """Samples drawn, one row per (task, question), one column per model; 0 where a model has none."""
        size = self.rows.groupby(["task", "question", "model"], observed=True).size()
        return size.unstack("model", fill_value=0).sort_index()

    def common_questions(self, models: Sequence[str] | None = None, at_least: int = 1) -> list[tuple[str, str]]:
        """Questions for which each of ``models`` (default: all) has ``at_least`` samples."""
        table = self.samples_per_question[list(models or self.models)]
        return list(table.index[(table >= at_least).all(axis=1)])

    def accuracy(self, models: Sequence[str] | None = None) -> dict[str, float]:
        """Share of correct samples per model, each common question counting once; blanks are wrong.

        This is the validation accuracy that SLM-MUX breaks ties by.
        """
        chosen = list(models or self.models)
        counts = self.counts(chosen)
        share = (counts.correct / counts.samples).mean(0)
        return dict(zip(chosen, share.tolist(), strict=True))

    def select(
        self,
        *,
        models: Iterable[str] | None = None,
        tasks: Iterable[str] | None = None,
        questions: Iterable[tuple[str, str]] | None = None,
        keep: Bool[np.ndarray, " row"] | None = None,
    ) -> AnswerLog:
        """The part of the log with these models, tasks, (task, question) pairs, or rows.

        Raises:
            BadInput: a name that is not in the log, or nothing left.
        """
        rows = self.rows
        mask = np.ones(len(rows), bool) if keep is None else np.asarray(keep, bool)
        for column, wanted in (("model", models), ("task", tasks)):
            if wanted is None:
                continue
            wanted = list(wanted)
            known = set(rows[column].unique())
            for name in wanted:
                if name not in known:
                    raise unknown_name(f"{column} in {self.source}", name, known)
            mask &= rows[column].isin(wanted).to_numpy()
        if questions is not None:
            index = pd.MultiIndex.from_frame(rows[["task", "question"]])
            mask &= index.isin(list(questions))
        if not mask.any():
            raise BadInput(f"{self.source}: the selection leaves no rows; choose models, tasks or questions it holds")
        return AnswerLog(rows[mask].reset_index(drop=True), self.source, self.notes)

    def draw_samples(self, count: int, seed: int | None = None) -> tuple[AnswerLog, AnswerLog | None]:
        """Split off ``count`` samples of every question and model: the first ones, or random ones by ``seed``.

        Returns:
            The part drawn and the rest (None when nothing is left). Models with fewer samples give all they have.
        """
        if count < 1:
            raise BadInput(f"{self.source}: cannot draw {count} samples a question; ask for at least 1")
        rank = self._ranks(seed)
        drawn = rank < count
        rest = self.select(keep=~drawn) if (~drawn).any() else None
        return self.select(keep=drawn), rest

    def _ranks(self, seed: int | None) -> Int[np.ndarray, " row"]:
        if seed is None:
            return self.rows.groupby(KEY[:3], observed=True).cumcount().to_numpy()
        noise = pd.Series(np.random.default_rng(seed).random(len(self.rows)))
        keys = [self.rows[name] for name in KEY[:3]]
        return noise.groupby(keys, observed=True).rank(method="first").to_numpy().astype(int) - 1

    def split_questions(self, share: float, seed: int) -> tuple[AnswerLog, AnswerLog]:
        """Two logs of different questions: about ``share`` of each task's questions at random, and the others."""
        rng = np.random.default_rng(seed)
        chosen: list[tuple[str, str]] = []
        for task in self.tasks:
            ours = [pair for pair in self.questions if pair[0] == task]
            take = min(max(round(share * len(ours)), 1), len(ours))
            chosen += [ours[i] for i in rng.permutation(len(ours))[:take]]
        others = sorted(set(self.questions) - set(chosen))
        return self.select(questions=chosen), self.select(questions=others)

    def tokens(self) -> pd.DataFrame | None:
        """Mean prompt and completion tokens of one sample, a row per model; None where not recorded."""
        if "completion_tokens" not in self.rows or self.rows["completion_tokens"].isna().all():
            return None
        columns = [name for name in ("prompt_tokens", "completion_tokens") if name in self.rows]
        return self.rows.groupby("model", observed=True)[columns].mean()

    def counts(
        self,
        models: Sequence[str] | None = None,
        questions: Sequence[tuple[str, str]] | None = None,
    ) -> AnswerCounts:
        """Dense counts over ``models`` (default: all) on ``questions`` (default: those all of them answered).

        A question in ``questions`` that a model never answered gets zero samples for it.
        """
        chosen = list(models or self.models)
        for name in chosen:
            if name not in self.models:
                raise unknown_name("model", name, self.models)
        asked = list(questions) if questions is not None else self.common_questions(chosen)
        if not asked:
            raise BadInput(f"{self.source}: no question was answered by all of {', '.join(chosen)}; drop a model")
        return _count(self.rows, chosen, asked)


def _count(rows: pd.DataFrame, models: list[str], questions: list[tuple[str, str]]) -> AnswerCounts:
    index = pd.MultiIndex.from_tuples(questions)
    row = index.get_indexer(pd.MultiIndex.from_frame(rows[["task", "question"]]))
    column = pd.Index(models).get_indexer(pd.Index(rows["model"]))
    used = (row >= 0) & (column >= 0)
    blank = rows["answer"].isna().to_numpy()
    shape = (len(questions), len(models))

    blanks = np.zeros(shape, np.int64)
    np.add.at(blanks, (row[used & blank], column[used & blank]), 1)

    named = used & ~blank
    cells = pd.DataFrame(
        {
            "row": row[named],
            "column": column[named],
            "answer": rows["answer"].to_numpy(object)[named],
            "correct": rows["correct"].to_numpy(bool)[named],
        }
    )
    classes = cells.groupby(["row", "answer"], sort=False).agg(correct=("correct", "first"), total=("column", "size"))
    classes = classes.reset_index().sort_values(
        ["row", "correct", "total", "answer"], ascending=[True, False, False, True], kind="stable"
    )
    classes["class"] = classes.groupby("row").cumcount()
    # a question that nobody got right keeps class 0 for the correct answer, unseen
    right = np.zeros(len(questions), np.int64)
    np.add.at(right, classes["row"].to_numpy(), classes["correct"].to_numpy(int))
    unseen = right == 0
    classes["class"] += unseen[classes["row"].to_numpy()].astype(int)
    width = int(classes["class"].max()) + 1 if len(classes) else 1
    counts = np.zeros((*shape, width), np.int64)
    cells = cells.merge(classes[["row", "answer", "class"]], on=["row", "answer"], how="left")
    np.add.at(counts, (cells["row"].to_numpy(), cells["column"].to_numpy(), cells["class"].to_numpy()), 1)

    labels: list[list[str]] = [[""] if none else [] for none in unseen]
    for number, answer in zip(classes["row"], classes["answer"], strict=True):
        labels[number].append(answer)
    return AnswerCounts(counts, blanks, np.maximum(right, 1), list(questions), models, labels)
