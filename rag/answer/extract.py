"""Question + passages → the sentences that answer, verbatim, each with what speaks for it.

What speaks for a sentence, by measured worth on 150 real questions over 2,600 passages: its likeness to the question
with the document's title put before it, then the score of the passage it stands in, then shared rare words.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from rag import question as asked
from rag import sentences
from rag.answer.abstain import log_odds
from rag.answer.lists import is_row, listed
from rag.answer.orders import statements
from rag.index.lexical import terms
from rag.models.embed import Encode
from rag.models.reader import Reading
from rag.schema import Draft, Passage, Span, Weighed

_FEWEST_WORDS = 4  # a shorter line is a label, not a sentence, unless it says what is asked for or belongs to a list
_STATES = re.compile(r"([A-Z][\w'’.-]*(?: [\w'’/.-]+){0,2}): +\S")  # "Absent: Jonas Hale"
_MOST_SENTENCES = 16  # weighed for one question, those that the reader likes best; as good as 30 on three sets
_MOST_COMPARED = 8  # of these encoded, which takes time: with 16 the best three are the same
_LEANS = re.compile(r"(?:He|She|It|They|This|That|These|Those|His|Her|Its|Their|Both|Such)\b")
_STANDS_FOR = re.compile(r"(?:He|She|It|They|His|Her|Its|Their)\b")  # somebody named before
_FARTHEST = 2  # sentences before it
_OTHER_KEY = 2.0  # log-odds less for a row where another of its table has more of what the question names
_SAME = 0.6  # share of terms in common from which a second sentence adds nothing

_UNREAD = Reading(0, 0, logit=-6.0, words=(0, 0), words_logit=-6.0)  # of a sentence that the reader did not see

Rarity = Callable[[str], float]  # term → inverse document frequency


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for a sentence as the answer, higher is better; about 0 to 1 where nothing else is said.

    For those that the rest speaks for most, `likeness` comes to it: the cosine of the question to title and sentence.
    """

    reader: float  # log-odds by the reader that it answers
    words: float  # log-odds by the reader that some of its words are the answer
    passage: float  # the passage's fused score
    rank: float  # 1 / rank of the passage
    terms: float  # rarity-weighted share of the question's terms that stand in the sentence
    around: float  # the same for the sentence with its title and passage
    names: float  # share of the question's names that stand in title or passage
    named: float  # the same for the sentence alone
    whole: float  # 1 if it ends as a sentence does
    kind: float  # 1 if it holds the kind of thing asked for


@dataclass(frozen=True, slots=True)
class _Sentence:
    span: Span
    text: str
    context: str  # what it leans on: the title, and the sentence before it where it points back or answers a question
    passage: Passage
    rank: int


def rate(
    question: str,
    passages: Sequence[Passage],
    readings: Mapping[Span, Reading],
    *,
    encode: Encode,
    rarity: Rarity,
    weights: Mapping[str, float],
) -> list[Weighed]:
    """Every sentence of the passages, best first; `readings` by the place of the sentence in its document."""
    wanted = {term: rarity(term) for term in terms(question)}
    found = [sentence for rank, passage in enumerate(passages, 1) for sentence in _sentences(passage, rank, wanted)]
    if not found:
        return []
    found.sort(key=lambda sentence: -readings.get(sentence.span, _UNREAD).logit)
    found = found[:_MOST_SENTENCES]
    scored = [(_weighed(question, sentence, wanted, readings, weights), sentence.context) for sentence in found]
    scored.sort(key=lambda pair: -pair[0].score)
    vectors = encode([question, *(f"{context} {one.text}" for one, context in scored[:_MOST_COMPARED])])
    likeness = (vectors[1:] @ vectors[0]).tolist()
    compared = [_alike(one, like, weights) for (one, _), like in zip(scored, likeness, strict=False)]
    weighed = _of_other_keys_put_back([*compared, *(one for one, _ in scored[_MOST_COMPARED:])])
    return sorted(weighed, key=lambda sentence: -sentence.score)


def _weighed(
    question: str,
    sentence: _Sentence,
    wanted: Mapping[str, float],
    readings: Mapping[Span, Reading],
    weights: Mapping[str, float],
) -> Weighed:
    """By all signs but likeness."""
    reading = readings.get(sentence.span, _UNREAD)
    signs = asdict(_signs(question, sentence, wanted, reading))
    words = sentence.text[reading.words[0] - reading.start : reading.words[1] - reading.start]
    return Weighed(sentence.span, sentence.text, signs, log_odds(signs, weights), words)


def _of_other_keys_put_back(weighed: Sequence[Weighed]) -> list[Weighed]:
    """The sentences; a table's row with fewer of the question's names and figures than another is put back behind it.

    Asked for 2023, the row of 2020 reads as well.
    """
    most: dict[tuple[str, str], float] = {}
    for one in filter(_is_row, weighed):
        most[_table(one)] = max(most.get(_table(one), 0.0), one.signs["named"])
    return [
        replace(one, score=one.score - _OTHER_KEY) if _is_row(one) and one.signs["named"] < most[_table(one)] else one
        for one in weighed
    ]


