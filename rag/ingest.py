"""Files → index: load, chunk, embed, store; changed files only, one file all or nothing."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from rag import review
from rag.errors import ConfigError, LoadError
from rag.feedback import forget
from rag.index.catalog import Catalog, NewChunk, Root, Stamp
from rag.index.store import Store, no_index
from rag.index.writing import finish, replaced_roots, writing
from rag.schema import HealthReport, IngestReport
from rag.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.schema import Document

    from rag.load import Loaded
    from rag.load.process import Readers

_SETTLED = 2 * 10**9  # nanoseconds: file systems with the coarsest clock count in two seconds

Progress = Callable[[int, int, str], None]  # files done, files in all, the file just finished
Heard = Callable[[str, str, str], None]  # document id; added, changed, moved, removed or skipped; from where, or why

_BATCH = 100_000  # characters embedded together: 5 s to lose on a kill; at 60_000 padding took 5 % of the speed


@dataclass(frozen=True, slots=True)
class _File:
    document_id: str
    path: Path
    sha256: str
    stamp: Stamp
    listed: tuple[int, ...] = ()  # as it was before it was hashed

    def changed(self) -> bool:
        """True if it is not listed as it was then, so that the hash may not be that of what was read since."""
        try:
            return _listed(self.path) != self.listed
        except OSError:
            return False  # gone, which the next ingest will see


@dataclass(slots=True)
class _Tally:
    """The report while it is being made."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    unchanged: int = 0

    def report(self) -> IngestReport:
        return IngestReport(
            added=tuple(sorted(self.added)),
            changed=tuple(sorted(self.changed)),
            moved=tuple(sorted(self.moved)),
            removed=tuple(sorted(set(self.removed))),
            skipped=tuple(sorted(self.skipped)),
            notes=tuple(sorted(self.notes)),
            unchanged=self.unchanged,
        )


def ingest(
    folder_or_file: Path | str,
    settings: Settings | None = None,
    *,
    progress: Progress | None = None,
    embedder: "BaseEmbedding | None" = None,
) -> IngestReport:
    """Make the index hold what a folder holds now (or one file), and say what was done.

    Documents of other folders stay. `progress` hears of each file; `embedder` stands in for the settings'.
    Raises ConfigError when there is nothing at the path and StoreLockedError when another process is writing.
    """
    path = Path(folder_or_file).expanduser().resolve()
    if not path.exists():
        raise ConfigError(f"No file or folder at {folder_or_file}.")
    return _ingest(lambda store: [path], settings or Settings(), progress, embedder)


def rebuild(
    settings: Settings, *, progress: Progress | None = None, embedder: "BaseEmbedding | None" = None
) -> IngestReport:
    """Make the whole index anew from the files, beside the one in use, which answers until then and is kept.

    Raises StoreMissingError when there is none, and StoreLockedError when another process is writing.
    """
    if not (settings.home / "catalog.db").exists():
        raise no_index(settings)
    return _ingest(lambda store: [], settings, progress, embedder, anew=True)


def sync(
    settings: Settings,
    *,
    progress: Progress | None = None,
    heard: Heard | None = None,
    embedder: "BaseEmbedding | None" = None,
) -> IngestReport:
    """Bring all folders that were ingested before up to date, and the files that were named one by one.

    A folder that is not there is told of as skipped, and what was read from it stays.
    """
    return _ingest(_everything, settings, progress, embedder, heard=heard)


def take_in(
    names: Sequence[str],
    folder: Path,
    settings: Settings,
    *,
    progress: Progress | None = None,
    heard: Heard | None = None,
    embedder: "BaseEmbedding | None" = None,
) -> IngestReport:
    """Ingest files of a folder whose documents' ids begin with its name, also where it lies in another ingested one."""

    def places(store: Store) -> list[Path]:
        _set_apart(store, folder.resolve())
        return [folder.resolve() / name for name in names]

    return _ingest(places, settings, progress, embedder, heard=heard)


def reread(
    document_ids: Sequence[str],
    settings: Settings,
    *,
    progress: Progress | None = None,
    heard: Heard | None = None,
    embedder: "BaseEmbedding | None" = None,
) -> IngestReport:
    """Read documents anew whose files have not changed, and their copies; also files that could not be read."""

    def places(store: Store) -> list[Path]:
        catalog = store.catalog
        found = [file[0] for id_ in catalog.forget_content(document_ids) if (file := catalog.file(id_))]
        return found + [skipped.path for skipped in catalog.skipped() if skipped.document_id in document_ids]

    return _ingest(places, settings, progress, embedder, heard=heard)


