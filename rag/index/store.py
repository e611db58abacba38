"""Catalog, dense and lexical index as one thing that opens, applies changes and catches up.

    <home>/catalog.db      the record; everything else can be rebuilt from it without embedding anything
    <home>/chroma/         derived
    <home>/lexical/        derived
    <home>/next.db         a catalog being built for other settings, taken over when it is complete

Each derived folder has beside it a file `<folder>.reached` naming the catalog and the revision it has applied. It is
written after the change itself, and applying a change twice does no harm, so a kill at any moment only means that
work is repeated. Chroma writes its graph in place (1.5.9, and hnswlib ends the process over one that is half written),
so its `.reached` goes away for as long as it changes: a kill then leaves it to be built from nothing.
"""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from rag.errors import RagError, StoreError, StoreLockedError, StoreMismatchError, StoreMissingError
from rag.index.catalog import Catalog, Chunk, Root, discard
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.index.dense import DenseIndex
    from rag.index.lexical import LexicalIndex

_BATCH = 2000  # chunks held in memory while a derived index catches up
_DERIVED = ("chroma", "lexical")
_NO_DAMAGE = (RagError, sqlite3.Error, KeyboardInterrupt, SystemExit)  # what building again would not mend

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _State:
    """How far each part of the index is."""

    catalog_id: str
    revision: int
    chroma: int | None
    lexical: int | None

    @property
    def caught_up(self) -> bool:
        return self.chroma == self.lexical == self.revision

    @property
    def derived(self) -> tuple[str, int | None, int | None]:
        """What changes when the derived indexes must be opened again."""
        return self.catalog_id, self.chroma, self.lexical


