"""Figures of many questions against scikit-learn and numbers worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from eval import calibration
from eval.calibration import Decisions

ONE_DECISION = st.tuples(st.integers(0, 20), st.booleans(), st.booleans())


def decisions(
    confidence: list[float],
    answerable: list[bool],
    abstained: list[bool] | None = None,
    wrong: list[bool] | None = None,
) -> Decisions:
    """Decisions, of which what is not given is False."""
    no = [False] * len(confidence)
    return Decisions(*map(np.array, (confidence, answerable, abstained or no, wrong or no)))


@given(st.lists(ONE_DECISION, min_size=2).filter(lambda made: 0 < sum(one[1] for one in made) < len(made)))
def test_auroc_and_abstention_f1_are_those_of_scikit_learn(made: list[tuple[int, bool, bool]]) -> None:
    """Also where confidences are equal."""
    confidence, answerable = [one / 20 for one, _, _ in made], [one for _, one, _ in made]
    abstained = [one for _, _, one in made]
    decided = decisions(confidence, answerable, abstained)

    assert calibration.value(calibration.auroc, decided) == pytest.approx(roc_auc_score(answerable, confidence))
    assert calibration.value(calibration.abstention_f1, decided) == pytest.approx(
        f1_score([not one for one in answerable], abstained)
    )


def test_calibration_error_by_hand() -> None:
    """Three at .9 of which 2 are answerable, one at .2 that is: 3/4 * |.667 - .9| + 1/4 * |1 - .2| = .375."""
    decided = decisions([0.9, 0.9, 0.9, 0.2], [True, True, False, True])

    assert calibration.value(calibration.calibration_error, decided) == pytest.approx(0.375)
    low, high = calibration.reliability(decided)
    assert (low.confidence, low.answerable, low.count) == (0.2, 1, 1)
    assert (high.confidence, high.answerable, high.count) == pytest.approx((0.9, 2 / 3, 3))


def test_certainty_is_in_the_last_bin() -> None:
    """1 is a confidence like .95: it is counted, and right where the documents answer."""
    decided = decisions([1.0, 0.95], [True, True])

    assert calibration.value(calibration.calibration_error, decided) == pytest.approx(0.025)


def test_the_risk_of_each_threshold_by_hand() -> None:
    """Answering the surest of four, right, then a wrong one, then two of one confidence, one of them wrong."""
    decided = decisions([0.4, 0.9, 0.6, 0.4], [True] * 4, wrong=[True, False, True, False])

    assert calibration.risk_coverage(decided) == [(0.25, 0), (0.5, 0.5), (1, 0.5)]
    assert calibration.value(calibration.risk_area, decided) == pytest.approx((0 + 0.5 + 0.5 + 0.5) / 4)


def test_a_weight_counts_as_so_many_questions() -> None:
    """Every figure with weights 2, 0, 1… is the figure of the questions repeated so often."""
    rng = np.random.default_rng(7)
    decided = Decisions(rng.random(12).round(1), *(rng.random(12) < 0.6 for _ in range(3)))
    weights = rng.integers(0, 3, size=(1, 12)).astype(float)
    each = np.repeat(np.arange(12), weights[0].astype(int))
    repeated = Decisions(
        decided.confidence[each], decided.answerable[each], decided.abstained[each], decided.wrong[each]
    )

    for figure in calibration.FIGURES.values():
        assert figure(decided, weights)[0] == pytest.approx(calibration.value(figure, repeated))


def test_one_sort_of_question_has_no_auroc() -> None:
    """Nothing is told apart where all are answerable; nor is there an abstention to be right."""
    decided = decisions([0.4, 0.9], [True, True])

    assert math.isnan(calibration.value(calibration.auroc, decided))
    assert math.isnan(calibration.value(calibration.abstention_f1, decided))
