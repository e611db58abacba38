"""Chosen sentences → the same with their lists whole: who asks for the steps is not served by the first two of four.

A list is a run of items, each on a line of its own with its mark, or "First, ... Second, ..." after a sentence that
says how many. It is shown whole where the best sentence announces it, or belongs to it and several are asked for, is
too short to say anything alone, or is the first step of how something is done. What announces a list, or is so short
an item of it, says nothing where the list is not shown.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag import question as asked
from rag import sentences
from rag.answer.orders import statements
from rag.schema import Draft, Passage, Span

_ITEM = re.compile(r"(?:[-*•–]|\d{1,3}[.)]|[a-z][.)])\s")
_COUNT = re.compile(rf"\b({'|'.join(asked.COUNTS)})\b", re.IGNORECASE)
_ORDINALS = [
    re.compile(rf"(?:The )?(?:{words})\b", re.IGNORECASE)
    for words in (
        "first|firstly|one",
        "second|secondly|another|other",
        "third|thirdly|last|finally",
        "fourth|last|finally",
    )
]
_FEWEST_WORDS = 4  # with its mark; an item of fewer says little by itself
_ROW = re.compile(r"[^:;]{1,60}: [^;]*; [^:;]{1,60}: ")  # of a table, as our loaders write it
_LONG = 150  # words: a longer list is a text, and is shown whole only where what announces it is the best sentence
_MOST = 20  # items; of a longer list those that were chosen are shown


@dataclass(frozen=True, slots=True)
class _List:
    """What announces it, if anything does, and its items; of an item of several sentences each."""

    lead: Draft | None
    items: tuple[Draft, ...]

    @property
    def drafts(self) -> dict[Span, Draft]:
        """All of it, each by its place."""
        return {_at(draft): draft for draft in (*([self.lead] if self.lead else []), *self.items)}


def completed(question: str, drafts: Sequence[Draft], passages: Sequence[Passage], best: Span) -> tuple[Draft, ...]:
    """The drafts, each of one source, with lists whole or without their announcement; `best` is the best sentence."""
    told_of = ((passage, statements(passage.text, sentences.spans(passage.text))) for passage in passages)
    found = [one for passage, places in told_of for one in _lists(passage, places)]
    chosen = {_at(draft) for draft in drafts}
    whole = {at: one for one in found if _is_shown(one, chosen, best, question) for at in one.drafts}
    idle = {_at(one.lead) for one in found if one.lead and _at(one.lead) not in whole}
    told: dict[Span, Draft] = {}
    for draft in drafts:
        at = _at(draft)
        if at in whole:
            told |= whole[at].drafts
        elif at == best or not (at in idle or _is_fragment(draft)):
            told[at] = draft
    return tuple(told.values())


def listed(passage: Passage, places: Sequence[tuple[int, int]]) -> frozenset[Span]:
    """Of the passage's sentences, by start and end in it, those that announce a list, and items of one sentence."""
    found: list[Draft] = []
    for one in _lists(passage, places):
        following = (*(begins_item(item.text) for item in one.items[1:]), True)
        alone = [item for item, ends in zip(one.items, following, strict=True) if ends and begins_item(item.text)]
        found += [*([one.lead] if one.lead else []), *alone]
    return frozenset(map(_at, found))


def begins_item(text: str, at: int = 0) -> bool:
    """True if an item of a list begins there, with its mark."""
    return bool(_ITEM.match(text, at))


def is_row(text: str) -> bool:
    """True for a row of a table, with the names of its columns."""
    return bool(_ROW.match(text))


def joined(texts: Iterable[str]) -> str:
    """Sentences as one text, the items of a list, and what follows them or a line without a full stop, on new lines."""
    told = ""
    for before, text in pairwise(("", *texts)):
        breaks = begins_item(before) or begins_item(text) or not sentences.is_whole(before)
        told += f"\n{text}" if breaks else f" {text}"
    return told.strip()


def _is_shown(one: _List, chosen: set[Span], best: Span, question: str) -> bool:
    if one.lead and best == _at(one.lead):
        return True
    items = {_at(draft): draft for draft in one.items}
    if best not in items or sum(len(item.text.split()) for item in one.items) > _LONG:
        return False
    if _is_fragment(items[best]) or (asked.asks_how(question) and best == _at(one.items[0])):
        return True
    return asked.asks_for_several(question) and len(chosen & one.drafts.keys()) > 1


def _is_fragment(draft: Draft) -> bool:
    return begins_item(draft.text) and len(draft.text.split()) < _FEWEST_WORDS


def _at(draft: Draft) -> Span:
    return draft.sources[0]


def _lists(passage: Passage, places: Sequence[tuple[int, int]]) -> Iterator[_List]:
    """The lists of a passage among its sentences, in its order."""
    text = passage.text
    at = 0
    while at < len(places):
        count = _items(text, places[at:])
        if 1 < count <= _MOST:
            announced = at > 0 and text[: places[at - 1][1]].endswith(":")
            yield _List(
                _draft(passage, places[at - 1]) if announced else None, _drafts(passage, places[at : at + count])
            )
        elif counted := _counted(text, places[at:]):
            yield _List(_draft(passage, places[at]), _drafts(passage, places[at + 1 : at + 1 + counted]))
        at += max(count, 1)


def _items(text: str, places: Sequence[tuple[int, int]]) -> int:
    """How many of the first sentences are of one list: each begins an item, or goes on in the line of one."""
    if not begins_item(text, places[0][0]):
        return 0
    others = (at for at, (start, _) in enumerate(places) if not begins_item(text, start) and _begins_line(text, start))
    return next(others, len(places))


def _counted(text: str, places: Sequence[tuple[int, int]]) -> int:
    """How many of the sentences after the first are what it counts, by their first words; 0 if it counts nothing."""
    counts = _COUNT.findall(text[slice(*places[0])])
    wanted = asked.COUNTS.index(counts[-1].lower()) + 2 if counts else 0
    following = places[1 : 1 + wanted]
    if not 1 < wanted <= len(_ORDINALS) or len(following) < wanted:
        return 0
    fits = (ordinal.match(text, start) for ordinal, (start, _) in zip(_ORDINALS, following, strict=False))
    return wanted if all(fits) else 0


def _begins_line(text: str, start: int) -> bool:
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _draft(passage: Passage, place: tuple[int, int]) -> Draft:
    at = Span(passage.span.document_id, passage.span.start + place[0], passage.span.start + place[1])
    return Draft(passage.text[slice(*place)], (at,))


def _drafts(passage: Passage, places: Sequence[tuple[int, int]]) -> tuple[Draft, ...]:
    return tuple(_draft(passage, place) for place in places)
