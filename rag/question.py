"""What a question asks for, from its words alone: names it depends on, the kind of answer, whether it follows up."""

import re
from collections.abc import Sequence
from typing import Literal

from rag.schema import Turn

Kind = Literal["date", "number", "person", "place", "reason", "other"]

_WORD = re.compile(r"[^\W_][\w'’.-]*[^\W_]|[^\W_]")
_ASKING = frozenset(
    "who whom whose what which when where why how is are was were do does did has have had can could will would should"
    " may might must in on at by for from to of with and but or so then also about tell give name list explain describe"
    " according during after before if since until while the a an i please there this that these those he she they"
    " we you some any all most many one other no not as than under over above below between among along within without"
    " upon up out into through across against near besides beside beyond despite although though unless whether because"
    " summarise summarize compare show find define outline mention write translate help hello hi hey thanks thank"
    " apart aside except considering given based assuming compared following regarding concerning including".split()
)
_THING = r"\b(?:what|which) (?:{})\b"
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("date", re.compile(r"\bwhen\b|" + _THING.format("date|day|year|month"), re.I)),
    ("number", re.compile(r"\bhow (?:many|much|long|large|big|high|tall|old|often|far|wide|fast)\b", re.I)),
    ("number", re.compile(_THING.format("share|percentage|number|sum|price|rate"), re.I)),
    ("person", re.compile(r"\b(?:who|whom|whose)\b", re.I)),
    ("place", re.compile(r"\bwhere\b|" + _THING.format("city|country|place|town|state"), re.I)),
    ("reason", re.compile(r"\bwhy\b|\bfor what reason\b|\bwhat (?:caused|led|made|prompted)\b", re.I)),
)
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_HOUR = r"\b(?:noon|midnight|\d{1,2}:\d\d|\d{1,2} ?(?:[ap]\.?m\b|o[’']clock))"
_DATE = re.compile(rf"\b{_MONTH}\b|\b(?:1[5-9]|20)\d\d\b|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|{_HOUR}")
COUNTS = tuple("two three four five six seven eight nine ten".split())
_COUNT = f"{' '.join(COUNTS)} eleven twelve twenty thirty forty fifty hundred thousand million"
_NUMBER = re.compile(rf"\d|\b(?:one|{_COUNT.replace(' ', '|')}|billion|dozen|half|third|quarter)s?\b", re.I)
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][a-z]+|\b[A-Z][a-z]+ [A-Z][a-z]+")
_REASON = re.compile(
    r"\b(because|since|as a result|in order to|so that|due to|after|reason|owing|cause[sd]?|led to|over|to protest)\b",
    re.I,
)
_STEPS = r"\bsteps\b|^how (?:do|does|can|should|to)\b"
_HOW = re.compile(_STEPS, re.I)
_SEVERAL = re.compile(
    r"\b(?:what|which) (?:\w+ )?(?:are|were)\b"
    rf"|\b(?:list|all|both|each|compare|differences?|{'|'.join(COUNTS)})\b|{_STEPS}",
    re.I,
)
_YES_OR_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b", re.I
)
_QUESTION_WORD = re.compile(r"\b(?:who|whom|whose|what|which|when|where|why|how)\b", re.I)
_POINTS_BACK = re.compile(r"\b(?:he|she|they|him|her|his|hers|their|theirs|them|its?|the same)\b", re.I)
_POINTS_BACK_UNNAMED = re.compile(r"\b(?:that|those|these|this|there|then|ones?|both)\b", re.I)
_OPENS = re.compile(r"(?:and|but|so|also|what about|how about)\b", re.I)
_GOES_ON = re.compile(r"(?:what else|who else|why|how so|when|where)\b", re.I)
_QUOTES = re.compile(r'"([^"]*)"|“([^”]*)”|„([^“]*)“|«([^»]*)»')
_SHORT = 4  # words: a question as short as this rarely stands alone


def names(text: str) -> tuple[str, ...]:
    """Capitalised words and figures that the text depends on, in order; words that only begin a question left out."""
    bare = (word.removesuffix("'s").removesuffix("’s") for word in _WORD.findall(text))
    capitals = (word for word in bare if word[0].isupper() or word[0].isdigit())
    return tuple(dict.fromkeys(word for word in capitals if word.lower() not in _ASKING))


def quoted(text: str) -> tuple[str, ...]:
    """What stands in double quotes, in order."""
    return tuple("".join(groups).strip() for groups in _QUOTES.findall(text) if "".join(groups).strip())


def kind_of_answer(question: str) -> Kind:
    """What sort of thing would answer, by the question word; "other" when that does not tell."""
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), "other")


def could_answer(kind: Kind, sentence: str) -> bool:
    """True if the sentence holds something of the kind; always true for "other"."""
    pattern = {"date": _DATE, "number": _NUMBER, "person": _NAME, "place": _NAME, "reason": _REASON}.get(kind)
    return pattern is None or bool(pattern.search(sentence))


def asks_how(question: str) -> bool:
    """True if the steps are asked for by which something is done."""
    return bool(_HOW.search(question))


def asks_for_several(question: str) -> bool:
    """True if the question wants more than one thing, as far as its words tell."""
    return bool(_SEVERAL.search(question))


def asks_yes_or_no(question: str) -> bool:
    """True if the question begins as one does that yes or no would answer."""
    return bool(_YES_OR_NO.match(question))


def asks_once(question: str) -> bool:
    """True if the question has one question word and no more."""
    return len(_QUESTION_WORD.findall(question)) == 1


def follows_up(question: str) -> bool:
    """True if the question leans on what was said before: it points back, goes on, or is very short."""
    if _POINTS_BACK.search(question) or _OPENS.match(question):
        return True
    bare = not names(question)
    leans = _POINTS_BACK_UNNAMED.search(question) or _GOES_ON.match(question) or len(question.split()) <= _SHORT
    return bare and bool(leans)


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question with the words it leans on put after it; itself when it stands alone or nothing was said before.

    The earlier question names the subject, so all of it is carried along; embedding and BM25 then see both.
    """
    if not history or not follows_up(question):
        return question
    return f"{question} ({standalone(history[-1].question, history[:-1])})"


def bare(question: str, history: Sequence[Turn]) -> str:
    """A follow-up as the reader is asked it: with the names it leans on, not with the question that has them.

    That it would answer once more. Only a follow-up of no words of its own, such as "Why?", is asked with all of it.
    """
    if not history or not follows_up(question):
        return question
    whole = standalone(question, history)
    if all(word.lower() in _ASKING or _POINTS_BACK.fullmatch(word) for word in _WORD.findall(question)):
        return whole
    named = () if names(question) else names(whole)
    return f"{question} ({' '.join(named)})" if named else question
