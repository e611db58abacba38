"""Sentences of several documents → two that say one thing otherwise: with another figure or date, or one denies it."""

from collections.abc import Sequence

from rag import question as asked
from rag.answer.facts import Facts, contradict, facts, missing_numbers, within
from rag.schema import Weighed

_ALIKE = 0.6  # share of the shorter sentence's words that both have, where the asked-for figures differ
_VERY_ALIKE = 0.85  # the same where one denies what the other says: two events may have much in common
_FEWEST = 4  # words that both have: of short sentences too much is alike
_NEAR = 3.0  # log-odds behind the best sentence from which one no longer answers the same question
_LOOKED_AT = 20  # sentences


def differing(question: str, sentences: Sequence[Weighed]) -> Weighed | None:
    """The first sentence of another document that says otherwise than the best one, or None; `sentences` best first.

    Where a figure or a date is asked for: neither sentence has the figures that are the answer by the other. Who names
    somebody else is not told apart from who tells of another event.
    """
    if not sentences:
        return None
    best, said = sentences[0], facts(sentences[0].text)
    figures = asked.kind_of_answer(question) in ("date", "number")
    for one in sentences[1:_LOOKED_AT]:
        near = one.span.document_id != best.span.document_id and one.score >= best.score - _NEAR
        if near and _differ(best, said, one, figures=figures):
            return one
    return None


def _differ(best: Weighed, said: Facts, other: Weighed, *, figures: bool) -> bool:
    """True if the other sentence says otherwise than the best one, whose facts are `said`."""
    told = facts(other.text)
    alike = _alike(said, told)
    if figures and alike >= _ALIKE and _other_figures(best, told) and _other_figures(other, said):
        return True
    return alike >= _VERY_ALIKE and contradict(said, told) and contradict(told, said)


def _other_figures(one: Weighed, other: Facts) -> bool:
    """True if the reader marks a figure in the sentence that the other sentence lacks."""
    return bool(missing_numbers(facts(one.words), other))


def _alike(one: Facts, other: Facts) -> float:
    """Share of the shorter one's words that stand in both; 0 where these are few."""
    mine, theirs = ({word for word, _ in said.words} for said in (one, other))
    shared = sum(within(word, theirs) for word in mine)
    return shared / min(len(mine), len(theirs)) if shared >= _FEWEST else 0.0
