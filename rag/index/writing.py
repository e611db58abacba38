"""Writing to an index: alone, and for other settings to a catalog beside the one in use, which it then replaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import StoreError, StoreMissingError
from rag.index.catalog import Catalog, Root, discard
from rag.index.lock import cleared, keep_reserve, locked, reported
from rag.index.store import Store, describe
from rag.settings import Settings


@contextmanager
def writing(settings: Settings, *, anew: bool = False) -> Iterator[Store]:
    """The store to write to, with the writer's lock held; created if there is none.

    When the settings ask for another fingerprint than the index has, or it is to be made `anew`, this is a new catalog
    beside the old one, which goes on answering; `finish` swaps it in. StoreLockedError when another process is writing.
    """
    with reported(settings.home):
        if settings.home.is_file():
            raise StoreError(f"{settings.home} is a file. Name a folder for the index.")
        settings.home.mkdir(parents=True, exist_ok=True)
        with locked(settings.home), cleared(settings.home):
            keep_reserve(settings.home)
            _finish_swap(settings.home)
            store = Store(settings.home, _catalog_to_write(settings, anew=anew))
            try:
                store.catalog.extend()
                with cleared(settings.home):  # before closing, so that SQLite has room to merge its log
                    yield store
            finally:
                store.close()


def finish(store: Store, settings: Settings) -> None:
    """Bring the derived indexes up to the catalog; one built beside the old takes its place, which is kept."""
    built = store.catalog
    path = settings.home / "catalog.db"
    if built.path == path:
        store.catch_up()
    else:
        made = store.prepare()  # before the switch: in between there is nothing to search
        store.catalog = Catalog.open(path)
        store.catalog.copy_to(settings.home / "previous.db")
        store.catalog.become(built)
        store.publish(made)
        built.close()
        discard(built.path)
    store.catalog.checkpoint()
    _forget_in_previous(settings.home, store.catalog)


def create(settings: Settings) -> None:
    """An index without a document, to be added to."""
    with writing(settings) as store:
        finish(store, settings)


def roll_back(settings: Settings) -> str:
    """Put the previous catalog in the place of the one in use, which becomes the previous; what it was built with.

    Raises StoreMissingError when there is none.
    """
    path, previous = settings.home / "catalog.db", settings.home / "previous.db"
    with reported(settings.home), locked(settings.home), cleared(settings.home):
        _finish_swap(settings.home)
        if not previous.exists():
            raise StoreMissingError(f"No previous index at {settings.home}. There is one after a rebuild.")
        store = Store(settings.home, Catalog.open(previous))
        made = store.prepare()
        restored, store.catalog = store.catalog, Catalog.open(path)
        store.catalog.copy_to(settings.home / "swap.db")
        store.catalog.become(restored)
        store.publish(made)
        restored.close()
        store.catalog.checkpoint()
        built_with = store.catalog.meta("model")
        store.close()
        _finish_swap(settings.home)
    return built_with


def drop_previous(settings: Settings) -> None:
    """Delete the previous catalog. Raises StoreMissingError when there is none."""
    with reported(settings.home), locked(settings.home), cleared(settings.home):
        _finish_swap(settings.home)
        if not (settings.home / "previous.db").exists():
            raise StoreMissingError(f"No previous index at {settings.home}.")
        discard(settings.home / "previous.db")


def _forget_in_previous(home: Path, catalog: Catalog) -> None:
    """Take out of the previous catalog what is no longer so in this: what was deleted is to be gone from every file."""
    if not (home / "previous.db").exists():
        return
    previous, known = Catalog.open(home / "previous.db"), catalog.known()
    gone = [id_ for id_, sha256 in previous.known().items() if known.get(id_) != sha256]
    if gone:
        previous.remove(gone)
        previous.forget_tombstones(previous.revision)
        previous.checkpoint()
    previous.close()


def _finish_swap(home: Path) -> None:
    """What was in use before going back is what can be gone back to, also if a kill came in between."""
    if (home / "swap.db").exists():
        discard(home / "previous.db")
        (home / "swap.db").replace(home / "previous.db")


def replaced_roots(store: Store) -> list[tuple[Root, list[str]]]:
    """The folders and document ids of the catalog that the one being written will replace; none for the one in use."""
    path = store.home / "catalog.db"
    if store.catalog.path == path:
        return []
    old = Catalog.open(path)
    found = [(root, list(old.known(root))) for root in old.roots()]
    old.close()
    return found


def _catalog_to_write(settings: Settings, *, anew: bool) -> Catalog:
    path, beside = settings.home / "catalog.db", settings.home / "next.db"
    if not path.exists():
        return Catalog.create(path, fingerprint=settings.fingerprint, model=describe(settings))
    catalog = Catalog.open(path)
    if catalog.meta("fingerprint") == settings.fingerprint and not anew:
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
