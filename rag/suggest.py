"""Questions proposed from the documents' own sentences, by rules and without a language model, each with its span.

A rule takes a sentence of one plain shape and turns it round: who did something, when, where, how many, what something
is. Few sentences have such a shape, and those that lean on others are left out, so that what is proposed is mostly good
English; a person is to read it all the same, and to put the questions in words of their own.

It cuts sentences exactly as `rag` does, so that gold is what an answer cites.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rag import sentences
from rag.schema import SourceDocument, Span

_VERBS = """
    accept:accepted add:added adopt:adopted agree:agreed announce:announced appoint:appointed approve:approved
    arrive:arrived ask:asked attend:attended ban:banned become:became begin:began build:built buy:bought call:called
    cancel:cancelled carry:carried close:closed come:came confirm:confirmed contain:contained cost:cost
    cross:crossed cut:cut describe:described die:died discover:discovered discuss:discussed earn:earned
    elect:elected enter:entered establish:established expect:expected expel:expelled fall:fell find:found fly:flew
    found:founded gain:gained give:gave go:went grow:grew hear:heard help:helped hold:held host:hosted
    include:included increase:increased inform:informed introduce:introduced invent:invented invite:invited
    issue:issued join:joined kill:killed land:landed last:lasted launch:launched lead:led leave:left lose:lost
    make:made marry:married meet:met move:moved name:named need:needed occupy:occupied open:opened order:ordered
    pass:passed pay:paid place:placed play:played postpone:postponed present:presented produce:produced
    promise:promised propose:proposed publish:published raise:raised reach:reached receive:received record:recorded
    reduce:reduced refuse:refused reject:rejected release:released remove:removed replace:replaced report:reported
    resign:resigned resume:resumed return:returned see:saw sell:sold send:sent serve:served set:set shoot:shot
    show:showed sign:signed speak:spoke spend:spent start:started stop:stopped study:studied succeed:succeeded
    support:supported suspend:suspended take:took teach:taught tell:told travel:travelled use:used visit:visited
    vote:voted warn:warned win:won withdraw:withdrew write:wrote
"""  # base:past, those that documents tell most with; an unknown verb has no plain form to ask with
_PAST = {past: base for base, past in (pair.split(":") for pair in _VERBS.split())}
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAY = rf"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? )?\d{{1,2}} (?:{_MONTH})(?: \d{{4}})?"
_WHEN = rf"(?:on {_DAY}|in (?:(?:{_MONTH}) )?\d{{4}}|in (?:{_MONTH}))"
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty)"
_NAME = r"[A-Z][\w’'-]*[a-z](?: (?:[A-Z]\.|(?:of|for|the) (?=[A-Z])|[A-Z][\w’'-]*))*"
_SUBJECT = rf"(?:[Tt]he )?{_NAME}"
_BE = "is|are|was|were"
_VERB = "|".join(_PAST)

# What the rest of a sentence may not hold: what points outside of it, or makes it more than one plain clause.
_LEANS = re.compile(
    r"\b(?:he|she|it|they|him|her|them|his|their|we|our|i|you|this|these|those|that|there|then|here|also|however|too|both"
    r"|such|so|another|other|others|same|latter|former|earlier|later|again|still|yet|but|because|although|though|when"
    r"|while|which|who|whom|whose|where|after|before|if|not|never|only|even|already|ago|today|yesterday|tomorrow)\b"
    r"|[,;:()\[\]\"“”|*_#<>/?!]| - | – |—",
    re.IGNORECASE,
)
_AFTERTHOUGHT = re.compile(
    r", (?:which|who|whose|where|when|with|as|but|although|while|after|before|because|\w+ing)\b.*\.$"
)
_FIRST = re.compile(r"(?:A|An|In|On|At|By|For|From|It|He|She|They|This|These|Both|Two|Its|His|Her|Their|But|And)\b")
_OFFICE = re.compile(
    r"\b(?:The|Department|Ministry|Council|Committee|Commission|Institute|University|Bank|Court|Congress|Senate|House|Company"
    r"|Corporation|Party|Union|Agency|Office|Embassy|Force|Army|Navy|Act|List|Street|States|Republic|Kingdom|River|Sea"
    r"|North|South|East|West|New|American|Chinese|Beijing|Washington)\b|\bof\b"
)
_LONGEST = 20  # words of a question
_SHORTEST = 5
_ENOUGH = 3  # words after the verb: with fewer of them a question could be about many things
_GLOSSARY = 0.7  # of a document's paragraphs begin with a term, else they are headings of what follows
_TERM = 4  # words


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that a sentence answers, the answer in its words, and where the sentence stands."""

    question: str
    answer: str
    span: Span
    kind: Literal["single_fact", "number_date"]


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    answer: str
    kind: Literal["single_fact", "number_date"]


