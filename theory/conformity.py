r"""A small stochastic model of discussion: agents keep their answer, follow the others, or think afresh.

Before a round each of n agents holds an answer class c (class 0 is right, the last class collects blanks).
In the round, independently given those answers, agent i

- draws afresh from its own solo law p_i with probability a_i,
- follows the plurality of the *other* agents (uniform among tied classes; blanks have no vote) with
  probability f⁺_i where that plurality is right, f⁻_i where it is wrong,
- goes astray with probability d_i: a wrong answer unlike its own ones, as small models do when a prompt
  grows; any of the wrong classes, so that two that go astray seldom agree,
- keeps its answer otherwise.

With q(c) the share of class c in the others' tied plurality and f(c) = f⁺ for c = 0, else f⁻,

    P(next = y) = a p_i(y) + d u(y) + q(y) f(y) + (1 − a − d − Σ_c q(c) f(c)) 1[y = own],

u being uniform over the wrong classes.

f⁺ > f⁻ means that agents tell right from wrong when persuaded; f⁺ = f⁻ is blind conformity, where the truth
has no pull of its own and a discussion settles on what most said first. All agents answer at once
(Du et al., arXiv 2305.14325). The model is ours; the voter model with a noisy term (Granovsky and
Madras 1995) is its one-parameter relative.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray


class Conformity(NamedTuple):
    """What moves each agent in a round; probabilities with ``afresh + astray + max(follow) <= 1``."""

    afresh: Float[Array, "*batch agent"]
    """Probability of answering from the agent's own solo law, whatever was said."""
    follow_right: Float[Array, "*batch agent"]
    """Probability of adopting the others' plurality when it is right."""
    follow_wrong: Float[Array, "*batch agent"]
    """Probability of adopting the others' plurality when it is wrong."""
    astray: Float[Array, "*batch agent"] | float = 0.0
    """Probability of a wrong answer that comes from nowhere."""


@partial(jax.jit, static_argnames="classes")
def plurality_of_others(
    answers: Int[Array, "*batch agent"], classes: int
) -> tuple[Float[Array, "*batch agent class"], Float[Array, "*batch agent"]]:
    """For each agent, the others' most common answer as shares over tied classes.

    Args:
        answers: class each agent holds; class ``classes - 1`` is a blank and has no vote.
        classes: number of classes, the blank one included.
    Returns:
        Shares of each class (all zero where every other agent is blank), and their sum (1 or 0).
    """
    held = jax.nn.one_hot(answers, classes)
    votes = (held.sum(-2, keepdims=True) - held).at[..., -1].set(0.0)
    top = votes.max(-1, keepdims=True)
    leading = (votes == top) & (top > 0)
    shares = leading / jnp.maximum(leading.sum(-1, keepdims=True), 1)
    return shares, shares.sum(-1)


@jax.jit
def round_law(
    model: Conformity, answers: Int[Array, "*batch agent"], solo: Float[Array, "*batch agent class"]
) -> Float[Array, "*batch agent class"]:
    """Law of every agent's next answer, given all present answers.

    Args:
        model: parameters per agent.
        answers: class each agent holds; 0 is right, the last class is blank.
        solo: each agent's law when it answers alone; sums to 1 over classes.
    """
    classes = solo.shape[-1]
    shares, _ = plurality_of_others(answers, classes)
    follow = jnp.concatenate(
        [model.follow_right[..., None], jnp.repeat(model.follow_wrong[..., None], classes - 1, -1)], -1
    )
    moved = shares * follow
    astray = jnp.asarray(model.astray)
    nowhere = jnp.full(classes, 1 / max(classes - 2, 1)).at[0].set(0.0).at[-1].set(0.0)
    stay = 1 - model.afresh - astray - moved.sum(-1)
    own = stay[..., None] * jax.nn.one_hot(answers, classes)
    return model.afresh[..., None] * solo + astray[..., None] * nowhere + moved + own


@jax.jit
def log_likelihood(
    model: Conformity,
    answers: Int[Array, "move agent"],
    after: Int[Array, "move agent"],
    solo: Float[Array, "move agent class"],
    seen: Float[Array, "move agent"] | None = None,
) -> Float[Array, " agent"]:
    """Log-probability of the observed moves, a row per question and round, summed for each agent.

    Args:
        seen: weight of each move, 0 to leave one out; None counts all.
    """
    law = round_law(model, answers, solo)
    chance = jnp.take_along_axis(law, after[..., None], -1)[..., 0]
    # an answer outside an agent's solo law and not said by anyone has probability 0 under the model
    logs = jnp.log(jnp.maximum(chance, 1e-12))
    return (logs if seen is None else jnp.where(seen > 0, seen * logs, 0.0)).sum(0)


