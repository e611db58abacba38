"""Catalog, dense and lexical index as one thing that opens, applies changes and catches up.

    <home>/catalog.db      the record; everything else can be rebuilt from it without embedding anything
    <home>/chroma/         derived; see `rag.index.derived`
    <home>/lexical/        derived
    <home>/next.db         a catalog being built for other settings, taken over when it is complete
    <home>/previous.db     the catalog that was last replaced, to go back to

The derived indexes record the catalog and revision that they hold, after they hold it; so a kill at any moment only
means that work is repeated. Whoever opens an index that is behind brings it up, if no other process is writing.
"""

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.errors import RagError, StoreError, StoreMismatchError, StoreMissingError
from rag.index.catalog import WAYS_OUT, Catalog, Chunk, document_number
from rag.index.derived import Derived, Reached, UnwritableError
from rag.index.lock import cleared, holder, reported, unless_locked
from rag.settings import LOADER_VERSION, Settings, weights

if TYPE_CHECKING:
    from rag.index.dense import DenseIndex
    from rag.index.lexical import LexicalIndex

_COMPARED = 20_000  # chunks: the vectors of 13,665 were read in 49 ms, while 2,000 nearest took Chroma 35 ms
_MARGIN = 2  # times as many chunks are taken from Chroma as should hold those that are wanted
_BATCH = 5000  # chunks held in memory while a derived index catches up; Chroma saves its graph after each
_PATIENCE = 10.0  # seconds that a question waits for an index that is just being put in place of another
_SPARE = 16 * 2**20  # bytes
_RETRY = 60.0  # seconds between tries to bring the derived indexes up where the disk is full
_NO_DAMAGE = (RagError, sqlite3.Error, KeyboardInterrupt, SystemExit)  # what building again would not mend

_Found = TypeVar("_Found")
_Vectors = tuple[list[str], NDArray[np.float32]]  # ids, and vectors of shape (chunks, dim)


@dataclass(frozen=True, slots=True)
class _State:
    """The catalog and its revision; revision and folder of each derived index that was made from it."""

    catalog_id: str
    revision: int
    chroma: tuple[int, int] | None
    lexical: tuple[int, int] | None

    @property
    def derived(self) -> tuple[str, tuple[int, int] | None, tuple[int, int] | None]:
        """What changes when the derived indexes must be opened again."""
        return self.catalog_id, self.chroma, self.lexical

    @property
    def complete(self) -> bool:
        """True if there is something to search, be it behind the catalog."""
        return self.chroma is not None and self.lexical is not None

    @property
    def caught_up(self) -> bool:
        """True if both hold what the catalog holds."""
        return self.complete and {self.chroma and self.chroma[0], self.lexical and self.lexical[0]} == {self.revision}


