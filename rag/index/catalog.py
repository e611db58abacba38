"""The one record of truth: documents, their text, chunks and vectors, in one SQLite file.

Every change is one transaction that raises the revision. What the derived indexes have yet to hear is not a queue of
its own: a chunk carries the revision that added it, and a tombstone the revision that took a chunk away.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import StoreError, StoreMismatchError
from rag.schema import SourceDocument, Span

_SCHEMA_VERSION = "1"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE roots (  -- `whole`: the folder is mirrored; else only the documents named one by one
    number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL UNIQUE, whole INTEGER NOT NULL);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice in a home, so a chunk id never means two texts
    root INTEGER NOT NULL REFERENCES roots (number),
    id TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, title TEXT NOT NULL, date TEXT,
    text TEXT NOT NULL, page_starts TEXT NOT NULL);
CREATE TABLE chunks (
    id TEXT PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    start INTEGER NOT NULL, end INTEGER NOT NULL, heading TEXT NOT NULL, vector BLOB NOT NULL,
    revision INTEGER NOT NULL);
CREATE INDEX chunks_by_document ON chunks (document);
CREATE INDEX chunks_by_revision ON chunks (revision);
CREATE TABLE tombstones (chunk TEXT PRIMARY KEY, revision INTEGER NOT NULL);
"""
_MOST_PARAMETERS = 500  # ids in one SQL statement; SQLite's own limit was 999 for long


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that was ingested, and what its documents' ids begin with."""

    number: int
    path: Path
    prefix: str
    whole: bool  # mirrored; else only documents that were named one by one


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk on its way in: place, heading path and vector of shape (dim,)."""

    start: int
    end: int
    heading: str
    vector: NDArray[np.float32]


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


class Catalog:
    """Documents and chunks on disk. Any number of readers; writers take the store's lock first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = _connect(path)

    @classmethod
    def create(cls, path: Path, *, fingerprint: str, model: str, above: int = 0) -> "Catalog":
        """A new, empty catalog at `path`, its documents numbered above another; a kill in the middle leaves none."""
        unfinished = path.with_suffix(".new")
        for old in (path, unfinished):  # a log left behind would be replayed onto the new file
            discard(old)
        catalog = cls(unfinished)
        with catalog._transaction():
            for statement in _SCHEMA.split(";\n"):
                catalog._db.execute(statement)
            facts = {"schema": _SCHEMA_VERSION, "fingerprint": fingerprint, "model": model, "revision": "0"}
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
            version = catalog.meta("schema")
        except (sqlite3.DatabaseError, KeyError) as error:
            if catalog:
                catalog.close()
            raise StoreError(
                f"{path} is not a readable index ({error}). Delete {path.parent} and build it again: rag ingest"
            ) from error
        if version != _SCHEMA_VERSION:
            catalog.close()
            raise StoreMismatchError(
                f"{path} has format {version}; this version reads {_SCHEMA_VERSION}."
                f" Delete {path.parent} and build it again: rag ingest"
            )
        return catalog

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
        other._db.backup(self._db)

    # Reading

    def meta(self, key: str) -> str:
        """One fact about the index; KeyError if it has none of that name."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return str(row[0])

    @property
    def revision(self) -> int:
        """Raised by one with every change."""
        return int(self.meta("revision"))

    @property
    def forgotten(self) -> int:
        """The revision up to which it is no longer known which chunks went away."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'forgotten'").fetchone()
        return int(row[0]) if row else 0

    @property
    def highest(self) -> int:
        """The highest number that a document was ever given."""
        return int(self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'documents'").fetchone()[0])

    def roots(self) -> list[Root]:
        """The folders that were ingested, oldest first."""
        rows = self._db.execute("SELECT number, path, prefix, whole FROM roots ORDER BY number")
        return [Root(number, Path(path), prefix, bool(whole)) for number, path, prefix, whole in rows]

    def known(self, root: Root | None = None) -> dict[str, str]:
        """Document id → sha256 of its file, for one folder or for all."""
        condition, values = ("WHERE root = ?", (root.number,)) if root else ("", ())
        return dict(self._db.execute(f"SELECT id, sha256 FROM documents {condition}", values))

    def documents(self) -> list[tuple[str, str, str | None]]:
        """(id, title, date) of every document, by id."""
        return self._db.execute("SELECT id, title, date FROM documents ORDER BY id").fetchall()

    def document(self, document_id: str) -> SourceDocument | None:
        """One document with its text, or None."""
        return self._document("id", document_id)

    def count(self) -> tuple[int, int]:
        """(documents, chunks)"""
        return self._db.execute("SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks)").fetchone()  # type: ignore[no-any-return]

    def chunk_ids(self) -> set[str]:
        """The id of every chunk."""
        return {row[0] for row in self._db.execute("SELECT id FROM chunks")}

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
        return [row[0] for row in self._db.execute("SELECT chunk FROM tombstones WHERE revision > ?", (revision,))]

    def _select(self, condition: str, values: Sequence[object]) -> Iterator[Chunk]:
        # each document's text is read once for all its chunks that follow one another: with a substr for each in SQL,
        # the 14,000 chunks of a text of 10 MB took 206 s
        rows = self._db.execute(
            "SELECT id, document, start, end, heading, vector FROM chunks WHERE " + condition, tuple(values)
        )
        for number, group in groupby(rows, key=itemgetter(1)):
            document = self._document("number", number)
            if document is None:  # taken out by another process since
                continue
            for id_, _, start, end, heading, vector in group:
                span, text = Span(document.document_id, start, end), document.text[start:end]
                page = document.page_at(start)
                yield Chunk(id_, span, text, document.title, heading, page, np.frombuffer(vector, dtype=np.float32))

    def _document(self, column: str, value: str | int) -> SourceDocument | None:
        row = self._db.execute(
            f"SELECT id, title, date, text, page_starts FROM documents WHERE {column} = ?", (value,)
        ).fetchone()
        return row and SourceDocument(row[0], row[1], row[2], row[3], tuple(json.loads(row[4])))

    # Writing

    def put(self, document: SourceDocument, chunks: Sequence[NewChunk], *, root: Root, sha256: str) -> None:
        """Add a document, or replace the one with its id; all of it or nothing."""
        with self._change() as revision:
            self._remove(document.document_id, revision)
            number = self._db.execute(
                "INSERT INTO documents (root, id, sha256, title, date, text, page_starts) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    root.number,
                    document.document_id,
                    sha256,
                    document.title,
                    document.date,
                    document.text,
                    json.dumps(document.page_starts),
                ),
            ).lastrowid
            self._db.executemany(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (f"{number}-{at}", number, chunk.start, chunk.end, chunk.heading, chunk.vector.tobytes(), revision)
                    for at, chunk in enumerate(chunks)
                ],
            )

    def move(self, old: str, new: str) -> None:
        """The same document at a new path."""
        with self._change():
            self._db.execute("UPDATE documents SET id = ? WHERE id = ?", (new, old))

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

    def adopt(self, root: Root) -> list[tuple[str, str]]:
        """Take over what other folders hold of this one, and forget folders inside it; old and new ids.

        A folder ingested after a part of it would otherwise have each document of that part twice, one of them stale.
        """
        inside = [other for other in self.roots() if other != root and other.path.is_relative_to(root.path)]
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
                self._db.executemany("DELETE FROM roots WHERE number = ?", [(other.number,) for other in inside])
        return moved

    def forget_tombstones(self, revision: int) -> None:
        """Drop what every derived index has heard; one that is behind this revision must be built from nothing."""
        with self._transaction():
            self._db.execute("DELETE FROM tombstones WHERE revision <= ?", (revision,))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('forgotten', ?)", (str(revision),))

    def _remove(self, document_id: str, revision: int) -> None:
        self._db.execute(
            "INSERT INTO tombstones SELECT chunks.id, ? FROM chunks JOIN documents ON document = number"
            " WHERE documents.id = ?",
            (revision, document_id),
        )
        self._db.execute("DELETE FROM documents WHERE id = ?", (document_id,))

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
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def discard(path: Path) -> None:
    """Delete a catalog's file with its logs, if they exist."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    # one connection serves all threads of a server: SQLite is built serialised, and readers only select
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")  # deleted text is overwritten, not only unlinked
    except sqlite3.Error:
        db.close()
        raise
    return db
