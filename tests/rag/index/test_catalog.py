"""The record of truth: exact slices, all or nothing, and nothing told twice or forgotten."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from rag.errors import StoreError, StoreMismatchError
from rag.index.catalog import Catalog, NewChunk, Root, Stamp
from rag.schema import Scope, SourceDocument

VECTOR = np.array([1.0, 0.0], dtype=np.float32)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """An empty catalog."""
    created = Catalog.create(tmp_path / "catalog.db", fingerprint="f", model="m")
    yield created
    created.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog for properties, whose examples each replace the one document in it."""
    created = Catalog.create(tmp_path_factory.mktemp("shared") / "catalog.db", fingerprint="f", model="m")
    yield created
    created.close()


@pytest.fixture
def root(catalog: Catalog) -> Root:
    """A folder to put documents under."""
    return catalog.root(Path("/documents"), whole=True)


@limits(deadline=None)
@given(data=st.data(), text=st.text(min_size=1))
def test_chunk_text_is_the_slice_of_its_document(shared: Catalog, data: st.DataObject, text: str) -> None:
    """Characters are counted as Python counts them, whatever they are."""
    ends = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).filter(lambda pair: pair[0] < pair[1])
    spans = data.draw(st.lists(ends, max_size=5))

    put(shared, "a.md", text, *spans, root=shared.root(Path("/documents"), whole=True))

    stored = sorted(shared.chunks(sorted(shared.chunk_ids())), key=lambda chunk: int(chunk.id.rpartition("-")[2]))
    assert [(chunk.span.start, chunk.span.end, chunk.text) for chunk in stored] == [
        (start, end, text[start:end]) for start, end in spans
    ]


def test_chunk_carries_what_search_needs_of_its_document(catalog: Catalog, root: Root) -> None:
    """Title, heading path, vector, and the page that its first character is on."""
    document = SourceDocument("a.pdf", "The visit", None, "First page.\n\nSecond page.", (0, 13))
    catalog.put(document, [NewChunk(13, 25, "Monday", VECTOR)], root=root, sha256="1")

    (chunk,) = catalog.added_since(0)

    assert (chunk.span.document_id, chunk.title, chunk.heading, chunk.page) == ("a.pdf", "The visit", "Monday", 2)
    assert chunk.vector.tolist() == [1.0, 0.0]


def test_document_comes_back_as_it_was_put(catalog: Catalog, root: Root) -> None:
    """Text, title, date and pages."""
    document = SourceDocument("a.pdf", "The visit", "2023-06-19", "One.\n\nTwo.", (0, 6))

    catalog.put(document, [], root=root, sha256="1")

    assert catalog.document("a.pdf") == document
    assert catalog.document("b.pdf") is None


def test_chunks_come_in_the_order_asked(catalog: Catalog, root: Root) -> None:
    """The order is a ranking; a chunk that is gone is left out of it."""
    put(catalog, "a.md", "One.", (0, 4), root=root)
    put(catalog, "b.md", "Two. Three.", (0, 4), (5, 11), root=root)

    found = catalog.chunks(["2-1", "1-0", "9-9", "2-0"])

    assert [chunk.text for chunk in found] == ["Three.", "One.", "Two."]


def test_more_chunks_than_one_statement_takes(catalog: Catalog, root: Root) -> None:
    """A question may ask for a thousand candidates from either index."""
    put(catalog, "a.md", "x" * 2000, *[(at, at + 1) for at in range(2000)], root=root)

    assert len(catalog.chunks(sorted(catalog.chunk_ids()))) == 2000


def test_many_chunks_of_one_long_text_are_read_in_proportion(catalog: Catalog, root: Root) -> None:
    """The text is read once and not once per chunk, which took half a minute."""
    text = "0123456789" * 500_000
    put(catalog, "long.txt", text, *[(at, at + 1000) for at in range(0, len(text), 1000)], root=root)
    begin = time.process_time()

    texts = [chunk.text for chunk in catalog.added_since(0)]

    assert len(texts) == 5000
    assert time.process_time() - begin < 5


