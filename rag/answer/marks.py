"""The sentences of an answer → the same, in one of them the words marked that answer by themselves."""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag import question as asked
from rag.answer.lists import begins_item, is_row
from rag.schema import Claim, Weighed

_SURE = -1.0  # log-odds of the reader's words, against there being none, from which they are marked
_FACTS: tuple[asked.Kind, ...] = ("date", "number")  # who and where mostly want more than a name
_MOST_WORDS = 12  # more is no name, date or figure
_MOST_SHARE = 0.6  # of the sentence's characters: beyond that all of it is marked, which tells nothing


def mark(question: str, claims: Sequence[Claim], sentences: Sequence[Weighed]) -> tuple[Claim, ...]:
    """The claims, at most one of them marked: by the reader's surest words of the sentences that they cite.

    Only words that stand in the claim letter for letter and are what is asked for, such as a date after "when": none
    where yes or no is asked for, and none of an item or a row where several are.
    """
    if asked.asks_yes_or_no(question):
        return tuple(claims)
    kind = asked.kind_of_answer(question)
    several = asked.asks_for_several(question)
    for sentence in sorted(sentences, key=lambda one: -one.signs["words"]):
        if sentence.signs["words"] < _SURE:
            break
        if not _answers(kind, sentence.words):
            continue
        for at, claim in enumerate(claims):
            if several and (begins_item(claim.text) or is_row(claim.text)):
                continue
            found = _place(sentence.words, claim.text)
            if found and any(sentence.span.overlaps(citation.span) for citation in claim.citations):
                return (*claims[:at], replace(claim, marked=found), *claims[at + 1 :])
    return tuple(claims)


def is_told(question: str, sentence: Weighed) -> bool:
    """True if one date or figure is asked for, and the reader is sure of it in this sentence."""
    kind = asked.kind_of_answer(question)
    one = kind in _FACTS and asked.asks_once(question)
    return one and sentence.signs["words"] >= _SURE and _answers(kind, sentence.words)


def _answers(kind: asked.Kind, words: str) -> bool:
    return 0 < len(words.split()) <= _MOST_WORDS and asked.could_answer(kind, words)


def _place(words: str, text: str) -> tuple[int, int] | None:
    """First and last character of whole words in a text; None where they are a label, nearly all, or not there."""
    found = re.search(rf"(?<!\w){re.escape(words)}(?!\w|: )", text)
    return found.span() if found and len(words) <= _MOST_SHARE * len(text) else None
