"""Catalog and derived indexes as one thing: it opens, catches up, heals, and has one writer."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import pytest

from rag import Settings
from rag.errors import StoreError, StoreLockedError, StoreMismatchError, StoreMissingError
from rag.index.catalog import NewChunk, document_number
from rag.index.derived import Derived
from rag.index.store import Store
from rag.index.writing import drop_previous, finish, replaced_roots, roll_back, writing
from rag.schema import Scope, SourceDocument
from tests.fakes import hash_encode

TEXTS = {f"{name}.md": f"Something of {name} in the garden." for name in ("bees", "honey", "rain", "walls", "vaults")}


@pytest.fixture
def home(settings: Settings) -> Path:
    """An index of five documents of one chunk, with the derived indexes made."""
    with writing(settings) as store:
        for id_, text in TEXTS.items():
            put(store, id_, text)
        finish(store, settings)
    return settings.home


@pytest.fixture
def store(settings: Settings, home: Path) -> Iterator[Store]:
    """That index, open for reading."""
    opened = Store.open(settings)
    yield opened
    opened.close()


def test_no_index_is_told_of(settings: Settings) -> None:
    """With the command that builds one."""
    with pytest.raises(StoreMissingError, match="Build one: rag ingest"):
        Store.open(settings)


def test_other_settings_do_not_open_the_index(settings: Settings, home: Path) -> None:
    """The message names what it was built with and what is asked for."""
    other = Settings(home=home, chunk_size=40)

    with pytest.raises(StoreMismatchError, match=r"built with .* 160 tokens, .* but settings name .* 40 tokens"):
        Store.open(other)


def test_file_in_the_place_of_the_index_is_told_of(tmp_path: Path) -> None:
    """It is left as it is."""
    (tmp_path / "home").write_text("mine")

    with pytest.raises(StoreError, match="is a file"), writing(Settings(home=tmp_path / "home")):
        pass

    assert (tmp_path / "home").read_text() == "mine"


def test_both_searches_find_what_was_put(store: Store) -> None:
    """The words' search only who has one of them, the vectors' search everybody in order."""
    assert lexical(store, "bees") == ["bees.md"]
    assert dense(store, "Something of bees")[0] == "bees.md"
    assert len(dense(store, "Something of bees")) == len(TEXTS)


@pytest.mark.parametrize("compared", [1, 100])
def test_search_within_some_documents_finds_their_best(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, compared: int
) -> None:
    """However many others are nearer; compared one by one, and taken from Chroma where they are many."""
    monkeypatch.setattr("rag.index.store._COMPARED", compared)
    with writing(settings) as store:
        for number in range(60):
            put(store, f"{number}.md", f"Bees fly in the rain, number{number}.")
        put(store, "far/a.md", "A bee.", "Nothing of it.")
        put(store, "far/b.md", "Tax on salt.")
        finish(store, settings)
        within = store.catalog.numbers(Scope(paths=("far",)))

        near = documents(store, store.nearest(hash_encode(["Bees fly in the rain."])[0], 2, within))
        words = documents(store, [id_ for id_, _ in store.matching({"Bees fly in the rain": 1.0}, 10, within)])
        none = store.nearest(hash_encode(["Bees"])[0], 2, set()), store.matching({"Bees": 1.0}, 10, set())

    assert near[0] == "far/a.md"
    assert len(near) == 2
    assert words == ["far/a.md"]
    assert none == ([], [])


@pytest.mark.parametrize("asked", ["Bees fly in the rain.", "Tax on salt."], ids=["near", "far"])
def test_many_documents_are_taken_from_chroma_if_it_finds_enough(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """And compared where it does not; either way the nearest of theirs come first."""
    monkeypatch.setattr("rag.index.store._COMPARED", 10)
    with writing(settings) as store:
        for number in range(40):
            put(store, f"bees/{number}.md", f"Bees fly in the rain, number{number}.")
            put(store, f"salt/{number}.md", f"Tax on salt, number{number}.")
        finish(store, settings)
        bees = store.catalog.numbers(Scope(paths=("bees",)))

        found = store.nearest(hash_encode([asked])[0], 10, bees)

        vectors = {chunk.id: chunk.vector for chunk in store.catalog.added_since(0) if chunk.document in bees}
    cosines = {id_: float(vector @ hash_encode([asked])[0]) for id_, vector in vectors.items()}
    assert len(set(found)) == 10
    assert [cosines[id_] for id_ in found] == pytest.approx(sorted(cosines.values(), reverse=True)[:10])


def test_words_are_searched_within_many_documents_as_within_few(settings: Settings) -> None:
    """Whether Tantivy is told of the documents or all hits are taken, the best of theirs come first."""
    with writing(settings) as store:
        for number in range(40):
            put(store, f"even/{number}.md" if number % 2 else f"odd/{number}.md", f"Bees {'bees ' * number} fly.")
        finish(store, settings)
        every = dict(store.matching({"bees": 1.0}, 100))
        even = store.catalog.numbers(Scope(paths=("even",)))

        few, many = store.matching({"bees": 1.0}, 3, even), store.matching({"bees": 1.0}, 10, even)

    ordered = sorted((id_ for id_ in every if document_number(id_) in even), key=lambda id_: -every[id_])
    assert [id_ for id_, _ in few] == ordered[:3]
    assert [id_ for id_, _ in many] == ordered[:10]
    assert dict(many) == pytest.approx({id_: every[id_] for id_ in ordered[:10]})


def test_search_within_documents_hears_of_a_change(settings: Settings, store: Store) -> None:
    """Their vectors are kept from one question to the next, and no longer than they are so."""
    asked = hash_encode(["Something of snow."])[0]
    scope = Scope(types=("md",))
    before = documents(store, store.nearest(asked, 1, store.catalog.numbers(scope)))

    with writing(settings) as writer:
        put(writer, "snow.md", "Something of snow.")
        finish(writer, settings)

    assert before != ["snow.md"]
    assert documents(store, store.nearest(asked, 1, store.catalog.numbers(scope))) == ["snow.md"]


def test_empty_index_finds_nothing(settings: Settings) -> None:
    """Nor does it fail."""
    with writing(settings) as empty:
        finish(empty, settings)

    store = Store.open(settings)

    assert (lexical(store, "bees"), dense(store, "bees"), store.whole()) == ([], [], True)
    store.close()


def test_facts_say_what_is_there(store: Store) -> None:
    """Documents, chunks, size and state."""
    facts = store.facts()

    assert (facts["documents"], facts["chunks"], facts["whole"]) == (5, 5, True)
    assert facts["ids"] == sorted(TEXTS)
    assert facts["bytes"] == sum(path.stat().st_size for path in store.home.rglob("*") if path.is_file())


# Writing


def test_second_writer_is_told_who_writes(settings: Settings, home: Path) -> None:
    """At once, with the number of the process."""
    with writing(settings), pytest.raises(StoreLockedError, match=rf"process \({os.getpid()}\)"), writing(settings):
        pass


def test_lock_is_free_after_a_failure(settings: Settings, home: Path) -> None:
    """The next writer need not wait for anything."""
    with pytest.raises(KeyboardInterrupt), writing(settings):
        raise KeyboardInterrupt

    with writing(settings) as store:
        assert store.catalog.count() == (5, 5)


def test_readers_do_not_wait_for_a_writer(settings: Settings, store: Store) -> None:
    """They search what was there before, and what was removed is nowhere from that moment."""
    with writing(settings) as writer:
        put(writer, "new.md", "Something of bees.")
        writer.catalog.remove(["rain.md"])

        assert lexical(store, "bees rain") == ["bees.md"]


def test_open_store_hears_of_a_change(settings: Settings, store: Store) -> None:
    """The next search is over what another has written since."""
    assert lexical(store, "snow") == []

    with writing(settings) as writer:
        put(writer, "snow.md", "Something of snow.")
        put(writer, "bees.md", "Something of wasps.")
        finish(writer, settings)

    assert (lexical(store, "snow"), lexical(store, "bees"), lexical(store, "wasp")) == (["snow.md"], [], ["bees.md"])
    assert dense(store, "Something of snow")[0] == "snow.md"


def test_two_stores_of_one_process_both_hear_of_a_change(settings: Settings, store: Store) -> None:
    """Neither takes the other's open files for damage and builds everything again."""
    other = Store.open(settings)
    assert lexical(store, "bees") == lexical(other, "bees")
    before = built(store.home)

    with writing(settings) as writer:
        put(writer, "snow.md", "Something of snow.")
        finish(writer, settings)
    for _ in range(2):
        assert dense(store, "Something of snow")[0] == dense(other, "Something of snow")[0] == "snow.md"

    assert built(store.home) == before
    other.close()