class Fit(NamedTuple):
    """Maximum a posteriori parameters and draws around them."""

    best: Conformity
    """Parameters per agent of largest posterior density."""
    draws: Conformity
    """Draws from the Laplace approximation, shape [draw, agent]; they carry the uncertainty of the fit."""
    log_likelihood: Float[Array, " agent"]
    """At ``best``."""


def fit(
    answers: Int[Array, "move agent"],
    after: Int[Array, "move agent"],
    solo: Float[Array, "move agent class"],
    key: PRNGKeyArray,
    *,
    draws: int = 200,
    seen: Float[Array, "move agent"] | None = None,
) -> Fit:
    """Fit the parameters of every agent to observed moves.

    The prior is Jeffreys-like: Beta(1/2, 1/2) on the logistic scale, so a move never seen gets a small
    probability and not zero. Uncertainty is the Laplace approximation on that scale.

    Args:
        answers: classes held before each move (question and round).
        after: classes held after it.
        solo: solo laws of the agents on that move's question.
        key: of the draws.
        draws: how many.
        seen: weights of the moves.
    Raises:
        ValueError: shapes that do not match.
    """
    if answers.shape != after.shape or solo.shape[:2] != answers.shape:
        raise ValueError(f"answers {answers.shape}, after {after.shape} and solo {solo.shape} must agree")
    weight = jnp.ones(answers.shape) if seen is None else jnp.asarray(seen, float)
    terms = _terms(jnp.asarray(answers), jnp.asarray(after), jnp.asarray(solo))
    free, curvature = _climb(terms, weight)
    values, vectors = jnp.linalg.eigh(curvature)
    # flat directions get the prior's own curvature as a floor, so that draws stay finite
    scale = vectors / jnp.sqrt(jnp.maximum(values, 0.25))[:, None, :]
    noise = jax.random.normal(key, (draws, *free.shape))
    drawn = _bounded(free + jnp.einsum("aij,daj->dai", scale, noise))
    best = _bounded(free)
    return Fit(best, drawn, log_likelihood(best, answers, after, solo, weight))


class _Terms(NamedTuple):
    """What of a move the likelihood needs, each of shape [move, agent]: P = a s + d n + f⁺ r + f⁻ w + stay own."""

    solo: Array
    right: Array
    wrong: Array
    pull_right: Array
    pull_wrong: Array
    own: Array
    nowhere: Array


def _terms(answers: Array, after: Array, solo: Array) -> _Terms:
    shares, _ = plurality_of_others(answers, solo.shape[-1])
    taken = jnp.take_along_axis(shares, after[..., None], -1)[..., 0]
    return _Terms(
        jnp.take_along_axis(solo, after[..., None], -1)[..., 0],
        jnp.where(after == 0, taken, 0.0),
        jnp.where(after == 0, 0.0, taken),
        shares[..., 0],
        shares[..., 1:].sum(-1),
        (after == answers).astype(float),
        ((after > 0) & (after < solo.shape[-1] - 1)) / max(solo.shape[-1] - 2, 1),
    )


def _energy(free: Float[Array, " four"], terms: _Terms, weight: Float[Array, " move"]) -> Float[Array, ""]:
    afresh, right, wrong, astray = _bounded(free)
    stay = 1 - afresh - astray - terms.pull_right * right - terms.pull_wrong * wrong
    chance = afresh * terms.solo + astray * terms.nowhere + right * terms.right + wrong * terms.wrong + stay * terms.own
    fits = jnp.where(weight > 0, weight * jnp.log(jnp.maximum(chance, 1e-12)), 0.0).sum()
    prior = 0.5 * (jax.nn.log_sigmoid(free) + jax.nn.log_sigmoid(-free)).sum()
    return -(fits + prior)


@jax.jit
def _climb(terms: _Terms, weight: Float[Array, "move agent"]) -> tuple[Array, Array]:
    """Each agent's mode, [agent, 4], and the curvature there, by 80 bounded Newton steps."""

    def one(terms: _Terms, weight: Float[Array, " move"]) -> tuple[Array, Array]:
        curve = jax.hessian(_energy)

        def step(_: int, free: Array) -> Array:
            values, vectors = jnp.linalg.eigh(curve(free, terms, weight))
            slope = vectors.T @ jax.grad(_energy)(free, terms, weight)
            # away from the mode the curvature may be negative: its size still scales the step downhill
            move = vectors @ (slope / jnp.maximum(jnp.abs(values), 0.05))
            return jnp.clip(free - move / jnp.maximum(1.0, jnp.linalg.norm(move)), -12, 12)

        free = jax.lax.fori_loop(0, 80, step, jnp.full(4, -1.5))
        return free, curve(free, terms, weight)

    return jax.vmap(one, in_axes=(1, 1))(terms, weight)