class Store:
    """An index that is open for reading, and for writing under `writing`."""

    def __init__(self, home: Path, catalog: Catalog) -> None:
        self.home = home
        self.catalog = catalog
        self._dense: DenseIndex | None = None
        self._lexical: LexicalIndex | None = None
        self._lock = threading.Lock()  # one thread searches or reopens, the others wait some milliseconds
        self._fingerprint = catalog.meta("fingerprint")
        self._opened: tuple[str, int | None, int | None] | None = None  # what the two above were opened at

    @classmethod
    def open(cls, settings: Settings) -> "Store":
        """The index at `settings.home`, caught up. Raises StoreMissingError or StoreMismatchError."""
        path = settings.home / "catalog.db"
        if not path.exists():
            raise StoreMissingError(f"No index at {settings.home}. Build one: rag ingest {settings.corpus}")
        catalog = Catalog.open(path)
        if catalog.meta("fingerprint") != settings.fingerprint:
            found = catalog.meta("model")
            catalog.close()
            raise StoreMismatchError(
                f"The index at {settings.home} was built with {found} but settings name {describe(settings)}."
                " Ingest again, or restore the setting."
            )
        return cls(settings.home, catalog)

    def close(self) -> None:
        """Let go of every file."""
        with self._lock:
            self.catalog.close()
            if self._dense is not None:
                self._dense.close()
            self._dense = None

    # Searching

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[str]:
        """Ids of the chunks nearest to a vector, nearest first; some may be gone from the catalog."""
        return self._search(lambda dense, _: dense.search(vector, min(k, max(dense.count(), 1))))

    def matching(self, question: str, k: int) -> list[tuple[str, float]]:
        """(id, BM25 score) of the chunks that share the question's words, best first."""
        return self._search(lambda _, lexical: lexical.search(question, k))

    def document_frequency(self, term: str) -> int:
        """In how many chunks a term stands."""
        return self._search(lambda _, lexical: lexical.document_frequency(term))

    def _search(self, read: "Callable[[DenseIndex, LexicalIndex], _Found]") -> _Found:
        """What is read from the derived indexes as they are now; built again first where they cannot be read."""
        with self._lock:
            try:
                return read(*self._derived())
            except _NO_DAMAGE:
                raise
            except BaseException as error:  # over damaged files: Chroma raises what it likes, a panic is no Exception
                self._build_again(error)
                return read(*self._derived())

    def _derived(self) -> "tuple[DenseIndex, LexicalIndex]":
        """Both derived indexes, opened again if another process changed them since."""
        state = self._state()
        if state.derived != self._opened:
            self._expect_fingerprint()
        if not state.caught_up:
            with _unless_locked(self.home) as free:
                if free:
                    self.catch_up()
            state = self._state()
        if state.derived == self._opened and self._dense is not None and self._lexical is not None:
            return self._dense, self._lexical
        dense, lexical = self._open_derived()
        self._opened = state.derived
        if not state.caught_up or self._is_whole(dense, lexical):
            return dense, lexical
        with _unless_locked(self.home) as free:  # files are missing, unless another process has just changed the index
            if free and self._state() == state:
                return self._build()
        return dense, lexical

    def _state(self) -> _State:
        id_, revision = self.catalog.meta("id"), self.catalog.revision
        return _State(id_, revision, self._reached("chroma"), self._reached("lexical"))

    def _is_whole(self, dense: "DenseIndex", lexical: "LexicalIndex") -> bool:
        _, chunks = self.catalog.count()
        return dense.count() == lexical.count() == chunks

    def _expect_fingerprint(self) -> None:
        """Raise StoreMismatchError if an ingest with other settings has put another catalog in place of this one."""
        if self.catalog.meta("fingerprint") != self._fingerprint:
            raise StoreMismatchError(
                f"The index at {self.home} was built again with {self.catalog.meta('model')}. Start again to use it."
            )

    def _open_derived(self) -> "tuple[DenseIndex, LexicalIndex]":
        from rag.index.dense import DenseIndex
        from rag.index.lexical import LexicalIndex

        if self._dense is not None:
            self._dense.close()
        self._dense = None  # stays so if opening fails
        self._dense, self._lexical = DenseIndex(self.home / "chroma"), LexicalIndex(self.home / "lexical")
        return self._dense, self._lexical

    def _build_again(self, error: BaseException) -> None:
        with _unless_locked(self.home) as free:
            if not free:
                raise StoreError(
                    f"The index at {self.home} cannot be read while it is written to. Ask again."
                ) from error
            self._build()

    def _build(self) -> "tuple[DenseIndex, LexicalIndex]":
        """Both derived indexes, built from nothing. Needs the writer's lock."""
        for name in _DERIVED:
            (self.home / f"{name}.reached").unlink(missing_ok=True)
        derived = self._apply_changes()
        self._opened = self._state().derived
        return derived

    # Writing

    def catch_up(self) -> None:
        """Bring both derived indexes to the catalog's revision, from nothing if need be. Needs the writer's lock."""
        if self._state().caught_up:
            return
        try:
            whole = self._is_whole(*self._apply_changes())
        except (OSError, *_NO_DAMAGE):
            raise
        except BaseException:  # damaged files: see `_search`
            whole = False
        if not whole:
            self._build()
        self.catalog.forget_tombstones(self.catalog.revision)
        self._opened = self._state().derived

    def _apply_changes(self) -> "tuple[DenseIndex, LexicalIndex]":
        revision = self.catalog.revision
        reached = {name: self._reached(name) for name in _DERIVED}
        for name in _DERIVED:
            if reached[name] is None:
                shutil.rmtree(self.home / name, ignore_errors=True)
        dense, lexical = self._open_derived()
        if (since := reached["chroma"] or 0) != revision:
            (self.home / "chroma.reached").unlink(missing_ok=True)
            dense.apply(self.catalog.removed_since(since), [], np.empty((0, 0), dtype=np.float32))
            for batch in _batches(self.catalog.added_since(since)):
                dense.apply([], [chunk.id for chunk in batch], np.stack([chunk.vector for chunk in batch]))
        self._set_reached("chroma", revision)
        if (since := reached["lexical"] or 0) != revision:
            if self.catalog.removed_since(since):
                lexical.hold(self.catalog.added_since(0))
            else:
                lexical.add(self.catalog.added_since(since))
        self._set_reached("lexical", revision)
        return dense, lexical

    def whole(self) -> bool:
        """True if both derived indexes hold exactly as many chunks as the catalog and have heard its last change."""
        return self._search(self._is_whole) and self._state().caught_up

    def facts(self) -> dict[str, Any]:
        """What is indexed, with which model, how big, and whether it is whole."""
        documents, chunks = self.catalog.count()
        return {
            "home": str(self.home),
            "documents": documents,
            "chunks": chunks,
            "built with": self.catalog.meta("model"),
            "revision": self.catalog.revision,
            "whole": self.whole(),
            "bytes": sum(map(_size, self.home.rglob("*"))),
            "ids": [document_id for document_id, _, _ in self.catalog.documents()],
        }

    def _reached(self, name: str) -> int | None:
        """The revision a derived index has applied; None when it is missing or belongs to another catalog."""
        try:
            catalog_id, revision = (self.home / f"{name}.reached").read_text().split()
        except (OSError, ValueError):
            return None
        whole = (self.home / name).is_dir() and catalog_id == self.catalog.meta("id") and revision.isdecimal()
        known = whole and self.catalog.forgotten <= int(revision) <= self.catalog.revision
        return int(revision) if known else None

    def _set_reached(self, name: str, revision: int) -> None:
        temporary = self.home / f"{name}.reached.new"
        temporary.write_text(f"{self.catalog.meta('id')} {revision}\n")
        temporary.replace(self.home / f"{name}.reached")