def test_derived_indexes_catch_up_with_what_was_only_recorded(settings: Settings, home: Path) -> None:
    """A writer that was killed before it told them is no loss: the next reader tells them."""
    with writing(settings) as writer:
        put(writer, "snow.md", "Something of snow.")
        writer.catalog.remove(["bees.md"])

    store = Store.open(settings)

    assert (lexical(store, "snow"), lexical(store, "bees"), store.whole()) == (["snow.md"], [], True)
    assert dense(store, "Something of snow")[0] == "snow.md"
    store.close()


def test_what_is_in_use_is_never_written_to(settings: Settings, home: Path) -> None:
    """While both are written the old ones stay: hnswlib ends the process over a graph that is half written."""
    before = {path: path.read_bytes() for name in ("chroma", "lexical") for path in in_use(home, name).rglob("*.*")}
    torn: list[Path] = []
    with writing(settings) as writer:
        put(writer, "snow.md", *[f"Something of snow {number}." for number in range(1500)])
        made = writer.prepare()
        torn += [path for path, data in before.items() if path.read_bytes() != data]
        writer.publish(made)

    assert torn == []
    assert not any(path.exists() for path in before)


def test_removed_words_weigh_nothing(settings: Settings, store: Store) -> None:
    """How rare a word is, is counted over what is there now."""
    assert store.document_frequency("bee") == 1

    with writing(settings) as writer:
        writer.catalog.remove(["bees.md"])
        finish(writer, settings)

    assert (store.document_frequency("bee"), store.document_frequency("garden")) == (0, 4)


