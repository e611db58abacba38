"""Numbered folders of which one is in use: whole, recorded, and never written to."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.index.derived import Derived, Reached


@pytest.fixture
def derived(tmp_path: Path) -> Derived:
    """A derived index with one folder in use."""
    made = Derived(tmp_path, "chroma")
    fill(made.empty(), "words")
    made.publish(tmp_path / "chroma" / "1", catalog_id="c", revision=4)
    return made


def test_what_was_published_is_in_use(derived: Derived, tmp_path: Path) -> None:
    """With the catalog and revision it was made from."""
    reached = in_use(derived)

    assert (reached.catalog_id, reached.revision, derived.path(reached)) == ("c", 4, tmp_path / "chroma" / "1")
    assert set(reached.files) == {"graph/part.bin", "graph/index_metadata.pickle", "rows.sqlite3", "words.idx"}
    assert derived.intact(reached)


def test_next_folder_takes_the_place_of_the_last(derived: Derived, tmp_path: Path) -> None:
    """Which is deleted; folders that a kill left are too."""
    derived.empty()
    new = derived.copy(in_use(derived))
    fill(new, "others")

    derived.publish(new, catalog_id="c", revision=5)

    assert [path.name for path in (tmp_path / "chroma").iterdir()] == ["3"]
    assert (in_use(derived).revision, derived.intact(in_use(derived))) == (5, True)
    assert (new / "words.idx").read_text() == "others"


def test_copy_leaves_the_original_as_it_was(derived: Derived) -> None:
    """Also the SQLite file, which is copied as a database and not as bytes."""
    folder = derived.path(in_use(derived))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    copy = derived.copy(in_use(derived))

    assert {path: path.read_bytes() for path in before} == before
    assert rows(copy) == rows(folder) == [("words",)]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / "words.idx").unlink(), id="file gone"),
        pytest.param(lambda folder: (folder / "words.idx").write_text("word"), id="cut off"),
        pytest.param(lambda folder: flip(folder / "words.idx"), id="bit flipped, size and time as before"),
        pytest.param(lambda folder: flip(folder / "graph" / "part.bin"), id="graph"),
        pytest.param(lambda folder: write(folder, "wards"), id="a row of the database"),
        pytest.param(lambda folder: (folder / "rows.sqlite3").write_bytes(b"\xff" * 4096), id="no database"),
    ],
)
def test_damage_is_seen_without_opening_the_index(derived: Derived, damage: Callable[[Path], object]) -> None:
    """By size, by content, and of a database by its rows."""
    damage(derived.path(in_use(derived)))

    assert not derived.intact(in_use(derived))


def test_counting_who_opened_it_is_no_damage(derived: Derived) -> None:
    """Chroma notes in its database whenever somebody opens it."""
    with sqlite3.connect(derived.path(in_use(derived)) / "rows.sqlite3") as db:
        db.execute("CREATE TABLE IF NOT EXISTS acquire_write (id INTEGER)")
    derived.publish(derived.path(in_use(derived)), catalog_id="c", revision=4)
    with sqlite3.connect(derived.path(in_use(derived)) / "rows.sqlite3") as db:
        db.execute("INSERT INTO acquire_write VALUES (1)")
    db.close()

    assert derived.intact(in_use(derived))


@pytest.mark.parametrize(("name", "noticed"), [("rows.sqlite3", False), ("words.idx", True)])
def test_large_database_is_not_read_row_by_row(
    derived: Derived, monkeypatch: pytest.MonkeyPatch, name: str, noticed: bool
) -> None:
    """Whoever opens it changes its time, so that alone is no reason to read all of it; for any other file it is."""
    monkeypatch.setattr("rag.index.derived._ALWAYS_HASHED", 0)
    path = derived.path(in_use(derived)) / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    os.utime(path, ns=(1, 1))

    assert derived.intact(in_use(derived)) is not noticed


def test_graph_that_was_never_saved_says_nothing(derived: Derived) -> None:
    """Its files are written anew by whoever opens it, so they are not compared."""
    folder = derived.copy(in_use(derived))
    (folder / "graph" / "index_metadata.pickle").unlink()
    derived.publish(folder, catalog_id="c", revision=4)

    flip(folder / "graph" / "part.bin")

    assert derived.intact(in_use(derived))


@pytest.mark.parametrize(
    "record", [b"", b"\xff\x00", b"{}", b"[1]", b'{"catalog_id": "c", "revision": "x", "folder": 1}']
)
def test_record_that_cannot_be_read_is_none(derived: Derived, tmp_path: Path, record: bytes) -> None:
    """Then nothing is in use, and it is built again."""
    (tmp_path / "chroma.reached").write_bytes(record)

    assert derived.reached() is None


def in_use(derived: Derived) -> Reached:
    """The record, which is there."""
    reached = derived.reached()
    assert reached
    return reached


def fill(folder: Path, words: str) -> None:
    """Files as the libraries write them: a graph that was saved, a database, words, a lock."""
    (folder / "graph").mkdir(exist_ok=True)
    for name in ("graph/part.bin", "graph/index_metadata.pickle", "words.idx", "writer.lock"):
        (folder / name).write_text(words)
    write(folder, words)


def write(folder: Path, words: str) -> None:
    """The one row of the database."""
    with sqlite3.connect(folder / "rows.sqlite3") as db:
        db.execute("CREATE TABLE IF NOT EXISTS rows (words TEXT)")
        db.execute("DELETE FROM rows")
        db.execute("INSERT INTO rows VALUES (?)", (words,))
    db.close()


def rows(folder: Path) -> list[tuple[str]]:
    """What the database holds."""
    with sqlite3.connect(folder / "rows.sqlite3") as db:
        found = db.execute("SELECT words FROM rows").fetchall()
    db.close()
    return found


def flip(path: Path) -> None:
    """One bit of a file, its times as they were."""
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
