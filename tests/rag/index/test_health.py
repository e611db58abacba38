"""What a check of the index finds, and what a repair leaves."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import rag
from rag import Settings
from rag.errors import StoreError, StoreLockedError, StoreMismatchError, StoreMissingError
from rag.index.health import verify
from rag.index.store import Store
from rag.index.writing import writing
from rag.ingest import repair
from rag.schema import HealthReport
from tests.fakes import HashEmbedding, hash_encode
from tests.rag.index.test_store import in_use

TEXTS = {"bees.md": "Bees make honey in the garden.", "rain.md": "Rain fell on the wall.", "snow.md": "Snow lay there."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files."""
    place = tmp_path / "documents"
    place.mkdir()
    for name, text in TEXTS.items():
        (place / name).write_text(text)
    return place


@pytest.fixture
def home(settings: Settings, folder: Path) -> Path:
    """Their index."""
    rag.ingest(folder, settings, embedder=HashEmbedding())
    return settings.home


def sql(*statements: str) -> Callable[[Path], None]:
    """Damage by changing the catalog behind its back."""

    def damage(home: Path) -> None:
        with sqlite3.connect(home / "catalog.db") as db:
            for statement in statements:
                db.execute(statement)
        db.close()

    return damage


def overwritten(part: str, pattern: str) -> Callable[[Path], None]:
    """Damage by writing over the middle of the files of a derived index."""

    def damage(home: Path) -> None:
        for path in in_use(home, part).rglob(pattern):
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // 2] + b"\xff" * (len(data) - len(data) // 2))

    return damage


DAMAGE = [
    pytest.param(sql("UPDATE documents SET text = 'Bees make wax.' WHERE id = 'bees.md'"), "document", id="text"),
    pytest.param(sql("UPDATE chunks SET vector = zeroblob(1024) WHERE document = 1"), "chunk", id="vector"),
    pytest.param(sql("UPDATE documents SET id = 'wasps.md' WHERE id = 'bees.md'"), "document", id="id"),
    pytest.param(sql("PRAGMA foreign_keys = OFF", "DELETE FROM documents WHERE number = 1"), "catalog", id="row gone"),
    pytest.param(sql("UPDATE meta SET value = '99' WHERE key = 'revision'"), "catalog", id="revision"),
    pytest.param(overwritten("chroma", "chroma.sqlite3"), "chroma", id="Chroma's database"),
    pytest.param(overwritten("lexical", "*.idx"), "lexical", id="Tantivy's postings"),
    pytest.param(lambda home: shutil.rmtree(home / "chroma"), "chroma", id="no Chroma"),
    pytest.param(lambda home: (home / "lexical.reached").unlink(), "lexical", id="no record"),
]


def test_good_index_is_whole(settings: Settings, home: Path) -> None:
    """Nothing is wrong, and nothing is written."""
    files = [home / "catalog.db", home / "chroma.reached", *in_use(home, "lexical").glob("*.*")]
    before = [path.read_bytes() for path in files]

    report = verify(settings)

    assert report == HealthReport(3, 3)
    assert [path.read_bytes() for path in files] == before


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "part"), DAMAGE)
def test_damage_is_found_and_mended(settings: Settings, home: Path, damage: Callable[[Path], None], part: str) -> None:
    """The check names the part; a repair brings all of it back, and embeds nothing that was whole."""
    damage(home)

    found = verify(settings)
    embedder = HashEmbedding()
    mended = repair(settings, embedder=embedder)

    assert part in {name for name, _ in found.problems}
    assert (mended.documents, mended.chunks, mended.problems) == (3, 3, ())
    assert mended.mended
    assert embedder.count <= 1
    store = Store.open(settings)
    assert {id_: read(store, id_) for id_, _, _ in store.catalog.documents()} == TEXTS
    (best, *_) = store.chunks(store.nearest(hash_encode(["honey"])[0], 1))
    assert best.span.document_id == "bees.md"
    store.close()


def test_chunks_too_many_and_too_few_are_told(settings: Settings, home: Path) -> None:
    """Chroma and Tantivy are compared with the catalog chunk by chunk, not only counted."""
    from rag.index.lexical import LexicalIndex

    lexical = LexicalIndex(in_use(home, "lexical"))
    with writing(settings) as store:
        (chunk, *others) = store.catalog.added_since(0)
        lexical.hold([*others])
        record = store._parts[1].reached()
        assert record
        store._parts[1].publish(in_use(home, "lexical"), catalog_id=record.catalog_id, revision=record.revision)

    report = verify(settings)

    assert chunk.id
    assert report.problems == (("lexical", "1 chunks are missing and 0 belong to no document"),)


def test_catalog_that_is_none_is_beyond_repair(settings: Settings, home: Path) -> None:
    """The error says what is left to do, and nothing is deleted."""
    (home / "catalog.db").write_bytes(b"no database at all" * 1000)

    for run in (verify, repair):
        with pytest.raises(StoreError, match=r"beyond repair .* rag ingest"):
            run(settings)

    assert (home / "catalog.db").exists()


def test_there_must_be_an_index_of_these_settings_and_no_writer(settings: Settings, folder: Path) -> None:
    """Else the error says so."""
    with pytest.raises(StoreMissingError, match="rag ingest"):
        verify(settings)
    rag.ingest(folder, settings, embedder=HashEmbedding())

    with pytest.raises(StoreMismatchError, match="rag rebuild"):
        verify(Settings(home=settings.home, chunk_size=40))
    with writing(settings), pytest.raises(StoreLockedError):
        verify(settings)


def read(store: Store, document_id: str) -> str:
    """The text of a document."""
    document = store.catalog.document(document_id)
    assert document
    return document.text