def test_put_replaces_the_document_with_its_id(catalog: Catalog, root: Root) -> None:
    """The old chunks are gone, and the derived indexes can ask which those were."""
    put(catalog, "a.md", "Old words.", (0, 10), root=root)
    before = catalog.revision

    put(catalog, "a.md", "New words.", (0, 10), root=root)

    assert [chunk.text for chunk in catalog.added_since(0)] == ["New words."]
    assert (catalog.removed_since(before), catalog.removed_since(catalog.revision)) == (["1-0"], [])


def test_put_that_fails_changes_nothing(catalog: Catalog, root: Root) -> None:
    """A document is replaced as a whole or not at all."""
    put(catalog, "a.md", "Old words.", (0, 10), root=root)
    before = catalog.revision
    nowhere = Root(99, Path("/nowhere"), "nowhere:", True)

    with pytest.raises(sqlite3.IntegrityError):
        put(catalog, "a.md", "New words.", (0, 10), root=nowhere)

    assert [chunk.text for chunk in catalog.added_since(0)] == ["Old words."]
    assert (catalog.revision, catalog.removed_since(0)) == (before, [])


def test_remove_of_nothing_changes_nothing(catalog: Catalog, root: Root) -> None:
    """The revision stays, so no derived index has work to do."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    before = catalog.revision

    catalog.remove([])

    assert catalog.revision == before


def test_chunk_id_never_means_two_texts(catalog: Catalog, root: Root) -> None:
    """An index that has not heard of a removal must not take a new chunk for the old one."""
    put(catalog, "a.md", "Old words.", (0, 10), root=root)
    old = catalog.chunk_ids()

    catalog.remove(["a.md"])
    put(catalog, "a.md", "New words.", (0, 10), root=root)

    assert catalog.chunk_ids().isdisjoint(old)


def test_chunk_id_never_means_two_texts_across_catalogs(catalog: Catalog, root: Root, tmp_path: Path) -> None:
    """A catalog that will take another's place goes on counting where that one is."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    other = Catalog.create(tmp_path / "next.db", fingerprint="g", model="n", above=catalog.highest)

    put(other, "a.md", "Words.", (0, 3), root=other.root(root.path, whole=True))

    assert other.chunk_ids().isdisjoint(catalog.chunk_ids())
    other.close()


def test_moved_document_keeps_its_chunks(catalog: Catalog, root: Root) -> None:
    """Only the id changes: no derived index has anything to add or remove."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    before = catalog.revision

    catalog.move("a.md", "b/a.md")

    assert [chunk.span.document_id for chunk in catalog.chunks(["1-0"])] == ["b/a.md"]
    assert (list(catalog.added_since(before)), catalog.removed_since(before)) == ([], [])


def test_forgotten_removals_are_known_to_be_forgotten(catalog: Catalog, root: Root) -> None:
    """An index that is behind that revision can see that it must be built from nothing."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    catalog.remove(["a.md"])

    catalog.forget_tombstones(catalog.revision)

    assert (catalog.removed_since(0), catalog.forgotten) == ([], 2)


def test_ids_of_later_folders_begin_with_their_names(catalog: Catalog) -> None:
    """The first folder's begin with nothing, and two folders of one name are told apart."""
    folders = [catalog.root(Path(path), whole=True) for path in ("/a/docs", "/b/docs", "/c/docs", "/a/docs")]

    assert [folder.prefix for folder in folders] == ["", "docs:", "docs-2:", ""]


def test_folder_of_a_named_file_becomes_mirrored_and_stays_so(catalog: Catalog) -> None:
    """Ingesting a file of it later does not make it less."""
    wholes = [catalog.root(Path("/docs"), whole=whole).whole for whole in (False, True, False)]

    assert wholes == [False, True, True]


def test_folder_takes_over_a_folder_inside_it(catalog: Catalog) -> None:
    """A document is known once, by its place in the outer folder, and nothing of it is new to search."""
    put(catalog, "a.md", "Words.", (0, 6), root=catalog.root(Path("/docs/part"), whole=True))
    outer = catalog.root(Path("/docs"), whole=True)
    before = catalog.revision

    moved = catalog.adopt(outer)

    assert moved == [("a.md", "docs:part/a.md")]
    assert (catalog.roots(), list(catalog.known(outer))) == ([outer], ["docs:part/a.md"])
    assert list(catalog.added_since(before)) == []


