"""The values that leave the package: frozen, comparable, free of any library's types."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Literal

_SAME_TYPE = {"htm": "html", "markdown": "md"}

Verdict = Literal["supported", "weak", "unsupported"]
TokensAre = Literal["", "counted", "estimated"]  # by whoever cut them, or from the text; empty where there are none


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (excluded) of a document's normalised text."""

    document_id: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"not a span: {self.document_id}[{self.start}:{self.end}]")

    def overlaps(self, other: "Span") -> bool:
        """True if the two share at least one character."""
        return self.document_id == other.document_id and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents are asked: those that meet every condition given, or all of them where none is.

    Days are ISO 8601, as precise as wanted, and included: before 2023-06 takes in all of June. A document without a
    date is in no scope that asks for one. Raises ValueError for what is no tuple of names, or no day.
    """

    paths: tuple[str, ...] = ()  # document ids, folders of them, or patterns with * and ?; one of them must match
    types: tuple[str, ...] = ()  # suffixes such as pdf; one of them must match
    after: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        for names in (self.paths, self.types):
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"a tuple of names is wanted, not {names!r}")
        for day in (self.after, self.before):
            if day is not None and not _is_day(day):
                raise ValueError(f"not a year, month or day such as 2023, 2023-06 or 2023-06-16: {day!r}")

    def __bool__(self) -> bool:
        return self != EVERYTHING

    def holds(self, document_id: str, date: str | None) -> bool:
        """True if a document is one of them."""
        return (
            (not self.paths or any(_matches(document_id, pattern) for pattern in self.paths))
            and (not self.types or _type(document_id) in map(_type, self.types))
            and (not self.after or (date is not None and not _earlier(date, self.after)))
            and (not self.before or (date is not None and not _earlier(self.before, date)))
        )


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved piece of a document. `score` orders one question's passages; it means nothing across questions."""

    span: Span
    text: str
    title: str
    score: float
    page: int | None
    date: str | None = None  # of the document, like the two below; ISO 8601
    author: str | None = None
    source: str | None = None  # the address that it was taken from

    def to_dict(self) -> dict[str, Any]:
        """The passage as plain JSON values, its span flattened to document_id, start, end."""
        return _flat(self)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a stretch of one line stands, in points from the lower left corner of the page as it is shown."""

    page: int  # from 1
    left: float
    bottom: float
    right: float
    top: float
    width: float  # of the page
    height: float


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact words a claim stands on: `quote == document.text[span.start:span.end]`."""

    marker: int  # 1-based, as the reader sees it
    span: Span
    quote: str
    page: int | None


@dataclass(frozen=True, slots=True)
class Draft:
    """One sentence as an answerer wrote it, with the places it names as evidence; nothing is checked yet."""

    text: str
    sources: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer with what it stands on."""

    text: str
    citations: tuple[Citation, ...]
    verdict: Verdict
    check: str = ""  # what decided the verdict, in a few words
    marked: tuple[int, int] | None = None  # characters of the text that answer by themselves: a name, a date, a figure

    def to_dict(self) -> dict[str, Any]:
        """The claim as plain JSON values."""
        return {
            "text": self.text,
            "verdict": self.verdict,
            "marked": self.marked and list(self.marked),
            "citations": [_flat(one) for one in self.citations],
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the documents say to a question; `abstained` when they do not say.

    `text` is plain prose without citation markers; `claims` are its sentences in order, empty while it is being
    written and when abstained. `confidence` is the estimated probability, 0 to 1, that the documents answer.
    `asked` is what was looked up: the question, or a follow-up made to stand alone; empty where nothing was.
    `withheld` counts sentences of a language model that were taken out because the documents do not support them.
    `remark` is one line that a reader must know, mostly empty: two documents differ, names stand in none of them,
    sentences were taken out, or quotations stand in for a language model that failed, and why.
    `nearest` is the sentence that comes nearest to an answer where none is given, for a reader to judge; mostly empty.
    `tokens_read` and `tokens_written` are what a language model took for it, the rewriting of a follow-up too;
    `tokens_are` estimated where one of its exchanges is.
    """

    question: str
    text: str
    claims: tuple[Claim, ...]
    passages: tuple[Passage, ...]
    abstained: bool
    confidence: float
    asked: str = ""
    withheld: int = 0
    remark: str = ""
    tokens_read: int = 0
    tokens_written: int = 0
    tokens_are: TokensAre = ""
    nearest: tuple[Citation, ...] = ()

    @property
    def reworded(self) -> bool:
        """True if it was looked up in other words than the question was put in."""
        return not self.question.startswith(self.asked)  # a beginning is a question too long to be looked up whole

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Every citation once, by marker."""
        found = {citation.marker: citation for claim in self.claims for citation in claim.citations}
        return tuple(found[marker] for marker in sorted(found))

    @property
    def lines(self) -> tuple[tuple[Claim, ...], ...]:
        """The claims as they stand on the lines of the text, the items of a list each on its own."""
        lines: list[tuple[Claim, ...]] = []
        end = 0
        for claim in self.claims:
            start = max(self.text.find(claim.text, end), end)
            if lines and "\n" not in self.text[end:start]:
                lines[-1] += (claim,)
            else:
                lines.append((claim,))
            end = start + len(claim.text)
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values, spans flattened to document_id, start, end."""
        return {
            "question": self.question,
            "asked": self.asked,
            "text": self.text,
            "abstained": self.abstained,
            "confidence": round(self.confidence, 4),
            "withheld": self.withheld,
            "remark": self.remark,
            "tokens_read": self.tokens_read,
            "tokens_written": self.tokens_written,
            "tokens_are": self.tokens_are,
            "claims": [claim.to_dict() for claim in self.claims],
            "nearest": [_flat(one) for one in self.nearest],
            "passages": [passage.to_dict() for passage in self.passages],
        }


