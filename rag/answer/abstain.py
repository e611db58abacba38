"""Evidence → the probability that the documents answer: a logistic model over the best sentences' signs."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files


@cache
def weights() -> Mapping[str, Mapping[str, float]]:
    """The fitted coefficients, "sentence" and "answerable"; how they were fitted stands in the file itself."""
    found: Mapping[str, Mapping[str, float]] = json.loads(files("rag.answer").joinpath("weights.json").read_text())
    return found


def evidence(scores: Sequence[float], signs: Sequence[Mapping[str, float]], *, unknown: float) -> dict[str, float]:
    """What the probability is made from: the best sentences' scores and signs, best first, and what is missing.

    `unknown` is the share of the question's names that stand nowhere in the documents, 0 to 1.
    """
    if not scores:
        return {}
    return {
        "best": scores[0],
        "second": scores[1] if len(scores) > 1 else scores[0] - 5.0,
        "likeness": max(sign["likeness"] for sign in signs),
        "passage": max(sign["passage"] for sign in signs),
        "terms": signs[0]["terms"],
        "around": signs[0]["around"],
        "names": signs[0]["names"],
        "kind": signs[0]["kind"],
        "unknown": unknown,
    }


def probability(evidence: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Between 0 and 1; 0 when there is no evidence at all."""
    if not evidence:
        return 0.0
    logit = weights["bias"] + math.fsum(weights[name] * value for name, value in evidence.items())
    return 1 / (1 + math.exp(-max(min(logit, 30.0), -30.0)))
