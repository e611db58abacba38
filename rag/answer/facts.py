"""What a sentence says that can be compared without a model: its numbers, its names, its words, what it denies."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise, takewhile

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
_UNITS += "seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUE = {word: at for at, word in enumerate(_UNITS)} | {word: 20 + 10 * at for at, word in enumerate(_TENS)}
_ORDINAL = {"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}
_SCALE = {"hundred": 2, "thousand": 3, "million": 6, "mn": 6, "m": 6, "billion": 9, "bn": 9, "trillion": 12, "tn": 12}
_MONTHS = "January February March April May June July August September October November December".split()

YEAR = re.compile(r"\b(?:19|20)[0-9]{2}\b")
_ISO_DATE = re.compile(r"\b([0-9]{4})-([0-9]{2})-([0-9]{2})\b")
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b|\b({'|'.join(month[:3] for month in _MONTHS)})\b\.?(?=\s*[0-9])")
_WRITTEN = "|".join(sorted(_VALUE, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?:(?<![\w.])|(?<=\w-)|(?<=\b[Ff]-))(?P<digits>[0-9]+(?:,[0-9]{{3}})*(?:\.[0-9]+)?)(?:st|nd|rd|th)?"
    rf"|\b(?P<words>(?:{_WRITTEN})(?:[\s-](?:{_WRITTEN}))?)\b|\b(?P<ordinal>{'|'.join(_ORDINAL)})\b",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"[\s-]?(?P<scale>{'|'.join(sorted(_SCALE, key=len, reverse=True))})?\b\s*(?P<percent>%|per\s?cent\b)?",
    re.IGNORECASE,
)

_ORDINAL_ENDS = ("st", "nd", "rd", "th")
_DAYS = re.compile(
    rf"\b(\d{{1,2}})(?:(?: to | and |-|–| until | or )(?:[A-Z][a-z]+day,? )?(\d{{1,2}}))? (?:{'|'.join(_MONTHS)})\b"
    rf"|\b(?:{'|'.join(_MONTHS)}) (\d{{1,2}})(?:(?: to | and |-|–)(\d{{1,2}}))?\b(?!,?\d)"
)
_HOUR = re.compile(r"\bat $")
_TWELVE = re.compile(r"\b(?:noon|midday|midnight)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?://|www\.|\b[\w.+-]+@)[^\s<>()\[\]\"'“”]+", re.IGNORECASE)
_RUN = r"[A-Z][\w’'-]*(?: [A-Z][\w’'-]*)*"
_REPORTING = (
    r"(?:sa(?:id|ys|y)|t(?:old|ells)|argue[sd]?|wr(?:ote|ites)|warn(?:s|ed)|repl(?:ies|ied)|explain(?:s|ed)|announce[sd]?"
    r"|state[sd]?|add(?:s|ed)|declare[sd]?|h(?:olds|eld)|claim(?:s|ed)|insist(?:s|ed)|complain(?:s|ed)|report(?:s|ed)"
    r"|note[sd]?|answer(?:s|ed)|describe[sd]?|suggest(?:s|ed)|den(?:ies|ied)|confirm(?:s|ed)|call(?:s|ed)|ask(?:s|ed)"
    r"|hope[sd]?|promise[sd]?|stress(?:es|ed)|blame[sd]?|accuse[sd]?|criticise[sd]?|believe[sd]?|expect(?:s|ed)"
    r"|predict(?:s|ed)|s(?:ees|aw)|th(?:inks|ought)|put(?:s)?|acknowledge[sd]?|conclude[sd]?|expresse[sd]|hint(?:s|ed))"
)
_SPEAKS = (
    re.compile(rf"\b({_RUN})(?: \w+)? {_REPORTING}\b"),
    re.compile(rf"\b({_RUN}), [^,.;:]+,(?: \w+)? {_REPORTING}\b"),
    re.compile(rf"\b[Aa]ccording to (?:the )?({_RUN})"),
)
_REPORTS = re.compile(
    rf"\b{_REPORTING}\b|\baccording to\b|\b(?:view|account|statement|words?|report|argument|of the opinion)\b", re.I
)
_STATES = (
    re.compile(rf"\b({_RUN}) sa(?:id|ys)\b"),
    re.compile(rf"\b({_RUN}) {_REPORTING}(?: \w+){{0,7}} that\b"),
    _SPEAKS[-1],
)
_CAUSES = re.compile(
    r"\b(?:because|due to|owing to|thanks to|as a (?:result|consequence)|led to|caused|resulted in)\b", re.IGNORECASE
)
_EXPLAINS = re.compile(
    r"\b(?:because|since|due|owing|thanks|results?|resulted|consequen\w+|le(?:d|ads?) to|caus\w+|so that|in order|so"
    r"|after|over|therefore|thus|hence|why|reason\w*|prompt\w*|respon\w+|repl\w+|answer\w*|protest\w*|blam\w+|follow\w*"
    r"|m[ae]de?|mak\w+|meant?|means|motiv\w+|trigger\w*|spark\w*|dr[io]ven?|forc\w+|given)\b",
    re.IGNORECASE,
)
_EARLIER = re.compile(r"\bbefore (?:[A-Z]|[a-z]+ [a-z]+)")
_ORDERS = re.compile(r"\b(?:before|until|eve|ahead|prior|previous\w*|earlier|then|later|after)\b", re.IGNORECASE)
_OF_A_COUNTRY = re.compile(
    r"(?:ese|ish|[ie]an|can|qi|eli|stani)$|^(?:us|french|dutch|german|greek|thai|swiss|czech|saudi)$"
)
_UNNAMED_SPEAKS = re.compile(rf"\b(?:he|she|they|it|who)(?: \w+)? {_REPORTING}\b", re.IGNORECASE)
_ACTS = re.compile(rf"\b({_RUN}) ((?:was|were|is|are) )?([a-z]+)( by)? (?:the )?({_RUN})")
_MUTUAL = frozenset("met meets and or with of in to for from at by on as near over like".split())
_OPPOSITES = (
    "first last|before after|more less|more fewer|larger smaller|higher lower|rose fell|rises falls"
    "|increased decreased|increase decrease|increases decreases|grew shrank|accepted rejected|accepted refused"
    "|supported opposed|supports opposes|support oppose|began ended|opened closed|won lost|exports imports"
    "|export import|bought sold|allowed banned|allows forbids|permitted forbade|always never|early late"
    "|earlier later|above below|inside outside|north south|east west|northern southern|eastern western|best worst"
    "|most least|gained lost|arrived left|improved worsened|strengthened weakened|same different|public secret"
    "|public private|true false|possible impossible|majority minority|guilty innocent|alive dead"
    "|praised criticised|friend enemy|raised lowered|rise fall|up down|maximum minimum|old new|older newer"
    "|young old|hot cold|large small|long short|longer shorter|faster slower"
)
_OPPOSITE = [frozenset(pair.split()) for pair in _OPPOSITES.split("|")]

_LOWER_CASE = re.compile(r"\b[a-z][a-z-]+\b")
_INITIALS = re.compile(r"\b(?:[A-Z]\.){2,}")
_COUNTRY = re.compile(r"\b(?:United States(?: of America)?|USA|Americans?|America)\b")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[.,;:!?()]")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_DENIALS = frozenset(
    "not no never none nobody nothing neither nor without cannot hardly refuse refuses refused decline declines"
    " declined reject rejects rejected deny denies denied fail fails failed unable refusal".split()
)
_INSTEAD = re.compile(r"\b(?:rather than|instead of)\b", re.IGNORECASE)
_NEAR = 4  # words between which a name may be said of another word
_REACH = 2  # content words that a denial turns round: "not publicly agree" both, and no more of a long clause
_CLAUSE_ENDS = frozenset(". , ; : ! ? ( ) and but although while because".split())
_PRONOUNS = frozenset("he him his she her hers they them their it its".split())
_FUNCTION = frozenset(
    "a an the and or but if of to in on at by for from with as into over under about after before between during until"
    " since than that this these those it its he him his she her they them their we our us i you your who whom whose"
    " which what when where why how is are was were be been being am has have had having do does did doing done will"
    " would shall should can could may might must there here also so such some any all both each more most other"
    " another own same then too very just only even still yet again up down out off through against among according"
    " not no never nor one mr mrs ms dr said says say told".split()
)
TITLES = frozenset(  # said of a person or left out without changing what is claimed
    "president premier minister foreign secretary ambassador senator representative congressman congresswoman speaker"
    " general admiral chairman chairwoman director adviser advisor spokesman spokeswoman mr mrs ms dr".split()
)
_COUNTING = frozenset([*_VALUE, *_ORDINAL, *_SCALE, "percent", "per", "cent"])  # told apart by value, not as words


@dataclass(frozen=True, slots=True)
class Facts:
    """`words` pairs each content word, lower case, with whether it stands in the reach of a denial."""

    numbers: frozenset[str]
    names: tuple[str, ...]  # capitalised words, as written
    words: frozenset[tuple[str, bool]]
    denies: bool
    refers: bool  # a pronoun stands for someone or something named elsewhere
    runs: frozenset[str]  # names of several words, as written
    first: str  # the first word, which is capitalised whether or not it is a name
    said: frozenset[str]  # every word, lower case
    addresses: frozenset[str]  # of pages and mailboxes
    speakers: frozenset[str]  # words of the names of those who report something, lower case
    states: frozenset[str]  # of these, those whose words the sentence gives as said
    reports: bool  # somebody, named or not, is said to say something
    unnamed: bool  # one of them is a pronoun
    acts: frozenset[tuple[str, str, str]]  # who did what to whom, the last words of two names about a verb
    joins: frozenset[tuple[str, str]]  # of which country a thing is, as in "Chinese destroyer"; lower case
    near: frozenset[tuple[str, str]]  # a name and a word not far from it
    causes: bool  # gives a cause
    explains: bool  # has a word that may give one
    earlier: bool  # says that something was before something else
    orders: bool  # has a word that may tell what came first

    @property
    def leads(self) -> bool:
        """True if it begins with a pronoun, which is whom or what it speaks of."""
        return self.first.lower() in _PRONOUNS


def facts(text: str) -> Facts:
    """The facts of a sentence, or of several read as one."""
    plain = _COUNTRY.sub("US", _INITIALS.sub(lambda found: found[0].replace(".", ""), _INSTEAD.sub("not", text)))
    tokens = [re.sub(r"['’]s?$", "", piece) for token in _WORD.findall(plain) for piece in _pieces(token)]
    first = next((token for token in tokens if token[0].isalpha()), "")
    names = (token for token in tokens if token[0].isupper() and _tells(token) and token not in _MONTHS)
    return Facts(
        numbers=_numbers(text),
        names=tuple(dict.fromkeys(names)),
        words=_words(tokens),
        denies=any(_denies(token) for token in tokens),
        refers=any(token.lower() in _PRONOUNS for token in tokens),
        runs=frozenset(run for run in re.findall(_RUN, plain) if " " in run),
        first=first,
        said=frozenset(token.lower() for token in tokens),
        addresses=frozenset(found.rstrip(".,;:!?") for found in _ADDRESS.findall(text)),
        speakers=_named(_SPEAKS, plain),
        states=_named(_STATES, plain),
        reports=bool(_REPORTS.search(plain)),
        unnamed=bool(_UNNAMED_SPEAKS.search(plain)),
        acts=frozenset(_acts(plain)),
        joins=frozenset(pair for pair in _beside(tokens, 1) if _OF_A_COUNTRY.search(pair[0])),
        near=frozenset((*_beside(tokens, _NEAR), *_beside(tokens[::-1], _NEAR))),
        causes=bool(_CAUSES.search(text)),
        explains=bool(_EXPLAINS.search(text)),
        earlier=bool(_EARLIER.search(text)),
        orders=bool(_ORDERS.search(text)),
    )


def same(one: str, other: str) -> bool:
    """True for two forms of one word: visit, visited; China, Chinese. Iran and Iraq, Austria and Australia differ."""
    one, other = one.lower(), other.lower()
    if one == other or one + "s" == other or other + "s" == one:
        return True
    shared = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return shared >= max(4, min(len(one), len(other)) - 1) and abs(len(one) - len(other)) <= 4


def shortened(name: str, claim: Facts, cited: Iterable[str], text: str) -> bool:
    """True for a part of a longer name of the claim of which the cited words have another part, and mean the same.

    "Jinping" of "Xi Jinping" where they have Xi, in a text that has "Xi Jinping" and nobody else of the name of Xi.
    """
    for run in claim.runs:
        parts = tuple(part for part in run.split() if part.lower() not in TITLES)
        whole = " ".join(parts)
        if name in parts and whole in text:
            there = [part for part in parts if within(part, cited)]
            if there and not any(_others(part, parts, text) for part in there):
                return True
    return False


@lru_cache(maxsize=8)  # of a book it takes 50 ms, and every sentence that is put to a claim asks
def ordinary(text: str) -> frozenset[str]:
    """Every word of a text that stands in it in lower case."""
    return frozenset(_LOWER_CASE.findall(text))


@lru_cache(maxsize=64)
def _others(part: str, parts: tuple[str, ...], text: str) -> set[str]:
    """The names beside a part of a name in a text that are none of its parts: William, of Burns in "Nicholas Burns"."""
    part = re.escape(part)
    beside = re.findall(rf"\b([A-Z][\w-]+) {part}\b|\b{part} ([A-Z][\w-]+)", text)
    found = {word for pair in beside for word in pair if word and word.lower() not in TITLES and _tells(word)}
    return {word for word in found if not within(word, parts)}


def is_date(number: str) -> bool:
    """True for one of `Facts.numbers` that is a month or a year."""
    return number.startswith("month") or bool(YEAR.fullmatch(number))


def contradict(claim: Facts, cited: Facts) -> bool:
    """True if one denies what the other states, or the claim denies what the cited words do not deny."""
    if _opposed(claim, cited):
        return True
    stands = {(word, denied): _stands(word, cited) for word, denied in claim.words}
    if any(found and denied not in found for (_, denied), found in stands.items()):
        return True
    if not any(denied for _, denied in claim.words):  # "was rejected in April" denies without a word in its reach
        return claim.denies and not cited.denies
    return claim.denies and not any(denied and found for (_, denied), found in stands.items())


def misattributes(claim: Facts, cited: Facts) -> bool:
    """True if the claim has somebody say what the cited words do not have that one say, or turns an act round."""
    if claim.states and not _spoken(claim, cited):
        return True
    return any((whom, act, who) in cited.acts and (who, act, whom) not in cited.acts for who, act, whom in claim.acts)


def _spoken(claim: Facts, cited: Facts) -> bool:
    """True unless the cited words report nothing, or name others alone as those who say it."""
    if not cited.reports:
        return False
    return not cited.speakers or cited.unnamed or any(within(name, cited.speakers) for name in claim.states)


def joined_otherwise(claim: Facts, cited: Facts) -> bool:
    """True if the claim puts together what the cited words have apart: a cause, what came first, whose a thing is.

    A "Chinese destroyer" does not stand in "a Chinese warship came close to the destroyer".
    """
    if (claim.causes and not cited.explains) or (claim.earlier and not cited.orders):
        return True
    for name, word in claim.joins:
        others = [other for other, near in cited.near if same(word, near)]
        if others and within(name, cited.names) and not within(name, others):
            return True
    return False


def missing_numbers(claim: Facts, cited: Facts) -> frozenset[str]:
    """The claim's numbers that the cited words lack; a day may be any number there, another number no day.

    "Eight pandas" do not stand in "three pandas left on 8 November".
    """
    return frozenset(n for n in claim.numbers if n not in cited.numbers and n.removeprefix("day ") not in cited.numbers)


def _opposed(claim: Facts, cited: Facts) -> bool:
    """True if the claim has one word of two opposites and the cited words only the other."""
    sides = ((pair & claim.said, pair & cited.said) for pair in _OPPOSITE)
    return any(len(one) == len(other) == 1 and one != other for one, other in sides)


def _named(patterns: Iterable[re.Pattern[str]], text: str) -> frozenset[str]:
    """The words of the names that the patterns find, lower case."""
    found = (re.sub(r"['’]s\b", "", name) for pattern in patterns for name in pattern.findall(text))
    return frozenset(word.lower() for name in found for word in _WORD.findall(name) if _tells(word))


def _acts(text: str) -> Iterator[tuple[str, str, str]]:
    for who, _, act, by, whom in _ACTS.findall(text):
        if act not in _MUTUAL and act not in _FUNCTION:
            one, other = who.split()[-1], whom.split()[-1]
            yield (other, act, one) if by else (one, act, other)


def _beside(tokens: Sequence[str], reach: int) -> Iterator[tuple[str, str]]:
    """Each name with the words, no names, that follow it within so many tokens of its sentence; lower case."""
    for at, token in enumerate(tokens):
        if token[0].isupper() and _tells(token) and token not in _MONTHS:
            following = takewhile(lambda one: one not in ".!?", tokens[at + 1 : at + 1 + reach])
            yield from ((token.lower(), one.lower()) for one in following if one[0].islower() and _tells(one))


def _stands(word: str, cited: Facts) -> set[bool]:
    """Whether the cited words have the word, and denied, stated or both."""
    return {denied for other, denied in cited.words if same(word, other)}


def within(word: str, words: Iterable[str]) -> bool:
    """True if some form of the word is among the words."""
    return any(same(word, other) for other in words)


def _words(tokens: list[str]) -> frozenset[tuple[str, bool]]:
    words, reach = set(), 0
    for before, token in pairwise(["", *tokens]):
        lower = token.lower()
        named = token[0].isupper() and before.lower() != "not"  # "could not meet Li" denies the meeting, not Li
        if _tells(token):
            words.add((lower, reach > 0 and not named))
        if lower in _CLAUSE_ENDS:
            reach = 0
        elif _denies(lower):
            reach = 0 if reach > 0 else _REACH  # "did not refuse" denies nothing
        elif _tells(token) and not named:
            reach -= 1
    return frozenset(words)


def _pieces(token: str) -> list[str]:
    """The token; of scripts without spaces each two letters in a row, or a clause would count as one word."""
    if not _UNSPACED.search(token):
        return [token]
    return [token[at : at + 2] for at in range(max(len(token) - 1, 1))]


def _tells(token: str) -> bool:
    """False for function words, counting words, single letters and stops."""
    parts = token.lower().split("-")
    return token == "US" or (len(token) > 1 and token.lower() not in _FUNCTION and not _COUNTING.issuperset(parts))


def _denies(token: str) -> bool:
    return token.lower() in _DENIALS or token.lower().endswith(("n't", "n’t"))


def _numbers(text: str) -> frozenset[str]:
    """Values without regard to how they are written; a month is "month 6", a day of one "day 8", a share ends in %."""
    dated = _ISO_DATE.sub(lambda found: f"{found[1]} {_MONTHS[(int(found[2]) - 1) % 12]} {found[3]}", text)
    months = {f"month {_month(found[0])}" for found in _MONTH.finditer(dated)}
    hours = {found[0].lower() for found in _TWELVE.finditer(text)}
    days = {found.start(group) for found in _DAYS.finditer(dated) for group in range(1, 5) if found[group]}
    values = ((found, _value(found, dated)) for found in _NUMBER.finditer(dated))
    return frozenset(
        months | hours | {f"day {value}" if _is_day(found, days) else value for found, value in values if value}
    )


def _is_day(found: re.Match[str], days: set[int]) -> bool:
    """True for a day of a month, and for what may be one: 18th, third."""
    return found.start() in days or found[0][-2:].lower() in _ORDINAL_ENDS


def _month(name: str) -> int:
    return next(at for at, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]))


def _value(found: re.Match[str], text: str) -> str | None:
    after = _AFTER.match(text, found.end())
    scale = after["scale"] if after else None
    if found["digits"]:
        value = Decimal(found["digits"].replace(",", ""))
    elif found["ordinal"]:
        return str(_ORDINAL[found["ordinal"].lower()])
    else:
        value = Decimal(sum(_VALUE[word] for word in re.split(r"[\s-]", found["words"].lower())))
        if value == 1 and not scale and not _HOUR.search(text, 0, found.start()):  # "one of them" counts nothing
            return None
    value = value.scaleb(_SCALE[scale.lower()]) if scale else value
    return f"{value.normalize():f}" + ("%" if after and after["percent"] else "")
