"""The law of throughput against replicas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxcast.simulate.capacity import Capacity, fit_capacity
from muxcast.simulate.errors import BadInput


def test_replicas_that_share_nothing_multiply_the_rate():
    np.testing.assert_allclose(Capacity(10.0, 0.0, 0.0).throughput([1, 2, 8]), [10, 20, 80])


def test_replicas_that_take_turns_gain_nothing():
    np.testing.assert_allclose(Capacity(10.0, 1.0, 0.0).throughput([1, 2, 8]), 10)


def test_amdahl_limits_the_gain_to_one_over_the_serial_share():
    assert Capacity(1.0, 0.1, 0.0).throughput(10**6) == pytest.approx(10, rel=1e-4)


@given(st.floats(1, 1000), st.floats(0, 1), st.floats(0, 0.1))
def test_the_fit_recovers_the_law_it_was_given(rate, contention, coordination):
    sizes = [1, 2, 3, 5, 8]
    truth = Capacity(rate, contention, coordination)
    found = fit_capacity(sizes, truth.throughput(sizes))
    np.testing.assert_allclose(found.throughput([1, 4, 16]), truth.throughput([1, 4, 16]), rtol=1e-6)


def test_two_sizes_give_amdahls_law():
    found = fit_capacity([1, 2], [10.0, 15.0])
    assert (found.rate, found.coordination) == (pytest.approx(10), 0)
    np.testing.assert_allclose(found.throughput([1, 2]), [10, 15])


@given(st.floats(0, 0.9), st.floats(1e-4, 0.2))
def test_no_size_beats_the_most_useful_one(contention, coordination):
    law = Capacity(1.0, contention, coordination)
    best = law.most_useful
    assert law.throughput(best) >= law.throughput(np.arange(1, 400)).max() - 1e-12


def test_the_fewest_replicas_that_are_in_time_and_one_fewer_is_not():
    law = Capacity(20.0, 0.05, 0.001, start_s=30)
    enough = law.replicas_for(100_000, 1500)
    assert law.seconds(100_000, enough) <= 1500 < law.seconds(100_000, enough - 1)
    with pytest.raises(BadInput, match="allow more time"):
        law.replicas_for(10**9, 60)


def test_a_single_size_is_not_enough_to_fit():
    with pytest.raises(BadInput, match="two or more different"):
        fit_capacity([2, 2], [10.0, 11.0])


def test_replicas_beyond_the_slots_add_nothing():
    law = fit_capacity([1, 2], [10.0, 18.0], slots=2)
    np.testing.assert_allclose(law.throughput([1, 2, 3, 9]), [10, 18, 18, 18])
    assert law.most_useful == 2
    with pytest.raises(BadInput, match="no cluster of up to 2 replicas"):
        law.replicas_for(10_000, 100)
    assert fit_capacity([1, 2], [10.0, 18.0]).throughput(3) > 18


def test_measurements_beyond_the_slots_tell_of_the_last_one():
    law = fit_capacity([1, 2, 4], [10.0, 19.0, 21.0], slots=2)
    assert 19 < law.throughput(2) < 21
    with pytest.raises(BadInput, match="slots = 0"):
        fit_capacity([1, 2], [10.0, 19.0], slots=0)
