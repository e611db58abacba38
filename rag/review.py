"""Questions for a gold set as people look them over: proposed, accepted or rejected; the accepted are a question set.

<home>/review.jsonl      a line for each question that was suggested, added or decided on
<home>/questions.jsonl   the accepted ones as `rag eval` reads them, made anew with every decision

Both are written under one lock, so that two servers over a home lose nothing of each other's. What was said of answers
stands in `rag.feedback` until it is decided on, and then here.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout

from rag import feedback
from rag.errors import RagError, StoreLockedError
from rag.index.catalog import Catalog
from rag.index.lock import reported
from rag.schema import SourceDocument, Span
from rag.settings import Settings
from rag.suggest import suggest

State = Literal["pending", "accepted", "rejected"]
Origin = Literal["suggested", "feedback", "added"]
STATES: tuple[State, ...] = get_args(State)
KINDS = (  # as docs/evaluation.md has them
    "single_fact",
    "number_date",
    "several_sentences",
    "several_documents",
    "table",
    "paraphrase",
    "follow_up",
    "unanswerable",
)
SPLITS = ("dev", "test")

_FILE = "review.jsonl"
_ACCEPTED = "questions.jsonl"
_PATIENCE = 10.0  # seconds for another process's decision, which takes milliseconds
_BATCH = 1_000_000  # characters looked through at a time: under a second
_ENOUGH = 200  # suggestions of one search
_LONGEST = 10_000  # characters of a field
_MOST = 50  # quotes, accepted forms, or earlier questions

_Record = dict[str, Any]  # state, origin, remark and `line`, the question as it stands in a question set
_Line = Mapping[str, Any]


class ReviewError(RagError):
    """A question that cannot be accepted as it is, or is no longer there; says what to do."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a document that answer. Those of one `part` state the same; empty: a part of its own."""

    document_id: str
    words: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """A question as a person puts it, with what answers it: nothing where `kind` is unanswerable."""

    question: str
    kind: str = "single_fact"
    split: str = "dev"
    reference: str = ""
    accept: tuple[tuple[str, ...], ...] = ()  # forms of a right answer, each as the phrases that it must hold
    quotes: tuple[Quote, ...] = ()
    earlier: tuple[str, ...] = ()  # the conversation's questions before it, first to last


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question to be decided on, or decided. `places` says where each quote stands now, None where it does not."""

    key: str
    state: State
    origin: Origin
    wording: Wording
    places: tuple[Span | None, ...]
    remark: str  # what was said of the answer that the question comes from

    @property
    def stands(self) -> bool:
        """True if all its quotes stand in their documents."""
        return None not in self.places


class Review:
    """The questions at `settings.home`; one may be shared by all sessions and threads of a server."""

    def __init__(self, settings: Settings, catalog: Callable[[], Catalog | None]) -> None:
        self._home = settings.home
        self._catalog = catalog
        self._lock = Lock()
        self._search: _Search | None = None
        self._looked_at = ""  # the document that the last search ended with
        self._placed: tuple[int, dict[_Place, Span | None]] = 0, {}  # at which revision, and what

    # What there is

    def candidates(
        self, state: str = "pending", offset: int = 0, limit: int = 25
    ) -> tuple[tuple[Candidate, ...], dict[str, int]]:
        """Some questions of a state, and how many there are of each state.

        Of those to decide on, what people said of answers comes first; of those decided the newest, but before them
        what was accepted and no longer stands.
        """
        records = self._all()
        counts: dict[str, int] = {each: sum(record["state"] == each for record in records.values()) for each in STATES}
        chosen = [(key, record) for key, record in records.items() if record["state"] == state]
        if state == "pending":
            chosen.sort(key=lambda one: one[1]["origin"] != "feedback")
        else:
            chosen.reverse()
        if state == "accepted":
            chosen.sort(key=lambda one: self._candidate(*one).stands)
        return tuple(self._candidate(*one) for one in chosen[offset : offset + limit]), counts

    def accepted(self) -> str:
        """The accepted questions as the text of a question set."""
        return _set(_read(self._home))

    # What is decided

    def accept(self, key: str, wording: Wording | None = None) -> None:
        """Put a question into the set, in other words where some are given. Raises ReviewError if it is not whole."""
        with _changing(self._home) as records:
            record = self._record(records, key)
            line = self._line(key, wording or _wording(record["line"]), record["line"])
            records[key] = record | {"state": "accepted", "line": line}

    def reject(self, key: str) -> None:
        """Leave a question out; the same one is not suggested again."""
        self._decide(key, "rejected")

    def put_back(self, key: str) -> None:
        """Take a decision back."""
        self._decide(key, "pending")

    def add(self, wording: Wording) -> str:
        """Put a question of one's own into the set; its key. Raises ReviewError if it is not whole or known."""
        key = _key(_bare(wording))
        with _changing(self._home) as records:
            if records.get(key, {}).get("state") == "accepted":
                raise ReviewError("This question with these quotes is accepted already.")
            line = self._line(key, wording, {})
            records.pop(key, None)
            records[key] = {"state": "accepted", "origin": "added", "remark": "", "line": line}
        return key

    def _decide(self, key: str, state: State) -> None:
        with _changing(self._home) as records:
            record = self._record(records, key)
            records[key] = record | {"state": state}

    # Suggestions

    def suggest(self) -> None:
        """Begin to look through the documents for questions, after those that the last search looked at."""
        catalog = self._catalog()
        with self._lock:
            if catalog is None or (self._search and self._search.is_running):
                return
            names = sorted(catalog.known())
            rest = [name for name in names if name > self._looked_at]
            self._search = _Search(self._home, catalog, rest or names, self._end)
            self._search.start()

    def progress(self) -> tuple[bool, int, int, int]:
        """Of the last search: whether it goes on, questions found, documents looked at, and those it had before it."""
        with self._lock:
            search = self._search
        return (search.is_running, search.found, search.done, len(search.names)) if search else (False, 0, 0, 0)

    def close(self) -> None:
        """End a search that goes on; what it found is kept."""
        with self._lock:
            search = self._search
        if search:
            search.stop()

    def _end(self, last: str) -> None:
        self._looked_at = last

    def _all(self) -> dict[str, _Record]:
        """What is kept, and what was said of answers and is not decided yet."""
        kept = _read(self._home)
        return {**_said(self._home, kept), **kept}

    def _record(self, records: dict[str, _Record], key: str) -> _Record:
        """The record of this key, taken out so that it comes last when it is put back."""
        if key in records:
            return records.pop(key)
        said = _said(self._home, records)
        if key not in said:
            raise ReviewError("This question is no longer here. Its document may have been removed or changed.")
        record = said[key]
        remark = record["remark"].partition("\n")[0]  # without the answer, which quotes documents
        return record | {"remark": remark}

    def _candidate(self, key: str, record: _Record) -> Candidate:
        line = record["line"]
        places = tuple(self._stands(_place_of(gold)) for gold in line["gold"])
        return Candidate(key, record["state"], record["origin"], _wording(line), places, record["remark"])

    def _stands(self, place: "_Place") -> Span | None:
        """Where the words of a place stand now; kept until a document changes."""
        catalog = self._catalog()
        revision = catalog.revision if catalog else 0
        if revision != self._placed[0]:
            self._placed = revision, {}
        known = self._placed[1]
        if place not in known:
            with suppress(ReviewError):
                document = self._document(place.document_id)
                known[place] = Span(place.document_id, *_where(place, document.text))
        return known.setdefault(place, None)

    def _document(self, document_id: str) -> SourceDocument:
        catalog = self._catalog()
        document = catalog.document(document_id) if catalog else None
        if document is None:
            raise ReviewError(f"There is no document {document_id!r}. The list of documents has the names.")
        return document

    def _line(self, key: str, wording: Wording, before: _Line) -> dict[str, Any]:
        """The question as a line of a set, its quotes with their places. Raises ReviewError if it is not whole."""
        wording = _bare(wording)
        if faults := " ".join(_faults(wording)):
            raise ReviewError(faults)
        earlier_places = {(gold["document_id"], gold["quote"]): _place_of(gold) for gold in before.get("gold", ())}
        line = {
            "id": before.get("id", f"review-{key}"),
            "kind": wording.kind,
            "split": wording.split,
            "question": wording.question,
            "reference": wording.reference,
            "gold": [self._gold(quote, earlier_places) for quote in wording.quotes],
        }
        if wording.accept:
            line["accept"] = [form[0] if len(form) == 1 else list(form) for form in wording.accept]
        if wording.earlier:
            line["history"] = list(wording.earlier)
        about = before.get("about") or next((gold["document_id"] for gold in before.get("gold", ())), "")
        return line | ({"about": about} if about and wording.kind == "unanswerable" else {})

    def _gold(self, quote: Quote, earlier: Mapping[tuple[str, str], "_Place"]) -> dict[str, Any]:
        """The quote at its place: the one that it had if it stands there, else the only one in its document."""
        place = earlier.get((quote.document_id, quote.words), _Place(quote.document_id, quote.words))
        text = self._document(quote.document_id).text
        start, end = _where(place, text)
        gold = {"document_id": quote.document_id, "start": start, "end": end, "quote": text[start:end]}
        return gold | ({"part": quote.part} if quote.part else {})