@dataclass(frozen=True, slots=True)
class Weighed:
    """A sentence that may answer, with each sign that speaks for it and the log-odds that it does."""

    span: Span
    text: str
    signs: Mapping[str, float]
    score: float
    words: str = ""  # those of its text that the reader takes for the answer


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer is decided from, before a word of it is written."""

    question: str  # as understood: a follow-up with what it leans on
    passages: tuple[Passage, ...]
    sentences: tuple[Weighed, ...]  # best first
    facts: Mapping[str, float]  # what the confidence is computed from; empty where nothing was found
    confidence: float  # probability, 0 to 1, that the documents answer
    differing: Weighed | None = None  # a sentence of another document that does not say what the best one says


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a language model and its reply; `failure` says in one line why that is not all, or is empty."""

    system: str
    user: str
    reply: str
    failure: str = ""
    tokens_read: int = 0
    tokens_written: int = 0
    tokens_are: TokensAre = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """An answer with all that it came from: what is needed to see why.

    `claims` are all sentences that were checked, those taken out of the answer too; `exchanges` are all requests to a
    language model, the rewriting of a follow-up first.
    """

    answer: Answer
    evidence: Evidence
    threshold: float  # probability, 0 to 1, below which the question is declined
    exchanges: tuple[Exchange, ...]
    claims: tuple[Claim, ...]

    def to_dict(self) -> dict[str, Any]:
        """All but the answer as plain JSON values."""
        return {
            "asked": self.evidence.question,
            "confidence": self.evidence.confidence,
            "threshold": self.threshold,
            "facts": dict(self.evidence.facts),
            "passages": [passage.to_dict() for passage in self.evidence.passages],
            "sentences": [_flat(sentence) for sentence in self.evidence.sentences],
            "exchanges": [asdict(exchange) for exchange in self.exchanges],
            "claims": [claim.to_dict() | {"check": claim.check} for claim in self.claims],
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange of a conversation."""

    question: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document as it was indexed: the text that every span counts in."""

    document_id: str  # path inside the corpus, with forward slashes
    title: str
    date: str | None  # ISO 8601, as precise as the file says
    text: str
    page_starts: tuple[int, ...]  # first character of each page; empty where a format has no pages
    author: str | None = None
    language: str | None = None  # BCP 47, as the file names it
    source: str | None = None  # the address that the file says it was taken from

    def page_at(self, position: int) -> int | None:
        """The 1-based page that holds the character at `position`, or None where there are no pages."""
        return bisect_right(self.page_starts, position) or None

    def to_dict(self) -> dict[str, Any]:
        """The document as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did, by path inside the corpus.

    `skipped` pairs each path with the reason, `notes` with what could not be read in a file that otherwise was.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()  # (from, to)
    removed: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    unchanged: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What an index holds, and each thing that is wrong with it as (part, what); `mended` is what a repair did."""

    documents: int
    chunks: int
    problems: tuple[tuple[str, str], ...] = ()
    mended: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def _matches(document_id: str, pattern: str) -> bool:
    """True if the pattern is the document's name or that of a folder it is in, letter for letter or with * and ?."""
    pattern = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
    names = [document_id, *map(str, PurePosixPath(document_id).parents)]
    return any(name == pattern or fnmatchcase(name, pattern) for name in names)


def _type(name: str) -> str:
    """The suffix of a document, or a type as people write it: pdf, .pdf, *.pdf."""
    suffix = name.rpartition(".")[2].lower()
    return _SAME_TYPE.get(suffix, suffix)


def _is_day(day: object) -> bool:
    if not isinstance(day, str) or not re.fullmatch(r"\d{4}(-\d\d){0,2}", day):
        return False
    try:
        date(*map(int, (day + "-01-01")[:10].split("-")))
    except ValueError:
        return False
    return True


def _earlier(day: str, other: str) -> bool:
    """True if a day lies before another, as far as both are told."""
    known = min(len(day), len(other))
    return day[:known] < other[:known]


def _flat(value: Passage | Citation | Weighed) -> dict[str, Any]:
    fields = asdict(value)
    return {**fields.pop("span"), **fields}
