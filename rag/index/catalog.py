"""The one record of truth: documents, their text, chunks and vectors, in one SQLite file.

Every change is one transaction that raises the revision. What the derived indexes have yet to hear is not a queue of
its own: a chunk carries the revision that added it, and a tombstone the revision that took a chunk away.

SQLite notices when its own structure is damaged, and not when a byte of a text or vector is: each document and chunk
carries a checksum that is compared whenever it is read, and the few rows that say what the catalog is share a seal.
"""

import hashlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path, PurePath
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from rag.errors import StoreError, StoreMismatchError
from rag.schema import Scope, SourceDocument, Span

_SCHEMA_VERSION = 3
_SUFFIX = "substr(id, 1 + length(rtrim(id, replace(id, '.', ''))))"  # what follows the last dot
_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE roots (  -- `whole`: the folder is mirrored; else only the documents named one by one
    number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL UNIQUE, whole INTEGER NOT NULL);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice in a home, so a chunk id never means two texts
    root INTEGER NOT NULL REFERENCES roots (number),
    id TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, title TEXT NOT NULL, date TEXT,
    text TEXT NOT NULL, page_starts TEXT NOT NULL, author TEXT, language TEXT, source TEXT,
    named INTEGER NOT NULL,  -- the title is the file's name and changes with it
    size INTEGER NOT NULL, modified INTEGER NOT NULL,  -- the file's; time in ns, 0 if not to be trusted
    checksum BLOB NOT NULL);
CREATE INDEX documents_by_content ON documents (sha256);
CREATE INDEX documents_by_type ON documents ({_SUFFIX});
CREATE INDEX documents_by_date ON documents (date) WHERE date IS NOT NULL;
CREATE TABLE chunks (
    id TEXT PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    start INTEGER NOT NULL, end INTEGER NOT NULL, heading TEXT NOT NULL, vector BLOB NOT NULL,
    revision INTEGER NOT NULL, checksum BLOB NOT NULL);