@dataclass(frozen=True, slots=True)
class _Place:
    """Words of a document and where they stood, 0 to 0 where that was not told."""

    document_id: str
    words: str
    start: int = 0
    end: int = 0


class _Search(Thread):
    """Looks through documents for questions, a batch at a time, until there are enough."""

    def __init__(self, home: Path, catalog: Catalog, names: Sequence[str], ended: Callable[[str], None]) -> None:
        super().__init__(name="review", daemon=True)
        self.names = names
        self.found = self.done = 0
        self._home = home
        self._documents = catalog.document
        self._ended = ended
        self._stopped = Event()

    @property
    def is_running(self) -> bool:
        """True until it has ended, and before it begins."""
        return self.ident is None or self.is_alive()

    def run(self) -> None:
        """Keep what is found after each batch."""
        with suppress(RagError):  # the index is being written, or cannot be read: it ends here
            for batch in self._batches():
                lines = [_suggested(suggestion, batch) for suggestion in suggest(batch.values())]
                self.found += _propose(self._home, lines, self._documents)
                if self.found >= _ENOUGH or self._stopped.is_set():
                    break
        self._ended(self.names[self.done - 1] if 0 < self.done < len(self.names) else "")

    def stop(self) -> None:
        """End it after the batch at hand, and wait for that."""
        self._stopped.set()
        if self.is_alive():
            self.join()

    def _batches(self) -> Iterator[dict[str, SourceDocument]]:
        batch, size = dict[str, SourceDocument](), 0
        for name in self.names:
            if self._stopped.is_set():
                return
            if document := self._documents(name):
                batch[name] = document
                size += len(document.text)
            self.done += 1
            if size >= _BATCH:
                yield batch
                batch, size = {}, 0
        yield batch