def test_folder_takes_over_files_named_one_by_one(catalog: Catalog) -> None:
    """What lies outside the folder stays with the folder that it was named under."""
    named = catalog.root(Path("/docs"), whole=False)
    put(catalog, "part/a.md", "Words.", (0, 6), root=named)
    put(catalog, "b.md", "Words.", (0, 6), root=named)
    part = catalog.root(Path("/docs/part"), whole=True)

    moved = catalog.adopt(part)

    assert moved == [("part/a.md", "part:a.md")]
    assert (list(catalog.known(named)), list(catalog.known(part))) == (["b.md"], ["part:a.md"])


def test_folder_does_not_take_over_its_neighbour(catalog: Catalog) -> None:
    """A name that begins alike is not a place inside."""
    put(catalog, "a.md", "Words.", (0, 6), root=catalog.root(Path("/docs-old"), whole=True))
    before = catalog.revision

    assert catalog.adopt(catalog.root(Path("/docs"), whole=True)) == []
    assert catalog.revision == before


def test_document_known_twice_is_kept_once(catalog: Catalog) -> None:
    """Where the outer folder has the document already, the inner folder's goes."""
    put(catalog, "a.md", "Words.", (0, 6), root=catalog.root(Path("/docs/part"), whole=True))
    outer = catalog.root(Path("/docs"), whole=True)
    put(catalog, "docs:part/a.md", "Words.", (0, 6), root=outer)

    catalog.adopt(outer)

    assert list(catalog.known()) == ["docs:part/a.md"]
    assert catalog.removed_since(0) == ["1-0"]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_damaged_file_is_told_of(tmp_path: Path, content: bytes) -> None:
    """The message says what to do."""
    (tmp_path / "catalog.db").write_bytes(content)

    with pytest.raises(StoreError, match="build it again"):
        Catalog.open(tmp_path / "catalog.db")


def test_other_format_is_told_of(catalog: Catalog) -> None:
    """An index of a later version is not read as if it were of this one."""
    with sqlite3.connect(catalog.path) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    db.close()

    with pytest.raises(StoreMismatchError, match=r"format 99; .* written by a newer version"):
        Catalog.open(catalog.path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET text = 'Worse.'",
        "UPDATE documents SET title = 'Other'",
        "UPDATE documents SET page_starts = '[1]'",
        "UPDATE chunks SET start = 1",
        "UPDATE chunks SET heading = 'Other'",
        "UPDATE chunks SET vector = zeroblob(8)",
    ],
)
def test_row_that_is_not_as_it_was_written_is_never_read(catalog: Catalog, root: Root, statement: str) -> None:
    """SQLite sees nothing wrong with it; a checksum does, and a check of everything names the row."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    assert list(catalog.faults()) == []

    meddle(catalog, statement)

    with pytest.raises(StoreError, match="is not as it was written"):
        catalog.chunks(["1-0"])
    assert [(fault.kind, fault.document) for fault in catalog.faults()] == [
        ("document" if "documents" in statement else "chunk", 1)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meta SET value = 'g' WHERE key = 'fingerprint'",
        "UPDATE meta SET value = '7' WHERE key = 'revision'",
        "UPDATE roots SET path = '/elsewhere'",
        "DELETE FROM meta WHERE key = 'seal'",
    ],
)
def test_what_a_catalog_says_of_itself_is_sealed(catalog: Catalog, root: Root, statement: str) -> None:
    """Another folder or fingerprint would have documents removed or mixed: it does not open."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)

    meddle(catalog, statement)

    with pytest.raises(StoreError, match="rag repair"):
        Catalog.open(catalog.path)
    assert [fault.kind for fault in catalog.faults()] == ["catalog"]


def test_whole_documents_are_salvaged_and_others_not(catalog: Catalog, root: Root) -> None:
    """With their chunks, or not at all."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    put(catalog, "b.md", "Others.", (0, 7), root=root)
    meddle(catalog, "UPDATE chunks SET heading = 'Other' WHERE document = 2")

    found = catalog.salvage(1)

    assert found
    assert (found.document.text, [(c.start, c.end) for c in found.chunks], found.root) == ("Words.", [(0, 6)], 1)
    assert (catalog.salvage(2), catalog.salvage(3)) == (None, None)


def test_dropped_documents_are_told_to_the_derived_indexes(catalog: Catalog, root: Root) -> None:
    """By number, because it may be the id that is damaged."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    meddle(catalog, "UPDATE documents SET id = 'c.md'")

    gone = catalog.drop([1])

    assert (gone, catalog.count(), catalog.removed_since(0)) == (["c.md"], (0, 0), ["1-0"])