class Store:
    """An index that is open for reading, and for writing under `writing`."""

    def __init__(self, home: Path, catalog: Catalog) -> None:
        self.home = home
        self.catalog = catalog
        self._dense: DenseIndex | None = None
        self._lexical: LexicalIndex | None = None
        self._lock = threading.Lock()  # one thread searches or reopens, the others wait some milliseconds
        self._fingerprint = catalog.meta("fingerprint")
        self._parts = (Derived(home, "chroma"), Derived(home, "lexical"))
        self._copies: TemporaryDirectory[str] | None = None  # of a home that cannot be written to
        self._not_before = 0.0  # when to try again to bring the derived indexes up, after that has failed
        self._opened: tuple[object, ...] | None = None  # what the two above were opened at
        self._kept: tuple[tuple[object, ...], _Vectors] | None = None  # of the documents last searched within

    @classmethod
    def open(cls, settings: Settings) -> "Store":
        """The index at `settings.home`, caught up. Raises StoreMissingError or StoreMismatchError."""
        path = settings.home / "catalog.db"
        if not path.exists():
            raise no_index(settings)
        catalog = Catalog.open(path)
        if catalog.meta("fingerprint") != settings.fingerprint:
            found = catalog.meta("model")
            catalog.close()
            raise other_settings(settings, found)
        return cls(settings.home, catalog)

    def close(self) -> None:
        """Let go of every file."""
        with self._lock:
            self.catalog.close()
            if self._dense is not None:
                self._dense.close()
            self._dense = None
            if self._copies is not None:
                self._copies.cleanup()

    # Searching

    def nearest(self, vector: NDArray[np.float32], k: int, within: Set[str] | None = None) -> list[str]:
        """Ids of the chunks nearest to a vector, nearest first; some may be gone from the catalog.

        `within`: the numbers of the documents to search, all where it is None. Few are compared one by one; of many,
        so many chunks are taken from Chroma that `k` of theirs should be among them: its own filter walks the whole
        graph. Where they are not, as these documents are about something else, the many are compared too.
        """
        if within is None:
            return self._search(lambda dense, _: dense.search(vector, k))
        documents, chunks = self.catalog.count()
        share = len(within) / max(documents, 1)
        if share * chunks <= _COMPARED and (few := self._few(within)) is not None:
            return _best(vector, [few], k)
        wanted = round(_MARGIN * k / max(share, _COMPARED / chunks))
        found = [id_ for id_ in self.nearest(vector, wanted) if document_number(id_) in within]
        return found[:k] if len(found) >= k else _best(vector, self.catalog.vectors(within, _COMPARED), k)

    def _few(self, within: Set[str]) -> "_Vectors | None":
        """Ids and vectors of the chunks of these documents; None if they are many. Those last asked for are kept."""
        key = self.catalog.meta("id"), self.catalog.revision, frozenset(within)
        if self._kept is None or self._kept[0] != key:
            few = next(self.catalog.vectors(within, _COMPARED + 1), ([], np.empty((0, 1), dtype=np.float32)))
            if len(few[0]) > _COMPARED:
                return None
            self._kept = key, few
        return self._kept[1]

    def matching(self, texts: Mapping[str, float], k: int, within: Set[str] | None = None) -> list[tuple[str, float]]:
        """(id, BM25 score) of the chunks that share the question's words, best first; `within` as for `nearest`.

        Tantivy is told the documents one by one. Where they are so many that it is less work, those of all are taken.
        """
        if within and (taken := round(_MARGIN * k * self.catalog.count()[0] / len(within))) < len(within):
            hits = self.matching(texts, taken)
            found = [(id_, score) for id_, score in hits if document_number(id_) in within]
            if len(found) >= k or len(hits) < taken:
                return found[:k]
        return self._search(lambda _, lexical: lexical.search(texts, k, within))

    def document_frequency(self, term: str) -> int:
        """In how many chunks a term stands."""
        return self._search(lambda _, lexical: lexical.document_frequency(term))

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        """Those of the chunks that were found and are still there, in the order asked."""
        found = self.catalog.chunks(ids)
        if len(found) < len(set(ids)):
            self._expect_gone(set(ids) - {chunk.id for chunk in found})
        return found

    def _expect_gone(self, ids: set[str]) -> None:
        """Raise StoreError if the catalog lacks chunks that it should have, rather than that they were taken out."""
        held = self._search(lambda _, lexical: lexical.holds(ids))
        state = self._state()
        if held and state.caught_up and state.derived == self._opened:
            raise StoreError(f"{self.catalog.path} is damaged: it lacks chunks that it had. {WAYS_OUT}")

    def _search(self, read: "Callable[[DenseIndex, LexicalIndex], _Found]") -> _Found:
        """What is read from the derived indexes as they are now; built again first where they cannot be read."""
        with self._lock:
            while True:
                try:
                    return read(*self._derived())
                except _NO_DAMAGE:
                    raise
                except BaseException as error:  # Chroma raises what it likes, and a panic in Rust is no Exception
                    if self._opened and self._state().derived != self._opened:  # the folder was replaced and is gone
                        continue
                    damage = error
                with unless_locked(self.home) as free:
                    if not free:
                        raise StoreError(f"{self.home} cannot be read while it is written to. Ask again.") from damage
                    with reported(self.home), cleared(self.home):
                        self.catch_up(anew=True)
                return read(*self._derived())

    def _derived(self) -> "tuple[DenseIndex, LexicalIndex]":
        """Both derived indexes, opened again if another process changed them since."""
        until = time.monotonic() + _PATIENCE
        while True:
            state = self._state()
            if state.derived != self._opened:
                self._expect_fingerprint()
            if not state.caught_up or (state.derived != self._opened and not self._intact()):
                with unless_locked(self.home) as free:
                    if free and time.monotonic() > self._not_before:
                        self._try_to_catch_up()
                        state = self._state()
            if state.derived == self._opened and self._dense is not None and self._lexical is not None:
                return self._dense, self._lexical
            if state.complete and self._intact() and self._open(state):
                continue
            if time.monotonic() > until:
                raise StoreError(f"The index at {self.home} is being built (process {holder(self.home)}). Ask again.")
            time.sleep(0.05)

    def _try_to_catch_up(self) -> None:
        """Bring the derived indexes up; where the disk is full, those that there are have to do for a while."""
        usable = self._state().complete and self._intact()
        try:
            if not usable or self._has_room():
                with reported(self.home), cleared(self.home):
                    self.catch_up()
        except StoreError:
            if not usable:
                raise
            self._not_before = time.monotonic() + _RETRY

    def _has_room(self) -> bool:
        """True if copies of the derived indexes would fit on the disk with some to spare."""
        used = sum(size for _, reached in self._in_use() for size, _, _ in reached.files.values())
        return shutil.disk_usage(self.home).free > 2 * used + _SPARE

    def _open(self, state: "_State") -> bool:
        """Open what the state names; False when that is no longer in use, or does not hold what it should."""
        from rag.index.dense import DenseIndex
        from rag.index.lexical import LexicalIndex

        if self._dense is not None:
            self._dense.close()
        self._dense = self._opened = None  # stay so if opening fails
        try:
            chroma, lexical = (self._readable(derived, reached) for derived, reached in self._in_use())
            self._dense, self._lexical = DenseIndex(chroma), LexicalIndex(lexical)
        except BaseException:
            if self._state().derived == state.derived:
                raise
        replaced = self._state().derived != state.derived  # and their folders are gone
        if replaced or self._dense is None or self._lexical is None:
            return False
        if state.caught_up and not self._is_whole(self._dense, self._lexical):
            with unless_locked(self.home) as free:
                if free:
                    self.catch_up(anew=True)
            return False
        self._opened = state.derived
        return True

    def _readable(self, derived: Derived, reached: Reached) -> Path:
        """The folder in use; a copy of it where nothing may be written, because both libraries write to open one."""
        if os.access(self.home, os.W_OK):
            return derived.path(reached)
        self._copies = TemporaryDirectory(prefix="rag-") if self._copies is None else self._copies
        folder = Path(self._copies.name, f"{derived.name}-{reached.folder}")
        return folder if folder.is_dir() else derived.copy(reached, folder)

    def _state(self) -> "_State":
        id_, revision = self.catalog.meta("id"), self.catalog.revision
        versions = [reached.version if (reached := self._reached(derived)) else None for derived in self._parts]
        return _State(id_, revision, *versions)

    def _reached(self, derived: Derived) -> Reached | None:
        """What a derived index holds of this catalog; None when that is nothing that can be brought up to it."""
        reached = derived.reached()
        if reached is None or reached.catalog_id != self.catalog.meta("id"):
            return None
        return reached if self.catalog.forgotten <= reached.revision <= self.catalog.revision else None

    def _in_use(self) -> "list[tuple[Derived, Reached]]":
        return [(derived, reached) for derived in self._parts if (reached := self._reached(derived))]

    def _intact(self) -> bool:
        in_use = self._in_use()
        return len(in_use) == len(self._parts) and all(derived.intact(reached) for derived, reached in in_use)

    def _is_whole(self, dense: "DenseIndex", lexical: "LexicalIndex") -> bool:
        _, chunks = self.catalog.count()
        return dense.count() == lexical.count() == chunks

    def _expect_fingerprint(self) -> None:
        """Raise StoreMismatchError if an ingest with other settings has put another catalog in place of this one."""
        if self.catalog.meta("fingerprint") != self._fingerprint:
            raise StoreMismatchError(
                f"The index at {self.home} was built again with {self.catalog.meta('model')}. Start again to use it."
            )

    def held(self) -> Iterator[tuple[str, set[str] | str]]:
        """Of each derived index its name, and the ids of the chunks in it or what keeps it from being opened."""
        from rag.index.dense import DenseIndex
        from rag.index.lexical import LexicalIndex

        for derived in self._parts:
            reached = self._reached(derived)
            if reached is None or reached.revision != self.catalog.revision:
                yield derived.name, "behind the catalog, or made from another"
            elif not derived.intact(reached):
                yield derived.name, "its files are not as they were written"
            elif derived.name == "chroma":
                dense = DenseIndex(self._readable(derived, reached))
                yield derived.name, dense.ids()
                dense.close()
            else:
                yield derived.name, LexicalIndex(self._readable(derived, reached)).ids()

    # Writing

    def catch_up(self, *, anew: bool = False) -> None:
        """Bring both derived indexes to the catalog's revision, from nothing if need be. Needs the writer's lock."""
        self.publish(self.prepare(anew=anew))

    def prepare(self, *, anew: bool = False) -> "list[tuple[Derived, Path]]":
        """Folders that hold the catalog as it is now, of those derived indexes that do not, written and not yet in use.

        What cannot be brought up to it is built from nothing. Needs the writer's lock.
        """
        revision, made = self.catalog.revision, []
        for derived, bring in zip(self._parts, (self._bring_dense, self._bring_lexical), strict=True):
            derived.sweep()
            reached = None if anew else self._reached(derived)
            if reached and not derived.intact(reached):
                reached = None
            if reached and reached.revision == revision:
                continue
            folder = self._brought_up(derived, reached, bring) if reached else None
            if folder is None:
                folder = derived.empty()
                self._fill(folder, bring)
            made.append((derived, folder))
        return made

    def publish(self, made: "Sequence[tuple[Derived, Path]]") -> None:
        """Put prepared folders in use."""
        for derived, folder in made:
            derived.publish(folder, catalog_id=self.catalog.meta("id"), revision=self.catalog.revision)
        if made:
            self.catalog.forget_tombstones(self.catalog.revision)

    def _brought_up(self, derived: Derived, reached: Reached, bring: Callable[[Path, int], int]) -> Path | None:
        """A copy of what is in use that holds what the catalog holds; None when it cannot be brought to that."""
        try:
            folder = derived.copy(reached)
            return folder if bring(folder, reached.revision) == self.catalog.count()[1] else None
        except (OSError, RagError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # damaged files: see `_search`
            return None

    def _fill(self, folder: Path, bring: Callable[[Path, int], int]) -> None:
        try:
            bring(folder, 0)
        except (OSError, RagError):
            raise
        except Exception as error:  # each library has its own for a full disk
            raise UnwritableError(str(error)) from error

    def _bring_dense(self, folder: Path, since: int) -> int:
        """Apply to Chroma what came after a revision; how many chunks it holds then."""
        from rag.index.dense import DenseIndex

        dense = DenseIndex(folder)
        try:
            dense.apply(self.catalog.removed_since(since), [], np.empty((0, 0), dtype=np.float32))
            for batch in _batches(self.catalog.added_since(since)):
                dense.apply([], [chunk.id for chunk in batch], np.stack([chunk.vector for chunk in batch]))
            return dense.count()
        finally:
            dense.close()

    def _bring_lexical(self, folder: Path, since: int) -> int:
        from rag.index.lexical import LexicalIndex

        lexical = LexicalIndex(folder)
        if self.catalog.removed_since(since):
            lexical.hold(self.catalog.added_since(0))
        else:
            lexical.add(self.catalog.added_since(since))
        return lexical.count()

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
            "previous": _built_with(self.home / "previous.db"),
            "bytes": sum(map(_size, self.home.rglob("*"))),
            "ids": [document_id for document_id, _, _ in self.catalog.documents()],
        }


