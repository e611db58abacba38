"""What is measured over many questions at once: how well the confidence tells what the documents answer.

Each figure is one of weighted questions, so that a bootstrap sample or a swap of two runs is a row of `weights`, shape
(samples, questions), and gives one figure for each row; `nan` where it is undefined.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Booleans: TypeAlias = NDArray[np.bool_]

BINS = 10


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided for each of the questions: arrays of one length."""

    confidence: Floats  # probability, 0 to 1, that the documents answer
    answerable: Booleans
    abstained: Booleans
    wrong: Booleans  # what was said, or would have been said, is not the answer; True where there is none

    def __len__(self) -> int:
        return len(self.confidence)

    def __add__(self, other: "Decisions") -> "Decisions":
        return Decisions(
            np.concatenate([self.confidence, other.confidence]),
            np.concatenate([self.answerable, other.answerable]),
            np.concatenate([self.abstained, other.abstained]),
            np.concatenate([self.wrong, other.wrong]),
        )


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions of about the same confidence: their mean, the share that the documents answer, and how many."""

    confidence: float
    answerable: float
    count: int


def abstention_f1(decided: Decisions, weights: Floats) -> Floats:
    """2PR / (P + R) of abstaining where the documents do not answer: 2 right / (abstentions + unanswerable).

    The "no answer" of SQuAD 2.0: Rajpurkar, Jia & Liang, ACL 2018; nan without an unanswerable question.
    """
    right = weights @ (decided.abstained & ~decided.answerable)
    unanswerable = weights @ ~decided.answerable
    return _divided(2 * right, np.where(unanswerable > 0, weights @ decided.abstained + unanswerable, 0))


def auroc(decided: Decisions, weights: Floats) -> Floats:
    """The share of pairs of an answerable and an unanswerable question of which the first has the higher confidence.

    Equal ones count half: Hanley & McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology, 1982. It needs
    no threshold: .5 is chance.
    """
    high, low = decided.confidence[decided.answerable], decided.confidence[~decided.answerable]
    won = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    first, second = weights[:, decided.answerable], weights[:, ~decided.answerable]
    return _divided(((first @ won) * second).sum(axis=1), first.sum(axis=1) * second.sum(axis=1))


def calibration_error(decided: Decisions, weights: Floats) -> Floats:
    """Expected calibration error: sum over ten bins of confidence of n / N * |share answerable - mean confidence|.

    Naeini, Cooper & Hauskrecht, AAAI 2015; bins of equal width as in Guo et al., On Calibration of Modern Neural
    Networks, ICML 2017. Best 0.
    """
    off = np.abs(weights @ (_binned(decided) * (decided.answerable - decided.confidence)).T)
    return _divided(off.sum(axis=1), weights.sum(axis=1))


def risk_area(decided: Decisions, weights: Floats) -> Floats:
    """Area under the risk-coverage curve: the risk of answering down to a question's confidence, mean over questions.

    Geifman & El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017. Best 0.
    """
    order = np.argsort(-decided.confidence, kind="stable")
    sorted_weights, confidence = weights[:, order], decided.confidence[order]
    last = np.searchsorted(-confidence, -confidence, side="right") - 1  # equal ones are answered together
    covered = sorted_weights.cumsum(axis=1)[:, last]
    risk = _divided((sorted_weights * decided.wrong[order]).cumsum(axis=1)[:, last], covered)
    return _divided((sorted_weights * np.nan_to_num(risk)).sum(axis=1), weights.sum(axis=1))


Figure: TypeAlias = Callable[[Decisions, Floats], Floats]

FIGURES: Mapping[str, Figure] = {
    "abstention_f1": abstention_f1,
    "auroc": auroc,
    "calibration_error": calibration_error,
    "risk_area": risk_area,
}


def reliability(decided: Decisions) -> Iterator[Bin]:
    """The bins of `calibration_error` that hold a question, by rising confidence: what a reliability curve shows."""
    for inside in _binned(decided):
        if count := int(inside.sum()):
            yield Bin(float(decided.confidence[inside].mean()), float(decided.answerable[inside].mean()), count)


def risk_coverage(decided: Decisions) -> Sequence[tuple[float, float]]:
    """(coverage, risk) with each confidence as the threshold: share answered, rising, and share of these wrong."""
    thresholds = np.unique(decided.confidence)[::-1]
    answered = decided.confidence >= thresholds[:, None]
    risks = (answered & decided.wrong).sum(axis=1) / answered.sum(axis=1)
    return list(zip(answered.mean(axis=1).tolist(), risks.tolist(), strict=True))


def value(figure: Figure, decided: Decisions) -> float:
    """The figure with every question once."""
    return float(figure(decided, np.ones((1, len(decided))))[0])


def _binned(decided: Decisions) -> Booleans:
    """Which questions each bin holds, shape (10, questions); a confidence of 1 is in the last."""
    bins = np.minimum((decided.confidence * BINS).astype(int), BINS - 1)
    inside: Booleans = bins == np.arange(BINS)[:, None]
    return inside


def _divided(above: Floats, below: Floats) -> Floats:
    """nan where there is nothing to divide by."""
    quotient: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return quotient