def test_copy_has_its_own_chunks_and_the_same_vectors(catalog: Catalog, root: Root) -> None:
    """A title that is the file's name is that of the copy; both are known as copies of one another."""
    document = SourceDocument("a.txt", "A", None, "Words.", ())
    chunk = NewChunk(0, 6, "", VECTOR)
    catalog.put(document, [chunk], root=root, sha256="s", named=True)

    catalog.copy("a.txt", "b.txt", title="B", root=root, stamp=Stamp(6, 1))

    copied = catalog.document("b.txt")
    assert copied == SourceDocument("b.txt", "B", None, "Words.", ())
    assert [(c.id, c.title, c.vector.tolist()) for c in catalog.added_since(0)] == [
        ("1-0", "A", [1.0, 0.0]),
        ("2-0", "B", [1.0, 0.0]),
    ]
    assert (catalog.copies("a.txt"), catalog.copies("b.txt"), catalog.with_content("s")) == (
        ["b.txt"],
        ["a.txt"],
        ["a.txt", "b.txt"],
    )


def test_new_name_is_searched_where_the_name_is_the_title(catalog: Catalog, root: Root) -> None:
    """The words of the title change, so the derived indexes hear of the chunks again."""
    document = SourceDocument("a.txt", "A", None, "Words.", ())
    catalog.put(document, [NewChunk(0, 6, "", VECTOR)], root=root, sha256="s", named=True)
    before = catalog.revision

    catalog.move("a.txt", "b.txt", title="B")

    assert [(chunk.id, chunk.title) for chunk in catalog.added_since(before)] == [("1-0", "B")]
    assert catalog.removed_since(before) == ["1-0"]


def test_stamps_are_no_change(catalog: Catalog, root: Root) -> None:
    """How a file is listed is noted without a new revision."""
    put(catalog, "a.md", "Words.", (0, 6), root=root)
    before = catalog.revision

    catalog.restamp({"a.md": Stamp(6, 123)})

    assert (catalog.stamps(root), catalog.revision) == ({"a.md": Stamp(6, 123)}, before)


def meddle(catalog: Catalog, statement: str) -> None:
    """Change the file behind the catalog's back."""
    with sqlite3.connect(catalog.path) as db:
        db.execute(statement)
    db.close()


def test_new_catalog_does_not_read_an_old_log(tmp_path: Path) -> None:
    """A log that a kill left beside a deleted file is not replayed onto the new one."""
    old = Catalog.create(tmp_path / "catalog.db", fingerprint="f", model="m")
    put(old, "a.md", "Old words.", (0, 10), root=old.root(tmp_path, whole=True))
    log = (tmp_path / "catalog.db-wal").read_bytes()
    old.close()
    (tmp_path / "catalog.db").unlink()
    (tmp_path / "catalog.db-wal").write_bytes(log)

    new = Catalog.create(tmp_path / "catalog.db", fingerprint="f", model="m")

    assert new.count() == (0, 0)
    new.close()


def test_become_is_seen_by_those_who_have_it_open(catalog: Catalog, root: Root, tmp_path: Path) -> None:
    """The file stays the same one: its readers read the new content and no mixture."""
    put(catalog, "a.md", "Old words.", (0, 10), root=root)
    reader = Catalog.open(catalog.path)
    other = Catalog.create(tmp_path / "next.db", fingerprint="g", model="n")
    put(other, "b.md", "New words.", (0, 10), root=other.root(root.path, whole=True))

    catalog.become(other)

    assert (reader.meta("fingerprint"), [chunk.text for chunk in reader.added_since(0)]) == ("g", ["New words."])
    reader.close()
    other.close()


def put(catalog: Catalog, id_: str, text: str, *spans: tuple[int, int], root: Root) -> None:
    """A document with a chunk at each span."""
    document = SourceDocument(id_, id_, None, text, ())
    catalog.put(document, [NewChunk(start, end, "", VECTOR) for start, end in spans], root=root, sha256=text)


