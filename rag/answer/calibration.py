"""How sure an answer must be: what probability the evidence has, and how often answers from a threshold on were wrong.

What ships was measured on development questions; `rag calibrate` measures it on questions of one's own and writes
`calibration.json` into the index folder, which is used for as long as evidence is made in the same way.
"""

import hashlib
import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from rag.answer import abstain
from rag.errors import ConfigError
from rag.settings import Settings

FILE = "calibration.json"  # in the index folder

_Z = 1.645  # standard deviations: one-sided 95 %


@dataclass(frozen=True, slots=True)
class Point:
    """What answering from a threshold on led to: of so many answers given, so many were wrong."""

    threshold: float  # probability, 0 to 1
    answered: int
    wrong: int

    @property
    def share(self) -> float:
        """Wrong answers / answers given."""
        return self.wrong / self.answered

    @property
    def at_most(self) -> float:
        """The upper end of the one-sided 95 % interval of that share: few answers promise little.

        Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA, 1927.
        """
        n, spread = self.answered, _Z**2 / self.answered
        middle, half = self.share + spread / 2, math.sqrt(self.share * (1 - self.share) / n + spread / n / 4)
        return (middle + _Z * half) / (1 + spread)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Evidence → probability, and what each threshold on it led to, thresholds rising."""

    weights: Mapping[str, float]  # of each fact, and the bias
    curve: tuple[tuple[float, float], ...] = ()  # (log-odds, probability), both rising; none: logistic
    points: tuple[Point, ...] = ()

    def probability(self, facts: Mapping[str, float]) -> float:
        """That the documents answer, 0 to 1; 0 when there is no evidence at all."""
        if not facts or not self.curve:
            return abstain.probability(facts, self.weights)
        return _between(self.curve, abstain.log_odds(facts, self.weights))

    def threshold(self, most_wrong: float) -> float:
        """The lowest from which at most this share of the answers given is wrong, with 95 % confidence.

        ConfigError where there is none: it tells what the best is.
        """
        kept = [point.threshold for point in self.points if point.at_most <= most_wrong]
        if kept:
            return min(kept)
        told = f"RAG_MAX_WRONG={most_wrong:g} cannot be kept: "
        advice = "Raise it, leave it out, or measure on your own questions: rag calibrate QUESTIONS.jsonl"
        if not self.points:
            raise ConfigError(f"{told}nothing was measured. {advice}")
        best = min(self.points, key=lambda point: point.at_most)
        raise ConfigError(
            f"{told}the best threshold measured, {best.threshold:g}, gave {best.answered} answers of which {best.wrong}"
            f" were wrong, which promises no less than {math.ceil(best.at_most * 100) / 100:g}. {advice}"
        )


@cache
def shipped() -> Calibration:
    """What is used without `rag calibrate`; its questions are told in weights.json."""
    found = abstain.weights()
    return Calibration(found["answerable"], points=_points(found["operating"]["points"]))


def of(settings: Settings) -> Calibration:
    """The calibration of the index folder, or what ships where there is none that fits; ConfigError: it is damaged."""
    path = settings.home / FILE
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        fits = found["fingerprint"] == fingerprint(settings)
        curve = tuple((float(log_odds), float(probability)) for log_odds, probability in found["curve"])
        own = Calibration(dict(found["weights"]), curve, _points(found["points"]))
    except FileNotFoundError:
        return shipped()
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged. Delete it, or make it anew: rag calibrate QUESTIONS.jsonl") from error
    if fits:
        return own
    logging.getLogger(__name__).warning(
        f"{path} was made with another model, ranking or version, and is not used. Make it anew: rag calibrate"
    )
    return shipped()


def fingerprint(settings: Settings) -> str:
    """Names what the evidence depends on: how the index is made, what ranks passages, and how sentences are weighed."""
    ranked = (settings.lexical_weight, settings.reranker)
    parts = (settings.fingerprint, ranked, json.dumps(abstain.weights()["sentence"]))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def as_json(points: Iterable[Point]) -> list[dict[str, float]]:
    """The points as plain JSON values, each with what it promises."""
    return [asdict(point) | {"at most": round(point.at_most, 4)} for point in points]


def _points(entries: Sequence[Mapping[str, Any]]) -> tuple[Point, ...]:
    return tuple(Point(float(entry["threshold"]), int(entry["answered"]), int(entry["wrong"])) for entry in entries)


def _between(curve: Sequence[tuple[float, float]], at: float) -> float:
    """The curve's height, on straight lines from one of its points to the next; level before the first and after."""
    for (left, low), (right, high) in pairwise(curve):
        if at < right:
            return low + (high - low) * max(0.0, (at - left) / (right - left))
    return curve[-1][1]
