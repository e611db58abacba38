"""Questions → how sure an answer must be: the probability fitted to them, and how often each threshold was wrong.

`rag calibrate QUESTIONS.jsonl` is this. Three ways to better the probability that ships are tried, each judged by the
Brier score of questions that it was not fitted on; what ships stays where none is better. Like `fit.py` this makes a
part of `rag`, so it may look inside.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

import rag
from eval import calibration, metrics, resample
from eval.calibration import Decisions, Floats
from eval.dataset import DatasetError, Question
from eval.fit import answerable, logistic
from eval.run import Progress, converse
from rag.answer.abstain import log_odds, weights
from rag.answer.calibration import FILE, Calibration, Point, as_json, fingerprint, shipped

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # of wrong answers, for which a threshold is told

_FEWEST = 10  # answerable and unanswerable questions each: two in every fold
_FOLDS = 5
_ROUNDS = 4  # of folds drawn anew, so that one draw does not decide
_MOST_POINTS = 40  # thresholds told: one for each fortieth of the questions


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the facts of its evidence, and whether what was said without any threshold was wrong."""

    facts: Mapping[str, float]
    answerable: bool
    wrong: bool


Fit = Callable[[Sequence[Asked]], Calibration]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was chosen, and its decisions beside those of what ships, each of questions that it was not fitted on."""

    method: str
    chosen: Calibration
    before: Decisions
    after: Decisions

    @property
    def kept(self) -> bool:
        """True if nothing was better than what ships."""
        return self.method == SHIPPED


SHIPPED = "as shipped"


def ask(bot: rag.Chatbot, questions: Sequence[Question], *, progress: Progress) -> list[Asked]:
    """Each question asked of a bot whose threshold is 0, so that it declines none."""
    found = []
    for done, question in enumerate(questions, 1):
        traced = bot.trace(question.question, converse(bot, question.history))
        found.append(Asked(traced.evidence.facts, question.answerable, not _right(question, traced.answer)))
        progress(done, len(questions))
    return found


def calibrate(asked: Sequence[Asked]) -> Outcome:
    """The best of the ways to make a probability for these questions; DatasetError where they are too few."""
    known = sum(one.answerable for one in asked)
    if min(known, len(asked) - known) < _FEWEST:
        raise DatasetError(
            f"At least {_FEWEST} questions that the documents answer and {_FEWEST} that they do not are needed;"
            f" there are {known} and {len(asked) - known}."
        )
    before = decisions(asked, _probabilities(shipped(), asked))
    tried = {name: decisions(asked, _held_out(fit, asked)) for name, fit in WAYS.items()}
    scores = {name: calibration.value(brier, decided) for name, decided in tried.items()}
    best = min(scores, key=scores.__getitem__)
    if scores[best] >= calibration.value(brier, before):
        return Outcome(SHIPPED, replace(shipped(), points=points(before)), before, before)
    return Outcome(best, replace(WAYS[best](asked), points=points(tried[best])), before, tried[best])


def decisions(asked: Sequence[Asked], confidence: Floats) -> Decisions:
    """What these confidences decide at the usual threshold."""
    return Decisions(
        confidence,
        np.array([one.answerable for one in asked]),
        confidence < rag.Settings.model_fields["answer_threshold"].default,
        np.array([one.wrong for one in asked]),
    )


def points(decided: Decisions) -> tuple[Point, ...]:
    """What each threshold leads to, by rising threshold."""
    steps = np.unique(np.floor(np.quantile(decided.confidence, np.linspace(0, 1, _MOST_POINTS + 1)) * 1000) / 1000)
    answered = [decided.confidence >= step for step in steps]
    return tuple(
        Point(float(step), int(given.sum()), int(decided.wrong[given].sum()))
        for step, given in zip(steps, answered, strict=True)
        if given.any()
    )


def brier(decided: Decisions, weights: Floats) -> Floats:
    """The mean Brier score, see `metrics.brier`."""
    means: Floats = weights @ (decided.confidence - decided.answerable) ** 2 / weights.sum(axis=1)
    return means


def measured(sets: Mapping[str, Sequence[Asked]]) -> dict[str, Any]:
    """The weights that ship with what each threshold on them led to, over the questions of all sets together."""
    asked = [one for found in sets.values() for one in found]
    decided = decisions(asked, _probabilities(shipped(), asked))
    counts = {name: len(found) for name, found in sets.items()}
    told = {"date": date.today().isoformat(), "questions": counts, "points": as_json(points(decided))}
    return {**weights(), "operating": told}


def to_dict(outcome: Outcome, asked: Sequence[Asked], settings: rag.Settings) -> dict[str, Any]:
    """The file that an index keeps: weights, points, and how they came about."""
    return {
        "date": date.today().isoformat(),
        "fingerprint": fingerprint(settings),
        "method": outcome.method,
        "questions": {"asked": len(asked), "answerable": sum(one.answerable for one in asked)},
        "figures": {"before": _told(outcome.before), "after": _told(outcome.after)},
        "weights": dict(outcome.chosen.weights),
        "curve": [list(knot) for knot in outcome.chosen.curve],
        "points": as_json(outcome.chosen.points),
    }


def write(entry: Mapping[str, Any], home: Path) -> Path:
    """Write the file of an index; where. A stop half-way leaves what was there."""
    path = home / FILE
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    return draft.replace(path)


def figures(outcome: Outcome) -> Table:
    """Before and after, each with its interval."""
    table = Table("", "as shipped", outcome.method, box=None, title="Does it know?", title_justify="left")
    for name, figure in FIGURES.items():
        table.add_row(name, *(_with_interval(figure, decided) for decided in (outcome.before, outcome.after)))
    return table


def operating(points: Sequence[Point], asked: int) -> Table:
    """For each share of wrong answers the threshold that keeps it, and what it gave."""
    table = Table("RAG_MAX_WRONG", "threshold", "answered", "of these wrong", box=None, title="Operating points")
    for share in SHARES:
        kept = [point for point in points if point.at_most <= share]
        lowest = min(kept, key=lambda point: point.threshold, default=None)
        told = ("none keeps it", "", "")
        if lowest:
            told = (f"{lowest.threshold:.3f}", f"{lowest.answered} of {asked}", f"{lowest.wrong} ({lowest.share:.3f})")
        table.add_row(f"{share:g}", *told)
    return table


# Ways to make a probability


def rescaled(asked: Sequence[Asked]) -> Calibration:
    """What ships with its log-odds stretched and moved: Platt, Probabilities for SV Machines, 1999."""
    before = shipped().weights
    scale = logistic([[({"before": log_odds(one.facts, before)}, one.answerable) for one in _known(asked)]])
    stretched = {name: round(scale["before"] * weight, 4) for name, weight in before.items()}
    return Calibration(stretched | {"bias": round(stretched["bias"] + scale["bias"], 4)})


def stepwise(asked: Sequence[Asked]) -> Calibration:
    """What ships, its log-odds made into probabilities that rise with them in any way: isotonic regression.

    Zadrozny & Elkan, Transforming Classifier Scores into Accurate Multiclass Probability Estimates, KDD 2002. None is
    surer than the number of questions allows.
    """
    from sklearn.isotonic import IsotonicRegression

    known = _known(asked)
    score = np.array([log_odds(one.facts, shipped().weights) for one in known])
    least = 1 / (len(known) + 2)
    model = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
    model.fit(score, [one.answerable for one in known])
    knots = zip(model.X_thresholds_.tolist(), model.y_thresholds_.tolist(), strict=True)
    return replace(shipped(), curve=tuple((round(at, 4), round(height, 4)) for at, height in knots))


def refitted(asked: Sequence[Asked]) -> Calibration:
    """The facts weighed anew, as `fit.answerable` does."""
    return Calibration(answerable([[(one.facts, one.answerable) for one in _known(asked)]]))


WAYS: Mapping[str, Fit] = {"rescaled": rescaled, "stepwise": stepwise, "refitted": refitted}

FIGURES: Mapping[str, calibration.Figure] = {
    "AUROC": calibration.auroc,
    "calibration error": calibration.calibration_error,
    "Brier": brier,
}


def _right(question: Question, answer: rag.Answer) -> bool:
    """An accepted form is in the answer; where the question names none, a place of its gold is cited."""
    if answer.abstained or not question.answerable:
        return False
    cited = [citation.span for citation in answer.citations]
    named = metrics.contains(answer.text, question.accepted) == 1
    return named or (not question.accept and metrics.citation_recall(cited, question.parts) > 0)


def _held_out(fit: Fit, asked: Sequence[Asked]) -> Floats:
    """The probability of each question by fits on others: the mean over the rounds."""
    from sklearn.model_selection import StratifiedKFold

    found = np.zeros((_ROUNDS, len(asked)))
    labels = [one.answerable for one in asked]
    for number in range(_ROUNDS):
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=number)
        for inside, outside in folds.split(labels, labels):
            fitted = fit([asked[at] for at in inside])
            found[number, outside] = _probabilities(fitted, [asked[at] for at in outside])
    means: Floats = found.mean(axis=0)
    return means


def _probabilities(calibrated: Calibration, asked: Iterable[Asked]) -> Floats:
    return np.array([calibrated.probability(one.facts) for one in asked])


def _known(asked: Sequence[Asked]) -> list[Asked]:
    """Those for which something was found."""
    return [one for one in asked if one.facts]


def _told(decided: Decisions) -> dict[str, float]:
    return {name: round(calibration.value(figure, decided), 4) for name, figure in FIGURES.items()}


def _with_interval(figure: calibration.Figure, decided: Decisions) -> str:
    low, high = resample.interval(figure, decided)
    return f"{calibration.value(figure, decided):.3f} ({low:.3f}–{high:.3f})"