def repair(
    settings: Settings, *, progress: Progress | None = None, embedder: "BaseEmbedding | None" = None
) -> HealthReport:
    """Mend what is wrong with the index: Chroma and Tantivy from the catalog, damaged documents from their files.

    Raises StoreError where nothing can be kept.
    """
    from rag.index.health import mend, verify

    done, again = mend(settings)
    for place in again:
        report = ingest(place, settings, progress=progress, embedder=embedder)
        done.append(f"{place}: {len(report.added) + len(report.changed)} documents read again")
    after = verify(settings)
    return HealthReport(after.documents, after.chunks, after.problems, tuple(done))


def _ingest(
    places: Callable[[Store], Sequence[Path]],
    settings: Settings,
    progress: Progress | None,
    embedder: "BaseEmbedding | None",
    *,
    anew: bool = False,
    heard: Heard | None = None,
) -> IngestReport:
    from rag.load.process import Readers

    with writing(settings, anew=anew) as store, Readers(settings) as readers:
        run = _Run(store, settings, readers, progress, embedder, heard)
        before = {document_id for _, document_ids in replaced_roots(store) for document_id in document_ids}
        named = _named(store)
        for root, files in _work(store, named, places(store), run.miss):
            run.sync(root, files)
        run.tally.removed += before - store.catalog.known().keys()
        finish(store, settings)
        forget(settings.home, {*run.tally.removed, *run.tally.changed})
        review.follow(settings.home, store.catalog, changed=run.tally.changed, moved=run.tally.moved)
        _drop_evaluation(settings.home, run.tally.removed)
    return run.tally.report()


def remove(document_ids: Sequence[str], settings: Settings, *, deleting: Path | None = None) -> tuple[str, ...]:
    """Take documents out of the index, by id or by folder of ids; the ids that went. The files stay where they are.

    But those directly in the folder `deleting` are deleted, also such as could not be read. Raises StoreMissingError
    or StoreMismatchError where there is no index of these settings.
    """
    Store.open(settings).close()  # else an empty index for other settings would take the place of the one there is
    with writing(settings) as store:
        gone = tuple(
            known
            for known in store.catalog.known()
            if any(known == name or known.startswith(name.rstrip("/") + "/") for name in document_ids)
        )
        if deleting:  # first: a file that outlives its document would come back with the next ingest
            gone += _delete([*document_ids, *gone], store.catalog, deleting.resolve())
        store.catalog.remove(gone)
        finish(store, settings)
        forget(settings.home, gone)
        review.follow(settings.home, store.catalog)
        _drop_evaluation(settings.home, gone)
    return gone


def _delete(document_ids: Sequence[str], catalog: Catalog, folder: Path) -> tuple[str, ...]:
    """Delete the files of documents that lie in a folder; the ids of those that could never be read."""
    files = {skipped.document_id: skipped.path for skipped in catalog.skipped() if skipped.path.parent == folder}
    unread = tuple(id_ for id_ in document_ids if id_ in files)
    files |= {id_: file[0] for id_ in document_ids if (file := catalog.file(id_)) and file[0].parent == folder}
    for id_ in document_ids:
        if id_ in files:
            files[id_].unlink(missing_ok=True)
    catalog.forget_skipped(unread)
    return unread


