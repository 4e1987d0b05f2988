"""Accuracy of every cell in every drawn world, given answer probabilities.

``mux`` and ``self-consistency`` are exact: given a world nothing random is left. Plurality over the pooled votes and
any other rule are played out with simulated answers, in two independent halves, so that the simulation's own noise is
known and can be taken out of the spread between worlds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .cells import SINGLE, Cell
from .mode_laws import ModeLaws, mode_laws
from .posterior import Pilot, Population

EXACT = ("mux", SINGLE)
EXACT_SAMPLES = 32
"""Beyond this many samples the exact law costs more than it is worth, and these rules are simulated too."""
PLURALITY = "agent-forest"
HALVES = 2
_BLOCK = 60_000  # numbers per work array, so that it stays in cache


class Trie(NamedTuple):
    """Pools that share their least preferred models, as a tree."""

    place: int | None
    """Where in the list of pools this node's pool stands; None for a mere prefix."""
    branches: dict[int, Trie]
    """Next more preferred model -> subtree."""


def trie_of(pools: Iterable[Sequence[int]]) -> Trie:
    """Tree of the pools, each given as model indexes by rising preference."""
    paths: dict[tuple[int, ...], int] = {tuple(pool): place for place, pool in enumerate(pools)}

    def grow(prefix: tuple[int, ...], inside: list[tuple[int, ...]]) -> Trie:
        groups: dict[int, list[tuple[int, ...]]] = {}
        for path in inside:
            if len(path) > len(prefix):
                groups.setdefault(path[len(prefix)], []).append(path)
        return Trie(paths.get(prefix), {i: grow((*prefix, i), below) for i, below in groups.items()})

    return grow((), list(paths))


class Scores(NamedTuple):
    """Accuracy of cells in drawn worlds."""

    halves: Float[np.ndarray, "half draw cell"]
    """Accuracy over the world's questions; the halves differ by simulation noise, where a rule is simulated."""
    run_variance: Float[np.ndarray, " cell"]
    """Variance of one single run's accuracy around the expected one, given world and questions."""
    drawn: list[list[float]]
    """Expected samples of a question from each model of a cell, in the cell's order; fewer than k where a rule stops
    early."""


def cell_accuracy(
    worlds: Iterable[Population],
    cells: Sequence[Cell],
    models: Sequence[str],
    rng: np.random.Generator,
    rounds: int = 2,
    pilot: Pilot | None = None,
    progress: Callable[[int], None] | None = None,
) -> Float[np.ndarray, "half draw cell"]:
    """Accuracy of each cell in each world; arguments as for `score_cells`, whose ``halves`` these are."""
    return score_cells(worlds, cells, models, rng, rounds, pilot, progress).halves


