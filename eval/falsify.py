"""Rules that say a sentence otherwise: in other words that mean the same, or with one fact changed.

Every rule is a function of a sentence and a source of chance that gives a new sentence, or None where the sentence has
nothing to change. They are for making test claims, so they cover plain written English and no more.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TypeAlias

Rule: TypeAlias = Callable[[str, Random], str | None]

MONTHS = "January February March April May June July August September October November December".split()
_COUNTS = "two three four five six seven eight nine ten eleven twelve".split()
_MONTH = "|".join(MONTHS)
_DAY_MONTH = re.compile(rf"(?<!\d to )(?<!\d and )(?<!-)\b(\d{{1,2}}) ({_MONTH})(?: (\d{{4}}))?\b")
_IN_A_DATE = re.compile(
    rf"\b\d{{1,2}}(?:(?: to | and |-)\d{{1,2}})? (?:{_MONTH})(?: and \d{{1,2}} (?:{_MONTH}))?|\b(?:19|20)\d\d\b"
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_FIGURE = re.compile(r"(?<![\w.,$-])\$?(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?![\w,-]|\.\d)")
_COUNT = re.compile(rf"\b({'|'.join(_COUNTS)})\b(?! (?:sides|countries|governments))")
_NAME = r"[A-Z][a-z]+(?: [A-Z][a-z]+)*"
_SAID = r"(?:said|says|told|argued|argues|wrote|warned|replied|explained|announced|stated|added|declared|holds|claimed)"
SPEAKER = re.compile(rf"\b({_NAME}) {_SAID}\b|\b[Aa]ccording to ({_NAME})\b")
PLACE = re.compile(rf"\b(?:in|to|from|at|near|over) ({_NAME})\b")
_ACTS_ON = (
    "told asked invited accused criticised received urged warned thanked appointed succeeded visited replaced briefed"
).split()
_TURNED = re.compile(rf"\b({_NAME}) ({'|'.join(_ACTS_ON)}) ({_NAME})\b")
_AUXILIARY = re.compile(r"\b(was|were|is|are|had|has|have|will|would|could|can|should|may|might|must)\b(?! not\b)")
_DENIES = re.compile(r"\b(?:not|no|never|neither|nor|none|without|nobody|nothing|cannot)\b|n't\b", re.IGNORECASE)
_PAST = {
    "met": "meet",
    "told": "tell",
    "went": "go",
    "began": "begin",
    "took": "take",
    "gave": "give",
    "came": "come",
    "saw": "see",
    "rose": "rise",
    "fell": "fall",
    "spoke": "speak",
    "agreed": "agree",
    "asked": "ask",
    "received": "receive",
    "arrived": "arrive",
    "visited": "visit",
    "announced": "announce",
    "supported": "support",
    "opposed": "oppose",
    "signed": "sign",
    "discussed": "discuss",
    "raised": "raise",
    "landed": "land",
    "left": "leave",
    "voted": "vote",
    "became": "become",
    "won": "win",
    "lost": "lose",
}
_PAST_VERB = re.compile(rf"\b({'|'.join(_PAST)})\b")
_AFFIRMED = (
    (re.compile(r"\bdid not "), ""),
    (re.compile(r"\b(was|were|is|are|had|has|have|will|would|could|should|may|might|must|do|does) not "), r"\1 "),
    (re.compile(r"\bcannot "), "can "),
    (re.compile(r"\bno longer "), "still "),
    (re.compile(r"\bnever "), ""),
)
_OPPOSITES = (
    ("rose", "fell"),
    ("increased", "decreased"),
    ("accepted", "rejected"),
    ("supported", "opposed"),
    ("supports", "opposes"),
    ("before", "after"),
    ("more than", "less than"),
    ("larger", "smaller"),
    ("higher", "lower"),
    ("opened", "closed"),
    ("began", "ended"),
    ("exports", "imports"),
    ("won", "lost"),
    ("first", "last"),
)
_SAME = (
    (re.compile(r"\bmore than (?=[\d$])"), "over "),
    (re.compile(r"\babout (?=[\d$])"), "around "),
    (re.compile(r"\b(\d+(?:\.\d+)?) per cent\b"), r"\1%"),
    (re.compile(r"\b(did|was|were|had|has|would|could|is|are|does|do) not\b"), r"\1n't"),
    (re.compile(r"\bthe United States\b"), "the US"),
    (re.compile(r"\bThe United States\b"), "The US"),
    (re.compile(r"\bThe two sides\b"), "Both sides"),
    (re.compile(r"\bbegan\b"), "started"),
    (re.compile(r"\bbegin\b"), "start"),
    (re.compile(r"\bsaid that\b"), "stated that"),
    (re.compile(r"\bseveral\b"), "a number of"),
    (re.compile(r"\bmany\b"), "numerous"),
    (re.compile(r"\balmost\b"), "nearly"),
    (re.compile(r"\boften\b"), "frequently"),
    (re.compile(r"\bbecause\b"), "since"),
    (re.compile(r"\bhowever,? "), ""),
    (re.compile(r"\balso "), ""),
    (re.compile(r" \([^()]*\)"), ""),
    (re.compile(r"\btalks\b"), "discussions"),
    (re.compile(r"\bhelp\b"), "assist"),
    (re.compile(r"\bbought\b"), "purchased"),
    (re.compile(r"\bshowed\b"), "demonstrated"),
    (re.compile(r", (?:who|which) [^,]+, "), " "),
)
_GOVERNMENTS = (
    frozenset(("China", "Chinese", "Beijing", "Ministry")),
    frozenset(("United", "States", "America", "American", "Washington", "US", "Department")),
)
_OFTEN = 3  # times that a place is named
_LONGEST = 320  # characters of two sentences in one
_LEADING = re.compile(r"^((?:In|On|At|By|After|Before|During|Since) [^,]{3,50}), ((?!and\b|but\b)[^;:]+)\.$")
_NOT_NAMES = frozenset(
    "The A An In On At By He She It They His Her Its Their This That These Those Both But And For As After Before When"
    " While Since There Two Three Four Five Six Many Some Most Several No Neither Each One During From To With".split()
)


def reworded(sentence: str, chance: Random) -> str | None:
    """The same in other words, by up to three rules: dates and numbers written otherwise, synonyms, asides left out."""
    rules = [_date_turned, _count_in_digits, _lead_last, *(_replacing(*rule) for rule in _SAME)]
    chance.shuffle(rules)
    changed = 0
    for rule in rules:
        said = rule(sentence, chance) if changed < 3 else None
        if said and said != sentence:
            sentence, changed = said, changed + 1
    return sentence if changed else None


def joined(first: str, second: str) -> str | None:
    """Two sentences as one, with "and" between them; None where the second leans on the first in ways this breaks."""
    if not (first.endswith(".") and second.endswith(".")) or len(first) + len(second) > _LONGEST:
        return None
    return f"{first[:-1]}, and {_inside(second)}"


def number_changed(sentence: str, chance: Random) -> str | None:
    """One figure or counting word that is no date, changed to one near it."""
    dates = [found.span() for found in _IN_A_DATE.finditer(sentence)]
    places = [
        found
        for found in (*_FIGURE.finditer(sentence), *_COUNT.finditer(sentence))
        if not any(start <= found.start() < end for start, end in dates) and not _near_month(sentence, found)
    ]
    if not places:
        return None
    found = chance.choice(places)
    return f"{sentence[: found.start(1)]}{_other_number(found[1], chance)}{sentence[found.end(1) :]}"


def date_changed(sentence: str, chance: Random) -> str | None:
    """The day, the month or the year of one date, changed."""
    changes: list[Callable[[], str | None]] = [
        lambda: _substituted(rf"\b\d{{1,2}}(?= (?:{_MONTH}))", sentence, chance, _other_day),
        lambda: _substituted(rf"\b(?:{_MONTH})\b", sentence, chance, _other_month),
        lambda: _substituted(_YEAR.pattern, sentence, chance, _other_year),
    ]
    chance.shuffle(changes)
    return next((said for change in changes if (said := change())), None)


def name_changed(sentence: str, names: Sequence[str], places: Sequence[str], chance: Random) -> str | None:
    """A person or place named in the sentence, replaced by another of `names` or `places` that it does not name."""
    found = [(name, group) for group in (names, places) for name in group if name in _named(sentence)]
    if not found:
        return None
    old, others = chance.choice(found)
    others = [other for other in others if not _alike(other, sentence)]
    return re.sub(rf"\b{old}\b", chance.choice(others), sentence) if others else None


def denied(sentence: str, chance: Random) -> str | None:
    """What is stated denied, what is denied stated, or a word turned into its opposite."""
    rules = [_affirmed] if _DENIES.search(sentence) else [_not_put_in, _opposite]
    chance.shuffle(rules)
    return next((said for rule in rules if (said := rule(sentence, chance))), None)


def misattributed(sentence: str, speakers: Sequence[str], chance: Random) -> str | None:
    """Said by another, done the other way round, or said by someone where the document says it itself."""
    if found := SPEAKER.search(sentence):
        group = 1 if found[1] else 2
        others = [other for other in speakers if not _alike(other, sentence)]
        if found[group] not in speakers or not others:
            return None
        return f"{sentence[: found.start(group)]}{chance.choice(others)}{sentence[found.end(group) :]}"
    if found := _TURNED.search(sentence):
        return f"{sentence[: found.start()]}{found[3]} {found[2]} {found[1]}{sentence[found.end() :]}"
    if re.search(rf"\b{_SAID}\b|\b(?:he|she|they|it|his|her|their)\b", sentence, re.IGNORECASE) or len(sentence) > 140:
        return None
    return f"{chance.choice(list(speakers))} said that {_inside(sentence)}" if speakers else None


def speakers(texts: Iterable[str]) -> list[str]:
    """Names that some text has saying something, each once and in order of the alphabet."""
    found = (found[1] or found[2] for text in texts for found in SPEAKER.finditer(text))
    return sorted({name for name in found if name.split()[0] not in _NOT_NAMES})


def places(texts: Iterable[str]) -> list[str]:
    """Names that stand after "in", "to", "from" and the like, at least three times; months are not among them."""
    found = Counter(found[1] for text in texts for found in PLACE.finditer(text))
    known = (name for name, count in found.items() if count >= _OFTEN)
    return sorted(name for name in known if not {*MONTHS, *_NOT_NAMES} & set(name.split()))


def _inside(sentence: str) -> str:
    """The sentence as it is written after other words: without the capital that only its start has."""
    return sentence if sentence.split()[0] not in _NOT_NAMES else sentence[0].lower() + sentence[1:]


def _near_month(sentence: str, found: re.Match[str]) -> bool:
    """True for a day whose month stands apart, as in "Sunday 18 and Monday 19 June"."""
    around = sentence[max(found.start() - 12, 0) : found.end() + 25]
    return bool(re.search(rf"\b(?:{_MONTH}|[A-Z][a-z]+day)\b", around))


def _alike(name: str, sentence: str) -> bool:
    """True if the sentence has a part of the name, or another word for the same government."""
    parts, words = set(name.split()), set(re.findall(r"\w+", sentence))
    return bool(parts & words) or any(parts & group and words & group for group in _GOVERNMENTS)


def _named(sentence: str) -> set[str]:
    """Every run of capitalised words, and every part of one."""
    runs = [found.split() for found in re.findall(_NAME, sentence)]
    return {" ".join(run[start:end]) for run in runs for end in range(len(run) + 1) for start in range(end)}


def _replacing(pattern: re.Pattern[str], words: str) -> Rule:
    return lambda sentence, _: pattern.sub(words, sentence, count=1)


def _date_turned(sentence: str, chance: Random) -> str | None:
    """18 June 2023 as June 18, 2023."""
    return _DAY_MONTH.sub(lambda date: f"{date[2]} {date[1]}" + (f", {date[3]}" if date[3] else ""), sentence)


def _count_in_digits(sentence: str, chance: Random) -> str | None:
    return _COUNT.sub(lambda found: str(_COUNTS.index(found[1]) + 2), sentence)


def _lead_last(sentence: str, chance: Random) -> str | None:
    """ "In April, he left." as "He left in April."."""
    found = _LEADING.match(sentence)
    if not found:
        return None
    lead, rest = found[1][0].lower() + found[1][1:], found[2]
    return f"{rest[0].upper()}{rest[1:]} {lead}."


def _other_number(number: str, chance: Random) -> str:
    if number in _COUNTS:
        return chance.choice([other for other in _COUNTS if other != number])
    value = float(number.replace(",", ""))
    decimals = len(number.partition(".")[2])
    other = value + chance.choice((1, 2, 3)) * 10 ** max(len(str(int(value))) - 2, 0) / 10**decimals
    return f"{other:,.{decimals}f}" if "," in number else f"{other:.{decimals}f}"


def _other_day(day: str, chance: Random) -> str:
    return str((int(day) + chance.randint(1, 20)) % 28 + 1 if int(day) < 28 else chance.randint(1, 27))


def _other_month(month: str, chance: Random) -> str:
    return chance.choice([other for other in MONTHS if other != month])


def _other_year(year: str, chance: Random) -> str:
    return str(int(year) + chance.choice((-3, -2, -1, 1, 2)))


def _substituted(pattern: str, sentence: str, chance: Random, other: Callable[[str, Random], str]) -> str | None:
    places = list(re.finditer(pattern, sentence))
    if not places:
        return None
    found = chance.choice(places)
    changed = other(found[0], chance)
    return f"{sentence[: found.start()]}{changed}{sentence[found.end() :]}" if changed != found[0] else None


def _affirmed(sentence: str, chance: Random) -> str | None:
    for pattern, words in _AFFIRMED:
        if pattern.search(sentence):
            return pattern.sub(words, sentence, count=1)
    return None


def _not_put_in(sentence: str, chance: Random) -> str | None:
    verb, auxiliary = _PAST_VERB.search(sentence), _AUXILIARY.search(sentence)
    if verb and (not auxiliary or verb.start() < auxiliary.start()):
        return f"{sentence[: verb.start()]}did not {_PAST[verb[1]]}{sentence[verb.end() :]}"
    return _AUXILIARY.sub(r"\1 not", sentence, count=1) if auxiliary else None


def _opposite(sentence: str, chance: Random) -> str | None:
    pairs = [*_OPPOSITES, *((two, one) for one, two in _OPPOSITES)]
    found = [(one, two) for one, two in pairs if re.search(rf"\b{one}\b", sentence)]
    if not found:
        return None
    one, two = chance.choice(found)
    return re.sub(rf"\b{one}\b", two, sentence, count=1)
