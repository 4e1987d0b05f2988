"""What answering one question costs: tokens, money, GPU-seconds and waiting time of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .answers import AnswerLog
from .cells import Cell
from .errors import BadInput
from .prices import Prices, Rate

UNITS = ("money", "gpu_seconds", "tokens", "samples")
"""Measures of cost, the most telling first."""


@dataclass(frozen=True)
class Usage:
    """What one sample of a model uses, measured on the pilot; None where not recorded."""

    prompt_tokens: float | None = None
    """Mean prompt tokens of a question."""
    completion_tokens: float | None = None
    """Mean completion tokens of a sample."""
    spread: float = 0.0
    """Standard deviation of log completion length among samples of one question: how much longer
    the longest of k samples is than the mean one."""
    latency_s: float | None = None
    """Mean seconds a request took."""

    def longest(self, samples: int) -> float | None:
        """Expected tokens of the longest of ``samples`` completions of a question, lengths log-normal."""
        if self.completion_tokens is None:
            return None
        return self.completion_tokens * _longest_ratio(samples, self.spread)


def _longest_ratio(samples: int, spread: float) -> float:
    """E[max of k log-normals] / E[one], by Gauss-Legendre quadrature over the quantile of the maximum."""
    from scipy.special import ndtri

    if samples <= 1 or spread == 0:
        return 1.0
    node, weight = np.polynomial.legendre.leggauss(200)
    quantile = (node + 1) / 2
    return float(np.sum(weight / 2 * np.exp(spread * ndtri(quantile ** (1 / samples)) - spread**2 / 2)))


def usage_of(log: AnswerLog) -> dict[str, Usage]:
    """Measured use per model; empty fields where the log has no token or latency columns."""
    columns = ("prompt_tokens", "completion_tokens", "latency_s")
    rows = log.rows
    means = {
        (name, column): float(np.nanmean(np.append(np.asarray(part[column], float), np.nan)))
        for name, part in rows.groupby("model", observed=True)
        for column in columns
        if column in rows and bool(np.any(part[column].notna()))
    }
    found = {}
    for name in log.models:
        row = {column: means.get((name, column)) for column in columns}
        found[name] = Usage(**row, spread=_spread(log, name) if row["completion_tokens"] else 0.0)
    return found


def usage_in(forecast: Mapping[str, Any]) -> dict[str, Usage]:
    """Use per model as a forecast's JSON tells it.

    A cell's ``tokens_per_question`` is one prompt and k completions of each model, so two single-model
    cells of different k give both; a model with fewer has unknown use.
    """
    points: dict[str, dict[int, float]] = {}
    for row in forecast["cells"]:
        if len(row["models"]) == 1 and row.get("tokens_per_question") is not None and "drawn" not in row:
            points.setdefault(row["models"][0], {})[int(row["samples"])] = float(row["tokens_per_question"])
    found = {}
    for name, curve in points.items():
        if len(curve) > 1:
            low, high = min(curve), max(curve)
            completion = (curve[high] - curve[low]) / (high - low)
            found[name] = Usage(max(curve[low] - low * completion, 0.0), completion)
    return found


def _spread(log: AnswerLog, model: str) -> float:
    rows = log.rows.loc[(log.rows["model"] == model) & log.rows["completion_tokens"].notna()]
    length = np.log(np.maximum(np.asarray(rows["completion_tokens"], float), 1.0))
    groups = np.asarray(rows.groupby(["task", "question"], observed=True).ngroup())
    size = np.bincount(groups)
    # with one sample a question nothing tells questions from samples apart: all spread counts as the samples'
    if (size < 2).all():
        return float(length.std(ddof=1)) if len(length) > 1 else 0.0
    centred = length - (np.bincount(groups, length) / size)[groups]
    return float(np.sqrt((centred**2).sum() / (size[size > 0] - 1).sum()))


@dataclass(frozen=True)
class Cost:
    """Cost of answering one question; None where it cannot be known from what is given."""

    samples: float
    """Samples drawn, over all models."""
    tokens: float | None
    """Prompt and completion tokens."""
    gpu_seconds: float | None
    """GPU-seconds, changes of model included."""
    money: float | None
    """Price in the table's currency."""
    latency_s: float | None
    """Expected seconds until the answer, samples of a model drawn at once; models one after the other
    where they share a GPU, at once where they do not. Loading is not waited for: it is once a batch."""

    def by(self, unit: str) -> float | None:
        """The cost in one of `UNITS`."""
        return getattr(self, unit)