def score_cells(
    worlds: Iterable[Population],
    cells: Sequence[Cell],
    models: Sequence[str],
    rng: np.random.Generator,
    rounds: int = 2,
    pilot: Pilot | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scores:
    """Accuracy of each cell in each world, over the world's questions.

    Args:
        worlds: draws of answer probabilities, in blocks.
        cells: what to score, pools in tie-break order.
        models: names of the models on the worlds' model axis.
        rng: randomness of the simulated rules.
        rounds: simulated runs per half and world.
        pilot: what registered rules learn from and break ties by; needed for those only.
        progress: called with the number of worlds finished.
    """
    index = {name: place for place, name in enumerate(models)}
    by_samples: dict[int, dict[str, list[int]]] = {}
    for place, cell in enumerate(cells):
        by_samples.setdefault(cell.samples, {}).setdefault(_played_as(cell), []).append(place)
    paths = [tuple(index[name] for name in reversed(cell.models)) for cell in cells]
    results, scatter = [], np.zeros(len(cells))
    drawn = [np.full(len(cell.models), float(cell.samples)) for cell in cells]
    rules_played = [_played_as(cell) for cell in cells]
    early = [place for place, rule in enumerate(rules_played) if rule not in (*EXACT, PLURALITY)]
    for place in early:
        drawn[place][:] = 0
    done = 0
    for world in worlds:
        out = np.empty((HALVES, world.p.shape[0], len(cells)))
        for k, rules in by_samples.items():
            muxes, singles = rules.get("mux", []), rules.get(SINGLE, [])
            if k > EXACT_SAMPLES and (muxes or singles):
                _most_confident(world, k, [*muxes, *singles], paths, rng, rounds, out)
            elif muxes or singles:
                wanted = sorted({i for place in (*muxes, *singles) for i in paths[place]})
                laws = mode_laws(world.p[:, :, wanted], world.blank[:, :, wanted], k)
                at = {model: place for place, model in enumerate(wanted)}
                for place in singles:
                    each = laws.correct[..., at[paths[place][0]]].sum(0)
                    out[:, :, place] = each.mean(-1)
                    scatter[place] += (each * (1 - each)).mean(-1).sum() / each.shape[-1]
                if muxes:
                    tree = trie_of([[at[i] for i in paths[place]] for place in muxes])
                    mean, square = mux_accuracy(laws, tree, len(muxes))
                    out[:, :, muxes] = mean
                    scatter[muxes] += (mean - square).sum(0) / world.p.shape[1]
        votes = {k: rules[PLURALITY] for k, rules in by_samples.items() if PLURALITY in rules}
        if votes:
            _plurality(world, votes, paths, rng, rounds, out)
        for k, rules in by_samples.items():
            for rule in rules.keys() - {*EXACT, PLURALITY}:
                assert pilot is not None
                spent = _registered(world, rule, k, rules[rule], paths, pilot, rng, out)
                for place, of_model in zip(rules[rule], spent, strict=True):
                    drawn[place] += of_model[list(reversed(paths[place]))] * len(world.p)
        results.append(out)
        done += out.shape[1]
        if progress is not None:
            progress(done)
    halves = np.concatenate(results, 1)
    # a half is the mean of a few runs, so the halves' difference tells the variance of one
    simulated = (halves[0] - halves[1]).var(0) / 2
    runs = np.array([rounds if rule in (*EXACT, PLURALITY) else 1 for rule in rules_played])
    exact = np.array(
        [rule in EXACT and cell.samples <= EXACT_SAMPLES for rule, cell in zip(rules_played, cells, strict=True)]
    )
    for place in early:
        drawn[place] /= done
    return Scores(halves, np.where(exact, scatter / done, runs * simulated), [each.tolist() for each in drawn])


def _played_as(cell: Cell) -> str:
    """The rule that scores a cell: the pooled plurality of one model is its mode, which is known exactly."""
    return SINGLE if cell.rule == PLURALITY and len(cell.models) == 1 else cell.rule


def mux_accuracy(
    laws: ModeLaws, tree: Trie, pools: int
) -> tuple[Float[np.ndarray, "draw pool"], Float[np.ndarray, "draw pool"]]:
    """SLM-MUX accuracy of every pool in the tree, by adding models from the least to the most preferred in a tie.

    With G(m) the probability that no member's top count exceeds m and A(m) that the pool answers correctly
    with winning count m, a more preferred model i gives A'(m) = A(m) P(T_i < m) + R_i(m) G(m).

    Returns:
        The mean over questions, and the mean over questions of the squared accuracy.
    """
    counts, draws, questions, _ = laws.top.shape
    # model axis first: [model, count, draw, question]
    right = np.ascontiguousarray(np.moveaxis(laws.correct, -1, 0))
    upto = np.cumsum(np.moveaxis(laws.top, -1, 0), axis=1)
    total = np.zeros((2, draws, pools))
    step = max(1, _BLOCK // (counts * min(questions, 500)))
    for q in range(0, questions, 500):
        for d in range(0, draws, step):
            part = np.s_[:, :, d : d + step, q : q + 500]
            total[:, d : d + step] += _walk(right[part], upto[part], tree, pools)
    total /= questions
    return total[0], total[1]


def _walk(right, upto, tree: Trie, pools: int) -> Float[np.ndarray, "two draw pool"]:
    """Sums over questions of the accuracy and of its square."""
    total = np.zeros((2, right.shape[2], pools))

    def visit(node: Trie, won, quiet) -> None:
        for model, branch in node.branches.items():
            a, g = right[model], upto[model]
            if won is None:
                now = a
            else:
                now = a * quiet
                now[1:] += won[1:] * g[:-1]
            if branch.place is not None:
                each = now.sum(0)
                total[0, :, branch.place] = each.sum(-1)
                total[1, :, branch.place] = np.square(each).sum(-1)
            if branch.branches:
                visit(branch, now, g if quiet is None else quiet * g)

    visit(tree, None, None)
    return total


def _most_confident(world: Population, k: int, places, paths, rng, rounds: int, out) -> None:
    """Play out SLM-MUX: the mode of the model with the highest top count, the more preferred in a tie."""
    probabilities = _with_blank(world)
    tree = trie_of([paths[place] for place in places])
    same = {}
    for number, place in enumerate(places):
        same.setdefault(paths[place], []).append(number)
    for half in range(HALVES):
        total = np.zeros((world.p.shape[0], len(places)))
        for _ in range(rounds):
            counts = rng.multinomial(k, probabilities)[..., :-1]
            top = counts.max(-1)
            share = (counts[..., 0] == top) & (top > 0)
            chance = share / np.maximum((counts == top[..., None]).sum(-1), 1)

            def visit(node: Trie, height, right, top=top, chance=chance, total=total) -> None:
                for model, branch in node.branches.items():
                    ahead = top[..., model] >= height
                    now = np.where(ahead, chance[..., model], right)
                    if branch.place is not None:
                        for number in same[paths[places[branch.place]]]:
                            total[:, number] += now.mean(-1)
                    visit(branch, np.maximum(height, top[..., model]), now)

            visit(tree, np.full(top.shape[:2], -1), np.zeros(top.shape[:2]))
        out[half][:, places] = total / rounds


def _with_blank(world: Population) -> Float[np.ndarray, "draw question model outcome"]:
    """Probabilities of the answers and, last, of a blank, as NumPy's multinomial wants them."""
    probabilities = np.maximum(np.concatenate([world.p, world.blank[..., None]], -1), 0)
    return probabilities / probabilities.sum(-1, keepdims=True)


def _plurality(world: Population, votes: Mapping[int, list[int]], paths, rng, rounds: int, out) -> None:
    """Play out pooled plurality; samples are nested in k so that curves are smooth, ties split evenly."""
    ks = sorted(votes)
    draws, questions = world.p.shape[:2]
    probabilities = _with_blank(world)
    trees = {k: trie_of([paths[place] for place in votes[k]]) for k in ks}
    step = max(1, _BLOCK // (questions * world.p.shape[-1]))
    for d in range(0, draws, step):
        part = probabilities[d : d + step]
        for half in range(HALVES):
            totals = {k: np.zeros((len(part), len(votes[k]))) for k in ks}
            for _ in range(rounds):
                counts = np.zeros((*part.shape[:-1], part.shape[-1] - 1), np.int16)
                before = 0
                for k in ks:
                    counts = counts + rng.multinomial(k - before, part)[..., :-1].astype(np.int16)
                    before = k
                    totals[k] += _count_votes(counts, trees[k], len(votes[k]))
            for k in ks:
                out[half, d : d + step, votes[k]] = totals[k].T / (rounds * questions)


def _registered(
    world: Population, name: str, k: int, places, paths, pilot: Pilot, rng, out
) -> Float[np.ndarray, "cell model"]:
    """Play out any registered rule, one simulated run per half; every pool sees the same answers.

    Returns the samples it drew of each model, a question's average.
    """
    from .rules.evaluate import rule_outcomes, tally
    from .rules.protocol import ABSENT, BLANK, rule_named

    rule = rule_named(name)
    accuracy = np.array([pilot.accuracy[model] for model in pilot.models])
    learned = None if rule.learn is None else rule.learn(pilot.counts, accuracy, k)
    right = np.ones(world.p.shape[1], int)
    edges = np.cumsum(world.p, -1)
    spent = np.zeros((len(places), len(pilot.models)))
    for half in range(HALVES):
        picks = rng.random((*world.blank.shape, k))
        order = (picks[..., None] >= edges[..., None, :]).sum(-1)
        order = np.where(order >= edges.shape[-1], BLANK, order).astype(np.int32)
        for number, place in enumerate(places):
            inside = np.isin(np.arange(len(pilot.models)), paths[place])
            drawn = np.where(inside[:, None], order, ABSENT)
            counts, blanks = tally(drawn, edges.shape[-1])
            found = rule_outcomes(
                rule,
                counts,
                blanks,
                right,
                accuracy,
                order=drawn if "order" in rule.needs else None,
                group=world.task if "group" in rule.needs else None,
                learned=learned,
            )
            out[half, :, place] = found.accuracy.mean(-1)
            spent[number] += found.spent.mean((0, 1)) / HALVES
    return spent


def _count_votes(counts: Int[np.ndarray, "draw question model cls"], tree: Trie, pools: int):
    by_model = np.ascontiguousarray(np.moveaxis(counts, (2, 3), (0, 1)))  # model cls draw question
    total = np.zeros((counts.shape[0], pools))

    def visit(node: Trie, votes) -> None:
        for model, branch in node.branches.items():
            now = by_model[model] if votes is None else votes + by_model[model]
            if branch.place is not None:
                rivals = now[1:].max(0, initial=0)
                score = (now[0] > rivals).sum(-1).astype(float)
                tied = (now[0] == rivals) & (rivals > 0)
                if tied.any():
                    level = np.where(tied, (now == now[0]).sum(0), 1)
                    score += (tied / level).sum(-1)
                total[:, branch.place] = score
            visit(branch, now)

    visit(tree, None)
    return total