def _drop_evaluation(home: Path, removed: Collection[str]) -> None:
    """Delete what `rag eval` left, if it tells of any of these documents: it quotes them."""
    folder = home / "evaluations"
    if removed and folder.is_dir():
        told = "".join(path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.json"))
        if any(json.dumps(document_id, ensure_ascii=False) in told for document_id in removed):
            shutil.rmtree(folder)


class _Run:
    """One ingest: the store being written, and the tally of what was done."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        readers: "Readers",
        progress: Progress | None,
        embedder: "BaseEmbedding | None",
        heard: Heard | None,
    ) -> None:
        self.tally = _Tally()
        self._heard = heard or (lambda document_id, what, about: None)
        self._store = store
        self._settings = settings
        self._readers = readers
        self._progress = progress or (lambda done, total, name: None)
        self._embedder = embedder
        self._done = self._total = 0  # files of the folder at hand

    def sync(self, root: Root, paths: Sequence[Path] | None) -> None:
        """Bring one folder up to date: all of it, or only the files named."""
        home = self._settings.home.resolve()
        if paths is None:
            self.tally.moved += self._store.catalog.adopt(root, apart=home)
        told = len(self.tally.skipped)
        there = [path for path in paths if path.exists()] if paths is not None else _walk(root.path, home)
        found = list(self._found(root, there))
        known = self._store.catalog.known(root)
        asked = known.keys() & {_id(root, path) for path in paths} if paths is not None else known.keys()
        absent = asked - {file.document_id for file in found}
        fresh = [file for file in found if known.get(file.document_id) != file.sha256]
        self.tally.unchanged += len(found) - len(fresh)
        fresh = self._move(fresh, known, absent)
        self._store.catalog.remove(absent)
        self._done, self._total = len(found) - len(fresh), len(found)
        once, again = _parted(fresh)  # what is there twice is embedded once, so the second comes after the first
        for part in (once, again):
            for file, loaded, chunks in self._read(self._copied(part, root, known)):
                if isinstance(loaded, LoadError):
                    self._skip(file.document_id, loaded)
                    if file.document_id in known:  # what it said is no longer there to be cited
                        self._store.catalog.remove([file.document_id])
                        self.tally.removed.append(file.document_id)
                    self._advance(file)
                    continue
                notes = loaded.notes
                if file.changed():
                    file = replace(file, sha256=f"unknown {uuid4()}", stamp=Stamp())
                    notes = *notes, "it was changed while it was read; the next ingest reads it again"
                self._store.catalog.put(
                    loaded.document, chunks, root=root, sha256=file.sha256, stamp=file.stamp, named=loaded.named
                )
                self.tally.notes += [(file.document_id, note) for note in notes]
                self._tell(file, known)
        gone = absent - {old for old, _ in self.tally.moved}
        self.tally.removed += gone
        for document_id in sorted(gone):
            self._heard(document_id, "removed", "")
        named = None if paths is None else {_id(root, path) for path in paths}
        self._store.catalog.skip(root, dict(self.tally.skipped[told:]), named)

    def miss(self, folder: Path) -> None:
        """Tell of a folder that is not there."""
        self._skip(str(folder), LoadError("the folder is not there; its documents stay until it is, or are removed"))

    def _tell(self, file: _File, known: Mapping[str, str]) -> None:
        is_known = file.document_id in known
        (self.tally.changed if is_known else self.tally.added).append(file.document_id)
        self._heard(file.document_id, "changed" if is_known else "added", "")
        self._advance(file)

    def _advance(self, file: _File) -> None:
        self._done += 1
        self._progress(self._done, self._total, file.document_id)

    def _found(self, root: Root, paths: Iterable[Path]) -> Iterator[_File]:
        """Each file with the hash of its content; one that is listed as it was when it was read is not read again."""
        catalog = self._store.catalog
        taken, mine, stamps = catalog.known(), catalog.known(root), catalog.stamps(root)
        touched = {}
        now = time.time_ns()
        for path in paths:
            document_id = _id(root, path)
            try:
                listed, stamp = _listed(path), _stamp(path, now)
                if stamp.modified and stamps.get(document_id) == stamp:
                    yield _File(document_id, path, mine[document_id], stamp, listed)
                    continue
                _expect_file(path, root.path)
                if document_id in taken and document_id not in mine:
                    raise LoadError("a document of another ingested folder has this name; rename one of the two")
                with path.open("rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                if mine.get(document_id) == sha256 and stamps[document_id] != stamp:
                    touched[document_id] = stamp
                yield _File(document_id, path, sha256, stamp, listed)
            except (LoadError, OSError) as error:
                self._skip(document_id.encode(errors="replace").decode(), error)
        catalog.restamp(touched)

    def _move(self, fresh: list[_File], known: Mapping[str, str], absent: set[str]) -> list[_File]:
        """Rename documents whose file has a new path and the old content; the files that are left to read."""
        left = []
        by_content = {_content(known[document_id], document_id): document_id for document_id in sorted(absent)}
        for file in fresh:
            content = _content(file.sha256, file.document_id)
            old = by_content.pop(content, None) if file.document_id not in known else None
            if old is None:
                left.append(file)
                continue
            self._store.catalog.move(old, file.document_id, title=_title_of(file), stamp=file.stamp)
            absent.discard(old)
            self.tally.moved.append((old, file.document_id))
            self._heard(file.document_id, "moved", old)
        return left

    def _copied(self, fresh: Iterable[_File], root: Root, known: Mapping[str, str]) -> Iterator[_File]:
        """Take over what other documents of the same content have; the files that are left to read."""
        for file in fresh:
            content = _content(file.sha256, file.document_id)
            same = (
                id_ for id_ in self._store.catalog.with_content(file.sha256) if _content(file.sha256, id_) == content
            )
            if (twin := next(same, None)) is None or file.changed():
                yield file
                continue
            self._store.catalog.copy(twin, file.document_id, title=_title_of(file), root=root, stamp=file.stamp)
            self._tell(file, known)

    def _read(self, files: Iterable[_File]) -> "Iterator[tuple[_File, Loaded | LoadError, list[NewChunk]]]":
        """Each file with what it says and its chunks, or with the reason why it cannot be read."""
        waiting: list[tuple[_File, Loaded]] = []
        held = 0
        for file, loaded in self._readers.ahead(files, lambda file: (file.path, file.document_id)):
            if isinstance(loaded, LoadError):
                yield file, loaded, []
                continue
            waiting.append((file, loaded))
            held += len(loaded.document.text)
            if held >= _BATCH:
                yield from self._embedded(waiting)
                waiting, held = [], 0
        yield from self._embedded(waiting)

    def _embedded(self, waiting: "Sequence[tuple[_File, Loaded]]") -> "Iterator[tuple[_File, Loaded, list[NewChunk]]]":
        if not waiting:
            return
        chunks: dict[str, list[NewChunk]] = {file.document_id: [] for file, _ in waiting}
        for node in self._pipeline.run(documents=[_document(loaded) for _, loaded in waiting]):
            chunks[node.metadata["document_id"]].append(_new_chunk(node))
        for file, loaded in waiting:
            yield file, loaded, chunks[file.document_id]

    @cached_property
    def _pipeline(self) -> "IngestionPipeline":
        from llama_index.core.ingestion import IngestionPipeline

        from rag.chunk import Chunker
        from rag.models.embed import document_embedder, token_starts

        chunker = Chunker(size=self._settings.chunk_size, token_starts=token_starts(self._settings))
        embedder = self._embedder or document_embedder(self._settings)
        return IngestionPipeline(transformations=[chunker, embedder], disable_cache=True)

    def _skip(self, document_id: str, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self.tally.skipped.append((document_id, reason))
        self._heard(document_id, "skipped", reason)


def _everything(store: Store) -> list[Path]:
    """The folders that were ingested whole, and the files that were named in others."""
    catalog, places = store.catalog, list[Path]()
    for root in catalog.roots():
        if root.whole or not root.path.is_dir():
            places.append(root.path)
        else:
            places += [root.path / id_.removeprefix(root.prefix) for id_ in catalog.known(root)]
            places += [file.path for file in catalog.skipped() if file.path.is_relative_to(root.path)]
    return places


def _set_apart(store: Store, folder: Path) -> None:
    """Record a folder whose documents are named after it, unless it is recorded."""
    catalog = store.catalog
    if any(root.path == folder for root in catalog.roots()):
        return
    names = [root.prefix for root in catalog.roots()] + list(catalog.known())
    numbered = (f"{folder.name}-{number}/" for number in count(2))
    free = (prefix for prefix in chain([f"{folder.name}/"], numbered) if not any(n.startswith(prefix) for n in names))
    catalog.root(folder, whole=True, prefix=next(free))


def _named(store: Store) -> dict[Root, list[Path]]:
    """The folders of an old index that a new one is built beside, with the files of each that it holds."""
    return {  # with the old prefixes, so that ids stay as they were
        store.catalog.root(old.path, whole=old.whole, prefix=old.prefix): [
            old.path / id_.removeprefix(old.prefix) for id_ in known
        ]
        for old, known in replaced_roots(store)
    }


def _work(
    store: Store, named: dict[Root, list[Path]], places: Sequence[Path], miss: Callable[[Path], None]
) -> Iterator[tuple[Root, Sequence[Path] | None]]:
    """Each folder to bring up to date with the files named in it, or None for all of them.

    They are the folders asked for, and those of the files asked for; for a new index beside an old one, the old's too.
    """
    folders = [root for root in named if root.whole]
    for path in places:
        if path.is_dir():
            folders.insert(0, _root(store, path))
        elif any(root.path == path for root in store.catalog.roots()):
            miss(path)
        else:
            named.setdefault(_root(store, path), []).append(path)
    for root in dict.fromkeys([*folders, *named]):
        if root in store.catalog.roots():  # else it lay inside the folder asked for, which has taken it over
            yield root, None if root in folders else list(dict.fromkeys(named[root]))


def _root(store: Store, path: Path) -> Root:
    """The innermost of the folders ingested earlier that holds the path; else the path itself, or a file's folder."""
    roots = [
        root for root in store.catalog.roots() if path.is_relative_to(root.path) and (root.whole or not path.is_dir())
    ]
    if roots:
        return max(roots, key=lambda root: len(root.path.parts))
    return store.catalog.root(path if path.is_dir() else path.parent, whole=path.is_dir())


def _walk(folder: Path, home: Path) -> Iterator[Path]:
    """Every file below a folder in a stable order, and each folder that cannot be listed or is a link.

    Names that begin with a dot and the index folder are left out.
    """
    closed: list[str] = []
    for place, folders, files in os.walk(folder, onerror=lambda error: closed.append(error.filename)):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and Path(place, name) != home)
        yield from (Path(place, name) for name in folders if Path(place, name).is_symlink())
        yield from (Path(place, name) for name in sorted(files) if not name.startswith((".", "~$")))
    yield from map(Path, closed)