def _is_row(sentence: Weighed) -> bool:
    return is_row(sentence.text)


def _table(row: Weighed) -> tuple[str, str]:
    """The document of a row, and its first column."""
    return row.span.document_id, row.text.partition(": ")[0]


def _alike(one: Weighed, likeness: float, weights: Mapping[str, float]) -> Weighed:
    signs = {**one.signs, "likeness": likeness}
    return replace(one, signs=signs, score=log_odds(signs, weights))


def choose(
    scored: Sequence[Weighed], *, most: int, margin: float, differing: Weighed | None = None, several: bool = False
) -> tuple[Draft, ...]:
    """The best sentence, and up to `most` in all of those within `margin` of it that add something.

    A row of a table adds to another only where `several` things are asked for; then twice as many are chosen if the
    best is one. Also the one that says otherwise than the best, if there is one, and before a sentence that begins with
    a pronoun the one that names who is meant. Sentences of one document are put in its order, so that they read on;
    documents come in order of their best.
    """
    chosen = [scored[0], differing] if differing else []
    most *= 2 if several and _is_row(scored[0]) else 1
    for sentence in scored:
        if len(chosen) >= most or sentence.score < scored[0].score - margin:
            break
        if not any(_repeats(sentence, other, several=several) for other in chosen):
            named = _naming(sentence, scored)
            chosen += [sentence] if named is None or named in chosen else [sentence, named]
    order = list(dict.fromkeys(sentence.span.document_id for sentence in chosen))
    chosen.sort(key=lambda sentence: (order.index(sentence.span.document_id), sentence.span.start))
    return tuple(Draft(sentence.text, (sentence.span,)) for sentence in chosen)


def _naming(sentence: Weighed, scored: Sequence[Weighed]) -> Weighed | None:
    """The sentence that names whom a sentence's first pronoun stands for; None if it has none, or that is far off."""
    before, found = {(one.span.document_id, one.span.end): one for one in scored}, sentence
    for _ in range(_FARTHEST):
        if not _STANDS_FOR.match(found.text):
            break
        ends = ((found.span.document_id, found.span.start - gap) for gap in (1, 2, 0))
        found = next((before[end] for end in ends if end in before), found)
    return None if found is sentence or _STANDS_FOR.match(found.text) else found


def coverage(wanted: Mapping[str, float], text: str) -> float:
    """Rarity-weighted share of the wanted terms that stand in the text; 1 when none is wanted."""
    total = sum(wanted.values())
    present = set(terms(text))
    return sum(weight for term, weight in wanted.items() if term in present) / total if total else 1.0


def _sentences(passage: Passage, rank: int, wanted: Collection[str]) -> list[_Sentence]:
    """The passage's sentences that could be an answer: no headings, labels, questions, or orders to whoever answers."""
    found, before = [], ""
    places = statements(passage.text, sentences.spans(passage.text))
    in_lists = listed(passage, places)
    for start, end in places:
        text = passage.text[start:end]
        span = Span(passage.span.document_id, passage.span.start + start, passage.span.start + end)
        told = _STATES.match(text)
        says = len(text.split()) >= _FEWEST_WORDS or span in in_lists or (told and set(terms(told[1])) & set(wanted))
        if says and not (sentences.is_heading(text) or text == passage.title or text.endswith("?")):
            leans = before.endswith("?") or _LEANS.match(text)
            found.append(_Sentence(span, text, f"{passage.title}. {before if leans else ''}", passage, rank))
        before = text
    return found


def _signs(question: str, sentence: _Sentence, wanted: Mapping[str, float], reading: Reading) -> Signs:
    around = f"{sentence.passage.title} {sentence.passage.text}"
    names = asked.names(question)
    return Signs(
        reader=reading.logit,
        words=reading.words_logit,
        passage=sentence.passage.score,
        rank=1 / sentence.rank,
        terms=coverage(wanted, sentence.text),
        around=coverage(wanted, around),
        names=_share(names, around),
        named=_share(names, sentence.text),
        whole=float(sentences.is_whole(sentence.text)),
        kind=float(asked.could_answer(asked.kind_of_answer(question), sentence.text)),
    )


def _share(names: Sequence[str], text: str) -> float:
    """Share of the names that stand in the text; 1 when there is none."""
    folded = text.casefold()
    return sum(name.casefold() in folded for name in names) / len(names) if names else 1.0


def _repeats(sentence: Weighed, other: Weighed, *, several: bool) -> bool:
    words, others = set(terms(sentence.text)), set(terms(other.text))
    if several and _is_row(sentence) and _is_row(other):  # which share the names of their columns
        return words == others
    return len(words & others) >= _SAME * max(min(len(words), len(others)), 1)
