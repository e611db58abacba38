"""Weights learnt from questions whose answer is known."""

import random
from dataclasses import replace

import rag
from eval.dataset import Gold, Question
from eval.fit import Weighing, fit
from rag.answer.abstain import evidence, log_odds, probability

DRAW = random.Random(5)
SIGNS = ("reader", "words", "likeness", "passage", "noise")


def weighed(start: int, *, answers: bool) -> rag.Weighed:
    """A sentence whose likeness tells whether it answers; its other signs tell nothing."""
    signs = {name: DRAW.random() for name in SIGNS} | {
        "likeness": DRAW.uniform(0.4, 1.0) if answers else DRAW.uniform(0.0, 0.6)
    }
    return rag.Weighed(rag.Span("a.md", start, start + 10), "x" * 10, signs, 0.0)


def asked(number: int) -> Weighing:
    """A question whose answer stands third of five sentences; of every second question it stands nowhere."""
    answerable = number % 2 == 0
    gold = (Gold("a.md", 20, 30, "x" * 10),) if answerable else ()
    question = Question(
        str(number),
        "single_fact" if answerable else "unanswerable",
        "dev",
        "Which?",
        "x" * 10 if answerable else "",
        gold,
        (),
        (),
    )
    sentences = tuple(weighed(10 * at, answers=answerable and at == 2) for at in range(5))
    facts = evidence(sentences, unknown=0.0 if answerable else DRAW.random())
    return Weighing(question, rag.Evidence("?", (), sentences, facts, 0.5))


def test_weights_tell_answers_from_the_rest() -> None:
    """The sign that tells has the greatest weight; the weights say how and from how much they were fitted."""
    found = [asked(number) for number in range(120)]

    weights = fit({"made": found})

    sentence = weights["sentence"]
    ranked = [max(w.evidence.sentences, key=lambda s: log_odds(s.signs, sentence)).span.start for w in found[::2]]
    assert max(SIGNS, key=lambda name: abs(sentence[name])) == "likeness"
    assert sum(start == 20 for start in ranked) > 40  # of 60; by chance 12
    assert weights["fitted"]["questions"] == {"made": 120}


def test_fitted_probability_is_higher_where_there_is_an_answer() -> None:
    """On the whole, questions with an answer come out above those without."""
    found = [asked(number) for number in range(120)]

    weights = fit({"made": found})

    probabilities = [probability(w.evidence.facts, weights["answerable"]) for w in found]
    assert sum(probabilities[::2]) / 60 > 0.2 + sum(probabilities[1::2]) / 60


def test_each_set_counts_the_same() -> None:
    """A set and its contradiction cancel out, though one of them is four times as large."""
    agreed = [asked(number) for number in range(60)]
    opposed = [contradicting(weighing) for weighing in agreed]

    together = fit({"a": agreed, "b": opposed * 4})["sentence"]["likeness"]

    assert abs(together) < 0.2 * fit({"a": agreed})["sentence"]["likeness"]


def contradicting(weighing: Weighing) -> Weighing:
    """The question with each likeness turned round."""
    turned = tuple(
        replace(sentence, signs={**sentence.signs, "likeness": 1 - sentence.signs["likeness"]})
        for sentence in weighing.evidence.sentences
    )
    return replace(weighing, evidence=replace(weighing.evidence, sentences=turned))
