"""Figures: one function a figure, taking a tidy frame and an optional Axes, returning the Axes.

Every frame is the one that ``to_frame()`` of a forecast, a replay or a validation gives, or that
`frame_of` makes from their JSON. Columns used:

=====================  ==========================================================================
``rule``               name of the selection rule
``models``             the pool in tie-break order, names joined by ``+``
``size``               models in the pool
``samples``            samples per model and question, k
``mean, sd``           accuracy (0 to 1) and how uncertain it is
``lower, upper``       ends of its interval
``gain_mean, ...``     gain over the best single model, in accuracy
``tokens_per_question``  expected tokens, where the log has token counts
``observed, observed_se, inside``  in a validation: what happened, and whether the interval held it
=====================  ==========================================================================

Accuracies are drawn in percent and gains in points. Models keep one colour and marker in every
figure, rules one colour and line style; the colours stay apart for colour-blind readers. Sizes,
fonts and lines are set by `publication`, around each figure only: nobody's matplotlib
settings are changed.
"""

from .accuracy import accuracy_by_samples
from .anatomy import attribution, confidence_reliability, gain_decomposition
from .cost import accuracy_by_cost, pareto_front
from .frames import frame_of
from .judgement import coverage, forecast_against_observed, pit
from .pools import search_curves
from .sliders import panel, sliders
from .style import model_looks, publication, rule_look

__all__ = [
    "accuracy_by_cost",
    "accuracy_by_samples",
    "attribution",
    "confidence_reliability",
    "coverage",
    "forecast_against_observed",
    "frame_of",
    "gain_decomposition",
    "model_looks",
    "panel",
    "pareto_front",
    "pit",
    "publication",
    "rule_look",
    "search_curves",
    "sliders",
]
