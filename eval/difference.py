"""Two runs of the same questions → which figures changed by more than chance, and which answers changed and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any, Literal

import rag
from eval import calibration, metrics, resample
from eval.dataset import Entry
from eval.run import Run, decisions, scores

What = Literal["answer", "citations", "abstention"]
Why = Literal["retrieval", "answering", "threshold"]
Outcome = Literal["right", "wrong", "wrongly declined", "rightly declined", "should have declined"]

LOWER_IS_BETTER = frozenset(
    {"wrong_abstention", "brier", "calibration_error", "risk_area", "tokens_read", "tokens_written", "cost_of_1000"}
)
GOOD: frozenset[Outcome] = frozenset({"right", "rightly declined"})
SIGNIFICANT = 0.05  # of a p-value that counts beside those of all other figures


@dataclass(frozen=True, slots=True)
class Change:
    """A figure before and now over the questions of both runs, with the 95 % interval of its change."""

    name: str
    before: float
    now: float
    low: float
    high: float
    alone: float  # its p-value
    p: float  # as it counts beside all other figures, see `resample.holm`

    @property
    def difference(self) -> float:
        """What was gained; of a figure of which less is better, lost."""
        return self.now - self.before

    @property
    def significant(self) -> bool:
        """True if it is no chance."""
        return self.p < SIGNIFICANT

    @property
    def worse(self) -> bool:
        """True if it went the wrong way."""
        return self.difference * (-1 if self.name in LOWER_IS_BETTER else 1) < 0


@dataclass(frozen=True, slots=True)
class Difference:
    """A question of both runs that was answered in another way."""

    before: Entry
    now: Entry
    what: tuple[What, ...]
    why: Why

    @property
    def better(self) -> bool:
        """True if it went well only now."""
        return outcome(self.before) not in GOOD and outcome(self.now) in GOOD

    @property
    def worse(self) -> bool:
        """True if it went well only before."""
        return outcome(self.before) in GOOD and outcome(self.now) not in GOOD


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two runs, over the questions that both asked in the same words."""

    before: Run
    now: Run
    questions: int
    changes: tuple[Change, ...]  # a figure each
    differences: tuple[Difference, ...]  # a question each, those answered in the same way left out


def compare(before: Run, now: Run) -> Comparison:
    """Which figures and which answers changed; chance is drawn with the later run's seed."""
    earlier = {(record["id"], record["question"]): record for record in before["records"]}
    keyed = (((record["id"], record["question"]), record) for record in now["records"])
    paired = [(earlier[key], record) for key, record in keyed if key in earlier]
    thresholds = before["settings"]["answer_threshold"], now["settings"]["answer_threshold"]
    found = ((pair, _what(*pair)) for pair in paired)
    answered = tuple(Difference(*pair, what, why(*pair, thresholds)) for pair, what in found if what)
    return Comparison(before, now, len(paired), tuple(_changes(paired, now["seed"])), answered)


def why(before: Entry, now: Entry, thresholds: tuple[float, float]) -> Why:
    """What a change comes from: the earliest stage that did something else.

    Threshold: the confidence of either run, held against the threshold of the other, decides as that one did.
    Retrieval: the passages are others, or in another order. Answering: what was made of the same passages.
    """
    first, second = before["evidence"], now["evidence"]
    turned = before["answer"]["abstained"] != now["answer"]["abstained"]
    if turned and (first["confidence"] < thresholds[1]) == now["answer"]["abstained"]:
        return "threshold"
    return "answering" if _places(first["passages"]) == _places(second["passages"]) else "retrieval"


def outcome(record: Entry) -> Outcome:
    """How a question went, in one word or two."""
    abstained = record["answer"]["abstained"]
    if record["kind"] == "unanswerable":
        return "rightly declined" if abstained else "should have declined"
    if abstained:
        return "wrongly declined"
    return "wrong" if record["wrong"] else "right"


def _changes(paired: Sequence[tuple[Entry, Entry]], seed: int) -> list[Change]:
    if not paired:
        return []
    before, now = ([pair[side] for pair in paired] for side in (0, 1))
    found = [_of_scores(name, scores(before, name), scores(now, name), seed) for name in now[0]["scores"]]
    sides = decisions(before), decisions(now)
    found += [_of_all(name, figure, *sides, seed) for name, figure in calibration.FIGURES.items()]
    adjusted = resample.holm({change.name: change.alone for change in found})
    return [replace(change, p=adjusted[change.name]) for change in found]


def _what(before: Entry, now: Entry) -> tuple[What, ...]:
    first, second = before["answer"], now["answer"]
    if first["abstained"] != second["abstained"]:
        return ("abstention",)
    told: list[What] = []
    if first["text"] != second["text"]:
        told.append("answer")
    if _cited(first) != _cited(second):
        told.append("citations")
    return tuple(told)


def _of_scores(name: str, before: Sequence[float], now: Sequence[float], seed: int) -> Change:
    interval = metrics.change_interval(before, now, seed=seed)
    alone = resample.p_value(before, now, seed=seed)
    return Change(name, metrics.mean(before), metrics.mean(now), *interval, alone, alone)


def _of_all(
    name: str, figure: calibration.Figure, before: calibration.Decisions, now: calibration.Decisions, seed: int
) -> Change:
    first, second = calibration.value(figure, before), calibration.value(figure, now)
    if isnan(first) or isnan(second):
        return Change(name, first, second, *[float("nan")] * 4)
    interval = resample.change_interval(figure, before, now, seed=seed)
    alone = resample.figure_p_value(figure, before, now, seed=seed)
    return Change(name, first, second, *interval, alone, alone)


def _cited(answer: dict[str, Any]) -> list[rag.Span]:
    return _places([citation for claim in answer["claims"] for citation in claim["citations"]])


def _places(found: Sequence[Entry]) -> list[rag.Span]:
    return [rag.Span(place["document_id"], place["start"], place["end"]) for place in found]
