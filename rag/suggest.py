"""Questions proposed from the documents' own sentences, by rules or by a language model, each with its span.

A rule takes a sentence of one plain shape and turns it round: who did something, when, where, how many, what something
is. Few sentences have such a shape, and those that lean on others are left out, so that what is proposed is mostly good
English; a person is to read it all the same, and to put the questions in words of their own.

A language model is shown a sentence and asks in its own words. What it writes is dropped where it can be seen to be no
question of this sentence; whether it is found is not looked at, for then the set would hold what is found.

It cuts sentences exactly as `rag` does, so that gold is what an answer cites.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise, zip_longest
from random import Random
from typing import Literal, TypeAlias

from rag import prompts, question, sentences
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
_POINTS = re.compile(r"(?:It|He|She|They|This|These|That|Those|There|His|Her|Their|Its|Such|Both|But|And|So|Yet)\b")
_ROW = re.compile(r"[^:;]+: [^;]+; [^:;]+: ")  # of a table, as it is read
_SENTENCE = range(8, 41)  # words of one that a language model is asked about
_AROUND = 300  # characters before and after it that the model is shown
_ANSWER = 12  # words at most
_REPLY = 800  # characters: a model that has not written its two lines by then does not come to them
_NEAR = 0.6  # of a question's words that stand in the sentence too, names apart: above it is the sentence turned round
_TEXTUAL = re.compile(r"\b(?:passage|sentence|text|document|article|author|according to)\b", re.IGNORECASE)
_LINE = r"^\W*{}\W*?:[ \t*]*(\S.*)"
_ASKED = re.compile(_LINE.format("question"), re.IGNORECASE | re.MULTILINE)
_ANSWERED = re.compile(_LINE.format("answer"), re.IGNORECASE | re.MULTILINE)
_QUOTES = " \t\"“”'*`"
_COMMON = frozenset(
    "what when where which whom whose does were have with from that this than into many much they".split()
)
_GLOSSARY = 0.7  # of a document's paragraphs begin with a term, else they are headings of what follows
_TERM = 4  # words


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that a sentence answers, the answer in its words, and where the sentence stands."""

    question: str
    answer: str
    span: Span
    kind: Literal["single_fact", "number_date"]


Write: TypeAlias = Callable[[str, str], Iterator[str]]  # system and user prompt → the reply so far, as it grows
Fault: TypeAlias = str  # why what a model wrote is no suggestion, in a few words


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


def written(documents: Iterable[SourceDocument], write: Write, *, seed: int) -> Iterator[Suggestion | Fault]:
    """What a language model makes of sentences drawn at random, of one document after another: suggestions and faults.

    It goes on until the sentences are used up; whoever has enough stops it.
    """
    asked = set[str]()
    for document, (start, end) in _drawn(documents, Random(seed)):
        sentence = " ".join(document.text[start:end].split())
        around = document.text[max(0, start - _AROUND) : end + _AROUND]
        user = prompts.ASKING_USER.format(title=document.title, passage=around, sentence=sentence)
        reply = _reply(write(prompts.ASKING_SYSTEM, user))
        found = _judged(reply, sentence, f"{document.title} {around}")
        if isinstance(found, _Asked) and found.question.lower() in asked:
            yield "asked before"
        elif isinstance(found, _Asked):
            asked.add(found.question.lower())
            yield Suggestion(found.question, found.answer, Span(document.document_id, start, end), found.kind)
        else:
            yield found


def _drawn(documents: Iterable[SourceDocument], random: Random) -> Iterator[tuple[SourceDocument, tuple[int, int]]]:
    """Sentences that may be asked about, each document's in a random order, one of each document in turn."""
    drawn = []
    for document in documents:
        spans = [span for span in sentences.spans(document.text) if _is_askable(document.text[slice(*span)])]
        drawn.append([(document, span) for span in random.sample(spans, len(spans))])
    return (one for one in chain.from_iterable(zip_longest(*drawn)) if one)


def _is_askable(sentence: str) -> bool:
    """True if it is prose of a usual length that names something and does not begin by pointing at another sentence."""
    plain = " ".join(sentence.split())
    return (
        len(plain.split()) in _SENTENCE
        and plain.endswith(".")
        and plain[0].isupper()
        and not _POINTS.match(plain)
        and not _ROW.match(plain)
        and bool(question.names(plain[1:]))
    )


def _reply(growing: Iterable[str]) -> str:
    """The reply, as far as it is needed: small models do not end. Thoughts are left out, as far as they are marked."""
    said = ""
    for text in growing:
        thinks = "<think>" in text and "</think>" not in text
        said = "" if thinks else text.rpartition("</think>")[2]
        answered = _ANSWERED.search(said)
        if (answered and "\n" in said[answered.start(1) :]) or len(said) > _REPLY:
            break
    return said


def _judged(reply: str, sentence: str, around: str) -> _Asked | Fault:
    """The question and answer of a reply, or why they are none of this sentence."""
    asked, answered = _ASKED.search(reply), _ANSWERED.search(reply)
    if not (asked and answered):
        return "not a question and an answer"
    asks, answer = asked[1].strip(_QUOTES), answered[1].strip(f"{_QUOTES}.")
    stands = re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", sentence, re.IGNORECASE) if answer else None
    if stands is None:
        return "the answer is not in the sentence"
    if fault := _fault(asks, stands[0], sentence, around):
        return fault
    return _Asked(asks, stands[0], "number_date" if re.search(rf"\d|{_MONTH}", stands[0]) else "single_fact")


def _fault(asks: str, answer: str, sentence: str, around: str) -> Fault:
    """Why a question is not to be asked; empty where nothing is seen."""
    if not asks.endswith("?") or not _SHORTEST <= len(asks.split()) <= _LONGEST:
        return "not one question of usual length"
    if len(answer.split()) > min(_ANSWER, len(sentence.split()) / 2):
        return "the answer is the sentence"
    if answer.lower() in asks.lower():
        return "the answer is in the question"
    if question.follows_up(asks) or _TEXTUAL.search(asks):
        return "it cannot be asked alone"
    if any(name.lower() not in around.lower() for name in question.names(asks)):
        return "it names what the passage does not"
    return "it is the sentence's words" if _nearness(asks, sentence) > _NEAR else ""


def _nearness(asks: str, sentence: str) -> float:
    """Of the question's words how many stand in the sentence, 0 to 1; small words and names, which must, left out."""
    named = {name.lower() for name in question.names(asks)}
    own = [word for word in re.findall(r"[^\W_]{4,}", asks.lower()) if word not in named | _COMMON]
    known = {_stem(word) for word in re.findall(r"[^\W_]+", sentence.lower())}
    shared = [word for word in own if _stem(word) in known]
    return len(shared) / len(own) if len(shared) > 1 else 0.0


def _stem(word: str) -> str:
    """A word without its ending, roughly: "visited" and "visits" are one."""
    return word[:5]


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
