"""Is the index as it was written? What is wrong with it, and what mends it without embedding anything."""

import sqlite3
from contextlib import closing
from pathlib import Path

from rag.errors import StoreError
from rag.index.catalog import Catalog, Fault, Root, discard
from rag.index.lock import alone
from rag.index.store import Store, describe, no_index, other_settings
from rag.schema import HealthReport
from rag.settings import Settings


def verify(settings: Settings) -> HealthReport:
    """All that is wrong with the index: each document and chunk, each vector and word list, each file.

    Raises StoreMissingError where there is none, and StoreLockedError while another process is writing.
    """
    with alone(settings.home), closing(_opened(settings)) as catalog:
        faults = list(catalog.faults())
        told: list[tuple[str, str]] = [(fault.kind, _told(fault)) for fault in faults]
        if any(fault.kind == "catalog" for fault in faults):
            return HealthReport(0, 0, tuple(told))
        told += _derived_faults(Store(settings.home, catalog))
        return HealthReport(*catalog.count(), tuple(told))


def mend(settings: Settings) -> tuple[list[str], list[Path]]:
    """What was done, and the files and folders to ingest again, because damaged documents of theirs were dropped.

    Raises StoreError where nothing can be kept.
    """
    path = settings.home / "catalog.db"
    done, again = [], list[Path]()
    with alone(settings.home):
        with closing(_opened(settings)) as catalog:
            faults = list(catalog.faults())
            if any(fault.kind == "catalog" for fault in faults):
                done.append(_salvage(catalog, settings))
                again = _put_in_place(catalog, settings.home / "repaired.db")
            elif faults:
                gone = catalog.drop([fault.document for fault in faults if fault.document is not None])
                done.append(f"{len(gone)} damaged documents dropped")
                again = [place for root in catalog.roots() for place in _places(root, gone)]
        store = Store(settings.home, Catalog.open(path))
        broken = {part for part, _ in _derived_faults(store)}
        if broken:
            store.publish(store.prepare(anew=True))
            done.append(f"{' and '.join(sorted(broken))} built from the catalog")
        store.catalog.checkpoint()
        store.close()
    return done, again


def _opened(settings: Settings) -> Catalog:
    """The catalog, damaged or not, if it is of these settings."""
    path = settings.home / "catalog.db"
    if not path.exists():
        raise no_index(settings)
    try:
        catalog = Catalog(path)
        fingerprint, model = catalog.meta("fingerprint"), catalog.meta("model")
    except (sqlite3.DatabaseError, KeyError, StoreError) as error:
        raise StoreError(f"{path} is damaged beyond repair ({error}). {_last_resort(settings.home)}") from error
    if fingerprint != settings.fingerprint:
        catalog.close()
        raise other_settings(settings, model)
    return catalog


def _last_resort(home: Path) -> str:
    previous = "Go back to the previous index: rag rollback; or delete" if (home / "previous.db").exists() else "Delete"
    return f"{previous} {home} and build it again: rag ingest"


def _told(fault: Fault) -> str:
    return fault.what if fault.kind == "catalog" else f"{fault.what} is not as it was written"


def _derived_faults(store: Store) -> list[tuple[str, str]]:
    """What Chroma and Tantivy lack or have too much; damaged files are not opened, which could end the process."""
    wanted = store.catalog.chunk_ids()
    told = []
    for name, ids in store.held():
        if isinstance(ids, str):
            told.append((name, ids))
            continue
        lacks, orphans = len(wanted - ids), len(ids - wanted)
        if lacks or orphans:
            told.append((name, f"{lacks} chunks are missing and {orphans} belong to no document"))
    return told


def _salvage(catalog: Catalog, settings: Settings) -> str:
    """Write `repaired.db` with every document that is still whole; what was kept."""
    try:
        highest = catalog.highest
    except (StoreError, StopIteration):
        highest = 0
    beside = settings.home / "repaired.db"
    kept = 0
    fresh = Catalog.create(beside, fingerprint=settings.fingerprint, model=describe(settings), above=highest)
    with closing(fresh):
        roots = {}
        for root in _readable_roots(catalog):
            roots[root.number] = fresh.root(root.path, whole=root.whole, prefix=root.prefix)
        for number in range(1, max(highest, 1) + 1):
            found = catalog.salvage(number)
            if found and found.root in roots:
                fresh.put(
                    found.document,
                    found.chunks,
                    root=roots[found.root],
                    sha256=found.sha256,
                    stamp=found.stamp,
                    named=found.named,
                )
                kept += 1
    return f"{kept} whole documents kept of a damaged catalog"


def _readable_roots(catalog: Catalog) -> list[Root]:
    try:
        return [root for root in catalog.roots() if root.path.exists()]
    except (StoreError, ValueError):
        return []


def _places(root: Root, gone: list[str]) -> list[Path]:
    """What to ingest so that dropped documents of a folder are read again: all of it, or the files that were named."""
    if root.whole:
        return [root.path]
    return [file for id_ in gone if (file := root.path / id_.removeprefix(root.prefix)).is_file()]


def _put_in_place(damaged: Catalog, beside: Path) -> list[Path]:
    """The repaired catalog in the place of the damaged one; its folders."""
    with closing(Catalog.open(beside)) as repaired:
        repaired.checkpoint()
        folders = [root.path for root in repaired.roots() if root.whole]
        try:
            damaged.become(repaired)  # so that whoever has it open sees it
        except (sqlite3.Error, StoreError, StopIteration):
            damaged.close()
            discard(damaged.path)
            repaired.copy_to(damaged.path)
    discard(beside)
    return folders