def propose(home: Path, catalog: Catalog, lines: Iterable[_Line]) -> int:
    """Put lines of a question set before whoever reviews, less those that are known; how many came in.

    Raises ReviewError for one that cites a document which is not indexed.
    """
    lines = list(lines)
    for line in lines:
        if unknown := _documents(line) - catalog.known().keys():
            raise ReviewError(f"{line['id']}: there is no document {min(unknown)!r} in the index.")
    return _propose(home, lines, catalog.document)


def follow(
    home: Path, catalog: Catalog, *, changed: Collection[str] = (), moved: Iterable[tuple[str, str]] = ()
) -> None:
    """Keep up with the documents: what cites one that is gone is deleted, what cites one that moved has its new name.

    Of a changed document goes what was not accepted and no longer stands in it; an accepted question stays, to be seen
    to by a person.
    """
    if not (home / _FILE).exists():
        return
    known, names = catalog.known().keys(), dict(moved)
    with _changing(home) as records:
        before = list(records.items())
        records.clear()
        for key, record in before:
            line = _renamed(record["line"], names)
            key = _key(_wording(line)) if key == _key(_wording(record["line"])) else key
            stays = record["state"] == "accepted" or not _documents(line) & set(changed) or _holds(line, catalog)
            if stays and _documents(line) <= known:
                records[key] = record | {"line": line}