def suggest(documents: Iterable[SourceDocument]) -> list[Suggestion]:
    """The questions that the documents' sentences make, in their order; none that two sentences would answer."""
    read = list(documents)
    places = _places(read)
    found = [
        Suggestion(asked.question, asked.answer, Span(document.document_id, start, end), asked.kind)
        for document in read
        for (start, end), asked in _asked(document, places)
    ]
    once = Counter(suggestion.question for suggestion in found)
    return [suggestion for suggestion in found if once[suggestion.question] == 1]


def _asked(document: SourceDocument, places: frozenset[str]) -> Iterator[tuple[tuple[int, int], _Asked]]:
    """At most one question for each sentence, by the first rule that fits; in a glossary one for each term."""
    spans = sentences.spans(document.text)
    terms = [*_terms(document.text, spans)]
    if terms and len(terms) >= _GLOSSARY * len(re.findall(r"\n\n", document.text)):
        yield from terms
    for start, end in spans:
        if asked := next(_questions(_main(document.text[start:end]), places), None):
            yield (start, end), asked


def _main(sentence: str) -> str:
    """The sentence on one line without what is in brackets, and without a clause that a comma puts after it."""
    plain = re.sub(r" ?\([^()]*\)", "", " ".join(sentence.split()))
    return _AFTERTHOUGHT.sub(".", plain)


def _terms(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], _Asked]]:
    """A term on its own at the start of a paragraph and what it means: "AIT. American Institute in Taiwan."."""
    for (start, end), (begin, stop) in pairwise(spans):
        term, meaning = text[start:end], text[begin:stop]
        alone = re.fullmatch(r"[A-Z][^.,:;#|]{1,40}\.", term) and text[:start].endswith("\n\n") and begin == end + 1
        if alone and meaning.endswith(".") and len(term.split()) <= _TERM <= len(meaning.split()):
            yield (start, stop), _Asked(f"What is meant by “{term[:-1]}”?", meaning[:-1], "single_fact")


def _questions(sentence: str, places: frozenset[str]) -> Iterator[_Asked]:
    found = (*_when(sentence), *_how_many(sentence), *_where(sentence), *_by_whom(sentence, places))
    for asked in (*found, *_who(sentence, places)):
        if _SHORTEST <= len(asked.question.split()) <= _LONGEST:
            yield asked


def _when(sentence: str) -> Iterator[_Asked]:
    """ "On 4 February X shot it." and "X shot it on 4 February." → "When did X shoot it?"."""
    shapes = (
        rf"(?i:({_WHEN})),? ({_SUBJECT}) ({_VERB}|{_BE}) ([^.]+)\.",
        rf"({_SUBJECT}) ({_VERB}|{_BE}) ([^.]+?) ({_WHEN})((?: (?:by|at|to|with|for|from|near|off|as) [^.]+)?)\.",
    )
    for number, shape in enumerate(shapes):
        if found := re.fullmatch(shape, sentence):
            when, subject, verb, rest = (
                found.groups() if number == 0 else (found[4], *found.group(1, 2), found[3] + found[5])
            )
            if _plain(subject, rest) and not re.search(rf"\d{{4}}|{_MONTH}", rest):
                yield _Asked(
                    f"When {_turned(subject, verb, rest)}?", re.sub("^(?:[Oo]n|[Ii]n) ", "", when), "number_date"
                )