def _bounded(free: Float[Array, "... four"]) -> Conformity:
    afresh, right, wrong, astray = (jax.nn.sigmoid(free[..., part]) for part in range(4))
    astray = (1 - afresh) * astray
    left = 1 - afresh - astray
    return Conformity(afresh, left * right, left * wrong, astray)


class Discussion(NamedTuple):
    """Expected course of a discussion, per question and round (round 0 is before anyone has spoken)."""

    agent_accuracy: Float[Array, "question round agent"]
    """Probability that an agent holds the right answer."""
    vote_accuracy: Float[Array, "question round"]
    """Probability that the plurality of all agents is right; ties are split evenly."""


@partial(jax.jit, static_argnames="classes")
def vote_share_right(answers: Int[Array, "*batch agent"], classes: int) -> Float[Array, "*batch"]:
    """Probability that a plurality vote is right: 1 over the number of tied leaders, or 0."""
    votes = jax.nn.one_hot(answers, classes).sum(-2)[..., :-1]
    top = votes.max(-1)
    leaders = (votes == top[..., None]).sum(-1)
    return jnp.where((top > 0) & (votes[..., 0] == top), 1.0 / leaders, 0.0)


@partial(jax.jit, static_argnames=("rounds", "paths"))
def discuss(
    key: PRNGKeyArray,
    model: Conformity,
    first: Int[Array, "question agent"],
    solo: Float[Array, "question agent class"],
    *,
    rounds: int,
    paths: int = 256,
) -> Discussion:
    """Run discussions from given first answers and average over paths.

    Args:
        key: of the random moves.
        model: parameters per agent.
        first: classes held before the first round.
        solo: solo laws of the agents.
        rounds: rounds of discussion after the first answers.
        paths: simulated discussions of each question; the Monte Carlo error of a question's probability
            is at most 1/(2 sqrt(paths)).
    """
    classes = solo.shape[-1]

    def course(key: PRNGKeyArray) -> tuple[Array, Array]:
        def move(state: Array, key: PRNGKeyArray) -> tuple[Array, tuple[Array, Array]]:
            law = round_law(model, state, solo)
            after = jax.random.categorical(key, jnp.log(jnp.maximum(law, 1e-300)), axis=-1)
            return after, (after == 0, vote_share_right(after, classes))

        _, (right, vote) = jax.lax.scan(move, first, jax.random.split(key, rounds))
        start = ((first == 0)[None], vote_share_right(first, classes)[None])
        return jnp.concatenate([start[0], right]).astype(float), jnp.concatenate([start[1], vote])

    right, vote = jax.vmap(course)(jax.random.split(key, paths))
    return Discussion(jnp.moveaxis(right.mean(0), 0, 1), jnp.moveaxis(vote.mean(0), 0, 1))


def exact_vote_accuracy(
    model: Conformity, first: Int[Array, " agent"], solo: Float[Array, "agent class"], rounds: int
) -> Float[Array, " round"]:
    """Vote accuracy of one question by the full Markov chain over all class^agent states; for small cases.

    Raises:
        ValueError: more than 4096 states.
    """
    agents, classes = solo.shape
    if classes**agents > 4096:
        raise ValueError(f"{classes}^{agents} states are too many for the exact chain; use discuss()")
    return _chain(model, first, solo, rounds)


@partial(jax.jit, static_argnames="rounds")
def _chain(model: Conformity, first: Array, solo: Array, rounds: int) -> Float[Array, " round"]:
    agents, classes = solo.shape
    grid = jnp.stack(jnp.meshgrid(*[jnp.arange(classes)] * agents, indexing="ij"), -1).reshape(-1, agents)
    law = jax.vmap(lambda state: round_law(model, state, solo))(grid)  # [state, agent, class]
    step = jnp.ones((len(grid), len(grid)))
    for agent in range(agents):
        step = step * law[:, agent][:, grid[:, agent]]
    right = vote_share_right(grid, classes)
    occupied = (grid == first).all(-1).astype(float)
    found = [occupied @ right]
    for _ in range(rounds):
        occupied = occupied @ step
        found.append(occupied @ right)
    return jnp.stack(found)
