"""Figures show the cells they are given, whatever the names, and leave the user's settings alone."""

from __future__ import annotations

import io
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from muxcast import plots


def axes() -> Axes:
    return Figure().subplots()


def rendered(ax: Axes) -> str:
    sheet = io.StringIO()
    with plots.publication():
        ax.figure.savefig(sheet, format="svg")
    return sheet.getvalue()


def test_frame_of_a_document_has_a_row_a_cell(documents):
    frame = plots.frame_of(documents["validation"])
    assert len(frame) == len(documents["validation"]["cells"])
    assert frame.attrs["questions"] == 120 and frame.attrs["level"] == 0.9
    assert frame["inside"].mean() == pytest.approx(np.mean([c["inside"] for c in documents["validation"]["cells"]]))


def test_figures_draw_on_the_axes_given_and_return_them(documents):
    frame, judged = plots.frame_of(documents["forecast"]), plots.frame_of(documents["validation"])
    for draw in (
        lambda ax: plots.accuracy_by_samples(frame, observed=judged, ax=ax),
        lambda ax: plots.accuracy_by_cost(frame, ax=ax),
        lambda ax: plots.forecast_against_observed(judged, ax=ax),
        lambda ax: plots.coverage([0.5, 0.9], [0.4, 0.95], cells=10, ax=ax),
        lambda ax: plots.pit([0.1, 0.5, 0.9], ax=ax),
    ):
        ax = axes()
        assert draw(ax) is ax
        assert ax.get_xlabel() and ax.get_ylabel()


def test_names_of_models_are_shown_as_they_are(documents):
    """A leading underscore hides a legend entry of matplotlib, and dollars would be mathematics."""
    text = rendered(plots.accuracy_by_samples(plots.frame_of(documents["forecast"]), ax=axes()))
    assert "_ant" in text and "cow $x_1$ &amp; co" in text and "&lt;script&gt;" in text


def test_units_and_question_count_are_on_the_axes(documents):
    frame = plots.frame_of(documents["forecast"])
    ax = plots.accuracy_by_samples(frame, ax=axes())
    assert ax.get_ylabel() == "accuracy (%), n = 120 questions" and "90 %" in ax.get_xlabel()
    assert plots.accuracy_by_cost(frame, ax=axes()).get_xlabel() == "tokens per question"
    calls = plots.accuracy_by_cost(frame.drop(columns="tokens_per_question"), ax=axes())
    assert calls.get_xlabel() == "model calls per question"


def test_no_setting_of_matplotlib_is_changed(documents):
    before = dict(mpl.rcParams)
    plots.accuracy_by_samples(plots.frame_of(documents["forecast"]), ax=axes())
    assert dict(mpl.rcParams) == before


def test_a_display_switched_on_while_drawing_stays_on():
    """As a notebook's backend does when the first figure is made."""
    before = mpl.is_interactive()
    try:
        mpl.interactive(False)
        with plots.publication():
            mpl.interactive(True)
        assert mpl.is_interactive()
    finally:
        mpl.interactive(before)


def test_a_model_keeps_its_colour_whatever_the_order():
    assert plots.model_looks(["b", "a", "c"]) == plots.model_looks(["c", "b", "a"])


def _as_seen_by(colour: str, matrix: np.ndarray) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return matrix @ linear


def test_the_first_models_stay_apart_for_colour_blind_readers():
    """Machado et al. (2009, doi:10.1109/TVCG.2009.113) at full severity, in linear RGB; markers differ as well."""
    protan = np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    )
    deutan = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]])
    looks = list(plots.model_looks("abcde").values())
    assert len({look.marker for look in looks}) == 5
    for matrix in (protan, deutan):
        seen = [_as_seen_by(look.colour, matrix) for look in looks]
        apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[i + 1 :]]
        assert min(apart) > 0.08


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_is_what_no_other_plan_dominates(plans):
    frame = pd.DataFrame(plans, columns=["price", "mean"]).astype(float)
    front = plots.pareto_front(frame, "price")
    for i, (price, mean) in enumerate(plans):
        better = any(p <= price and m >= mean and (p, m) != (price, mean) for p, m in plans)
        assert front[i] == (not better and (price, mean) not in plans[:i])
    rising = frame[front].sort_values("price")["mean"].tolist()
    assert all(low < high for low, high in pairwise(rising))
