"""A question set: one JSON object a line, each with the exact words that answer it.

A line without `start` and `end` in its gold is finished by `anchor`, which finds the quote in the documents' text.
`docs/evaluation.md` shows the format.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

import rag
from eval.metrics import words

Kind = Literal[
    "single_fact",
    "number_date",
    "several_sentences",
    "several_documents",
    "table",
    "paraphrase",
    "follow_up",
    "unanswerable",
]
Split = Literal["dev", "test"]  # dev is for choosing settings; test is only ever reported
KINDS: tuple[Kind, ...] = get_args(Kind)

FindDocument: TypeAlias = Callable[[str], rag.SourceDocument]
Entry: TypeAlias = dict[str, Any]  # a line as it stands in the file

_Value = TypeVar("_Value")

_MOST_FAULTS = 40  # told of one file
_STRICT = ConfigDict(extra="forbid", strict=True)  # a misspelt key is an error, and "10" is not a number


class DatasetError(rag.RagError):
    """A question set that cannot be used; a line for each of the first mistakes, with its line number or question."""


class GoldMovedError(DatasetError):
    """A gold span whose text is no longer its quote: the document changed after the question was written."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that answers a question, or a part of it. Places with the same `part` state the same: one is enough."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    document_id: str
    start: int
    end: int
    quote: str
    part: str = ""  # empty: a part of its own

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"{self.start} to {self.end} is not a span")

    @property
    def span(self) -> rag.Span:
        """Where the quote stands."""
        return rag.Span(self.document_id, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Quote:
    """Gold as a person writes it: the words, with or without their place."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    document_id: str
    quote: str
    part: str = ""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer and the places that give it; no gold when the documents do not answer."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    kind: Kind
    split: Split
    question: str
    reference: str
    gold: tuple[Gold, ...]
    accept: tuple[str | tuple[str, ...], ...] = ()  # a form in several phrases needs all of them
    history: tuple[str, ...] = ()  # the conversation's earlier questions, first to last
    about: str = ""  # the document that an unanswerable question was written about, where that is known

    def __post_init__(self) -> None:
        if faults := "; ".join(_faults(self)):
            raise ValueError(faults)

    @property
    def answerable(self) -> bool:
        """True if the documents answer it."""
        return self.kind != "unanswerable"

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the documents that it is about, such as pdf, each once and in order."""
        names = [gold.document_id for gold in self.gold] or ([self.about] if self.about else [])
        return tuple(sorted({PurePosixPath(name).suffix.removeprefix(".").lower() or "none" for name in names}))

    @property
    def places(self) -> tuple[tuple[Gold, ...], ...]:
        """The pieces of the answer, each with the gold that states it."""
        parts: dict[str | int, list[Gold]] = {}
        for number, gold in enumerate(self.gold):
            parts.setdefault(gold.part or number, []).append(gold)
        return tuple(map(tuple, parts.values()))

    @property
    def parts(self) -> tuple[tuple[rag.Span, ...], ...]:
        """As `places`, the spans alone."""
        return tuple(tuple(gold.span for gold in part) for part in self.places)

    @property
    def accepted(self) -> tuple[tuple[str, ...], ...]:
        """The forms of a right answer, each as the phrases that it must hold; none when unanswerable."""
        forms = self.accept or ((self.reference,) if self.reference else ())
        return tuple((form,) if isinstance(form, str) else form for form in forms)


def read(path: Path) -> tuple[Question, ...]:
    """The questions of a JSON-lines file; DatasetError lists every line that is not one."""
    return parse(_lines(path), path)


def parse(lines: Iterable[tuple[int, str]], path: Path) -> tuple[Question, ...]:
    """The questions of numbered lines of JSON; DatasetError lists every line of `path` that is not one."""
    numbered = _validated(lines, path, _QUESTION)
    _refuse(f"{path}:{fault}" for fault in _repeated(numbered))
    return tuple(question for _, question in numbered)


def check(questions: Iterable[Question], document: FindDocument) -> None:
    """Nothing, when every gold span holds its quote; else GoldMovedError lists those that do not."""
    found = (_moved(question, gold, document) for question in questions for gold in question.gold)
    _refuse((fault for fault in found if fault), GoldMovedError)


def settle(questions: Iterable[Question], document: FindDocument) -> tuple[tuple[Question, ...], list[str]]:
    """The questions with every gold span where its quote stands now, and a line for each that had moved.

    A quote is taken to have moved where its words stand in the document exactly once; GoldMovedError lists the others.
    """
    settled, moved, faults = [], list[str](), list[str]()
    for question in questions:
        places = []
        for gold in question.gold:
            if fault := _moved(question, gold, document):
                try:
                    places.append(_place(Quote(gold.document_id, gold.quote, gold.part), document))
                    moved.append(f"{question.id}: {gold.document_id}: {_short(gold.quote)!r}")
                except rag.RagError:
                    faults.append(fault)
            else:
                places.append(gold)
        settled.append(replace(question, gold=tuple(places)))
    _refuse(faults, GoldMovedError)
    return tuple(settled), moved


def anchor(entries: Iterable[Entry], document: FindDocument) -> list[Entry]:
    """As `place`, but DatasetError lists every quote that has no place, or several."""
    anchored, faults = place(entries, document)
    _refuse(faults)
    return anchored


def place(entries: Iterable[Entry], document: FindDocument) -> tuple[list[Entry], list[str]]:
    """The entries with `start` and `end` of every quote filled in, or corrected where the document changed; and faults.

    A quote must stand in its document exactly once, spaces and line ends counting alike; the entry then holds the
    document's own spacing. A place that already holds its quote is kept. An entry with a fault is left out.
    """
    anchored, faults = [], []
    for number, entry in enumerate(entries, 1):
        name = str(entry.get("id", f"entry {number}"))
        try:
            quotes = _QUOTES.validate_python(entry.get("gold", []))
            anchored.append({**entry, "gold": [_flat(_place(quote, document)) for quote in quotes]})
        except ValidationError as error:
            faults += [f"{name}: gold: {fault}" for fault in _describe(error)]
        except rag.RagError as error:
            faults.append(f"{name}: {error}")
    return anchored, faults


def entries(path: Path) -> list[Entry]:
    """The JSON objects of a JSON-lines file, one a line; DatasetError lists every line that is not one."""
    return [entry for _, entry in _validated(_lines(path), path, _ENTRY)]


def write(entries: Iterable[Entry], path: Path) -> None:
    """Make the file hold the entries, one a line; a stop half-way leaves it as it was."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")
    draft.replace(path)


def places(quote: str, text: str) -> list[tuple[int, int]]:
    """Every (start, end) at which the quote's words stand in the text, with any white space between them."""
    pattern = r"\s+".join(re.escape(word) for word in quote.split())
    return [match.span(1) for match in re.finditer(f"(?=({pattern}))", text)] if pattern else []


def _validated(lines: Iterable[tuple[int, str]], path: Path, adapter: TypeAdapter[_Value]) -> list[tuple[int, _Value]]:
    """What each line holds, with the line's number."""
    found, faults = [], []
    for number, line in lines:
        try:
            found.append((number, adapter.validate_json(line)))
        except ValidationError as error:
            faults += [f"{path}:{number}: {fault}" for fault in _describe(error)]
    _refuse(faults)
    return found


def _refuse(faults: Iterable[str], error: type[DatasetError] = DatasetError) -> None:
    """Raise the error with the first faults, one a line, and how many more there are, if there are any."""
    found = list(faults)
    more = len(found) - _MOST_FAULTS
    if found:
        raise error("\n".join([*found[:_MOST_FAULTS], *([f"... and {more:,} more like these"] if more > 0 else [])]))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold something, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DatasetError(f"No questions at {path}. Name a file: rag eval QUESTIONS") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as UTF-8 text: {error}") from error
    lines = enumerate(text.split("\n"), 1)  # not splitlines: a JSON string may hold U+2028 as it is
    return ((number, line) for number, line in lines if line.strip())


def _faults(question: Question) -> Iterator[str]:
    """What keeps a question from being one."""
    if not question.id.strip() or not words(question.question):
        yield "id or question is empty"
    if question.answerable and not words(question.reference):
        yield "an answerable question needs a reference"
    if not question.answerable and (question.gold or question.reference or question.accept):
        yield 'an unanswerable question has no gold, no accept, and reference ""'
    if question.kind == "follow_up" and not question.history:
        yield "a follow_up needs its history"
    if any(not form or not all(words(phrase) for phrase in form) for form in question.accepted):
        yield "accept holds a form without words"


def _repeated(numbered: Iterable[tuple[int, Question]]) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, question in numbered:
        if question.id in first:
            yield f"{number}: id {question.id!r} is already on line {first[question.id]}"
        first.setdefault(question.id, number)


def _describe(error: ValidationError) -> Iterator[str]:
    """Each mistake as `where: what`, in one line."""
    for fault in error.errors(include_url=False):
        where = ".".join(str(step) for step in fault["loc"])
        what = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing" and where.endswith((".start", ".end")):
            what += "; fill it in: python -m eval anchor FILE"
        yield f"{where}: {what}" if where else what


def _moved(question: Question, gold: Gold, document: FindDocument) -> str | None:
    """What became of a gold span that no longer holds its quote; None when it does."""
    here = f"{question.id}: {gold.document_id}[{gold.start}:{gold.end}] is not {_short(gold.quote)!r}"
    try:
        text = document(gold.document_id).text
    except rag.RagError as error:
        return f"{question.id}: {error}"
    if text[gold.start : gold.end] == gold.quote:
        return None
    found = places(gold.quote, text)
    if not found:
        return f"{here}; the document no longer has these words"
    return f"{here}; these words now stand at {_listed(found)}. Correct it: python -m eval anchor FILE"


def _place(quote: Quote, document: FindDocument) -> Gold:
    """The quote at its place: the one it has if that holds it, else the only one in the document."""
    text = document(quote.document_id).text
    if quote.start is not None and quote.end is not None and text[quote.start : quote.end] == quote.quote:
        return Gold(quote.document_id, quote.start, quote.end, quote.quote, quote.part)
    found = places(quote.quote, text)
    if not found:
        raise DatasetError(f"{quote.document_id} has no {_short(quote.quote)!r}; copy the words from its text")
    if len(found) > 1:
        raise DatasetError(
            f"{quote.document_id} has {_short(quote.quote)!r} {len(found)} times, at {_listed(found)}; "
            "quote more words, or give start and end"
        )
    start, end = found[0]
    return Gold(quote.document_id, start, end, text[start:end], quote.part)


def _flat(gold: Gold) -> Entry:
    fields = asdict(gold)
    return fields if gold.part else {key: value for key, value in fields.items() if key != "part"}


def _listed(found: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{start}:{end}" for start, end in found)


def _short(quote: str) -> str:
    return quote if len(quote) <= 60 else f"{quote[:57]}..."


_ENTRY = TypeAdapter(Entry)
_QUESTION = TypeAdapter(Question)
_QUOTES = TypeAdapter(tuple[Quote, ...])