CREATE INDEX chunks_by_document ON chunks (document);
CREATE INDEX chunks_by_revision ON chunks (revision);
CREATE TABLE tombstones (chunk TEXT PRIMARY KEY, revision INTEGER NOT NULL);
"""
# What is told of documents and never answered from: a catalog without it is whole, and gets it at its next change.
_EXTENSION = """
CREATE TABLE IF NOT EXISTS readings (  -- when, in seconds of the epoch
    document INTEGER PRIMARY KEY REFERENCES documents (number) ON DELETE CASCADE, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS skipped (
    root INTEGER NOT NULL REFERENCES roots (number) ON DELETE CASCADE, id TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (root, id));
CREATE INDEX IF NOT EXISTS documents_as_listed ON documents (id, title, date, size);
"""
_DOCUMENT = "id, sha256, title, date, text, page_starts, author, language, source, named, checksum"
_CHUNK = "id, document, start, end, heading, vector, checksum"
WAYS_OUT = "Run `rag repair`; or delete the folder and build it again: rag ingest"
_ORDERS = {  # what a list of documents may be in the order of; a document without a date comes after those with one
    "name": "id",
    "title": "folded(title), id",
    "type": f"lower({_SUFFIX}), id",
    "size": "size DESC, id",
    "date": "date IS NULL, date DESC, id",
    "newest": "number DESC",
}
_MOST_PARAMETERS = 500  # ids in one SQL statement; SQLite's own limit was 999 for long


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that was ingested, and what its documents' ids begin with."""

    number: int
    path: Path
    prefix: str
    whole: bool  # mirrored; else only documents that were named one by one


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file as the folder lists it, bytes and nanoseconds: while both stay the content is taken to be the same."""

    size: int = 0
    modified: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as a list shows it: without its text."""

    document_id: str
    title: str
    date: str | None
    chunks: int
    read: int | None  # when, in seconds of the epoch, where that is known
    path: Path  # of its file
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that the last ingest of its folder could not read, and why."""

    document_id: str  # that it would have
    reason: str
    path: Path


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the catalog: of what kind, what is told of it, and the number of the document it is in."""

    kind: Literal["catalog", "document", "chunk"]
    what: str
    document: int | None = None


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk on its way in: place, heading path and vector of shape (dim,)."""

    start: int
    end: int
    heading: str
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A document that is whole in a catalog that is not, with all that `Catalog.put` takes."""

    root: int
    sha256: str
    stamp: Stamp
    named: bool
    document: SourceDocument
    chunks: list[NewChunk]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as stored, with what search needs to know of its document."""

    id: str
    span: Span
    text: str
    title: str
    heading: str
    page: int | None
    vector: NDArray[np.float32]
    date: str | None = None
    author: str | None = None
    source: str | None = None

    @property
    def document(self) -> str:
        """The number of its document."""
        return document_number(self.id)


class Catalog:
    """Documents and chunks on disk. Any number of readers; writers take the store's lock first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = _connect(path)
        self._counted: tuple[object, tuple[int, int]] = None, (0, 0)  # in which state, and what
        self._asked: tuple[object, frozenset[str]] = None, frozenset()  # in which state of which scope, and what

    @classmethod
    def create(cls, path: Path, *, fingerprint: str, model: str, above: int = 0) -> "Catalog":
        """A new, empty catalog at `path`, its documents numbered above another; a kill in the middle leaves none."""
        unfinished = path.with_suffix(".new")
        for old in (path, unfinished):  # a log left behind would be replayed onto the new file
            discard(old)
        catalog = cls(unfinished)
        with catalog._transaction():
            catalog._make(_SCHEMA)
            catalog._make(_EXTENSION)
            facts = {"schema": str(_SCHEMA_VERSION), "fingerprint": fingerprint, "model": model, "revision": "0"}
            catalog._db.executemany("INSERT INTO meta VALUES (?, ?)", [*facts.items(), ("id", uuid.uuid4().hex)])
            catalog._db.execute("INSERT INTO sqlite_sequence VALUES ('documents', ?)", (above,))
        catalog.close()
        unfinished.replace(path)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "Catalog":
        """The catalog at `path`. Raises StoreError when it is damaged or from another version."""
        catalog = None
        try:
            catalog = cls(path)
            version = int(catalog.meta("schema"))
            if version == _SCHEMA_VERSION:
                catalog._expect_seal()
        except (sqlite3.DatabaseError, KeyError, ValueError, StoreError) as error:
            if catalog:
                catalog.close()
            raise error if isinstance(error, StoreError) else _damaged(path, error) from error
        if version == _SCHEMA_VERSION:
            return catalog
        catalog.close()
        raise StoreMismatchError(
            f"{path} has format {version}; this version reads {_SCHEMA_VERSION}. "
            + (
                "It was written by a newer version: install that one again."
                if version > _SCHEMA_VERSION
                else f"Delete {path.parent} and build it again: rag ingest"
            )
        )

    def close(self) -> None:
        """Close the file; what was committed is safe without this."""
        self._db.close()

    def checkpoint(self) -> None:
        """Merge the write-ahead log into the file and empty it, so that no deleted text stays in it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def become(self, other: "Catalog") -> None:
        """Take over all that another catalog holds, in one transaction that open readers see.

        The file is not replaced: a reader that has the old one open would write its log over the new one's.
        """
        highest = max(self.highest, other.highest)
        other._db.backup(self._db)
        with self._transaction():
            self._db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'documents'", (highest,))

    def copy_to(self, path: Path) -> None:
        """Write a copy, whole or not at all."""
        unfinished = path.with_suffix(".new")
        for old in (path, unfinished):
            discard(old)
        copy = sqlite3.connect(unfinished)
        self._db.backup(copy)
        copy.close()
        unfinished.replace(path)

    # Reading

    def meta(self, key: str) -> str:
        """One fact about the index; KeyError if it has none of that name."""
        for (value,) in self._rows("SELECT value FROM meta WHERE key = ?", (key,)):
            return str(value)
        raise KeyError(key)

    @property
    def revision(self) -> int:
        """Raised by one with every change."""
        return int(self.meta("revision"))

    @property
    def forgotten(self) -> int:
        """The revision up to which it is no longer known which chunks went away."""
        return next((int(value) for (value,) in self._rows("SELECT value FROM meta WHERE key = 'forgotten'")), 0)

    @property
    def highest(self) -> int:
        """The highest number that a document was ever given."""
        return next(int(seq) for (seq,) in self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'documents'"))

    def roots(self) -> list[Root]:
        """The folders that were ingested, oldest first."""
        rows = self._rows("SELECT number, path, prefix, whole FROM roots ORDER BY number")
        return [Root(number, Path(path), prefix, bool(whole)) for number, path, prefix, whole in rows]

    def known(self, root: Root | None = None) -> dict[str, str]:
        """Document id → sha256 of its file, for one folder or for all."""
        condition, values = ("WHERE root = ?", (root.number,)) if root else ("", ())
        return dict(self._rows(f"SELECT id, sha256 FROM documents {condition}", values))

    def stamps(self, root: Root) -> dict[str, Stamp]:
        """Document id → size and time of its file when it was last read."""
        rows = self._rows("SELECT id, size, modified FROM documents WHERE root = ?", (root.number,))
        return {id_: Stamp(size, modified) for id_, size, modified in rows}

    def with_content(self, sha256: str) -> list[str]:
        """The ids of all documents whose file has this content."""
        return [id_ for (id_,) in self._rows("SELECT id FROM documents WHERE sha256 = ? ORDER BY id", (sha256,))]

    def copies(self, document_id: str) -> list[str]:
        """The other documents that were read from the same bytes in the same format."""
        rows = self._rows(
            "SELECT id FROM documents WHERE sha256 = (SELECT sha256 FROM documents WHERE id = ?1) AND id != ?1"
            " ORDER BY id",
            (document_id,),
        )
        return [id_ for (id_,) in rows if PurePath(id_).suffix == PurePath(document_id).suffix]

    def documents(self) -> list[tuple[str, str, str | None]]:
        """(id, title, date) of every document, by id."""
        return list(self._rows("SELECT id, title, date FROM documents ORDER BY id"))

    def listed(
        self, search: str = "", kind: str = "", *, order: str = "name", offset: int = 0, limit: int = 50
    ) -> tuple[list[Listed], int]:
        """Some documents in an order of `_ORDERS`, and how many there are whose name or title has all words searched.

        Of 100,000 documents in 0.3 s at most: all but what is shown is read from one index.
        """
        conditions, values = ["instr(folded(id || ' ' || title), ?)"] * len(words := search.split()), list[object]()
        values += [word.casefold() for word in words]
        if kind:
            condition, types = self._of_types((kind,))
            conditions, values = [*conditions, condition], [*values, *types]
        where = " AND ".join(conditions) or "TRUE"
        (total,) = next(self._rows(f"SELECT count(*) FROM documents WHERE {where}", values))
        chosen = self._rows(
            f"SELECT number FROM documents WHERE {where} ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return self._listed([number for (number,) in chosen]), total

    def _listed(self, numbers: Sequence[int]) -> list[Listed]:
        """The documents of these numbers, in this order."""
        read = "(SELECT at FROM readings WHERE document = documents.number)" if self._has("readings") else "NULL"
        rows = self._rows(
            "SELECT documents.number, id, title, date,"
            f" (SELECT count(*) FROM chunks WHERE document = documents.number), {read}, path,"
            " prefix, size, modified FROM documents JOIN roots ON roots.number = root"
            " WHERE documents.number IN (SELECT value FROM json_each(?))",
            (json.dumps(numbers),),
        )
        found = {number: _listed(row) for number, *row in rows}
        return [found[number] for number in numbers if number in found]

    def types(self) -> dict[str, int]:
        """Suffix → how many documents have it, as their names write it."""
        return dict(self._rows(f"SELECT {_SUFFIX}, count(*) FROM documents GROUP BY {_SUFFIX}"))

    def skipped(self) -> list[Skipped]:
        """What the last ingest of each folder could not read, by name."""
        if not self._has("skipped"):
            return []
        rows = self._rows(
            "SELECT id, reason, path, prefix FROM skipped JOIN roots ON roots.number = root ORDER BY id, path"
        )
        return [Skipped(id_, reason, Path(path, id_.removeprefix(prefix))) for id_, reason, path, prefix in rows]

    def _has(self, table: str) -> bool:
        return any(self._rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    def numbers(self, scope: Scope) -> frozenset[str]:
        """The numbers of the documents in a scope; those of the last one asked for are kept.

        Found by an index, a folder among 250,000 documents in 3 ms: to ask each took 5 s, which it still takes for
        patterns with `[`.
        """
        state = self._state()
        if (state, scope) != self._asked[0]:
            self._asked = (state, scope), frozenset(self._in(scope))
        return self._asked[1]

    def _in(self, scope: Scope) -> Iterator[str]:
        if any("[" in pattern or _holds_all(pattern) for pattern in scope.paths):
            rows = self._rows("SELECT number, id, date FROM documents")
            yield from (str(number) for number, id_, date in rows if scope.holds(id_, date))
            return
        conditions = []
        if scope.paths:
            conditions.append(_of_paths(scope.paths))
        if scope.types:
            conditions.append(self._of_types(scope.types))
        if scope.after or scope.before:
            conditions.append(_of_days(scope))
        where = " AND ".join(f"({condition})" for condition, _ in conditions) or "TRUE"
        values = [value for _, some in conditions for value in some]
        yield from (str(number) for (number,) in self._rows(f"SELECT number FROM documents WHERE {where}", values))

    def _of_types(self, types: tuple[str, ...]) -> tuple[str, list[str]]:
        """The condition for documents of these types; which suffixes that means is asked of each that there is."""
        asked = Scope(types=types)
        suffixes = self._rows(
            f"WITH RECURSIVE found (suffix) AS (SELECT min({_SUFFIX}) FROM documents UNION ALL"
            f" SELECT (SELECT min({_SUFFIX}) FROM documents WHERE {_SUFFIX} > suffix) FROM found"
            " WHERE suffix IS NOT NULL) SELECT suffix FROM found WHERE suffix IS NOT NULL"
        )
        meant = [suffix for (suffix,) in suffixes if asked.holds(f".{suffix}", None)]
        return f"{_SUFFIX} IN (SELECT value FROM json_each(?))", [json.dumps(meant)]

    def vectors(self, numbers: Iterable[str], size: int) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Ids and vectors, of shape (chunks, dim), of all chunks of these documents, so many chunks at a time."""
        asked = json.dumps(sorted(map(int, numbers)))
        rows = self._rows("SELECT id, vector FROM chunks WHERE document IN (SELECT value FROM json_each(?))", (asked,))
        while found := list(islice(rows, size)):
            values = np.frombuffer(b"".join(vector for _, vector in found), dtype=np.float32)
            yield [id_ for id_, _ in found], values.reshape(len(found), -1)

    def document(self, document_id: str) -> SourceDocument | None:
        """One document with its text, or None."""
        return self._document("id", document_id)

    def file(self, document_id: str) -> tuple[Path, str] | None:
        """Where a document's file was when it was read, and the sha256 that it had."""
        rows = self._rows(
            "SELECT path, prefix, sha256 FROM documents JOIN roots ON roots.number = root WHERE id = ?", (document_id,)
        )
        return next(((Path(path, document_id.removeprefix(prefix)), sha256) for path, prefix, sha256 in rows), None)

    def count(self) -> tuple[int, int]:
        """(documents, chunks); counted once for each state of the file: of a million chunks that takes 25 ms."""
        state = self._state()
        if state != self._counted[0]:
            rows = self._rows("SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks)")
            self._counted = state, next((documents, chunks) for documents, chunks in rows)
        return self._counted[1]

    def _state(self) -> object:
        """What is another one after every change; within a transaction, which may be undone, whenever it is asked."""
        if self._db.in_transaction:
            return object()
        return *next(self._rows("PRAGMA data_version")), self._db.total_changes

    def chunk_ids(self) -> set[str]:
        """The id of every chunk."""
        return {id_ for (id_,) in self._rows("SELECT id FROM chunks")}

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        """Those of the chunks that exist, in the order asked."""
        found: dict[str, Chunk] = {}
        for begin in range(0, len(ids), _MOST_PARAMETERS):
            part = ids[begin : begin + _MOST_PARAMETERS]
            marks = ",".join("?" * len(part))
            found |= {chunk.id: chunk for chunk in self._select(f"id IN ({marks}) ORDER BY document", part)}
        return [found[id_] for id_ in ids if id_ in found]

    def added_since(self, revision: int) -> Iterator[Chunk]:
        """Chunks that came after a revision, in order."""
        return self._select("revision > ? ORDER BY rowid", (revision,))

    def removed_since(self, revision: int) -> list[str]:
        """Ids of chunks that went away after a revision."""
        return [id_ for (id_,) in self._rows("SELECT chunk FROM tombstones WHERE revision > ?", (revision,))]

    def _select(self, condition: str, values: Sequence[object]) -> Iterator[Chunk]:
        # each document's text is read once for all its chunks that follow one another: with a substr for each in SQL,
        # the 14,000 chunks of a text of 10 MB took 206 s
        rows = self._rows(f"SELECT {_CHUNK} FROM chunks WHERE {condition}", values)
        for number, group in groupby(rows, key=itemgetter(1)):
            document = self._document("number", number)
            if document is None:  # taken out by another process since
                continue
            for row in group:
                _expect(self.path, f"chunk {row[0]}", row)
                id_, _, start, end, heading, vector, _ = row
                span, text = Span(document.document_id, start, end), document.text[start:end]
                page = document.page_at(start)
                about = (document.date, document.author, document.source)
                numbers = np.frombuffer(vector, dtype=np.float32)
                yield Chunk(id_, span, text, document.title, heading, page, numbers, *about)

    def _document(self, column: str, value: str | int) -> SourceDocument | None:
        for row in self._rows(f"SELECT {_DOCUMENT} FROM documents WHERE {column} = ?", (value,)):
            _expect(self.path, f"document {row[0]!r}", row)
            return _source(row)
        return None

    def _rows(self, statement: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """What a SELECT finds. Raises StoreError where the file is damaged or cannot be read."""
        try:
            yield from self._db.execute(statement, tuple(values))
        except sqlite3.ProgrammingError:  # of a catalog that was closed
            raise
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, error) from error

    # Checking

    def faults(self) -> Iterator[Fault]:
        """All that is wrong with the file, found by reading every row of it."""
        try:
            for (told,) in self._db.execute("PRAGMA integrity_check"):
                if told != "ok":
                    yield Fault("catalog", str(told))
            for table, row, *_ in self._db.execute("PRAGMA foreign_key_check"):
                yield Fault("catalog", f"row {row} of {table} belongs to nothing")
            for row in self._db.execute(f"SELECT number, {_DOCUMENT} FROM documents"):
                if _checksum(row[1:]) != row[-1]:
                    yield Fault("document", str(row[1]), row[0])
            lengths = dict(self._db.execute("SELECT number, length(text) FROM documents"))
            size = None
            for row in self._db.execute(f"SELECT {_CHUNK} FROM chunks"):
                size = size or len(row[5])
                if (
                    _checksum(row) != row[-1]
                    or not 0 <= row[2] < row[3] <= lengths.get(row[1], 0)
                    or len(row[5]) != size
                ):
                    yield Fault("chunk", str(row[0]), row[1])
            self._expect_seal()
        except (sqlite3.DatabaseError, StoreError, TypeError, ValueError) as error:
            yield Fault("catalog", str(error))

    def drop(self, numbers: Iterable[int]) -> list[str]:
        """Forget documents by their number, because their own id may be what is damaged; the ids that went."""
        gone = []
        with self._change() as revision:
            for number in dict.fromkeys(numbers):
                gone += [id_ for (id_,) in self._db.execute("SELECT id FROM documents WHERE number = ?", (number,))]
                self._entomb("document = ?", number, revision)
                self._db.execute("DELETE FROM chunks WHERE document = ?", (number,))
                self._db.execute("DELETE FROM documents WHERE number = ?", (number,))
        return gone

    def salvage(self, number: int) -> Salvaged | None:
        """The document of this number with its chunks, if every byte of it is as it was written."""
        columns = f"root, size, modified, {_DOCUMENT}"
        try:
            row = self._db.execute(f"SELECT {columns} FROM documents WHERE number = ?", (number,)).fetchone()
            found = self._db.execute(
                f"SELECT {_CHUNK} FROM chunks WHERE document = ? ORDER BY rowid", (number,)
            ).fetchall()
        except sqlite3.DatabaseError:
            return None
        if row is None or any(_checksum(part) != part[-1] for part in (row[3:], *found)):
            return None
        root, size, modified, *facts = row
        chunks = [
            NewChunk(start, end, heading, np.frombuffer(vector, dtype=np.float32))
            for _, _, start, end, heading, vector, _ in found
        ]
        return Salvaged(root, facts[1], Stamp(size, modified), bool(facts[-2]), _source(facts), chunks)

    def _expect_seal(self) -> None:
        """Raise StoreError if what the catalog says of itself is not sealed; both are read as of one moment."""
        self._db.execute("BEGIN")
        try:
            found = next((value for (value,) in self._rows("SELECT value FROM meta WHERE key = 'seal'")), None)
            expected = self._seal()
        finally:
            self._db.execute("COMMIT")
        if found != expected:
            raise StoreError(f"{self.path} is damaged: what it says of itself is not as it was written. {WAYS_OUT}")

    def _seal(self) -> str:
        facts = sorted(self._db.execute("SELECT key, value FROM meta WHERE key != 'seal'"))
        roots = sorted(self._db.execute("SELECT number, path, prefix, whole FROM roots"))
        return hashlib.blake2b(repr((facts, roots, self.highest)).encode(), digest_size=16).hexdigest()

    # Writing

    def put(
        self,
        document: SourceDocument,
        chunks: Sequence[NewChunk],
        *,
        root: Root,
        sha256: str,
        stamp: Stamp = Stamp(),
        named: bool = False,
    ) -> None:
        """Add a document, or replace the one with its id; all of it or nothing."""
        starts = json.dumps(document.page_starts)
        about = (document.author, document.language, document.source)
        facts = (document.document_id, sha256, document.title, document.date, document.text, starts, *about, int(named))
        rows = [(chunk.start, chunk.end, chunk.heading, chunk.vector.tobytes()) for chunk in chunks]
        with self._change() as revision:
            self._remove(document.document_id, revision)
            self._insert(root, facts, stamp, rows, revision)

    def copy(self, old: str, new: str, *, title: str, root: Root, stamp: Stamp) -> None:
        """A document that is the copy of another: its chunks and vectors, without embedding anything.

        `title` takes the place of one that is the file's name.
        """
        with self._change() as revision:
            (number, *row) = self._db.execute(
                f"SELECT number, {_DOCUMENT} FROM documents WHERE id = ?", (old,)
            ).fetchone()
            _expect(self.path, f"document {row[0]!r}", row)
            _, sha256, kept, *rest, named, _ = row
            found = self._db.execute(
                f"SELECT {_CHUNK} FROM chunks WHERE document = ? ORDER BY rowid", (number,)
            ).fetchall()
            for chunk in found:
                _expect(self.path, f"chunk {chunk[0]}", chunk)
            self._remove(new, revision)
            facts = (new, sha256, title if named else kept, *rest, named)
            self._insert(root, facts, stamp, [chunk[2:6] for chunk in found], revision)

    def move(self, old: str, new: str, *, title: str = "", stamp: Stamp = Stamp()) -> None:
        """The same document at a new path; `title` takes the place of one that is the file's name."""
        with self._change() as revision:
            number, named, kept = self._db.execute(
                "SELECT number, named, title FROM documents WHERE id = ?", (old,)
            ).fetchone()
            retitled = bool(named and title and title != kept)
            self._db.execute(
                "UPDATE documents SET id = ?, title = ?, size = ?, modified = ? WHERE number = ?",
                (new, title if retitled else kept, stamp.size, stamp.modified, number),
            )
            self._sign(number)
            if retitled:  # titles are among the words that are searched
                self._entomb("document = ?", number, revision)
                self._db.execute("UPDATE chunks SET revision = ? WHERE document = ?", (revision, number))

    def restamp(self, stamps: Mapping[str, Stamp]) -> None:
        """Note how files are listed now whose content has not changed."""
        if stamps:
            with self._transaction():
                self._db.executemany(
                    "UPDATE documents SET size = ?, modified = ? WHERE id = ?",
                    [(stamp.size, stamp.modified, id_) for id_, stamp in stamps.items()],
                )

    def extend(self) -> None:
        """Give a catalog of an earlier version what it lacks of `_EXTENSION`."""
        if not self._has("skipped"):
            with self._transaction():
                self._make(_EXTENSION)

    def skip(self, root: Root, reasons: Mapping[str, str], among: Set[str] | None = None) -> None:
        """Keep why files of a folder could not be read, in place of what was kept of it; or only of those `among`."""
        rows = self._rows("SELECT id, reason FROM skipped WHERE root = ?", (root.number,))
        kept = {id_: reason for id_, reason in rows if among is None or id_ in among}
        gone = [(root.number, id_) for id_ in kept.keys() - reasons.keys()]
        fresh = [(root.number, id_, reason) for id_, reason in reasons.items() if kept.get(id_) != reason]
        if gone or fresh:
            with self._transaction():
                self._db.executemany("DELETE FROM skipped WHERE root = ? AND id = ?", gone)
                self._db.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?)", fresh)

    def forget_skipped(self, document_ids: Iterable[str]) -> None:
        """No longer tell of files that could not be read."""
        with self._transaction():
            self._db.executemany("DELETE FROM skipped WHERE id = ?", [(id_,) for id_ in document_ids])

    def forget_content(self, document_ids: Iterable[str]) -> list[str]:
        """Have these documents, and their copies, read again by the next ingest; their ids. They answer until then."""
        asked = [id_ for id_ in document_ids if self.file(id_)]
        again = list(dict.fromkeys(id_ for asked_id in asked for id_ in (asked_id, *self.copies(asked_id))))
        with self._transaction():
            for id_ in again:
                (number,) = self._db.execute("SELECT number FROM documents WHERE id = ?", (id_,)).fetchone()
                self._db.execute(
                    "UPDATE documents SET sha256 = ?, size = 0, modified = 0 WHERE number = ?",
                    (f"unknown {uuid.uuid4()}", number),
                )
                self._sign(number)
        return again

    def remove(self, document_ids: Iterable[str]) -> None:
        """Forget documents and their chunks; without any, nothing changes."""
        gone = list(document_ids)
        if not gone:
            return
        with self._change() as revision:
            for document_id in gone:
                self._remove(document_id, revision)

    def root(self, path: Path, *, whole: bool, prefix: str | None = None) -> Root:
        """The folder as recorded, recorded now if it was not; the first one's ids begin with nothing by default."""
        roots = {root.path: root for root in self.roots()}
        if (known := roots.get(path)) and known.whole >= whole:
            return known
        prefixes = {root.prefix for root in roots.values()}
        name = path.name or "root"
        candidates = ("", f"{name}:", *(f"{name}-{number}:" for number in range(2, len(roots) + 3)))
        if prefix is None:
            prefix = next(candidate for candidate in candidates if candidate not in prefixes)
        with self._transaction():
            self._db.execute(
                "INSERT INTO roots (path, prefix, whole) VALUES (?, ?, ?)"
                " ON CONFLICT (path) DO UPDATE SET whole = whole OR excluded.whole",
                (str(path), prefix, whole),
            )
        return next(root for root in self.roots() if root.path == path)

    def adopt(self, root: Root, *, apart: Path | None = None) -> list[tuple[str, str]]:
        """Take over what other folders hold of this one, and forget folders inside it; old and new ids.

        A folder ingested after a part of it would otherwise have each document of that part twice, one of them stale.
        Folders that lie in `apart`, which is not walked with what it lies in, stay what they are.
        """
        inside = [
            other
            for other in self.roots()
            if other != root
            and other.path.is_relative_to(root.path)
            and not (apart and other.path.is_relative_to(apart))
        ]
        around = [other for other in self.roots() if other != root and root.path.is_relative_to(other.path)]
        taken = self.known().keys() if inside or around else set()
        moved, doubled = [], []
        for other in inside + around:
            for id_ in self.known(other):
                path = other.path / id_.removeprefix(other.prefix)
                if path.is_relative_to(root.path):
                    new = root.prefix + path.relative_to(root.path).as_posix()
                    doubled.append(id_) if new in taken else moved.append((id_, new))
        if inside or moved or doubled:
            with self._change() as revision:
                for id_ in doubled:
                    self._remove(id_, revision)
                self._db.executemany(
                    "UPDATE documents SET root = ?, id = ? WHERE id = ?",
                    [(root.number, new, old) for old, new in moved],
                )
                for _, new in moved:
                    self._sign(self._db.execute("SELECT number FROM documents WHERE id = ?", (new,)).fetchone()[0])
                self._db.executemany("DELETE FROM roots WHERE number = ?", [(other.number,) for other in inside])
        return moved

    def forget_tombstones(self, revision: int) -> None:
        """Drop what every derived index has heard; one that is behind this revision must be built from nothing."""
        with self._transaction():
            self._db.execute("DELETE FROM tombstones WHERE revision <= ?", (revision,))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('forgotten', ?)", (str(revision),))

    def _insert(
        self,
        root: Root,
        facts: tuple[object, ...],
        stamp: Stamp,
        chunks: Sequence[tuple[int, int, str, bytes]],
        revision: int,
    ) -> None:
        number = self._db.execute(
            f"INSERT INTO documents (root, size, modified, {_DOCUMENT}) VALUES ({','.join('?' * (4 + len(facts)))})",
            (root.number, stamp.size, stamp.modified, *facts, _checksum((*facts, b""))),
        ).lastrowid
        rows = ((f"{number}-{at}", number, *chunk) for at, chunk in enumerate(chunks))
        self._db.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((*row, revision, _checksum((*row, b""))) for row in rows),
        )
        self._db.execute("INSERT INTO readings VALUES (?, ?)", (number, int(time.time())))

    def _make(self, schema: str) -> None:
        for statement in schema.split(";\n"):
            self._db.execute(statement)

    def _sign(self, number: int) -> None:
        """Write a document's checksum anew after a change that was meant."""
        row = self._db.execute(f"SELECT {_DOCUMENT} FROM documents WHERE number = ?", (number,)).fetchone()
        self._db.execute("UPDATE documents SET checksum = ? WHERE number = ?", (_checksum(row), number))

    def _remove(self, document_id: str, revision: int) -> None:
        self._entomb("document = (SELECT number FROM documents WHERE id = ?)", document_id, revision)
        self._db.execute("DELETE FROM documents WHERE id = ?", (document_id,))

    def _entomb(self, condition: str, value: object, revision: int) -> None:
        self._db.execute(
            f"INSERT OR REPLACE INTO tombstones SELECT id, ?2 FROM chunks WHERE {condition.replace('?', '?1')}",
            (value, revision),
        )

    @contextmanager
    def _change(self) -> Iterator[int]:
        """A transaction that is the next revision."""
        with self._transaction():
            revision = self.revision + 1
            yield revision
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'revision'", (str(revision),))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('seal', ?)", (self._seal(),))
        except BaseException:
            if self._db.in_transaction:  # a full disk ends it without being asked
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _source(row: Sequence[Any]) -> SourceDocument:
    """The document of a row of `_DOCUMENT`."""
    id_, _, title, date, text, page_starts, author, language, source, *_ = row
    return SourceDocument(id_, title, date, text, tuple(json.loads(page_starts)), author, language, source)