def test_index_for_other_settings_is_built_beside(settings: Settings, store: Store) -> None:
    """The one in use answers until the other is complete, and then says that it is another."""
    other = Settings(home=store.home, chunk_size=40)

    with writing(other) as writer:
        assert [ids for _, ids in replaced_roots(writer)] == [list(TEXTS)]
        put(writer, "snow.md", "Something of snow.")
        assert writer.catalog.chunk_ids().isdisjoint(store.catalog.chunk_ids())
        assert lexical(store, "bees") == ["bees.md"]
        finish(writer, other)

    with pytest.raises(StoreMismatchError, match="40 tokens"):
        lexical(store, "bees")
    opened = Store.open(other)
    assert (lexical(opened, "snow bees"), opened.whole()) == (["snow.md"], True)
    opened.close()
    assert not (store.home / "next.db").exists()


def test_index_begun_for_other_settings_is_gone_on_with(settings: Settings, home: Path) -> None:
    """What was built before a kill is still there."""
    other = Settings(home=home, chunk_size=40)
    with writing(other) as writer:
        put(writer, "snow.md", "Something of snow.")

    with writing(other) as writer:
        assert list(writer.catalog.known()) == ["snow.md"]


def test_index_begun_for_other_settings_is_given_up_with_them(settings: Settings, home: Path) -> None:
    """Writing with the old settings leaves nothing of it behind."""
    with writing(Settings(home=home, chunk_size=40)) as writer:
        put(writer, "snow.md", "Something of snow.")

    with writing(settings) as writer:
        assert len(writer.catalog.known()) == 5

    assert not list(home.glob("next*"))


def test_reader_never_meets_an_empty_index_while_another_takes_its_place(settings: Settings, store: Store) -> None:
    """Before the switch the old one is found, after it the new one is named; never nothing."""
    other = Settings(home=store.home, chunk_size=40)
    seen: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                seen.append(lexical(store, "bees"))
            except StoreMismatchError:
                seen.append("another")

    asking = threading.Thread(target=ask)
    asking.start()
    with writing(other) as writer:
        put(writer, "bees.md", *[f"Something of bees {number}." for number in range(300)])
        finish(writer, other)
    stop.set()
    asking.join()
    seen.append("another")

    assert ["bees.md"] in seen
    assert [found for found in seen if found not in (["bees.md"], "another")] == []
    assert seen[seen.index("another") :] == ["another"] * len(seen[seen.index("another") :])


def test_replaced_index_can_be_gone_back_to_and_forth(settings: Settings, home: Path) -> None:
    """Nothing is embedded for it, and each is whole."""
    other = Settings(home=home, chunk_size=40)
    with writing(other) as writer:
        for id_, text in TEXTS.items():
            put(writer, id_, text)
        put(writer, "snow.md", "Something of snow.")
        finish(writer, other)

    for settings_then, found in ((settings, []), (other, ["snow.md"]), (settings, [])):
        built_with = roll_back(other)
        store = Store.open(settings_then)
        assert (lexical(store, "snow"), lexical(store, "bees"), store.whole()) == (found, ["bees.md"], True)
        assert str(settings_then.chunk_size) in built_with
        store.close()


