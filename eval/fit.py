"""Question sets → the weights by which sentences are chosen and answers declined: logistic regression on `dev` halves.

    python -m eval fit eval/gold/questions.jsonl@.rag sets/squad2/questions.jsonl@.rag-squad2 --out weights.json

Each set counts the same, whatever its size; what is learnt are log-odds, written as plain coefficients. Like
`train_reader.py` this makes a part of `rag`, so it may look inside.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rag
from eval import dataset, metrics
from eval.dataset import Question
from eval.run import Progress, converse
from rag.answer.abstain import evidence, log_odds

_MOST = 200  # questions of one set: minutes, not an hour
_REGULARISATION = 1.0  # scikit-learn's C, on signs scaled to unit variance
_FIRM = 0.3  # the same for facts, of which there is one row for a question and not thirty

Weights = dict[str, float]


@dataclass(frozen=True, slots=True)
class Weighing:
    """A question with what an answer to it would be decided from."""

    question: Question
    evidence: rag.Evidence


def weigh(questions: Path, home: Path, *, progress: Progress) -> list[Weighing]:
    """The dev questions of a set, at most 200 drawn at random, asked of the index at `home`."""
    asked = [question for question in dataset.read(questions) if question.split == "dev"]
    asked = random.Random(13).sample(asked, min(len(asked), _MOST))
    found = []
    with closing(rag.Chatbot.open(rag.Settings(home=home))) as bot:
        dataset.check(asked, bot.document)
        for done, question in enumerate(asked, 1):
            found.append(Weighing(question, bot.explain(question.question, converse(bot, question.history))))
            progress(done, len(asked))
    return found


def fit(sets: Mapping[str, Sequence[Weighing]]) -> dict[str, Any]:
    """The weights file with new coefficients for "sentence" and "answerable", and how they came about."""
    sentence = logistic([[row for weighing in found for row in _sentences(weighing)] for found in sets.values()])
    rescored = {name: [_rescored(weighing, sentence) for weighing in found] for name, found in sets.items()}
    facts = answerable([[row for weighing in found for row in _facts(weighing)] for found in rescored.values()])
    how = {
        "date": date.today().isoformat(),
        "method": "logistic regression, C = 1, signs scaled to unit variance, each set weighted alike",
        "questions": {name: len(found) for name, found in sets.items()},
    }
    return {"fitted": how, "sentence": sentence, "answerable": facts}


def answerable(sets: Sequence[Sequence[tuple[Mapping[str, float], bool]]]) -> Weights:
    """The weights of the facts that tell whether the documents answer."""
    return logistic(sets, strength=_FIRM)


def _sentences(weighing: Weighing) -> Iterator[tuple[Mapping[str, float], bool]]:
    """The signs of each sentence that has all, and whether it is gold."""
    parts = weighing.question.parts
    whole = max((len(sentence.signs) for sentence in weighing.evidence.sentences), default=0)
    for sentence in weighing.evidence.sentences:
        if len(sentence.signs) == whole:
            yield sentence.signs, any(metrics.covers(sentence.span, gold) for part in parts for gold in part)


def _facts(weighing: Weighing) -> Iterator[tuple[Mapping[str, float], bool]]:
    if weighing.evidence.facts:
        yield weighing.evidence.facts, weighing.question.answerable


def _rescored(weighing: Weighing, coefficients: Weights) -> Weighing:
    """The question with its sentences in the order of the new weights, and the facts that follow from it."""
    before = weighing.evidence
    scored = [replace(sentence, score=log_odds(sentence.signs, coefficients)) for sentence in before.sentences]
    best = tuple(sorted(scored, key=lambda sentence: -sentence.score))
    facts = evidence(best, unknown=before.facts["unknown"]) if best else {}
    return replace(weighing, evidence=replace(before, sentences=best, facts=facts))


def logistic(
    sets: Sequence[Sequence[tuple[Mapping[str, float], bool]]], *, strength: float = _REGULARISATION
) -> Weights:
    """Log-odds of the labels as a bias and a weight for each sign, every set counting the same.

    `strength` is scikit-learn's C, on signs scaled to unit variance: the smaller, the nearer to nought.
    """
    from sklearn.linear_model import LogisticRegression

    names = list(sets[0][0][0])
    rows = np.array([[signs[name] for name in names] for rows in sets for signs, _ in rows])
    wanted = np.array([label for rows in sets for _, label in rows])
    alike = np.array([1 / len(rows) for rows in sets for _ in rows]) * len(rows) / len(sets)
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=strength, max_iter=2000).fit((rows - centre) / scale, wanted, alike)
    coefficients: NDArray[np.float64] = model.coef_[0] / scale
    bias = float(model.intercept_[0] - coefficients @ centre)
    return {"bias": round(bias, 3), **{name: round(float(c), 3) for name, c in zip(names, coefficients, strict=True)}}