def _propose(home: Path, lines: Sequence[_Line], document: Callable[[str], SourceDocument | None]) -> int:
    """Keep what is new; a question that two places answer is not, and goes if it is not decided yet."""
    if not lines:
        return 0
    with _changing(home) as records:
        keys = {record["line"]["question"]: key for key, record in records.items()}
        before = len(records)
        for line in lines:
            key, question = _key(_wording(line)), line["question"]
            known = keys.get(question, key)
            if known != key and records.get(known, {}).get("state") == "pending":
                del records[known]
            is_new = known == key and key not in records
            if is_new and all(document(name) for name in _documents(line)):  # it may be gone by now
                line = {**line, "id": f"review-{key}"}
                records[key] = {"state": "pending", "origin": "suggested", "remark": "", "line": line}
                keys[question] = key
        return max(0, len(records) - before)


def _suggested(suggestion: Any, documents: Mapping[str, SourceDocument]) -> dict[str, Any]:
    span = suggestion.span
    quote = documents[span.document_id].text[span.start : span.end]
    line = {
        "kind": suggestion.kind,
        "split": "dev",
        "question": suggestion.question,
        "reference": suggestion.answer,
        "gold": [{**asdict(span), "quote": quote}],
    }
    key = _key(_wording(line))
    return {**line, "split": "test" if int(key, 16) % 3 == 0 else "dev"}


def _said(home: Path, decided: Mapping[str, _Record]) -> dict[str, _Record]:
    """What was said of answers, as records; without what was decided on."""
    found = {}
    for line in feedback.candidates(home):
        said = line.pop("feedback", {})
        key = _key(_wording(line))
        if key not in decided:
            line["id"] = f"review-{key}"
            found[key] = {"state": "pending", "origin": "feedback", "remark": _remark(said), "line": line}
    return found


def _remark(said: _Line) -> str:
    """What was said of an answer, on the second line the answer."""
    if not said:
        return "Called right."
    note = f": {' '.join(said['note'].split())}" if said["note"] else "."
    return f"Called {said['verdict']}{note}\n{' '.join(said['answer'].split())}"


def _key(wording: Wording) -> str:
    """The same for a question, what was asked before it, and the words that answer it, wherever those stand."""
    told = [wording.question, wording.earlier, [(quote.document_id, quote.words) for quote in wording.quotes]]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def _wording(line: _Line) -> Wording:
    forms = line.get("accept", ())
    return Wording(
        line["question"],
        line["kind"],
        line["split"],
        line["reference"],
        tuple((form,) if isinstance(form, str) else tuple(form) for form in forms),
        tuple(Quote(gold["document_id"], gold["quote"], gold.get("part", "")) for gold in line["gold"]),
        tuple(line.get("history", ())),
    )


def _bare(wording: Wording) -> Wording:
    """Without what says nothing: spaces around, empty forms, and an answer to what is not answered."""
    quotes = (Quote(_clean(quote.document_id), _clean(quote.words), _clean(quote.part)) for quote in wording.quotes)
    accept = (tuple(filter(None, map(_clean, form))) for form in wording.accept)
    bare = Wording(
        _clean(wording.question),
        wording.kind,
        wording.split,
        _clean(wording.reference),
        tuple(filter(None, accept))[:_MOST],
        tuple(quote for quote in quotes if quote.document_id or quote.words)[:_MOST],
        tuple(filter(None, map(_clean, wording.earlier)))[:_MOST],
    )
    return replace(bare, reference="", accept=(), quotes=()) if wording.kind == "unanswerable" else bare


def _clean(text: str) -> str:
    """Without spaces around it, and without halves of characters, which no question set can hold."""
    return text.encode(errors="replace").decode()[:_LONGEST].strip()


