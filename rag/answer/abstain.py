"""Evidence → the probability that the documents answer: a logistic model over the best sentences' signs."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from rag.schema import Weighed

_BEHIND = 3.0  # log-odds: a second sentence farther behind the best, or none at all, says no more against it


@cache
def weights() -> Mapping[str, Any]:
    """The coefficients, "sentence" and "answerable", and what each threshold led to, "operating".

    How they came about stands in the file itself.
    """
    found: Mapping[str, Any] = json.loads(files("rag.answer").joinpath("weights.json").read_text())
    return found


def evidence(best: Sequence[Weighed], *, unknown: float) -> dict[str, float]:
    """What the probability is made from: the scores of the two best sentences, and what is missing.

    `unknown` is the share of the question's names that stand nowhere in the documents, 0 to 1.
    """
    if not best:
        return {}
    second = max([best[0].score - _BEHIND, *(one.score for one in best[1:2])])
    return {"best": best[0].score, "second": second, "unknown": unknown}


def probability(evidence: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Between 0 and 1; 0 when there is no evidence at all."""
    if not evidence:
        return 0.0
    return 1 / (1 + math.exp(-max(min(log_odds(evidence, weights), 30.0), -30.0)))


def log_odds(signs: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The weighted sum of the signs and the bias."""
    return weights["bias"] + math.fsum(weights[name] * value for name, value in signs.items())