def _listed(row: Sequence[Any]) -> Listed:
    id_, title, date, chunks, read, path, prefix, size, modified = row
    return Listed(id_, title, date, chunks, read, Path(path, id_.removeprefix(prefix)), Stamp(size, modified))


def _checksum(row: Sequence[object]) -> bytes:
    """Of all columns but the last, which holds it."""
    total = hashlib.blake2b(digest_size=16)
    for value in row[:-1]:
        data = value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")
        total.update(b"%d:" % len(data))
        total.update(data)
    return total.digest()


def _expect(path: Path, what: str, row: Sequence[object]) -> None:
    """Raise StoreError if a row is not as it was written."""
    if _checksum(row) != row[-1]:
        raise StoreError(f"{path} is damaged: {what} is not as it was written. {WAYS_OUT}")


def _damaged(path: Path, error: Exception) -> StoreError:
    if "locked" in str(error):
        return StoreError(f"{path} is in use by another process ({error}). Try again in a moment.")
    return StoreError(f"{path} cannot be read or is damaged ({error}). {WAYS_OUT}")


def _of_days(scope: Scope) -> tuple[str, list[str]]:
    """The condition for dates that are in a scope as far as they are told: 2023 is after 2023-06."""
    after, before = scope.after or "", scope.before or ""
    vaguer = [day for day in {after[:4], after[:7]} - {after} if Scope(before=scope.before).holds("", day)]
    condition = "(date >= ? AND date < ?) OR date IN (SELECT value FROM json_each(?))"
    return condition, [after, f"{before}~", json.dumps(vaguer)]  # "~" follows all that may follow in a date