def _parted(files: Iterable[_File]) -> tuple[list[_File], list[_File]]:
    """The first file of each content, and the others."""
    first: dict[tuple[str, str], _File] = {}
    others = [file for file in files if first.setdefault(_content(file.sha256, file.document_id), file) is not file]
    return list(first.values()), others


def _listed(path: Path) -> tuple[int, ...]:
    """What changes with a file's content; the last cannot be set."""
    stat = path.lstat()
    return stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns


def _stamp(path: Path, now: int) -> Stamp:
    """A file as it is listed; without a time if it is no plain file, or so new that it may change within one tick."""
    stat = path.lstat()
    latest = max(stat.st_mtime_ns, stat.st_ctime_ns)
    if not S_ISREG(stat.st_mode) or now - latest < _SETTLED:
        return Stamp(stat.st_size)
    return Stamp(
        stat.st_size, stat.st_mtime_ns + stat.st_ctime_ns
    )  # both: an old time can be set, a change cannot hide


def _title_of(file: _File) -> str:
    """The title of a document that has none of its own."""
    from rag.load import title_of_name

    return title_of_name(file.path) or file.document_id


def _expect_file(path: Path, folder: Path) -> None:
    """Raise LoadError unless the path is a file inside the folder whose name can be written down."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise LoadError("a name that is not text; rename it") from error
    if not Path(os.path.realpath(path)).is_relative_to(folder):  # Path.resolve raises on a link to itself until 3.13
        raise LoadError("a link to a place outside the folder; copy the file in to have it read")
    if path.is_dir():
        raise LoadError("a link to a folder is not followed" if path.is_symlink() else "the folder cannot be listed")
    if not path.is_file():  # a pipe would be waited on for ever
        raise LoadError("not a file that can be read; leave it out")


def _id(root: Root, path: Path) -> str:
    return root.prefix + path.relative_to(root.path).as_posix()


def _content(sha256: str, document_id: str) -> tuple[str, str]:
    """What makes two files the same document: the same bytes under another suffix are read in another way."""
    return sha256, PurePath(document_id).suffix


def _document(loaded: "Loaded") -> "Document":
    from llama_index.core.schema import Document

    source = loaded.document
    return Document(id_=source.document_id, text=source.text, metadata={"title": source.title, "named": loaded.named})


def _new_chunk(node: Any) -> NewChunk:
    vector = np.asarray(node.embedding, dtype=np.float32)
    return NewChunk(node.start_char_idx, node.end_char_idx, node.metadata["heading"], vector)