def describe(settings: Settings) -> str:
    """The settings that an index depends on, in words."""
    told = [settings.embedder, f"chunks of {settings.chunk_size} tokens", f"loader {LOADER_VERSION}"]
    for name, version in (("revision", settings.embedder_revision), ("weights", weights(settings.embedder))):
        told += [f"{name} {version}"] * bool(version)
    return ", ".join(told)


def no_index(settings: Settings) -> StoreMissingError:
    """What to say where there is no index."""
    folder = settings.corpus if settings.corpus.exists() else "FOLDER"
    return StoreMissingError(f"No index at {settings.home}. Build one: rag ingest {folder}")


def other_settings(settings: Settings, built_with: str) -> StoreMismatchError:
    """What to say of an index of another fingerprint: both, and the two ways out."""
    return StoreMismatchError(
        f"The index at {settings.home} was built with {built_with} but settings name {describe(settings)}."
        " Restore the setting, or build it anew: rag rebuild"
    )


def _built_with(path: Path) -> str | None:
    """What a catalog was built with; None where there is none."""
    if not path.exists():
        return None
    with closing(Catalog.open(path)) as catalog:
        return catalog.meta("model")


def _size(path: Path) -> int:
    """Bytes of a file; 0 for a folder, and for a file that a writer has just removed."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _best(vector: NDArray[np.float32], batches: Iterable[_Vectors], k: int) -> list[str]:
    """The ids whose vectors have the highest cosine with one, highest first."""
    best: list[tuple[float, str]] = []
    for ids, vectors in batches:
        if len(ids):
            cosines = vectors @ vector
            top = np.argpartition(-cosines, min(k, len(ids)) - 1)[:k]
            best = sorted([*best, *((float(cosines[at]), ids[at]) for at in top)], reverse=True)[:k]
    return [id_ for _, id_ in best]


def _batches(chunks: Iterable[Chunk]) -> Iterator[Sequence[Chunk]]:
    iterator = iter(chunks)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
