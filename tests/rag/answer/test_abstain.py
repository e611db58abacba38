"""What the probability that the documents answer is made from."""

import pytest

from rag.answer.abstain import evidence, probability, weights
from rag.schema import Span, Weighed


def weighed(score: float) -> Weighed:
    """A sentence of this score."""
    return Weighed(Span("a.md", 0, 9), "It is so.", {}, score)


@pytest.mark.parametrize("others", [[], [weighed(-5.0)], [weighed(-9.0), weighed(-9.0)]])
def test_a_good_sentence_is_not_doubted_for_want_of_a_second(others: list[Weighed]) -> None:
    """A short document has one that answers, and others about something else."""
    facts = evidence([weighed(0.7), *others], unknown=0.0)

    assert facts["second"] == pytest.approx(-2.3)
    assert probability(facts, weights()["answerable"]) > 0.6


def test_a_second_good_sentence_speaks_for_the_answer() -> None:
    """And a missing name against it; without any sentence nothing does."""
    sure, unsure = (evidence([weighed(0.7), weighed(second)], unknown=0.0) for second in (0.5, -1.0))
    missing = evidence([weighed(0.7), weighed(0.5)], unknown=1.0)

    told = [probability(facts, weights()["answerable"]) for facts in (sure, unsure, missing, evidence([], unknown=0.0))]

    assert told == sorted(told, reverse=True)
    assert told[-1] == 0