def _of_paths(patterns: Iterable[str]) -> tuple[str, list[str]]:
    """The condition for documents of these names and in these folders, as `Scope` reads them."""
    conditions, values = list[str](), list[str]()
    for pattern in patterns:
        name = _name(pattern)
        if "*" in name or "?" in name:
            conditions.append("id GLOB ? OR id GLOB ?")
            values += [name, f"{name}/*"]
        else:
            conditions.append("id = ? OR (id > ? AND id < ?)")
            values += [name, f"{name}/", f"{name}0"]  # "0" follows "/"
    return " OR ".join(conditions), values


def _holds_all(pattern: str) -> bool:
    """True if a pattern is the name of the folder that everything is in."""
    return fnmatchcase(".", _name(pattern))


def _name(pattern: str) -> str:
    """A pattern as ids are written; half characters are in none."""
    name = pattern.replace("\\", "/").removeprefix("./").rstrip("/")
    return name.encode(errors="backslashreplace").decode()


def document_number(chunk_id: str) -> str:
    """The number of the document that a chunk is of, which is what its id begins with."""
    return chunk_id.partition("-")[0]


def discard(path: Path) -> None:
    """Delete a catalog's file with its logs, if they exist."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    db = _connected(path)
    db.create_function("folded", 1, str.casefold, deterministic=True)  # lower() of SQLite knows A to Z alone
    return db


def _connected(path: Path) -> sqlite3.Connection:
    # one connection serves all threads of a server: SQLite is built serialised, and readers only select
    if not os.access(path.parent, os.W_OK):  # the last ingest has left no log, and nobody can write one here
        address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
        return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA wal_autocheckpoint = 200")  # pages: on a full disk the log must still be merged, see `lock`
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")  # deleted text is overwritten, not only unlinked
    except sqlite3.Error:
        db.close()
        raise
    return db
