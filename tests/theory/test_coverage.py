"""Coverage estimates against enumeration, and the beta law against simulation and its own parameters."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom

from muxcast.theory.coverage import CoverageLaw, coverage_after, fit_coverage, log_likelihood, pass_at_k, power_law


def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample():
    for n in range(1, 7):
        for c in range(n + 1):
            marks = [True] * c + [False] * (n - c)
            for k in range(1, n + 1):
                subsets = list(combinations(marks, k))
                share = sum(map(any, subsets)) / len(subsets)
                assert float(pass_at_k(np.array(c), np.array(n), k)) == pytest.approx(share, abs=1e-12)
    assert np.isnan(pass_at_k(np.array(1), np.array(2), 3))


def test_pass_at_k_is_unbiased():
    p, n, k = 0.3, 8, 5
    c = np.arange(n + 1)
    expected = binom.pmf(c, n, p) @ pass_at_k(c, np.full(n + 1, n), k)
    assert expected == pytest.approx(1 - (1 - p) ** k, abs=1e-12)


def test_beta_coverage_is_the_mean_over_difficulties():
    law = CoverageLaw(0.4, 0.8)
    p = np.random.default_rng(0).beta(0.4, 0.8, 400_000)
    for k in (1, 4, 32):
        assert coverage_after(law, k) == pytest.approx((1 - (1 - p) ** k).mean(), abs=4 * 0.5 / np.sqrt(len(p)))


def test_failures_fall_by_a_power_law_with_exponent_a():
    law = CoverageLaw(0.35, 1.5, 0.9)
    scale, exponent = power_law(law)
    k = 10_000
    assert 1 - coverage_after(law, k) / law.solvable == pytest.approx(scale * k**-exponent, rel=1e-3)
    assert coverage_after(law, 10**12) == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_fit_recovers_the_law_it_was_drawn_from(scaled):
    rng = np.random.default_rng(2)
    truth = CoverageLaw(0.8, 1.4, 0.7 if scaled else 1.0)
    p = rng.beta(truth.a, truth.b, 4000) * (rng.random(4000) < truth.solvable)
    n = np.full(4000, 24)
    c = rng.binomial(n, p)
    found = fit_coverage(c, n, scaled=scaled)
    assert log_likelihood(found, c, n) >= log_likelihood(truth, c, n) - 1e-6
    for k in (1, 8, 64):
        assert coverage_after(found, k) == pytest.approx(float(coverage_after(truth, k)), abs=0.03)
    with pytest.raises(ValueError, match="all samples"):
        fit_coverage(np.zeros(3), np.full(3, 4))