def cost_of(
    cell: Cell,
    usage: Mapping[str, Usage],
    prices: Prices | None = None,
    *,
    questions: int = 1,
    draws: Mapping[str, float] | None = None,
) -> Cost:
    """Expected cost of one question answered by ``cell``.

    Args:
        cell: rule, pool and samples per model.
        usage: measured use per model; models that are absent use nothing that is known.
        prices: rates; None leaves money, GPU-seconds and most waiting times unknown.
        questions: questions of the run, over which loading the models is spread.
        draws: expected samples per model, for rules that stop early; default ``cell.samples`` of each.
    """
    prices = prices or Prices()
    drawn = {name: float(cell.samples) if draws is None else float(draws[name]) for name in cell.models}
    parts = [
        _share(drawn[name], usage.get(name, Usage()), prices.models.get(name, Rate()), prices) for name in cell.models
    ]
    gpu = _sum([part[1] for part in parts])
    money = _sum([part[2] for part in parts])
    waits = [part[3] for part in parts]
    if gpu is not None and prices.one_gpu and len(cell.models) > 1:
        batch = prices.questions_per_load or max(questions, 1)
        gpus = max(prices.models[name].gpus for name in cell.models)
        loading = len(cell.models) * prices.switch_seconds * gpus / batch
        gpu += loading
        # token prices are somebody else's machine: only GPU time that is paid for by the hour grows
        if money is not None and prices.gpu_hour is not None and not _by_token(prices, cell.models):
            money += loading * prices.gpu_hour / 3600
    latency = None
    if all(wait is not None for wait in waits):
        latency = float((np.sum if prices.one_gpu else np.max)([wait for wait in waits if wait is not None]))
    return Cost(sum(drawn.values()), _sum([part[0] for part in parts]), gpu, money, latency)


def _share(
    draws: float, usage: Usage, rate: Rate, prices: Prices
) -> tuple[float | None, float | None, float | None, float | None]:
    """Tokens, GPU-seconds, money and waiting time of one model's samples of a question."""
    completion = usage.completion_tokens if usage.completion_tokens is not None else rate.completion_tokens
    prompt = usage.prompt_tokens if usage.prompt_tokens is not None else rate.prompt_tokens
    wait = usage.latency_s
    if completion is None:
        return None, None, None, wait
    # a log with completions alone is still worth its completions
    read = (prompt or 0.0) * (min(draws, 1.0) if prices.shared_prompt else draws)
    written = draws * completion
    gpu = money = None
    if rate.tokens_per_second is not None:
        reading = read / rate.prompt_tokens_per_second if rate.prompt_tokens_per_second else 0.0
        gpu = rate.gpus * (reading + written / rate.tokens_per_second)
    if rate.input is not None or rate.output is not None:
        money = ((rate.input or 0.0) * read + (rate.output or 0.0) * written) / 1e6
    elif gpu is not None and prices.gpu_hour is not None:
        money = gpu * prices.gpu_hour / 3600
    if rate.stream_tokens_per_second is not None:
        length = completion * _longest_ratio(max(round(draws), 1), usage.spread)
        wait = rate.first_token_seconds + length / rate.stream_tokens_per_second
    return read + written, gpu, money, wait


def _by_token(prices: Prices, models: Sequence[str]) -> bool:
    return all(prices.models[name].input is not None or prices.models[name].output is not None for name in models)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(sum(known)) if len(known) == len(values) else None


def larger_cost(name: str, prices: Prices, usage: Usage | None = None) -> Cost:
    """Cost of one question answered by the bigger model ``name`` of the table, by self-consistency.

    It never shares its GPU, so nothing is loaded in turn. ``usage`` stands in for tokens that the table
    leaves out.
    """
    model = prices.larger[name]
    alone = Prices(models={name: model}, currency=prices.currency, gpu_hour=prices.gpu_hour,
                   shared_prompt=prices.shared_prompt)  # fmt: skip
    stand_in = usage or Usage()
    used = Usage(
        model.prompt_tokens if model.prompt_tokens is not None else stand_in.prompt_tokens,
        model.completion_tokens if model.completion_tokens is not None else stand_in.completion_tokens,
        stand_in.spread,
    )
    return cost_of(Cell("self-consistency", (name,), model.samples), {name: used}, alone)


def unit_of(costs: Sequence[Cost], wanted: str | None = None) -> str:
    """The most telling unit in which every cost is known, or ``wanted``.

    Raises:
        BadInput: ``wanted`` is unknown for some cell.
    """
    if wanted is None:
        return next(unit for unit in UNITS if all(cost.by(unit) is not None for cost in costs))
    if any(cost.by(wanted) is None for cost in costs):
        raise BadInput(
            f"--by {wanted}: not known for every model; add "
            + {
                "money": "input and output prices (or tokens_per_second and gpu_hour) and token counts",
                "gpu_seconds": "tokens_per_second of every model and token counts",
                "tokens": "token columns to the pilot, or completion_tokens to the price table",
            }.get(wanted, "them")
        )
    return wanted