def _how_many(sentence: str) -> Iterator[_Asked]:
    """ "X added six firms to Y." → "How many firms did X add to Y?", and "Six firms were added." likewise."""
    if found := re.fullmatch(rf"({_SUBJECT}) ({_VERB}) ({_NUMBER}) ((?:[a-z-]+ ){{0,2}}?[a-z]+s)\b([^.]*)\.", sentence):
        subject, verb, number, things, rest = found.groups()
        if _plain(subject, rest) and _plain("X", things) and len(rest.split()) >= _ENOUGH:
            yield _Asked(f"How many {things} did {_inside(subject)} {_PAST[verb]}{rest}?", number, "number_date")
    if found := re.fullmatch(
        rf"(?i:({_NUMBER})) ((?:[a-zA-Z-]+ ){{0,2}}?[a-z]+s) ({_VERB}|were|are) ([^.]+)\.", sentence
    ):
        number, things, verb, rest = found.groups()
        if _plain("X", f"{things} {rest}") and len(rest.split()) >= _ENOUGH:
            yield _Asked(f"How many {things} {verb} {rest}?", number.lower(), "number_date")


def _where(sentence: str) -> Iterator[_Asked]:
    """ "X met Y in Vienna." → "Where did X meet Y?"."""
    if found := re.fullmatch(rf"({_SUBJECT}) ({_VERB}|was|were) ([^.]+?) (?:in|at) ({_NAME})\.", sentence):
        subject, verb, rest, place = found.groups()
        if _plain(subject, rest) and not re.search(_MONTH, place) and not re.search(r"\b(?:in|at|with)\b", rest):
            yield _Asked(f"Where {_turned(subject, verb, rest)}?", place, "single_fact")


def _by_whom(sentence: str, places: frozenset[str]) -> Iterator[_Asked]:
    """ "The law was signed by Joe Biden." → "By whom was the law signed?"."""
    if found := re.fullmatch(rf"({_SUBJECT}) (was|were) ([^.]+?) by ({_NAME})\.", sentence):
        subject, verb, rest, name = found.groups()
        if _plain(subject, rest) and _is_person(name, places):
            yield _Asked(f"By whom {verb} {_inside(subject)} {rest}?", name, "single_fact")


def _who(sentence: str, places: frozenset[str]) -> Iterator[_Asked]:
    """ "Wang Yi received Blinken." → "Who received Blinken?"."""
    if found := re.fullmatch(rf"({_NAME}) ({_VERB}|was(?! an? | one )) ([^.]+)\.", sentence):
        name, verb, rest = found.groups()
        if _is_person(name, places) and _plain(name, rest) and len(rest.split()) >= _ENOUGH:
            yield _Asked(f"Who {verb} {rest}?", name, "single_fact")


def _is_person(name: str, places: frozenset[str]) -> bool:
    """True if it may be a person's: two or three names of which none is that of an office, and no place."""
    return len(name.split()) in (2, 3) and name not in places and not _OFFICE.search(name)


def _turned(subject: str, verb: str, rest: str) -> str:
    """ "did X meet Y", or "was X seen": subject and verb as a question has them."""
    if verb in _BE.split("|"):
        return f"{verb} {_inside(subject)} {rest}"
    return f"did {_inside(subject)} {_PAST[verb]} {rest}"


def _plain(subject: str, rest: str) -> bool:
    """True if neither leans on another sentence, and the rest is one clause."""
    joined = rf"\band (?:{_VERB}|{_BE}|had|has|to|then)\b|\bits\b.*\bits\b|\bon its basis\b"
    return not (_LEANS.search(rest) or re.search(joined, rest) or _FIRST.match(subject) or _LEANS.search(subject))


def _inside(subject: str) -> str:
    """A subject as it is written inside a sentence."""
    return subject[0].lower() + subject[1:] if subject.startswith("The ") else subject


def _places(documents: Iterable[SourceDocument]) -> frozenset[str]:
    """Names that stand after a word of place somewhere: no persons."""
    pattern = re.compile(rf"\b(?:in|at|near|to|into|across|over|off) ({_NAME})")
    return frozenset(found[1] for document in documents for found in pattern.finditer(document.text))
