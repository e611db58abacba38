"""A model's sentence that says again what was asked, and with which words it is answered → the words it stands on.

"When did the review of Micron begin?" is answered by "The review had begun on 31 March.", and a model writes "The
review of Micron began on 31 March 2023." One sentence does not carry that by its own words: what was asked stands
around it. So the claim is taken apart, as questions are asked of a text to check a summary of it (Wang, Cho and Lewis,
ACL 2020): what it adds to the question must stand in a sentence that the reader says answers the question, and with the
words that it says answer; what it says again must stand there, before it in the document, or in the document's title
and date. A sentence that begins with another name or date than the claim's answers another question.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.answer.facts import (
    TITLES,
    YEAR,
    Facts,
    contradict,
    facts,
    is_date,
    joined_otherwise,
    misattributes,
    ordinary,
    shortened,
    within,
)
from rag.answer.verify import NEAR, SPOKEN_OF, Stated
from rag.schema import SourceDocument, Span, Weighed

_OWN_WORDS = 0.65  # share of the words added to the question that the sentence must have
_FIRST = 3  # sentences that an answer in the documents' own words would show; of what stands behind them fewer answer
_READ = 0.0  # log-odds, of the sentence and of its words, from which the reader holds that they answer
_SINCE = re.compile(rf"\bsince (?:[A-Z][a-z]+ )?{YEAR.pattern}")
_TWO_QUESTIONS = re.compile(r"\band,? (?:\w+ )?(?:how|what|when|where|which|who|whom|whose|why)\b", re.IGNORECASE)
_DAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())


@dataclass(frozen=True)
class _Answering(Stated):
    """A sentence that the reader says answers, with these of its words, and what stands around it."""

    words: str

    @cached_property
    def answer(self) -> Facts:
        return facts(self.words)

    @cached_property
    def lead(self) -> Facts:
        """What stands in the sentence before the words that answer."""
        return facts(_SINCE.sub("", self.quote.partition(self.words)[0]))

    @cached_property
    def around(self) -> Facts:
        before = self.document.text[max(self.span.start - NEAR, 0) : self.span.start]
        return facts(f"{self.document.title}. {self.document.date or ''}.\n{before}\n{self.quote}")


def carrying(
    text: str, question: str, sentences: Sequence[Weighed], document: Callable[[str], SourceDocument]
) -> Span | None:
    """Of the first sentences, best first, the one that answers the question as the text says it; None if none does."""
    claim, asked = facts(text), facts(question)
    whole = not _TWO_QUESTIONS.search(question)  # of two questions the sentence may answer the other one
    for sentence in sentences[:_FIRST]:
        signs = sentence.signs
        if min(signs["reader"], signs["words"]) < _READ or not signs["whole"] or not sentence.words:
            continue
        found = _Answering(document(sentence.span.document_id), sentence.span, sentence.words)
        if _adds(claim, asked, found) and _repeats(claim, asked, found, whole) and not _clashes(claim, asked, found):
            return sentence.span
    return None


def _adds(claim: Facts, asked: Facts, found: _Answering) -> bool:
    """True if what the claim adds to the question stands in the sentence, some of it in the words that answer."""
    known, said, answer = _spoken(asked), _spoken(found.facts), _spoken(found.answer)
    numbers = claim.numbers - asked.numbers
    words = [word for word, _ in claim.words if not within(word, known)]
    if not (numbers & found.answer.numbers or any(within(word, answer) for word in words)):
        return False
    missing = numbers - found.facts.numbers
    if not SPOKEN_OF.search(found.quote):
        missing -= found.years
    names = [name for name in claim.names if not within(name, known)]
    there = sum(within(word, said) for word in words)
    return not missing and all(within(name, said) for name in names) and there >= _OWN_WORDS * len(words)


def _repeats(claim: Facts, asked: Facts, found: _Answering, whole: bool) -> bool:
    """True if the names and numbers that the claim has from the question stand in the sentence or around it."""
    there = _spoken(found.around if whole else found.facts)
    lacking = {name for name in _again(claim, asked) if not within(name, there)}
    lacking -= {name for name in lacking if shortened(name, claim, there, found.document.text)}
    numbers = (claim.numbers & asked.numbers) - found.facts.numbers
    years = frozenset(filter(YEAR.fullmatch, numbers))
    return not lacking and years <= found.years and numbers - years <= found.around.numbers


def _again(claim: Facts, asked: Facts) -> list[str]:
    """The claim's names that are names in the question too, unlike a first word that is in lower case there."""
    return [name for name in claim.names if within(name, asked.names)]


def _clashes(claim: Facts, asked: Facts, found: _Answering) -> bool:
    """True if the sentence speaks of another person, thing or day, denies what is claimed, or has another say it.

    Names before the words that answer are of others if the claim lacks them: the first where all of the claim's stand
    in the sentence, else any.
    """
    names = [
        name
        for name in found.lead.names
        if name.lower() not in _DAYS | TITLES
        and not (name == found.lead.first and name.lower() in ordinary(found.document.text))
    ]
    elsewhere = any(not within(name, _spoken(found.facts)) for name in _again(claim, asked))
    known = (*claim.names, *asked.names)
    rival = any(not within(name, known) for name in (names if elsewhere else names[:1]))
    rivals = {number for number in found.lead.numbers - claim.numbers if is_date(number)}
    dated = {number for number in claim.numbers - found.facts.numbers if is_date(number)}
    return bool(
        rival
        or (rivals and dated)
        or claim.addresses - found.facts.addresses
        or joined_otherwise(claim, found.facts)
        or contradict(claim, found.facts)
        or misattributes(claim, found.facts)
    )


def _spoken(said: Facts) -> list[str]:
    return [word for word, _ in said.words]
