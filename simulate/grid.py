"""Grids of simulated runs: every pool at every k, played out for many seeds, spread over JAX devices.

Replay and forecast give expected accuracies. What one run will show scatters around them, and which pool wins
one run is a matter of luck where pools are close: both are seen by playing whole runs. A seed is a whole run: it
draws every answer of every model, which all pools and sample counts share (fewer samples are the first of more),
and breaks every tie at random.

Seeds are independent, so they are what is sharded: each device plays its share of them, nothing is exchanged, and
only the scores come back. A score counts right answers, so that the figures are the same to the last bit on any
number of devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int

from .. import theory  # noqa: F401  (switches on float64, so that a run is the same however it is reached)
from .answers import AnswerLog
from .cells import SINGLE, Cell, address_columns, cells_of, pools_in_order, tie_break_order
from .errors import BadInput, unknown_name
from .worlds import World

_shard_map: Any = getattr(jax, "shard_map", None)
if _shard_map is None:  # before JAX 0.6
    from jax.experimental.shard_map import shard_map as _shard_map

RULES = ("mux", SINGLE, "agent-forest")
"""Rules that can be played out here."""
_AT_ONCE = 2**21  # numbers of the largest array on one device: what the caches of a processor hold


@dataclass(frozen=True)
class Grid:
    """Simulated runs; a row of ``right`` is one run of everything on the same drawn answers."""

    cells: list[Cell]
    right: Int[np.ndarray, "seed cell"]
    """Questions answered right."""
    questions: int
    seed: int
    devices: list[str]
    """What it ran on, as ``cpu:0``."""

    @property
    def accuracy(self) -> Float[np.ndarray, "seed cell"]:
        """Accuracy of every cell in every run."""
        return self.right / self.questions

    def best(self) -> Float[np.ndarray, " cell"]:
        """Share of the runs in which the cell scores highest among those of its k; equals share it."""
        shares = np.zeros(len(self.cells))
        samples = np.array([cell.samples for cell in self.cells])
        for k in np.unique(samples):
            here = self.right[:, samples == k]
            first = here == here.max(1, keepdims=True)
            shares[samples == k] = (first / first.sum(1, keepdims=True)).mean(0)
        return shares

    def to_frame(self, level: float = 0.9) -> pd.DataFrame:
        """One row a cell: rule, models, size, samples, mean, its Monte Carlo error ``mc_error``, the spread
        ``run_sd`` and the interval ``run_lower``, ``run_upper`` of one run, and ``best`` (see :meth:`best`)."""
        runs = self.accuracy
        tail = (1 - level) / 2
        low, high = np.quantile(runs, [tail, 1 - tail], axis=0)
        spread = runs.std(0, ddof=1)
        return pd.DataFrame(
            {
                **address_columns(self.cells),
                "mean": runs.mean(0),
                "mc_error": spread / np.sqrt(len(runs)),
                "run_sd": spread,
                "run_lower": low,
                "run_upper": high,
                "best": self.best(),
            }
        )

    def to_json(self, level: float = 0.9) -> dict[str, Any]:
        """The grid as plain JSON values, in the format ``muxcast-simulation``."""
        rows = self.to_frame(level).to_dict("records")
        figures = ("mean", "mc_error", "run_sd", "run_lower", "run_upper", "best")
        return {
            "format": "muxcast-simulation",
            "version": 1,
            "seed": self.seed,
            "runs": len(self.right),
            "questions": self.questions,
            "level": level,
            "devices": self.devices,
            "cells": [
                {
                    "rule": cell.rule,
                    "models": list(cell.models),
                    "samples": cell.samples,
                    **{name: float(row[name]) for name in figures},
                }
                for cell, row in zip(self.cells, rows, strict=True)
            ],
        }


def world_of_log(log: AnswerLog) -> World:
    """The world in which every model answers every question as often as the log says it did.

    Raises:
        BadInput: a question on which different correct answers were logged (they would have to share a class).
    """
    counts = log.counts()
    if (counts.right > 1).any():
        task, question = counts.questions[int(np.argmax(counts.right > 1))]
        raise BadInput(
            f"{log.source}: question {task}/{question} has several different correct answers; "
            "make them one with `muxcast cluster` first"
        )
    size = counts.samples[..., None]
    tasks = [task for task, _ in counts.questions]
    return World(counts.classes / size, counts.blanks / size[..., 0], tasks, list(counts.models), log.source)


def simulate_grid(
    world: World,
    samples: Sequence[int] = (1, 2, 4, 8, 16),
    rules: Sequence[str] = ("mux", SINGLE),
    pools: Sequence[Sequence[str]] | None = None,
    *,
    runs: int = 1000,
    tie_break: Mapping[str, float] | None = None,
    seed: int = 0,
    devices: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Grid:
    """Play whole runs on a known world.

    Args:
        world: what every model answers, and how often.
        samples: sample counts.
        rules: of ``RULES``.
        pools: pools of model names; None for every non-empty subset.
        runs: seeds; the Monte Carlo error of a mean is the spread of one run over their square root.
        tie_break: validation accuracy per model; None for the world's own.
        seed: run r depends on (seed, r) alone, so more runs keep the first ones.
        devices: JAX devices to spread the seeds over; None for all there are.
        progress: called with the number of runs played.
    Raises:
        BadInput: unknown rules or models, no runs, or more devices than there are.
    """
    for rule in rules:
        if rule not in RULES:
            raise unknown_name("rule", rule, RULES)
    if runs < 2 or not samples or min(samples) < 1:
        raise BadInput(f"a grid of {runs} runs at samples {list(samples)}: needs 2 runs, and samples of at least 1")
    used = devices_named(devices)
    accuracy = dict(zip(world.models, world.accuracy.tolist(), strict=True)) if tie_break is None else tie_break
    missing = [name for name in world.models if name not in accuracy]
    if missing:
        raise BadInput(f"the tie-break pilot has no answers of {', '.join(missing)}; add them or drop the model")
    order = tie_break_order({name: accuracy[name] for name in world.models})
    chosen = pools_in_order(order, pools)
    ks = sorted(set(samples))
    cells = cells_of(rules, chosen, ks)
    if not cells:
        raise BadInput(f"rules {', '.join(rules)}: none applies to the pools asked for; add rule mux")
    edges = np.cumsum(world.p, -1)
    member = np.array([[name in pool for name in world.models] for pool in chosen])
    preference = np.array([len(order) - 1 - order.index(name) for name in world.models], np.int32)
    forest = "agent-forest" in rules
    largest = edges[..., 0].size * (max(ks) + edges.shape[-1]) + len(chosen) * len(edges) * (
        edges.shape[-1] if forest else 1
    )
    # the seeds a device takes at once do not depend on how many devices there are
    batch = int(np.clip(_AT_ONCE // largest, 1, 256))
    play, spread, whole = _on(tuple(used), max(ks), forest)
    fixed = [jax.device_put(part, whole) for part in (edges, member, preference, np.array(ks, np.int32))]
    found: list[np.ndarray] = []
    step = batch * len(used)
    for start in range(0, runs, step):
        # the last step is filled up with runs that are thrown away, so that every step compiles to the same
        numbers = jax.device_put(np.arange(start, start + step, dtype=np.uint32), spread)
        found.append(np.asarray(play(jax.random.key(seed), numbers, *fixed)))
        progress(min(start + step, runs))
    right = np.concatenate(found)[:runs]  # run, k, rule (mux, forest), pool
    at = {pool: place for place, pool in enumerate(chosen)}
    k_at = {k: place for place, k in enumerate(ks)}
    kind = [int(cell.rule == "agent-forest") for cell in cells]
    columns_of = ([k_at[cell.samples] for cell in cells], kind, [at[cell.models] for cell in cells])
    names = [f"{device.platform}:{device.id}" for device in used]
    return Grid(cells, right[(slice(None), *columns_of)], len(edges), seed, names)


def devices_named(wanted: int | None) -> list[Any]:
    """The first ``wanted`` devices JAX sees; all for None.

    Raises:
        BadInput: fewer are there.
    """
    there = jax.devices()
    if wanted is None:
        return there
    if not 1 <= wanted <= len(there):
        kind = there[0].platform
        remedy = (
            f"set XLA_FLAGS=--xla_force_host_platform_device_count={wanted} to split this machine's cores"
            if kind == "cpu"
            else "ask for fewer"
        )
        raise BadInput(f"--devices {wanted}: JAX sees {len(there)} ({kind}); {remedy}")
    return there[:wanted]


@lru_cache(maxsize=8)
def _on(devices: tuple[Any, ...], longest: int, forest: bool) -> tuple[Any, NamedSharding, NamedSharding]:
    """The compiled grid on these devices, and the shardings of the runs and of what every device holds whole."""
    mesh = Mesh(np.array(devices), ("run",))
    spread, whole = NamedSharding(mesh, PartitionSpec("run")), NamedSharding(mesh, PartitionSpec())

    def play(key: Array, numbers: Array, edges: Array, member: Array, preference: Array, ks: Array) -> Array:
        one = partial(_run, edges=edges, member=member, preference=preference, ks=ks, longest=longest, forest=forest)
        return jax.vmap(lambda number: one(jax.random.fold_in(key, number)))(numbers)

    each = _shard_map(
        play,
        mesh=mesh,
        in_specs=(whole.spec, spread.spec, *[whole.spec] * 4),
        out_specs=spread.spec,
    )
    return jax.jit(each), spread, whole


def _run(
    key: Array,
    *,
    edges: Float[Array, "question model class"],
    member: Bool[Array, "pool model"],
    preference: Int[Array, " model"],
    ks: Int[Array, " k"],
    longest: int,
    forest: bool,
) -> Int[Array, "k rule pool"]:
    """Right answers of one run."""
    questions, models, classes = edges.shape
    # one draw for everything: the generator is most of what there is to compile
    chance = jax.random.uniform(key, (questions, models * (longest + classes) + classes), edges.dtype)
    picks, luck, vote_luck = jnp.split(chance, [models * longest, models * (longest + classes)], -1)
    picks = picks.reshape(questions, models, longest)
    # a pick beyond the last edge is a blank, and belongs to no class
    drawn = (picks[..., None] >= edges[:, :, None, :]).sum(-1)
    # ties are broken by a random order of the classes
    luck = luck.reshape(questions, models, classes)

    def at(k: Array) -> Array:
        taken = jnp.arange(longest) < k
        counts = (jax.nn.one_hot(drawn, classes, dtype=jnp.int32) * taken[:, None]).sum(-2)
        top = counts.max(-1)
        right = (counts + luck).argmax(-1) == 0
        # the higher count wins, then the more preferred model; the last bit says whether its mode is right
        rank = ((top * models + preference) * 2 + right) * (top > 0)
        winner = jnp.zeros((len(member), questions), rank.dtype)
        for model in range(models):
            winner = jnp.maximum(winner, jnp.where(member[:, model, None], rank[None, :, model], 0))
        muxed = (winner % 2).sum(-1)
        if not forest:
            return jnp.stack([muxed, jnp.zeros_like(muxed)])
        votes = jnp.einsum("sm,qmc->sqc", member.astype(jnp.int32), counts)
        voted = ((votes + vote_luck).argmax(-1) == 0) & (votes.max(-1) > 0)
        return jnp.stack([muxed, voted.sum(-1)])

    return jax.lax.map(at, ks)
