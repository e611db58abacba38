"""Chance is told from change."""

import math
from itertools import product

import numpy as np
import pytest

from eval import calibration, metrics, resample
from eval.calibration import Decisions

SCORES = [0.1, 0.4, 0.9, 0.3, 0.6, 0.0, 1.0, 0.5]
BETTER = [0.2, 0.4, 1.0, 0.9, 0.6, 0.5, 0.9, 0.8]


def decisions(confidence: list[float]) -> Decisions:
    """As many questions, every other one unanswerable and wrong."""
    answerable = np.arange(len(confidence)) % 2 == 0
    return Decisions(np.array(confidence), answerable, np.array(confidence) < 0.5, ~answerable)


def test_the_p_value_is_that_of_an_exact_permutation_test() -> None:
    """All 256 ways to swap eight questions against 1,999 of them at random."""
    differences = np.array(BETTER) - SCORES
    every = np.array([differences @ signs for signs in product((1, -1), repeat=len(SCORES))])

    exact = float((abs(every) >= differences.sum() - 1e-9).mean())

    assert resample.p_value(SCORES, BETTER) == pytest.approx(exact, abs=0.03)


def test_a_run_against_itself_is_all_chance() -> None:
    """The p-value is 1, of a mean and of every figure of many questions."""
    same = decisions(SCORES)

    assert resample.p_value(SCORES, SCORES) == 1
    assert {resample.figure_p_value(figure, same, same) for figure in calibration.FIGURES.values()} == {1}


def test_a_change_of_every_question_is_no_chance() -> None:
    """Twelve times from 0 to 1: of 4,096 ways to swap two are as far apart, and fewer than 1 in 500 are found."""
    assert resample.p_value([0.0] * 12, [1.0] * 12) < 0.002


def test_scores_of_one_run_alone_count_in_its_mean() -> None:
    """nan on one side is no score there; nan on both is no question; nothing at all has no p-value."""
    assert resample.p_value([1.0, math.nan, 0.0], [1.0, math.nan, math.nan]) == pytest.approx(1, abs=0.5)
    assert math.isnan(resample.p_value([math.nan], [1.0]))
    assert math.isnan(resample.p_value([], []))


def test_a_figure_that_turns_round_is_no_chance() -> None:
    """Confidences that told answerable from unanswerable, and now tell them the wrong way round."""
    good, bad = decisions([0.9, 0.1] * 10), decisions([0.1, 0.9] * 10)

    low, high = resample.change_interval(calibration.auroc, good, bad)

    assert (low, high) == (-1, -1)
    assert resample.figure_p_value(calibration.auroc, good, bad) < 0.002


def test_the_interval_of_a_mean_is_that_of_its_scores() -> None:
    """A figure that is the mean of the confidences has the interval that `metrics.interval` gives."""
    decided = decisions(SCORES)

    def mean(some: Decisions, weights: calibration.Floats) -> calibration.Floats:
        shares: calibration.Floats = weights @ some.confidence / weights.sum(axis=1)
        return shares

    assert resample.interval(mean, decided) == pytest.approx(metrics.interval(SCORES))


def test_holm_by_hand() -> None:
    """.01 of three counts as .03, .02 as .04, and .03 as no less than the one before; an undefined one is none."""
    adjusted = resample.holm({"a": 0.03, "b": 0.01, "c": 0.02, "d": math.nan})

    assert math.isnan(adjusted.pop("d"))
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.03, "c": 0.04})