def test_what_was_deleted_is_not_kept_in_the_replaced_index(settings: Settings, home: Path) -> None:
    """Going back does not bring it back."""
    other = Settings(home=home, chunk_size=40)
    with writing(other) as writer:
        for id_, text in TEXTS.items():
            put(writer, id_, text)
        finish(writer, other)
    with writing(other) as writer:
        writer.catalog.remove(["bees.md"])
        finish(writer, other)

    assert [path.name for path in home.rglob("*") if path.is_file() and b"bees in the" in path.read_bytes()] == []
    roll_back(other)
    store = Store.open(settings)
    assert (lexical(store, "bees"), lexical(store, "rain")) == ([], ["rain.md"])
    store.close()


def test_replaced_index_can_be_dropped(settings: Settings, home: Path) -> None:
    """Then there is none, which is told."""
    with writing(settings, anew=True) as writer:
        put(writer, "snow.md", "Something of snow.")
        finish(writer, settings)
    assert (home / "previous.db").exists()

    drop_previous(settings)

    assert not list(home.glob("previous*"))
    for act in (roll_back, drop_previous):
        with pytest.raises(StoreMissingError, match="No previous index"):
            act(settings)


def test_kill_while_going_back_loses_neither(settings: Settings, home: Path) -> None:
    """What was in use is already copied, and the next writer puts it where it belongs."""
    with writing(settings, anew=True) as writer:
        for id_, text in TEXTS.items():
            put(writer, id_, text)
        finish(writer, settings)
    (home / "previous.db").replace(home / "swap.db")

    roll_back(settings)

    store = Store.open(settings)
    assert lexical(store, "bees") == ["bees.md"]
    store.close()


