"""Claims put to passages: what the verifier finds of claims that a passage does not support, and what it mistakes.

    python -m eval claims                            measure on eval/gold/claims.jsonl
    python -m eval claims --make --home .rag         make that file anew from an index

A pair is made from a sentence of a document and one of six ways to be wrong. The sentence as it stands, in other words
or joined to the next is a true claim of that kind; the same with one fact changed, or put to a passage of another
document, is a false one. Kinds are balanced: as many true as false, of each form of words as many.
"""

import hashlib
import math
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from pydantic import ConfigDict, TypeAdapter

import rag
from eval import dataset, falsify
from eval.falsify import Rule
from rag.answer.verify import verify
from rag.models.embed import Encode, OnnxEncoder
from rag.schema import Draft
from rag.sentences import spans

CLAIMS = Path(__file__).parent / "gold" / "claims.jsonl"

Kind = Literal["number", "date", "name", "negation", "attribution", "swap"]
Form = Literal["verbatim", "reworded", "joined"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORMS: tuple[Form, ...] = get_args(Form)

_SEED = 20260
_OF_EACH_FORM = 28  # pairs of a kind, true and false counted as one
_FEWEST_WORDS = 8  # of a sentence that a claim is made from
_CELLS = 2
_PASSAGE = (2, 6)  # sentences


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim and a passage that supports it or does not; `split` halves the passages: test is only ever reported."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str
    kind: Kind
    form: Form
    split: Literal["dev", "test"]
    document_id: str
    title: str
    date: str | None
    passage: str
    claim: str
    supported: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Of the pairs of one kind: false claims and those found, true claims and those not shown as supported."""

    false: int
    found: int
    true: int
    alarms: int


@dataclass(frozen=True, slots=True)
class _Base:
    """A sentence to make claims from, the one after it, and the passage that holds both."""

    document: rag.SourceDocument
    passage: str
    sentence: str
    following: str


def read(path: Path = CLAIMS) -> tuple[Pair, ...]:
    """The pairs of a JSON-lines file. Raises DatasetError."""
    adapter = TypeAdapter(Pair)
    return tuple(adapter.validate_python(entry) for entry in dataset.entries(path))


def measure(pairs: Iterable[Pair], encode: Encode) -> tuple[dict[str, Tally], float]:
    """The tally of each kind and of all, and how many milliseconds a claim took in the middle."""
    counts: Counter[tuple[str, bool, bool]] = Counter()
    taken = []
    for pair in pairs:
        began = time.perf_counter()
        shown = holds(pair, encode)
        taken.append((time.perf_counter() - began) * 1000)
        counts.update(((pair.kind, pair.supported, shown), ("all", pair.supported, shown)))
    kinds = [kind for kind in (*KINDS, "all") if any(counted == kind for counted, _, _ in counts)]
    return {kind: _tally(kind, counts) for kind in kinds}, sorted(taken)[len(taken) // 2] if taken else math.nan


def holds(pair: Pair, encode: Encode) -> bool:
    """True if the verifier shows the claim as supported by the passage."""
    source = rag.SourceDocument(pair.document_id, pair.title, pair.date, pair.passage, ())
    draft = Draft(pair.claim, (rag.Span(pair.document_id, 0, len(pair.passage)),))
    (claim,) = verify([draft], lambda _: source, (), encode)
    return claim.verdict == "supported"


def lines(tallies: dict[str, Tally], milliseconds: float) -> Iterator[str]:
    """A table in words: for each kind the share found and the share of false alarms, with 95 % intervals."""
    for kind, tally in tallies.items():
        found, alarms = _share(tally.found, tally.false), _share(tally.alarms, tally.true)
        yield f"{kind:12} unsupported found {found} of {tally.false}; false alarms {alarms} of {tally.true}"
    yield f"milliseconds a claim, median: {milliseconds:.1f}"


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0 to 1: Wilson, JASA 1927. It has a width also where all or none were hit."""
    z = 1.96
    middle, spread = hits + z * z / 2, z * math.sqrt(hits * (n - hits) / n + z * z / 4)
    return max((middle - spread) / (n + z * z), 0.0), min((middle + spread) / (n + z * z), 1.0)


def make(documents: Sequence[rag.SourceDocument]) -> list[Pair]:
    """The pairs that the documents give, the same for the same documents."""
    chance = random.Random(_SEED)
    bases = [base for document in documents for base in _bases(document)]
    chance.shuffle(bases)
    rules = _rules([base.passage for base in bases])
    pairs: list[Pair] = []
    for kind in KINDS:
        for form in FORMS:
            taken: Counter[str] = Counter(pair.passage for pair in pairs if pair.kind == kind)
            made = (_made(base, kind, form, bases, rules, chance) for base in bases if not taken[base.passage])
            for both in _first(made, _OF_EACH_FORM):
                pairs += both
    return [_numbered(pair, number) for number, pair in enumerate(pairs, 1)]


def make_from(home: Path | None, path: Path) -> None:
    """Write the pairs that the documents of an index give."""
    with closing(rag.Chatbot.open(rag.Settings(home=home) if home else rag.Settings())) as bot:
        write(make([bot.document(document_id) for document_id in bot.documents()]), path)


def measure_file(path: Path, split: str) -> tuple[dict[str, Tally], float]:
    """As `measure`, of the pairs of a split, with the packaged model."""
    return measure((pair for pair in read(path) if split in ("all", pair.split)), OnnxEncoder())


def write(pairs: Iterable[Pair], path: Path = CLAIMS) -> None:
    """Make the file hold the pairs, one a line."""
    dataset.write(map(asdict, pairs), path)


def _first(made: Iterable[tuple[Pair, Pair] | None], most: int) -> Iterator[tuple[Pair, Pair]]:
    """The first so many, no passage twice."""
    passages: set[str] = set()
    for both in made:
        if both and both[0].passage not in passages and len(passages) < most:
            passages.add(both[0].passage)
            yield both


def _made(
    base: _Base, kind: Kind, form: Form, bases: Sequence[_Base], rules: dict[Kind, Rule], chance: random.Random
) -> tuple[Pair, Pair] | None:
    """A true claim and a false one; None where the sentence does not allow that kind or form."""
    said = _said(base, form, chance)
    if said is None:
        return None
    if kind == "swap":
        other = _elsewhere(base, said, bases, chance)
        return (_pair(base, kind, form, said, True), _pair(other, kind, form, said, False)) if other else None
    wrong = rules[kind](said, chance)
    if wrong is None or wrong in base.passage:
        return None
    return _pair(base, kind, form, said, True), _pair(base, kind, form, wrong, False)


def _said(base: _Base, form: Form, chance: random.Random) -> str | None:
    if form == "verbatim":
        return base.sentence
    if form == "joined":
        return falsify.joined(base.sentence, base.following)
    return falsify.reworded(base.sentence, chance)


def _elsewhere(base: _Base, said: str, bases: Sequence[_Base], chance: random.Random) -> _Base | None:
    """A passage of another document that has one of the claim's names."""
    names = set(re.findall(r"(?<!^)\b[A-Z][a-z]{3,}\b", said)).difference(falsify.MONTHS)
    others = [
        other
        for other in bases
        if other.document.document_id != base.document.document_id and any(name in other.passage for name in names)
    ]
    return chance.choice(others) if others else None


def _pair(base: _Base, kind: Kind, form: Form, claim: str, supported: bool) -> Pair:
    source = base.document
    half = int(hashlib.sha256(base.passage.encode()).hexdigest()[:8], 16) % 2
    split: Literal["dev", "test"] = "test" if half else "dev"
    return Pair("", kind, form, split, source.document_id, source.title, source.date, base.passage, claim, supported)


def _numbered(pair: Pair, number: int) -> Pair:
    return Pair(**{**asdict(pair), "id": f"{pair.kind}-{number:03}"})


def _rules(passages: Sequence[str]) -> dict[Kind, Rule]:
    speakers, places = falsify.speakers(passages), falsify.places(passages)
    return {
        "number": falsify.number_changed,
        "date": falsify.date_changed,
        "name": lambda sentence, chance: falsify.name_changed(sentence, speakers, places, chance),
        "negation": falsify.denied,
        "attribution": lambda sentence, chance: falsify.misattributed(sentence, speakers, chance),
    }


def _bases(document: rag.SourceDocument) -> Iterator[_Base]:
    """Each sentence of the paragraphs of running text, with its paragraph as passage."""
    fewest, most = _PASSAGE
    for block in re.split(r"\n[ \t]*\n", document.text):
        places = spans(block)[:most]
        sentences = [block[start:end] for start, end in places]
        if len(sentences) < fewest or not all(map(_is_prose, sentences)):
            continue
        passage = block[places[0][0] : places[-1][1]]
        for sentence, following in zip(sentences, [*sentences[1:], ""], strict=True):
            if len(sentence.split()) >= _FEWEST_WORDS:
                yield _Base(document, passage, " ".join(sentence.split()), " ".join(following.split()))


def _is_prose(sentence: str) -> bool:
    """False for list items and for rows of tables, which our loaders write as "Head: cell; head: cell."."""
    item = re.match(r"[-*•#|>]|\d+[.)] ", sentence)
    return sentence.endswith(".") and not item and "|" not in sentence and sentence.count(": ") < _CELLS


def _tally(kind: str, counts: Counter[tuple[str, bool, bool]]) -> Tally:
    found, missed = counts[kind, False, False], counts[kind, False, True]
    alarms, right = counts[kind, True, False], counts[kind, True, True]
    return Tally(false=found + missed, found=found, true=alarms + right, alarms=alarms)


def _share(hits: int, n: int) -> str:
    if not n:
        return "–"
    low, high = wilson(hits, n)
    return f"{hits / n:.2f} ({low:.2f}–{high:.2f})"
