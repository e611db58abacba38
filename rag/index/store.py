"""Catalog, dense and lexical index as one thing that opens, applies changes and catches up.

    <home>/catalog.db      the record; everything else can be rebuilt from it without embedding anything
    <home>/chroma/         derived
    <home>/lexical/        derived
    <home>/next.db         a catalog being built for other settings, swapped in when it is complete

Each derived folder has beside it a file `<folder>.reached` naming the catalog and the revision it has applied. It is
written after the change itself, and applying a change twice does no harm, so a kill at any moment only means that
work is repeated.
"""

import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from rag.errors import StoreError, StoreLockedError, StoreMismatchError, StoreMissingError
from rag.index.catalog import Catalog, Chunk, Root
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.index.dense import DenseIndex
    from rag.index.lexical import LexicalIndex

_BATCH = 2000  # chunks held in memory while a derived index catches up


class Store:
    """An index that is open for reading, and for writing under `writing`."""

    def __init__(self, home: Path, catalog: Catalog) -> None:
        self.home = home
        self.catalog = catalog
        self._dense: DenseIndex | None = None
        self._lexical: LexicalIndex | None = None
        self._lock = threading.Lock()  # one thread reopens, the others wait
        self._seen = -1  # revision of the catalog that the two above were opened at

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
        self.catalog.close()
        if self._dense is not None:
            self._dense.close()

    # Searching

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[str]:
        """Ids of the chunks nearest to a vector, nearest first; some may be gone from the catalog."""
        self._refresh()
        assert self._dense is not None
        return self._dense.search(vector, min(k, max(self._dense.count(), 1)))

    def matching(self, question: str, k: int) -> list[tuple[str, float]]:
        """(id, BM25 score) of the chunks that share the question's words, best first."""
        self._refresh()
        assert self._lexical is not None
        return self._lexical.search(question, k)

    def document_frequency(self, term: str) -> int:
        """In how many chunks a term stands."""
        self._refresh()
        assert self._lexical is not None
        return self._lexical.document_frequency(term)

    def _refresh(self) -> None:
        """Open the derived indexes, again if another process changed the catalog since."""
        with self._lock:
            revision = self.catalog.revision
            if revision == self._seen:
                return
            with _unless_locked(self.home) as free:
                if free:
                    self.catch_up()
            if self._seen != revision:
                self._open_derived()
                self._seen = revision

    def _open_derived(self) -> None:
        from rag.index.dense import DenseIndex
        from rag.index.lexical import LexicalIndex

        if self._dense is not None:
            self._dense.close()
        self._dense = DenseIndex(self.home / "chroma")
        self._lexical = LexicalIndex(self.home / "lexical")

    # Writing

    def catch_up(self) -> None:
        """Bring both derived indexes to the catalog's revision, from nothing if need be. Needs the writer's lock."""
        revision = self.catalog.revision
        behind = {name: self._reached(name) for name in ("chroma", "lexical")}
        if all(reached == revision for reached in behind.values()):
            return
        for name, reached in behind.items():
            if reached is None:
                shutil.rmtree(self.home / name, ignore_errors=True)
        self._open_derived()
        assert self._dense is not None and self._lexical is not None
        if behind["chroma"] != revision:
            since = behind["chroma"] or 0
            self._dense.apply(self.catalog.removed_since(since), [], np.empty((0, 0), dtype=np.float32))
            for batch in _batches(self.catalog.added_since(since)):
                self._dense.apply([], [chunk.id for chunk in batch], np.stack([chunk.vector for chunk in batch]))
            self._set_reached("chroma", revision)
        if behind["lexical"] != revision:
            since = behind["lexical"] or 0
            self._lexical.apply(self.catalog.removed_since(since), self.catalog.added_since(since))
            self._set_reached("lexical", revision)
        self.catalog.forget_tombstones(revision)
        self._seen = revision

    def whole(self) -> bool:
        """True if both derived indexes hold exactly as many chunks as the catalog and have heard its last change."""
        self._refresh()
        assert self._dense is not None and self._lexical is not None
        _, chunks = self.catalog.count()
        reached = all(self._reached(name) == self.catalog.revision for name in ("chroma", "lexical"))
        return reached and self._dense.count() == chunks == self._lexical.count()

    def facts(self) -> dict[str, Any]:
        """What is indexed, with which model, how big, and whether it is whole."""
        documents, chunks = self.catalog.count()
        return {
            "home": str(self.home),
            "documents": documents,
            "chunks": chunks,
            "built with": self.catalog.meta("model"),
            "bytes": sum(path.stat().st_size for path in self.home.rglob("*") if path.is_file()),
            "revision": self.catalog.revision,
            "whole": self.whole(),
            "ids": [document_id for document_id, _, _ in self.catalog.documents()],
        }

    def _reached(self, name: str) -> int | None:
        """The revision a derived index has applied; None when it is missing or belongs to another catalog."""
        try:
            catalog_id, revision = (self.home / f"{name}.reached").read_text().split()
        except (OSError, ValueError):
            return None
        whole = (self.home / name).is_dir() and catalog_id == self.catalog.meta("id") and revision.isdecimal()
        return int(revision) if whole and int(revision) <= self.catalog.revision else None

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
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "writer.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreLockedError(
            f"Another process ({_holder(settings.home)}) is writing to {settings.home}. Wait until it is done."
        ) from error
    try:
        (settings.home / "writer.pid").write_text(str(os.getpid()))
        store = Store(settings.home, _catalog_to_write(settings))
        yield store
        store.close()
    except OSError as error:
        raise StoreError(
            f"Cannot write to {settings.home}: {error.strerror or error}. Check its space and rights."
        ) from error
    finally:
        lock.release()


def finish(store: Store, settings: Settings) -> None:
    """Make a catalog built beside the old one the index, and bring the derived indexes up to it."""
    path = settings.home / "catalog.db"
    if store.catalog.path != path:
        for catalog in (Catalog.open(path), store.catalog):  # else the old one's log would be replayed onto the new one
            catalog.checkpoint()
            catalog.close()
        store.catalog.path.replace(path)
        store.catalog = Catalog.open(path)
    store.catch_up()


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
    path = settings.home / "catalog.db"
    if path.exists() and (catalog := _matching(path, settings)):
        return catalog
    if not path.exists():
        return Catalog.create(path, fingerprint=settings.fingerprint, model=describe(settings))
    beside = settings.home / "next.db"
    if beside.exists() and (catalog := _matching(beside, settings)):
        return catalog
    for suffix in ("", "-wal", "-shm"):
        Path(f"{beside}{suffix}").unlink(missing_ok=True)
    return Catalog.create(beside, fingerprint=settings.fingerprint, model=describe(settings))


def _matching(path: Path, settings: Settings) -> Catalog | None:
    catalog = Catalog.open(path)
    if catalog.meta("fingerprint") == settings.fingerprint:
        return catalog
    catalog.close()
    return None


@contextmanager
def _unless_locked(home: Path) -> Iterator[bool]:
    """True while this process holds the writer's lock; False, at once, when another one does or none may write."""
    lock = FileLock(home / "writer.lock", timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _holder(home: Path) -> str:
    try:
        return f"process {(home / 'writer.pid').read_text()}"
    except OSError:
        return "unknown"


def _batches(chunks: Iterable[Chunk]) -> Iterator[Sequence[Chunk]]:
    iterator = iter(chunks)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