def test_index_that_may_only_be_read_answers(settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a copy, because both libraries write to what they open; nothing is left of it, and nothing was written."""
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))  # root may write anywhere

    store = Store.open(settings)
    found = lexical(store, "bees"), dense(store, "Something of bees")[0]
    copies = store._copies
    store.close()

    assert found == (["bees.md"], "bees.md")
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    assert copies
    assert not Path(copies.name).exists()


# Damage


def emptied(folder: Path) -> None:
    """As after a clean-up tool."""
    shutil.rmtree(folder)
    folder.mkdir()


def garbled(folder: Path, pattern: str) -> None:
    """Every file of a kind has its first third overwritten, its length and end as they were."""
    files = list(folder.rglob(pattern))
    assert files
    for file in files:
        data = file.read_bytes()
        file.write_bytes(b"\xff" * (len(data) // 3) + data[len(data) // 3 :])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda home: shutil.rmtree(home / "chroma"), id="no chroma"),
        pytest.param(lambda home: shutil.rmtree(home / "lexical"), id="no lexical"),
        pytest.param(lambda home: emptied(home / "chroma"), id="chroma emptied"),
        pytest.param(lambda home: emptied(home / "lexical"), id="lexical emptied"),
        pytest.param(lambda home: (in_use(home, "chroma") / "chroma.sqlite3").unlink(), id="no chroma.sqlite3"),
        pytest.param(lambda home: garbled(home / "chroma", "chroma.sqlite3"), id="chroma.sqlite3 garbled"),
        pytest.param(lambda home: (in_use(home, "lexical") / "meta.json").unlink(), id="no meta.json"),
        pytest.param(lambda home: garbled(home / "lexical", "*.term"), id="dictionary garbled"),
        pytest.param(lambda home: garbled(home / "lexical", "*.idx"), id="postings garbled, a panic in Rust"),
        pytest.param(lambda home: garbled(home / "lexical", "*.store"), id="stored ids garbled"),
        pytest.param(lambda home: (home / "chroma.reached").unlink(), id="no chroma.reached"),
        pytest.param(lambda home: (home / "lexical.reached").write_bytes(b"\xff\x00"), id="lexical.reached garbled"),
    ],
)
def test_derived_indexes_are_built_again(settings: Settings, home: Path, damage: Callable[[Path], object]) -> None:
    """Whatever happened to their files, from the catalog alone: a store has nothing to embed with."""
    damage(home)

    store = Store.open(settings)

    assert lexical(store, "bees") == ["bees.md"]
    assert dense(store, "Something of bees")[0] == "bees.md"
    assert len(dense(store, "Something of bees")) == len(TEXTS)
    assert store.whole()
    store.close()


@pytest.mark.parametrize("complete", [True, False], ids=["told by the writer", "told by the reader"])
def test_damaged_index_takes_a_change(settings: Settings, home: Path, complete: bool) -> None:
    """The change does not hide the damage: everything is there afterwards, not only what is new."""
    emptied(home / "chroma")
    emptied(home / "lexical")

    with writing(settings) as writer:
        put(writer, "snow.md", "Something of snow.")
        if complete:
            finish(writer, settings)

    store = Store.open(settings)
    assert (lexical(store, "bees"), lexical(store, "snow"), store.whole()) == (["bees.md"], ["snow.md"], True)
    store.close()


def test_old_copy_of_a_derived_index_is_not_believed(settings: Settings, home: Path) -> None:
    """What went since is no longer known, so it cannot be brought up to date: it is built from nothing."""
    shutil.copytree(home, home.parent / "copy")
    with writing(settings) as writer:
        writer.catalog.remove(["bees.md"])
        finish(writer, settings)
        assert writer.catalog.removed_since(0) == []
    for name in ("chroma", "lexical"):
        shutil.rmtree(home / name)
        shutil.copytree(home.parent / "copy" / name, home / name)
        shutil.copy(home.parent / "copy" / f"{name}.reached", home)

    store = Store.open(settings)

    assert (lexical(store, "bees"), store.document_frequency("bee"), store.whole()) == ([], 0, True)
    store.close()


@pytest.mark.slow  # the reader waits ten seconds for the writer
def test_damage_found_while_another_writes_is_left_to_it(settings: Settings, home: Path) -> None:
    """Two would build over one another; the reader is told to ask again."""
    garbled(home / "lexical", "*.idx")
    store = Store.open(settings)

    with writing(settings), pytest.raises(StoreError, match="Ask again"):
        lexical(store, "bees")

    assert lexical(store, "bees") == ["bees.md"]
    store.close()


def test_search_of_a_closed_store_breaks_nothing(settings: Settings, home: Path) -> None:
    """A question that a server still has when it stops does not cost an index that was whole."""
    store = Store.open(settings)
    lexical(store, "bees")
    before = built(home)
    store.close()

    with pytest.raises(sqlite3.ProgrammingError):
        lexical(store, "bees")

    again = Store.open(settings)
    assert dense(again, "Something of bees")[0] == "bees.md"
    assert built(home) == before
    again.close()


@pytest.mark.slow
def test_many_threads_search_while_another_process_writes(settings: Settings, store: Store) -> None:
    """No search fails, none finds what is not there, and in the end all find the last state."""
    done = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        while not done.is_set():
            try:
                found = lexical(store, "bees"), dense(store, "Something of honey")[0]
                wrong.extend([found] if found != (["bees.md"], "honey.md") else [])
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    writer = subprocess.run([sys.executable, "-c", WRITER, str(store.home)], capture_output=True, text=True)
    done.set()
    for thread in threads:
        thread.join()

    assert (writer.returncode, writer.stderr) == (0, "")
    assert wrong == []
    assert (lexical(store, "number19"), lexical(store, "number18"), store.whole()) == (["new.md"], [], True)


WRITER = """
import sys
from pathlib import Path
from rag import Settings
from rag.index.writing import finish, writing
from tests.rag.index.test_store import put

settings = Settings(home=Path(sys.argv[1]))
for number in range(20):
    with writing(settings) as store:
        put(store, "new.md", f"A number{number} of them.")
        finish(store, settings)
"""


def put(store: Store, id_: str, *texts: str) -> None:
    """A document with a chunk for each text."""
    root = store.catalog.root(Path("/documents"), whole=True)
    ends = list(accumulate(len(text) + 1 for text in texts))
    chunks = [
        NewChunk(end - 1 - len(text), end - 1, "", vector)
        for end, text, vector in zip(ends, texts, hash_encode(texts), strict=True)
    ]
    store.catalog.put(SourceDocument(id_, "", None, "\n".join(texts), ()), chunks, root=root, sha256=texts[0])


def in_use(home: Path, name: str) -> Path:
    """The folder of a derived index that is in use."""
    derived = Derived(home, name)
    reached = derived.reached()
    assert reached
    return derived.path(reached)


def lexical(store: Store, question: str) -> list[str]:
    """Documents that the words' search finds, best first."""
    return documents(store, [id_ for id_, _ in store.matching({question: 1.0}, 10)])


def dense(store: Store, question: str) -> list[str]:
    """Documents that the vectors' search finds, nearest first."""
    return documents(store, store.nearest(hash_encode([question])[0], 10))


def documents(store: Store, ids: list[str]) -> list[str]:
    """Whose chunks these are; those that are gone are left out."""
    return [chunk.span.document_id for chunk in store.chunks(ids)]


def built(home: Path) -> set[str]:
    """Names that Chroma gives anew whenever it is built from nothing."""
    names = {path.name for path in in_use(home, "chroma").iterdir() if path.is_dir()}
    assert names
    return names