# Scopes

PLACES = (
    "a.md",
    "b.MD",
    "x/a.md",
    "x/y/b.htm",
    "x/y/README",
    "xy/c.tar.gz",
    "x.d/e",
    "[1].txt",
    "é/ü.html",
    "x/y.md/z",
)
DAYS = (None, "2019", "2019-07", "2019-07-01", "2019-07-31", "2019-08-01", "2020")
PATTERNS = (
    "x",
    "x/",
    "./x",
    "x/y",
    "x\\y",
    "x?",
    "*",
    "?",
    ".",
    "",
    "*.md",
    "*/b.*",
    "[1].txt",
    "[x]",
    "é",
    "a.md",
    "\ud800",
)


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog with a document of each day at each place."""
    created = Catalog.create(tmp_path_factory.mktemp("placed") / "catalog.db", fingerprint="f", model="m")
    folder = created.root(Path("/documents"), whole=True)
    for place in PLACES:
        for at, day in enumerate(DAYS):
            created.put(SourceDocument(f"{at}/{place}" if at else place, "", day, "x", ()), [], root=folder, sha256="s")
    yield created
    created.close()


@limits(deadline=None)
@given(
    paths=st.lists(st.sampled_from([*PATTERNS, *(f"3/{pattern}" for pattern in PATTERNS)]), max_size=2),
    types=st.lists(st.sampled_from(["md", ".MD", "html", "*.htm", "gz", "readme", "x/y/readme", "d/e"]), max_size=2),
    after=st.sampled_from([None, "2018", "2019-07", "2019-07-15", "2019-08"]),
    before=st.sampled_from([None, "2019", "2019-07", "2019-07-15", "2020-01-01"]),
)
def test_documents_in_a_scope_are_those_that_it_holds(
    placed: Catalog, paths: list[str], types: list[str], after: str | None, before: str | None
) -> None:
    """Whatever the database makes of the condition: as `Scope.holds` tells of each document."""
    scope = Scope(tuple(paths), tuple(types), after, before)

    found = placed.numbers(scope)

    listed = placed._db.execute("SELECT number, id, date FROM documents")
    assert found == {str(number) for number, id_, day in listed if scope.holds(id_, day)}


@pytest.mark.parametrize(
    "scope",
    [
        Scope(paths=("3/x",)),
        Scope(paths=("3/x*",)),
        Scope(types=("md",)),
        Scope(after="2019-07-02", before="2019-07-31"),
    ],
    ids=["folder", "pattern", "type", "days"],
)
def test_documents_in_a_scope_are_found_by_an_index(placed: Catalog, scope: Scope) -> None:
    """No other document is looked at, however many there are."""
    statements = list[str]()
    placed._db.set_trace_callback(statements.append)

    placed.numbers(scope)

    placed._db.set_trace_callback(None)
    plans = [step for one in statements for *_, step in placed._db.execute(f"EXPLAIN QUERY PLAN {one}")]
    assert any(step.startswith("SEARCH documents USING") for step in plans)
    assert not any("SCAN documents" in step for step in plans)


def test_counts_are_of_now(catalog: Catalog, root: Root) -> None:
    """Also after a change that was undone, and one by another process."""
    put(catalog, "a.md", "Text.", (0, 5), root=root)
    counts = [catalog.count()]
    with pytest.raises(ZeroDivisionError), catalog._change():
        catalog._db.execute("DELETE FROM documents")
        counts.append(catalog.count())
        1 / 0  # noqa: B018
    counts.append(catalog.count())
    other = Catalog.open(catalog.path)
    other.remove(["a.md"])
    counts.append(catalog.count())

    other.close()
    assert counts == [(1, 1), (0, 0), (1, 1), (0, 0)]


def test_change_while_a_catalog_is_opened_is_no_damage(catalog: Catalog, root: Root) -> None:
    """A commit between two of the statements that compare its seal is not seen by the second alone."""
    other = Catalog.open(catalog.path)
    changes = iter(range(100))
    other._db.set_trace_callback(
        lambda statement: put(catalog, f"{next(changes)}.md", "Text.", root=root) if "FROM roots" in statement else None
    )

    other._expect_seal()

    other.close()
    assert next(changes) > 0


# The list


def listed(catalog: Catalog, *arguments: str, **options: object) -> list[str]:
    """The ids that a list shows."""
    return [row.document_id for row in catalog.listed(*arguments, **options)[0]]  # type: ignore[arg-type]


@pytest.fixture
def shelf(catalog: Catalog, root: Root) -> Catalog:
    """Three documents that every order arranges in another way."""
    for id_, title, day, size in (
        ("b.txt", "ähre", "2023", 20),
        ("c.md", "Zebra", None, 30),
        ("a.pdf", "apple", "2024-05", 10),
    ):
        document = SourceDocument(id_, title, day, "Words.", ())
        catalog.put(document, [NewChunk(0, 5, "", VECTOR)], root=root, sha256=id_, stamp=Stamp(size, 1))
    return catalog


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("name", ["a.pdf", "b.txt", "c.md"]),
        ("title", ["a.pdf", "c.md", "b.txt"]),
        ("type", ["c.md", "a.pdf", "b.txt"]),
        ("size", ["c.md", "b.txt", "a.pdf"]),
        ("date", ["a.pdf", "b.txt", "c.md"]),
        ("newest", ["a.pdf", "c.md", "b.txt"]),
    ],
)
def test_documents_are_listed_in_an_order(shelf: Catalog, order: str, expected: list[str]) -> None:
    """Largest, newest and latest first, the others from A to Z; without a date last."""
    assert listed(shelf, order=order) == expected


def test_list_holds_what_has_all_words(shelf: Catalog) -> None:
    """Of name and title together, whatever their case, also beyond A to Z; signs of SQL are words too."""
    assert listed(shelf, "APPLE pdf") == ["a.pdf"]
    assert listed(shelf, "ÄHRE") == ["b.txt"]
    assert listed(shelf, "%") == []
    assert listed(shelf, "' OR 1=1 --") == []


def test_list_holds_one_type(shelf: Catalog) -> None:
    """By all names that the type has."""
    assert listed(shelf, kind="markdown") == ["c.md"]


def test_list_is_cut_into_pages(shelf: Catalog) -> None:
    """With how many there are in all."""
    rows, total = shelf.listed(offset=1, limit=1)

    assert ([row.document_id for row in rows], total) == (["b.txt"], 3)


def test_row_has_what_is_told_of_a_document(shelf: Catalog, root: Root) -> None:
    """Chunks, when it was read, where its file is, and how that was listed then."""
    row = shelf.listed("apple")[0][0]

    assert (row.title, row.date, row.chunks, row.path) == ("apple", "2024-05", 1, root.path / "a.pdf")
    assert row.stamp == Stamp(10, 1)
    assert row.read is not None
    assert abs(row.read - time.time()) < 60


def test_catalog_of_an_earlier_version_is_listed_and_extended(shelf: Catalog) -> None:
    """It tells less until it is written to, then what it tells is kept."""
    db = sqlite3.connect(shelf.path)
    db.executescript("DROP TABLE readings; DROP TABLE skipped; DROP INDEX documents_as_listed;")
    db.close()

    before = shelf.listed()[0][0].read, shelf.skipped()
    shelf.extend()
    shelf.skip(shelf.roots()[0], {"d.png": "no format"})

    assert before == (None, [])
    assert [file.document_id for file in shelf.skipped()] == ["d.png"]
    assert listed(shelf) == ["a.pdf", "b.txt", "c.md"]


def test_ten_thousand_documents_are_listed_at_once(
    catalog: Catalog, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any page, order and search, in a fraction of the second that a reader notices."""
    with catalog._transaction():
        monkeypatch.setattr(catalog, "_transaction", nullcontext)  # one for all, instead of 10,000
        for number in range(10_000):
            document = SourceDocument(f"{number % 7}/note-{number}.txt", f"Note {number}", None, "Words. " * 200, ())
            chunks = [NewChunk(0, 5, "", VECTOR)]
            catalog.put(document, chunks, root=root, sha256=str(number), stamp=Stamp(number, 1))
    started = time.perf_counter()

    for order in ("name", "title", "type", "size", "date", "newest"):
        rows, total = catalog.listed("note 99", "txt", order=order, offset=50)
        assert (len(rows), total) == (50, 280)

    assert time.perf_counter() - started < 6 * 0.5
