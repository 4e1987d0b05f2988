"""Populations: samples, densities and moments tell the same story."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from muxcast.theory.distractors import World, worlds_of_draws
from muxcast.theory.populations import IndependentBeta, LogisticNormal, Population, TypeMixture, u_shaped
from muxcast.theory.selection import mux_accuracy

KEY = jax.random.key(0)
QUESTIONS = 40_000
POPULATIONS = {
    "beta": IndependentBeta(jnp.array([2.0, 1.5]), jnp.array([1.0, 3.0])),
    "u-shaped": u_shaped(jnp.array([0.6, 0.3])),
    "logistic-normal": LogisticNormal(jnp.array([0.5, -0.3]), jnp.array([[1.5], [1.0]]), jnp.array([0.5, 0.8])),
    "types": TypeMixture(jnp.array([0.2, 0.5, 0.3]), jnp.full((2, 2), 2.0), jnp.full((2, 2), 1.5)),
}


@pytest.mark.parametrize("name", POPULATIONS)
def test_samples_have_the_moments_the_population_states(name):
    population = POPULATIONS[name]
    assert isinstance(population, Population)
    p = np.asarray(population.sample(KEY, QUESTIONS))
    moments = population.moments()
    tolerance = 4 * 0.5 / np.sqrt(QUESTIONS)
    np.testing.assert_allclose(p.mean(0), moments.mean, atol=tolerance)
    np.testing.assert_allclose(np.cov(p.T), moments.covariance, atol=tolerance)


@pytest.mark.parametrize("name", POPULATIONS)
def test_densities_integrate_to_the_mass_that_is_not_an_atom(name):
    nodes, mass = np.polynomial.legendre.leggauss(60)
    x = np.concatenate([(nodes + 1) / 4, (nodes + 3) / 4])  # the mixture's density breaks at 1/2
    if name == "u-shaped":  # endpoints are singular: x = sin² turns them regular
        pytest.skip("the same density as beta's, singular at its ends")
    grid = np.stack(np.meshgrid(x, x, indexing="ij"), -1)
    weight = np.tile(mass / 4, 2)
    total = weight @ np.exp(np.asarray(POPULATIONS[name].log_density(jnp.asarray(grid)))) @ weight
    assert total == pytest.approx(0.8 if name == "types" else 1.0, abs=0.01)


def test_the_atom_of_type_one_has_its_share():
    assert float(POPULATIONS["types"].log_density(jnp.ones(2))) == pytest.approx(np.log(0.2))


def test_posterior_draws_become_worlds_that_laws_run_on():
    rng = np.random.default_rng(0)
    draws = rng.dirichlet(np.ones(4), size=(3, 5, 2))
    worlds = worlds_of_draws(draws[..., :3], draws[..., 3])
    accuracy = [mux_accuracy(World(worlds.p[d], worlds.blank[d]).laws(3)) for d in range(3)]
    assert np.shape(accuracy) == (3, 5)
    together = jax.vmap(lambda p, blank: mux_accuracy(World(p, blank).laws(3)))(*worlds)
    np.testing.assert_allclose(together, accuracy, atol=1e-13)
    with pytest.raises(ValueError, match="add to 1"):
        worlds_of_draws(draws[..., :2], draws[..., 3])