def describe(settings: Settings) -> str:
    """The settings that an index depends on, in words."""
    return f"{settings.embedder}, chunks of {settings.chunk_size} tokens"


@contextmanager
def writing(settings: Settings) -> Iterator[Store]:
    """The store to write to, with the writer's lock held; created if there is none.

    When the settings ask for another fingerprint than the index has, this is a new catalog beside the old one, which
    goes on answering; `finish` swaps it in. Raises StoreLockedError when another process is writing.
    """
    with _reported(settings.home):
        if settings.home.is_file():
            raise StoreError(f"{settings.home} is a file. Name a folder for the index.")
        settings.home.mkdir(parents=True, exist_ok=True)
        with _locked(settings.home):
            store = Store(settings.home, _catalog_to_write(settings))
            try:
                yield store
            finally:
                store.close()


def finish(store: Store, settings: Settings) -> None:
    """Make a catalog built beside the old one the index, and bring the derived indexes up to it."""
    built = store.catalog
    path = settings.home / "catalog.db"
    if built.path != path:
        store.catalog = Catalog.open(path)
        store.catalog.become(built)
        built.close()
        discard(built.path)
    store.catch_up()
    store.catalog.checkpoint()


def replaced_roots(store: Store) -> list[tuple[Root, list[str]]]:
    """The folders and document ids of the catalog that the one being written will replace; none for the one in use."""
    path = store.home / "catalog.db"
    if store.catalog.path == path:
        return []
    old = Catalog.open(path)
    found = [(root, list(old.known(root))) for root in old.roots()]
    old.close()
    return found


def _catalog_to_write(settings: Settings) -> Catalog:
    path, beside = settings.home / "catalog.db", settings.home / "next.db"
    if not path.exists():
        return Catalog.create(path, fingerprint=settings.fingerprint, model=describe(settings))
    catalog = Catalog.open(path)
    if catalog.meta("fingerprint") == settings.fingerprint:
        discard(beside)
        return catalog
    highest = catalog.highest
    catalog.close()
    if beside.exists():
        catalog = Catalog.open(beside)
        if catalog.meta("fingerprint") == settings.fingerprint:
            return catalog
        catalog.close()
    return Catalog.create(beside, fingerprint=settings.fingerprint, model=describe(settings), above=highest)


@contextmanager
def _reported(home: Path) -> Iterator[None]:
    """Failures of the disk and of SQLite as a StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"Cannot write to {home}: {error.strerror or error}. Check its space and rights.") from error
    except sqlite3.Error as error:
        raise StoreError(f"Cannot write to {home}: {error}. Check its space and rights.") from error


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """The writer's lock, held. Raises StoreLockedError, at once, when another process has it."""
    lock = FileLock(home / "writer.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreLockedError(
            f"Another process ({_holder(home)}) is writing to {home}. Wait until it is done."
        ) from error
    pid = home / "writer.pid"
    try:
        pid.write_text(str(os.getpid()))
        yield
    finally:
        pid.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _unless_locked(home: Path) -> Iterator[bool]:
    """True while this process holds the writer's lock; False, at once, when another one does or none may write."""
    with ExitStack() as held:
        try:
            held.enter_context(_locked(home))
            free = True
        except (StoreLockedError, OSError):
            free = False
        yield free


def _holder(home: Path) -> str:
    try:
        return (home / "writer.pid").read_text() or "unknown"
    except OSError:
        return "unknown"


def _size(path: Path) -> int:
    """Bytes of a file; 0 for a folder, and for a file that a writer has just removed."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _batches(chunks: Iterable[Chunk]) -> Iterator[Sequence[Chunk]]:
    iterator = iter(chunks)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