def _faults(wording: Wording) -> Iterator[str]:
    """What keeps it from being a line of a question set."""
    if not _has_words(wording.question):
        yield "Write the question."
    if wording.kind not in KINDS or wording.split not in SPLITS:
        yield "Choose a kind and a split."
    if wording.kind == "follow_up" and not wording.earlier:
        yield "A follow-up needs the questions asked before it."
    if wording.kind == "unanswerable":
        return
    if not _has_words(wording.reference):
        yield "Write the answer, or tick that the documents do not answer it."
    if not wording.quotes or not all(quote.document_id and quote.words for quote in wording.quotes):
        yield "Name the document that answers, and copy its words."
    if not all(_has_words(phrase) for form in wording.accept for phrase in form):
        yield "A short form has no words."


def _has_words(text: str) -> bool:
    """True if the evaluation, which leaves out articles and punctuation, finds a word to compare."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace(".", "")
    return bool({*re.findall(r"[^\W_]+", plain)} - {"a", "an", "the"})


def _where(place: _Place, text: str) -> tuple[int, int]:
    """Where a place's words stand: there, or where they are found once. Raises ReviewError."""
    if place.words and text[place.start : place.end] == place.words:
        return place.start, place.end
    pattern = r"\s+".join(re.escape(word) for word in place.words.split())
    found = [match.span(1) for match in re.finditer(f"(?=({pattern}))", text)] if pattern else []
    if len(found) == 1:
        return found[0]
    words = place.words if len(place.words) <= 60 else f"{place.words[:57]}..."
    if not found:
        raise ReviewError(f"{place.document_id} does not have the words “{words}”. Copy them from its text.")
    raise ReviewError(
        f"{place.document_id} has the words “{words}” {len(found)} times. Quote more of the sentence they are meant in."
    )


def _place_of(gold: _Line) -> _Place:
    return _Place(gold["document_id"], gold["quote"], gold["start"], gold["end"])


def _documents(line: _Line) -> set[str]:
    """The documents that a line quotes or was written about."""
    return {gold["document_id"] for gold in line["gold"]} | ({line["about"]} if line.get("about") else set())


def _renamed(line: _Line, names: Mapping[str, str]) -> dict[str, Any]:
    gold = [{**one, "document_id": names.get(one["document_id"], one["document_id"])} for one in line["gold"]]
    about = {"about": names.get(line["about"], line["about"])} if line.get("about") else {}
    return {**line, "gold": gold, **about}


def _holds(line: _Line, catalog: Catalog) -> bool:
    """True if every quote of a line stands in its document."""
    try:
        for gold in line["gold"]:
            document = catalog.document(gold["document_id"])
            _where(_place_of(gold), document.text if document else "")
    except ReviewError:
        return False
    return True


@contextmanager
def _changing(home: Path) -> Iterator[dict[str, _Record]]:
    """All records, to be changed in place; written when the block ends without an error."""
    with reported(home):
        lock = FileLock(home / "review.lock", timeout=_PATIENCE)
        try:
            lock.acquire()
        except Timeout as error:
            raise StoreLockedError(f"Another process is deciding on questions in {home}. Try again.") from error
        try:
            records = _read(home)
            yield records
            lines = (json.dumps({"key": key, **record}) + "\n" for key, record in records.items())
            _replace(home / _FILE, "".join(lines))
            _replace(home / _ACCEPTED, _set(records))
        finally:
            lock.release()


def _read(home: Path) -> dict[str, _Record]:
    """Key → record, in the order of the file; a line that is damaged says nothing."""
    records = {}
    with suppress(FileNotFoundError):
        for line in (home / _FILE).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, KeyError, TypeError):
                record = json.loads(line)
                records[record.pop("key")] = record
    return records


def _set(records: Mapping[str, _Record]) -> str:
    lines = (record["line"] for record in records.values() if record["state"] == "accepted")
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _replace(path: Path, text: str) -> None:
    """Make a file hold the text, whole or not at all; one that would be empty is deleted."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)  # what a kill has left
    if not text:
        path.unlink(missing_ok=True)
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
