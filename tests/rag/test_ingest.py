"""A folder and its index: what changes, what does not, what is gone, and what a kill leaves."""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from llama_index.core.schema import Document, MetadataMode
from pydantic import PrivateAttr

import rag
from rag import Answer, Citation, Claim, Feedback, Settings, Span, feedback
from rag.chunk import Chunker
from rag.errors import ConfigError, LoadError, StoreError, StoreLockedError, StoreMismatchError, StoreMissingError
from rag.index.health import verify
from rag.index.lexical import terms
from rag.index.store import Store
from rag.index.writing import roll_back
from rag.ingest import Progress, rebuild, remove, reread, sync, take_in
from rag.load import load
from rag.models.embed import token_starts
from rag.retrieve import passages, retrieve
from rag.schema import IngestReport, Passage
from tests.fakes import HashEmbedding, hash_encode

DATA = Path(__file__).parents[1] / "data"
BEES = "Bees make honey in the garden.\n"
RAIN = "Rain fell on the wall.\n"
LONG = "\n\n".join(f"Paragraph {number} has {'so many words ' * 40}in it." for number in range(250))  # two batches


class Place:
    """A folder with files, and an index of it that counts what is embedded."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "documents"
        self.folder.mkdir()
        self.settings = Settings(home=place / "home")
        self.embedder = HashEmbedding()

    def write(self, name: str, text: str) -> Path:
        """A file with this text."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def ingest(
        self, path: Path | None = None, *, settings: Settings | None = None, progress: Progress | None = None
    ) -> IngestReport:
        """The folder, or another path, as it is now."""
        return rag.ingest(path or self.folder, settings or self.settings, embedder=self.embedder, progress=progress)

    def retrieve(self, question: str, *, settings: Settings | None = None) -> tuple[Passage, ...]:
        """What the index finds, after a check that each passage stands where it says."""
        settings = settings or self.settings
        store = Store.open(settings)
        found = passages(retrieve(store, hash_encode, question, settings), store.catalog.document, 50)
        texts = {passage.span.document_id: self.text(store, passage.span.document_id) for passage in found}
        store.close()
        assert all(
            passage.text == texts[passage.span.document_id][passage.span.start : passage.span.end] for passage in found
        )
        return found

    def found(self, question: str) -> list[str]:
        """Documents whose words the question has, best first."""
        asked = set(terms(question))
        return [passage.span.document_id for passage in self.retrieve(question) if asked & set(terms(passage.text))]

    def texts(self) -> dict[str, str]:
        """The text of each document in the index."""
        store = Store.open(self.settings)
        texts = {id_: self.text(store, id_) for id_, _, _ in store.catalog.documents()}
        store.close()
        return texts

    def text(self, store: Store, document_id: str) -> str:
        """The text of one."""
        document = store.catalog.document(document_id)
        assert document is not None
        return document.text

    def frequency(self, term: str) -> int:
        """In how many chunks a term stands, with what they stand under."""
        store = Store.open(self.settings)
        frequency = store.document_frequency(term)
        store.close()
        return frequency

    def revision(self) -> int:
        """The catalog's."""
        store = Store.open(self.settings)
        revision = store.catalog.revision
        store.close()
        return revision

    def bytes(self) -> dict[str, bytes]:
        """Every file of the index."""
        home = self.settings.home
        return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder, and no index yet."""
    return Place(tmp_path)


@pytest.fixture
def indexed(place: Place) -> Place:
    """Two files of one chunk each, indexed; what is counted from here on is new."""
    place.write("bees.txt", BEES)
    place.write("rain.txt", RAIN)
    place.ingest()
    place.embedder = HashEmbedding()
    return place


# What an ingest does


def test_folder_is_added(place: Place) -> None:
    """Every file of it and of the folders in it, by its path inside the folder."""
    place.write("bees.txt", BEES)
    place.write("weather/rain.txt", RAIN)

    report = place.ingest()

    assert report == IngestReport(added=("bees.txt", "weather/rain.txt"))
    assert place.texts() == {"bees.txt": BEES.strip(), "weather/rain.txt": RAIN.strip()}
    assert (place.found("honey"), place.found("rain")) == (["bees.txt"], ["weather/rain.txt"])


def test_new_file_is_added(indexed: Place) -> None:
    """And only it is embedded."""
    indexed.write("snow.txt", "Snow lay on the roof.")

    report = indexed.ingest()

    assert report == IngestReport(added=("snow.txt",), unchanged=2)
    assert (indexed.found("snow"), indexed.embedder.count) == (["snow.txt"], 1)


def test_changed_file_is_read_again(indexed: Place) -> None:
    """What it said before is found no more."""
    indexed.write("rain.txt", "Hail fell on the wall.")

    report = indexed.ingest()

    assert report == IngestReport(changed=("rain.txt",), unchanged=1)
    assert (indexed.found("hail"), indexed.found("rain"), indexed.embedder.count) == (["rain.txt"], [], 1)


def test_moved_file_is_embedded_no_more(indexed: Place) -> None:
    """It is the same document at a new place."""
    (indexed.folder / "weather").mkdir()
    (indexed.folder / "rain.txt").rename(indexed.folder / "weather" / "rain.txt")

    report = indexed.ingest()

    assert report == IngestReport(moved=(("rain.txt", "weather/rain.txt"),), unchanged=1)
    assert (indexed.found("rain"), indexed.embedder.count) == (["weather/rain.txt"], 0)


def test_renamed_file_has_the_title_of_its_new_name(indexed: Place) -> None:
    """Where the name is all the title there is; it is searched as words and not embedded, so a move embeds nothing."""
    (indexed.folder / "rain.txt").rename(indexed.folder / "heavy-showers.txt")

    report = indexed.ingest()

    (passage,) = [passage for passage in indexed.retrieve("showers") if "Rain" in passage.text]
    assert report == IngestReport(moved=(("rain.txt", "heavy-showers.txt"),), unchanged=1)
    assert (passage.title, indexed.embedder.count) == ("Heavy showers", 0)
    assert (indexed.frequency("shower"), indexed.frequency("rain")) == (1, 1)


def test_twins_that_move_are_all_there(place: Place) -> None:
    """Two files of the same content are two documents, wherever they go."""
    for name in ("one/a.txt", "one/b.txt"):
        place.write(name, RAIN)
    place.ingest()

    (place.folder / "one").rename(place.folder / "two")
    place.ingest()

    assert place.texts() == {"two/a.txt": RAIN.strip(), "two/b.txt": RAIN.strip()}


def test_what_is_there_twice_is_embedded_once(place: Place) -> None:
    """New together or one after the other; each is a document of its own, and stays when the other goes."""
    place.write("one.txt", RAIN)
    place.write("two.txt", RAIN)
    place.ingest()
    place.write("three.txt", RAIN)
    place.ingest()
    (place.folder / "one.txt").unlink()
    place.ingest()

    assert place.embedder.count == 1
    assert place.texts() == {"two.txt": RAIN.strip(), "three.txt": RAIN.strip()}
    assert place.frequency("rain") == 2


def test_copy_under_another_suffix_is_read_in_its_own_way(place: Place) -> None:
    """The same bytes as Markdown and as plain text are two texts."""
    place.write("rain.txt", "# Rain\n\nIt fell.")
    place.write("rain.md", "# Rain\n\nIt fell.")

    place.ingest()

    assert place.embedder.count == 2


def test_unchanged_files_are_not_opened(place: Place) -> None:
    """Size and times say that they are as they were, once these are old enough to be trusted."""
    path = place.write("bees.txt", BEES)
    os.utime(path, (1, 1))
    place.ingest()
    time.sleep(2.1)
    place.ingest()  # notes the times
    opened: list[str] = []
    watching = [True]
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if watching and event == "open" else None)

    report = place.ingest()
    watching.clear()

    assert report == IngestReport(unchanged=1)
    assert str(path) not in opened
    assert any("writer" in name for name in opened)


def test_change_that_keeps_size_and_time_is_seen(place: Place) -> None:
    """A time can be set back; when the file was changed cannot."""
    path = place.write("bees.txt", "Bees make honey.")
    os.utime(path, (1, 1))
    time.sleep(2.1)
    place.ingest()

    path.write_text("Bees make money.")
    os.utime(path, (1, 1))

    assert place.ingest().changed == ("bees.txt",)


def test_index_is_rebuilt_from_the_files(indexed: Place) -> None:
    """All of it, of every folder; the one before is kept until it is dropped."""
    report = rebuild(indexed.settings, embedder=indexed.embedder)

    assert (report.added, indexed.embedder.count) == (("bees.txt", "rain.txt"), 2)
    assert indexed.found("honey") == ["bees.txt"]
    assert (indexed.settings.home / "previous.db").exists()


def test_killed_rebuild_goes_on_where_it_was(indexed: Place) -> None:
    """The old index answers until then."""
    with pytest.raises(KeyboardInterrupt):
        rebuild(indexed.settings, embedder=indexed.embedder, progress=killed(1))

    assert indexed.found("honey") == ["bees.txt"]
    indexed.embedder = HashEmbedding()
    rebuild(indexed.settings, embedder=indexed.embedder)
    assert indexed.embedder.count == 1


def test_there_must_be_something_to_rebuild(place: Place) -> None:
    """Else the first ingest is named."""
    with pytest.raises(StoreMissingError, match="rag ingest"):
        rebuild(place.settings)


def test_deleted_file_is_removed(indexed: Place) -> None:
    """From the list of documents and from search."""
    (indexed.folder / "rain.txt").unlink()

    report = indexed.ingest()

    assert report == IngestReport(removed=("rain.txt",), unchanged=1)
    assert (list(indexed.texts()), indexed.found("rain")) == (["bees.txt"], [])


def test_unchanged_folder_changes_nothing(indexed: Place) -> None:
    """Nothing is embedded, the revision stays, and so does every byte but the note of when files were looked at."""
    indexed.retrieve("rain")
    before, revision = indexed.bytes(), indexed.revision()

    report = indexed.ingest()

    assert report == IngestReport(unchanged=2)
    assert indexed.embedder.count == 0
    assert {**indexed.bytes(), "catalog.db": b""} == {**before, "catalog.db": b""}
    assert indexed.revision() == revision


def test_progress_counts_to_the_end(place: Place) -> None:
    """Each file that is read is named once, the bad ones too."""
    told: list[tuple[int, int, str]] = []
    place.write("bees.txt", BEES)
    place.write("empty.txt", "")
    place.write("rain.txt", RAIN)

    place.ingest(progress=lambda *step: told.append(step))

    assert sorted(name for *_, name in told) == ["bees.txt", "empty.txt", "rain.txt"]
    assert [(done, total) for done, total, _ in told] == [(1, 3), (2, 3), (3, 3)]


def test_empty_folder_is_an_empty_index(place: Place) -> None:
    """To which every question is one without passages."""
    assert place.ingest() == IngestReport()
    assert place.retrieve("Is there rain?") == ()


def test_emptied_folder_empties_its_index(indexed: Place) -> None:
    """It is not taken for a mistake."""
    for path in indexed.folder.iterdir():
        path.unlink()

    assert indexed.ingest() == IngestReport(removed=("bees.txt", "rain.txt"))
    assert indexed.retrieve("rain") == ()


def test_deleted_folder_is_told_of(indexed: Place) -> None:
    """An unplugged disk is no reason to forget what was on it."""
    for path in indexed.folder.iterdir():
        path.unlink()
    indexed.folder.rmdir()

    with pytest.raises(ConfigError, match="No file or folder"):
        indexed.ingest()

    assert sorted(indexed.texts()) == ["bees.txt", "rain.txt"]


# What was deleted is gone

SECRET = "The zanzibarquartz is in the vault.\n"


def deleted(place: Place) -> None:
    """Its file goes."""
    (place.folder / "zanzibarquartz.txt").unlink()
    place.ingest()


def rewritten(place: Place) -> None:
    """Its file is moved, then says something else."""
    (place.folder / "zanzibarquartz.txt").rename(place.folder / "other.txt")
    place.write("other.txt", "Nothing.")
    place.ingest()


def taken_out(place: Place) -> None:
    """It is removed by its id, the file stays."""
    remove(["zanzibarquartz.txt"], place.settings)


def rebuilt(place: Place) -> None:
    """Its file goes, and the index is built for other settings."""
    (place.folder / "zanzibarquartz.txt").unlink()
    place.settings = place.settings.model_copy(update={"chunk_size": 40})
    place.ingest()


@pytest.mark.parametrize("go", [deleted, rewritten, taken_out, rebuilt])
def test_deleted_text_is_gone(place: Place, go: Callable[[Place], None]) -> None:
    """From search, from what weighs a word, and from every byte of the index, also while another has it open."""
    place.write("bees.txt", BEES)
    place.write("zanzibarquartz.txt", SECRET)
    place.ingest()
    reader = Store.open(place.settings)
    assert reader.document_frequency("zanzibarquartz") == 1
    assert traces(place, b"zanzibarquartz")

    go(place)

    assert traces(place, b"zanzibarquartz") == []
    reader.close()
    store = Store.open(place.settings)
    assert store.document_frequency("zanzibarquartz") == 0
    assert place.found("zanzibarquartz vault") == []
    store.close()


def test_text_of_a_file_that_can_be_read_no_more_is_gone(place: Place) -> None:
    """Only its name stays, with the reason, for as long as the file does."""
    file = place.write("letter.txt", SECRET)
    place.ingest()

    place.write("letter.txt", "")
    place.ingest()

    assert traces(place, b"zanzibarquartz") == []
    assert traces(place, b"letter.txt") == ["catalog.db"]
    file.unlink()
    place.ingest()
    assert traces(place, b"letter.txt") == []


def traces(place: Place, word: bytes) -> list[str]:
    """Files of the index that hold the word."""
    return [name for name, data in place.bytes().items() if word in data.lower()]


# What could not be read is kept with its reason


def skipped(place: Place) -> dict[str, str]:
    """What the catalog says of files that could not be read."""
    store = Store.open(place.settings)
    found = {file.document_id: file.reason for file in store.catalog.skipped()}
    store.close()
    return found


def test_skipped_files_are_told_of_after_the_ingest(indexed: Place) -> None:
    """With the reason of the report, also by the next ingest, which changes nothing."""
    indexed.write("picture.png", "no picture")

    report = indexed.ingest()

    assert skipped(indexed) == dict(report.skipped) != {}
    before = indexed.bytes()
    indexed.ingest()
    assert indexed.bytes() == before


def test_skipped_file_that_is_read_or_gone_is_not_told_of(indexed: Place) -> None:
    """Whether its whole folder is ingested or it alone; of the others it still is."""
    for name in ("a.txt", "b.txt", "c.txt"):
        indexed.write(name, "")
    indexed.ingest()
    indexed.write("a.txt", "Now it says something.")
    (indexed.folder / "b.txt").unlink()

    indexed.ingest(indexed.folder / "a.txt")
    after_one = list(skipped(indexed))
    indexed.ingest()

    assert after_one == ["b.txt", "c.txt"]
    assert list(skipped(indexed)) == ["c.txt"]


def test_rebuilt_index_tells_of_skipped_files_too(indexed: Place) -> None:
    """A folder's are found again with it."""
    indexed.write("empty.txt", "")
    indexed.ingest()

    rebuild(indexed.settings, embedder=indexed.embedder)

    assert list(skipped(indexed)) == ["empty.txt"]


# All folders, one folder of our own, and some documents again


def test_sync_brings_every_folder_up_to_date(indexed: Place, tmp_path: Path) -> None:
    """Those ingested whole with what is new in them, and of a file named alone that it went."""
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("named.txt", "other.txt"):
        (alone / name).write_text(BEES)
    indexed.ingest(alone / "named.txt")
    indexed.write("snow.txt", "Snow lay on the roof.")
    (alone / "named.txt").unlink()

    report = sync(indexed.settings, embedder=indexed.embedder)

    assert (report.added, report.removed) == (("snow.txt",), ("alone:named.txt",))
    assert sorted(indexed.texts()) == ["bees.txt", "rain.txt", "snow.txt"]


def test_sync_keeps_what_a_missing_folder_held(indexed: Place) -> None:
    """A disk that is not mounted is told of; it does not empty the index."""
    indexed.folder.rename(indexed.folder.with_name("elsewhere"))

    report = sync(indexed.settings, embedder=indexed.embedder)

    assert report.skipped == ((str(indexed.folder), report.skipped[0][1]),)
    assert "not there" in report.skipped[0][1]
    assert sorted(indexed.texts()) == ["bees.txt", "rain.txt"]


def test_own_folder_stays_apart_from_the_folder_around_it(place: Place) -> None:
    """Its documents have its name before theirs, and an ingest of all around it neither doubles nor loses them."""
    settings = place.settings = Settings(home=place.folder / ".rag")
    own = settings.home / "uploads"
    place.write("bees.txt", BEES)
    place.ingest()
    own.mkdir()
    (own / "bees.txt").write_text(RAIN)

    take_in(["bees.txt"], own, settings, embedder=place.embedder)
    place.ingest()
    rebuild(settings, embedder=place.embedder)

    assert place.texts() == {"bees.txt": BEES.strip(), "uploads/bees.txt": RAIN.strip()}


def test_own_folder_takes_no_name_that_is_taken(place: Place) -> None:
    """Where a folder of this name was ingested with another, it is numbered."""
    place.write("uploads/bees.txt", BEES)
    place.ingest()
    own = place.settings.home / "uploads"
    own.mkdir()
    (own / "bees.txt").write_text(RAIN)

    take_in(["bees.txt"], own, place.settings, embedder=place.embedder)

    assert list(place.texts()) == ["uploads-2/bees.txt", "uploads/bees.txt"]


def test_unchanged_documents_are_read_again_when_asked(indexed: Place) -> None:
    """And their copies, which are embedded once; no other."""
    indexed.write("copy.txt", BEES)
    indexed.ingest()
    indexed.embedder = HashEmbedding()

    report = reread(["bees.txt"], indexed.settings, embedder=indexed.embedder)

    assert report == IngestReport(changed=("bees.txt", "copy.txt"))
    assert indexed.embedder.count == 1
    assert indexed.ingest() == IngestReport(unchanged=3)


def test_what_became_of_each_file_is_heard(indexed: Place) -> None:
    """One by one, while it goes on."""
    indexed.write("bees.txt", "Bees sleep in winter.")
    indexed.write("empty.txt", "")
    indexed.write("snow.txt", "Snow lay on the roof.")
    (indexed.folder / "rain.txt").unlink()
    heard = list[tuple[str, str]]()

    sync(indexed.settings, embedder=indexed.embedder, heard=lambda id_, what, about: heard.append((id_, what)))

    assert sorted(heard) == [
        ("bees.txt", "changed"),
        ("empty.txt", "skipped"),
        ("rain.txt", "removed"),
        ("snow.txt", "added"),
    ]


def test_removal_deletes_files_of_one_folder_alone(indexed: Place) -> None:
    """Also one that could not be read; the files of other folders stay."""
    own = indexed.settings.home / "uploads"
    own.mkdir()
    for name, text in (("a.txt", RAIN), ("b.txt", BEES), ("empty.txt", "")):
        (own / name).write_text(text)
    take_in(["a.txt", "b.txt", "empty.txt"], own, indexed.settings, embedder=indexed.embedder)

    gone = remove(["rain.txt", "uploads/a.txt", "uploads/empty.txt"], indexed.settings, deleting=own)

    assert sorted(gone) == ["rain.txt", "uploads/a.txt", "uploads/empty.txt"]
    assert [file.name for file in own.iterdir()] == ["b.txt"]
    assert sorted(indexed.texts()) == ["bees.txt", "uploads/b.txt"]
    assert skipped(indexed) == {}
    assert (indexed.folder / "rain.txt").exists()


def test_removed_documents_are_named(place: Place) -> None:
    """By id, or by the folder they are in, and not by a name that only begins alike."""
    for name in ("a.txt", "part/b.txt", "part/c.txt", "parting.txt"):
        place.write(name, RAIN)
    place.ingest()

    gone = remove(["a.txt", "part/", "nowhere.txt"], place.settings)

    assert sorted(gone) == ["a.txt", "part/b.txt", "part/c.txt"]
    assert list(place.texts()) == ["parting.txt"]


def test_removal_with_other_settings_is_refused(indexed: Place) -> None:
    """It must not put an empty index in the place of the one there is."""
    other = Settings(home=indexed.settings.home, chunk_size=40)

    with pytest.raises(StoreMismatchError):
        remove(["rain.txt"], other)

    assert sorted(indexed.texts()) == ["bees.txt", "rain.txt"]


def test_removal_without_an_index_makes_none(place: Place) -> None:
    """There is nothing to remove from."""
    with pytest.raises(StoreMissingError):
        remove(["rain.txt"], place.settings)

    assert not place.settings.home.exists()


# Bad files


def test_bad_files_are_skipped_with_their_reasons(indexed: Place) -> None:
    """The others are ingested, and no file that was left out is left unsaid."""
    for name in ("broken-zip.docx", "not-a.pdf", "empty.txt", "junk.txt"):
        (indexed.folder / name).write_bytes((DATA / name).read_bytes())
    indexed.write("picture.png", "png")
    indexed.write("snow.txt", "Snow lay on the roof.")

    report = indexed.ingest()

    reasons = dict(report.skipped)
    assert list(reasons) == ["broken-zip.docx", "empty.txt", "junk.txt", "not-a.pdf", "picture.png"]
    assert all(len(reason) > 10 for reason in reasons.values())
    assert re.search("no text", reasons["empty.txt"])
    assert re.search(r"\.png is not a format that is read", reasons["picture.png"])
    assert (report.added, report.unchanged) == (("snow.txt",), 2)


def test_file_that_can_be_read_no_more_is_cited_no_more(indexed: Place) -> None:
    """Its words are not in the folder any longer."""
    indexed.write("rain.txt", "")

    report = indexed.ingest()

    assert (report.removed, [name for name, _ in report.skipped]) == (("rain.txt",), ["rain.txt"])
    assert indexed.found("rain") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_named_file_that_can_be_read_no_more_is_cited_no_more(indexed: Place) -> None:
    """Also when it alone is asked for."""
    path = indexed.folder / "rain.txt"
    path.unlink()
    os.mkfifo(path)

    report = indexed.ingest(path)

    assert (report.removed, report.skipped) == (
        ("rain.txt",),
        (("rain.txt", "not a file that can be read; leave it out"),),
    )
    assert indexed.found("rain") == []


class Interrupted(HashEmbedding):
    """Ends after a number of texts, as a model that runs out of memory does."""

    _left: int = PrivateAttr(default=15)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self._left -= len(texts)
        if self._left < 0:
            raise MemoryError
        return super()._get_text_embeddings(texts)


def test_document_is_replaced_as_a_whole_or_not_at_all(indexed: Place) -> None:
    """If embedding ends in the middle of a document, what it said before stands."""
    indexed.write("rain.txt", LONG)
    indexed.embedder = Interrupted()

    with pytest.raises(MemoryError):
        indexed.ingest()

    assert indexed.texts()["rain.txt"] == RAIN.strip()
    assert indexed.found("rain") == ["rain.txt"]


def test_file_that_changes_meanwhile_is_right_after_the_next_ingest(place: Place) -> None:
    """Its bytes were taken before it was read, so that the change is seen."""
    place.write("a.txt", LONG)
    late = place.write("b.txt", RAIN)

    place.ingest(progress=after_first(lambda: late.write_text("Hail fell on the wall.")))
    place.ingest()

    assert place.texts()["b.txt"] == "Hail fell on the wall."


def test_file_that_goes_meanwhile_is_skipped(place: Place) -> None:
    """With its reason; the others are ingested."""
    place.write("a.txt", LONG)
    late = place.write("b.txt", RAIN)
    place.write("c.txt", BEES)

    report = place.ingest(progress=after_first(late.unlink))

    assert (report.added, [name for name, _ in report.skipped]) == (("a.txt", "c.txt"), ["b.txt"])


def test_file_that_changes_meanwhile_is_put_right(place: Place) -> None:
    """It is not taken for what it was when the folder was listed, and no copy of that takes over its new words."""
    place.write("0.txt", LONG)
    changing = place.write("a.txt", RAIN)
    place.write("b.txt", RAIN)

    report = place.ingest(progress=after_first(lambda: changing.write_text(BEES, encoding="utf-8")))

    assert [name for name, note in report.notes if "changed while it was read" in note] == ["a.txt"]
    assert place.texts()["b.txt"] == RAIN.strip()
    assert place.ingest().changed == ("a.txt",)
    assert (place.texts()["a.txt"], place.texts()["b.txt"]) == (BEES.strip(), RAIN.strip())


def after_first(do: Callable[[], object]) -> Progress:
    """A progress that does something once the first file is in."""

    def progress(done: int, *_: object) -> None:
        if done == 1:
            do()

    return progress


# Which files


def test_hidden_files_and_the_index_are_left_out(place: Place) -> None:
    """Without a word: nobody means them. The index may lie inside the folder."""
    for name in (".hidden.txt", ".git/config.txt", "~$draft.docx", "bees.txt"):
        place.write(name, BEES)
    place.settings = Settings(home=place.folder / "index")

    place.ingest()
    report = place.ingest()

    assert report == IngestReport(unchanged=1)
    assert list(place.texts()) == ["bees.txt"]


def test_links_out_of_the_folder_are_skipped(indexed: Place, tmp_path: Path) -> None:
    """A link must not bring in what its folder's owner did not put there; one inside the folder is read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("The vault is open.")
    (indexed.folder / "out.txt").symlink_to(outside / "secret.txt")
    (indexed.folder / "outer").symlink_to(outside)
    (indexed.folder / "inner").symlink_to(indexed.folder)
    (indexed.folder / "loop.txt").symlink_to("loop.txt")
    (indexed.folder / "nowhere.txt").symlink_to("gone.txt")
    (indexed.folder / "same.txt").symlink_to("rain.txt")

    report = indexed.ingest()

    reasons = dict(report.skipped)
    assert report.added == ("same.txt",)
    assert list(reasons) == ["inner", "loop.txt", "nowhere.txt", "out.txt", "outer"]
    assert "outside the folder" in reasons["out.txt"]
    assert "outside the folder" in reasons["outer"]
    assert "link to a folder" in reasons["inner"]
    assert indexed.found("vault") == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are only bytes")
def test_name_that_is_not_text_is_skipped(indexed: Place) -> None:
    """It cannot be an id; the report can be printed all the same."""
    (indexed.folder / os.fsdecode(b"caf\xe9.txt")).write_text(RAIN)

    report = indexed.ingest()

    assert report.skipped == (("caf?.txt", "a name that is not text; rename it"),)
    assert report.unchanged == 2


def test_one_file_is_ingested_alone(indexed: Place) -> None:
    """Under the id it has in its folder; what else is new there stays out."""
    indexed.write("snow.txt", "Snow lay on the roof.")
    indexed.write("hail.txt", "Hail lay on the roof.")

    report = indexed.ingest(indexed.folder / "snow.txt")

    assert report == IngestReport(added=("snow.txt",))
    assert sorted(indexed.texts()) == ["bees.txt", "rain.txt", "snow.txt"]


def test_folder_of_one_file_is_ingested_whole_later(place: Place) -> None:
    """The file's document is the folder's then, and is not embedded twice."""
    path = place.write("bees.txt", BEES)
    place.write("rain.txt", RAIN)
    place.ingest(path)

    report = place.ingest()

    assert report == IngestReport(added=("rain.txt",), unchanged=1)
    assert place.embedder.count == 2


def test_two_folders_may_have_files_of_the_same_name(indexed: Place, tmp_path: Path) -> None:
    """They are two documents; to bring one folder up to date leaves the other's alone."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "rain.txt").write_text("Acid rain fell.")

    first = indexed.ingest(other)
    (indexed.folder / "rain.txt").unlink()
    second = indexed.ingest()

    assert (first.added, second.removed) == (("other:rain.txt",), ("rain.txt",))
    assert indexed.texts() == {"bees.txt": BEES.strip(), "other:rain.txt": "Acid rain fell."}


def test_folder_and_part_of_it_are_one(place: Place) -> None:
    """After a part, the whole: its documents are known once, and none stays as it was when its file changes."""
    place.write("part/bees.txt", BEES)
    rain = place.write("part/rain.txt", RAIN)
    place.ingest(place.folder / "part")
    rain.write_text("Hail fell on the wall.")

    report = place.ingest()

    assert report.moved == (
        ("bees.txt", "documents:part/bees.txt"),
        ("rain.txt", "documents:part/rain.txt"),
    )
    assert (report.changed, report.unchanged) == (("documents:part/rain.txt",), 1)
    assert (place.found("rain hail"), place.embedder.count) == (["documents:part/rain.txt"], 3)


def test_ids_stay_when_the_index_is_built_again(place: Place) -> None:
    """They are what citations and question sets name."""
    place.write("part/bees.txt", BEES)
    place.ingest(place.folder / "part")
    place.ingest()
    before = list(place.texts())

    place.settings = place.settings.model_copy(update={"chunk_size": 40})
    place.ingest()

    assert before == list(place.texts()) == ["documents:part/bees.txt"]


def test_part_of_a_folder_keeps_its_ids(indexed: Place) -> None:
    """To ingest a folder inside one that was ingested is to ingest that one."""
    indexed.write("weather/snow.txt", "Snow lay on the roof.")

    report = indexed.ingest(indexed.folder / "weather")

    assert report == IngestReport(added=("weather/snow.txt",), unchanged=2)


# One writer, other settings


def test_second_ingest_is_told_that_one_is_running(place: Place) -> None:
    """It ends at once, and the first goes on."""
    place.write("bees.txt", BEES)
    refused = []

    def ingest_too(*_: object) -> None:
        with pytest.raises(StoreLockedError, match=str(os.getpid())) as raised:
            place.ingest()
        refused.append(raised)

    report = place.ingest(progress=ingest_too)

    assert (report.added, len(refused)) == (("bees.txt",), 1)


def test_other_settings_build_the_index_again(indexed: Place, tmp_path: Path) -> None:
    """All folders' documents under the ids they had, though only one is asked for; the old index answers meanwhile."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "hail.txt").write_text("Hail fell.")
    indexed.ingest(other)
    (indexed.folder / "bees.txt").unlink()
    new = Settings(home=indexed.settings.home, chunk_size=40)
    meanwhile = []

    report = indexed.ingest(other, settings=new, progress=lambda *_: meanwhile.append(indexed.found("bees honey")))

    assert meanwhile == [["bees.txt"], ["bees.txt"]]
    assert (report.added, report.removed) == (("other:hail.txt", "rain.txt"), ("bees.txt",))
    assert [passage.span.document_id for passage in indexed.retrieve("rain hail", settings=new)] == [
        "other:hail.txt",
        "rain.txt",
    ]
    with pytest.raises(StoreMismatchError):
        indexed.retrieve("rain")


def test_killed_change_of_settings_leaves_the_old_index(indexed: Place) -> None:
    """And what was embedded for the new one is not embedded again."""
    new = Settings(home=indexed.settings.home, chunk_size=40)

    with pytest.raises(KeyboardInterrupt):
        indexed.ingest(settings=new, progress=killed(1))

    assert (indexed.found("rain"), indexed.found("honey")) == (["rain.txt"], ["bees.txt"])
    indexed.embedder = HashEmbedding()
    assert indexed.ingest(settings=new).unchanged == 1
    assert indexed.embedder.count == 1


# Kills


@pytest.mark.parametrize("after", range(1, 6))
def test_killed_ingest_is_finished_by_the_next(indexed: Place, after: int) -> None:
    """What was done is there and answers, nothing of it is embedded again, and the end is the same."""
    (indexed.folder / "rain.txt").unlink()
    indexed.write("bees.txt", "Bees make wax in the garden.")
    for name in ("a", "b", "c", "d"):
        indexed.write(f"{name}.txt", f"Something of {name}{name}.")

    with pytest.raises(KeyboardInterrupt):
        indexed.ingest(progress=killed(after))

    assert indexed.found("rain") == []
    assert len(indexed.found("aa bb cc dd wax")) == after
    indexed.embedder = HashEmbedding()
    indexed.ingest()
    assert indexed.embedder.count == 5 - after
    assert sorted(indexed.found("aa bb cc dd wax honey")) == ["a.txt", "b.txt", "bees.txt", "c.txt", "d.txt"]


def killed(after: int) -> Progress:
    """A progress that ends the ingest after a number of files."""

    def progress(done: int, *_: object) -> None:
        if done == after:
            raise KeyboardInterrupt

    return progress


INGEST = """
import sys
from pathlib import Path
import rag
from tests.fakes import HashEmbedding

folder, home = map(Path, sys.argv[1:])
print(flush=True)
rag.ingest(
    folder, rag.Settings(home=home), embedder=HashEmbedding(), progress=lambda *_: print(flush=True)
)
"""


@pytest.mark.slow
def test_kill_at_any_moment_leaves_an_index_that_answers_and_is_finished(place: Place) -> None:
    """Before the first file, between files, and while the derived indexes are written, time and again."""
    moments = [(1, 0.0), (2, 0.0), (41, 0.0), (41, 0.03), (41, 0.1), (21, 0.0)]

    for lines, seconds in moments:
        for number in range(40):
            place.write(f"{number}.txt", f"Something of number{number} in the garden after {lines} and {seconds}.")
        with subprocess.Popen(
            [sys.executable, "-c", INGEST, place.folder, place.settings.home], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            for _ in range(lines):
                assert child.stdout.readline()
            time.sleep(seconds)
            child.kill()
        if (place.settings.home / "catalog.db").exists():
            assert len(place.retrieve("garden")) == len(place.texts())

    place.ingest()
    assert 0 < place.embedder.count <= 20
    assert len(place.retrieve("garden after 21")) == 40
    assert place.ingest() == IngestReport(unchanged=40)


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes; only root can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("may not mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("spare", [200, 600, 1100, 1600, 2400])
def test_full_disk_is_told_and_the_old_index_answers(place: Place, small_disk: Path, spare: int) -> None:
    """Wherever the space ends, in the catalog or in what is derived; with room again the next ingest finishes."""
    place.settings = Settings(home=small_disk / "home")
    place.write("bees.txt", BEES)
    place.ingest()
    used = sum(path.stat().st_blocks * 512 for path in small_disk.rglob("*")) // 1024
    subprocess.run(["mount", "-o", f"remount,size={used + spare}k", small_disk], check=True)
    for number in range(400):
        place.write(f"{number}.txt", f"Number{number} of the walls. " * 60)

    for _ in range(2):
        with pytest.raises(StoreError, match="Check its space and rights"):
            place.ingest()
        assert "bees.txt" in place.found("honey")

    subprocess.run(["mount", "-o", "remount,size=60m", small_disk], check=True)
    place.ingest()
    assert len(place.texts()) == 401
    assert verify(place.settings).problems == ()


# All of it

NAMES = st.sampled_from(["a.txt", "b.txt", "c.md", "part/a.txt"])
CONTENTS = st.lists(
    st.sampled_from(["# Bees", "Bees make honey.", "Rain fell. Rain fell.", "The wall is high. " * 20, "Rain"]),
    max_size=5,
).map("\n\n".join)
CHANGES = st.lists(
    st.builds(lambda name, text: lambda place: place.write(name, text), NAMES, CONTENTS)
    | st.builds(lambda name: lambda place: (place.folder / name).unlink(missing_ok=True), NAMES)
    | st.builds(lambda old, new: lambda place: rename(place.folder / old, place.folder / new), NAMES, NAMES),
    max_size=4,
)


def rename(old: Path, new: Path) -> None:
    """Move a file, if it is there, also over another."""
    if old.exists():
        new.parent.mkdir(exist_ok=True)
        old.replace(new)


class FolderAndIndex(RuleBasedStateMachine):
    """Files come, change, move and go, ingests are killed, files damaged, settings changed, and it is gone back.

    After an ingest that was not killed, the index is as if built anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.place = Place(Path(self.temporary.name))
        self.chunker = Chunker(size=self.place.settings.chunk_size, token_starts=token_starts(self.place.settings))

    @rule(changes=CHANGES, after=st.integers(1, 3))
    def ingest_and_kill(self, changes: list[Callable[[Place], object]], after: int) -> None:
        """Each document that is there then is whole."""
        for change in changes:
            change(self.place)

        with suppress(KeyboardInterrupt):
            self.place.ingest(progress=killed(after))

        if self.is_index_of_these_settings():
            self.check_chunks()

    @rule(changes=CHANGES)
    def ingest(self, changes: list[Callable[[Place], object]]) -> None:
        """The documents are those of the files, and a second ingest finds nothing to do."""
        for change in changes:
            change(self.place)

        self.place.ingest()

        embedded = self.place.embedder.count
        again = self.place.ingest()
        assert (again.added, again.changed, again.moved, again.removed) == ((), (), (), ())
        assert self.place.embedder.count == embedded
        assert self.place.texts() == {id_: text for id_, (text, _) in self.readable().items()}
        self.check_chunks()
        self.check_words()

    @rule(draw=st.randoms(use_true_random=False))
    def damage_what_is_derived(self, draw: random.Random) -> None:
        """The next to open it builds it again."""
        home = self.place.settings.home
        files = sorted(path for name in ("chroma", "lexical") for path in (home / name).rglob("*") if path.is_file())
        if not files:
            return
        path = draw.choice(files)
        data = path.read_bytes()
        path.write_bytes(data[: draw.randrange(len(data) + 1)] if draw.random() < 0.5 else data[::-1])

        if self.is_index_of_these_settings():
            self.check_chunks()
            self.check_search()

    @rule(size=st.sampled_from([40, 160]))
    def change_the_settings(self, size: int) -> None:
        """The next ingest builds another index, until then the one there is answers with its own settings."""
        self.place.settings = self.place.settings.model_copy(update={"chunk_size": size})
        self.chunker = Chunker(size=size, token_starts=token_starts(self.place.settings))

    @rule()
    def go_back(self) -> None:
        """To the index that was replaced, if there is one; an ingest then brings it up to the files."""
        with suppress(StoreMissingError):
            built_with = roll_back(self.place.settings)
            self.change_the_settings(40 if "40" in built_with else 160)
            self.check_chunks()

    def is_index_of_these_settings(self) -> bool:
        """Whether it can be opened."""
        try:
            Store.open(self.place.settings).close()
        except (StoreMissingError, StoreMismatchError):
            return False
        return True

    def check_search(self) -> None:
        """Each passage that is found stands where it says, in a document that is there."""
        known = self.place.texts()
        for passage in self.place.retrieve("bees and honey in the rain"):
            assert known[passage.span.document_id][passage.span.start : passage.span.end] == passage.text

    def readable(self) -> dict[str, tuple[str, list[str]]]:
        """Text, and what is embedded, of each file that can be read."""
        found = {}
        for path in sorted(self.place.folder.rglob("*.*")):
            try:
                loaded = load(path, path.relative_to(self.place.folder).as_posix())
            except LoadError:
                continue
            source = loaded.document
            facts = {"title": source.title, "named": loaded.named}
            nodes = self.chunker([Document(id_=source.document_id, text=source.text, metadata=facts)])
            found[source.document_id] = source.text, [node.get_content(MetadataMode.EMBED) for node in nodes]
        return found

    def check_chunks(self) -> None:
        """Each chunk is a slice, each document has all of its own, and both searches hold all of them."""
        store = Store.open(self.place.settings)
        chunks = list(store.catalog.added_since(0))
        for id_, _, _ in store.catalog.documents():
            text = self.place.text(store, id_)
            own = [chunk for chunk in chunks if chunk.span.document_id == id_]
            assert all(chunk.text == text[chunk.span.start : chunk.span.end] for chunk in own)
            assert "".join("".join(chunk.text.split()) for chunk in own) == "".join(text.split())
        assert store.whole()
        store.close()
        assert verify(self.place.settings).problems == ()  # both hold exactly the catalog's chunks

    def check_words(self) -> None:
        """Words, also of titles and headings, are counted over the files as they are, and the vectors are theirs."""
        contents = [content for _, all_ in self.readable().values() for content in all_]
        store = Store.open(self.place.settings)
        chunks = list(store.catalog.added_since(0))
        standing = Counter(
            term for chunk in chunks for term in set(terms(f"{chunk.title}\n{chunk.heading}\n{chunk.text}"))
        )
        assert {term: store.document_frequency(term) for term in ("bee", "honey", "rain", "wall")} == {
            term: standing[term] for term in ("bee", "honey", "rain", "wall")
        }
        assert sorted(chunk.vector.tobytes() for chunk in chunks) == sorted(
            vector.tobytes() for vector in hash_encode(contents)
        )
        store.close()

    def teardown(self) -> None:
        """Nothing stays."""
        self.temporary.cleanup()


TestFolderAndIndex = FolderAndIndex.TestCase
TestFolderAndIndex.pytestmark = [pytest.mark.slow]  # type: ignore[attr-defined]  # as of a class of tests
TestFolderAndIndex.settings = limits(max_examples=12, stateful_step_count=8, deadline=None)


def test_feedback_goes_with_the_words_that_it_quotes(tmp_path: Path, settings: Settings) -> None:
    """What was said of answers, and what was measured, holds words of documents: with them they are gone."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("kept", "changed", "removed"):
        (folder / f"{name}.txt").write_text(f"The {name} archive opens at ten.")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    for name in ("kept", "changed", "removed"):
        quote = Citation(1, Span(f"{name}.txt", 0, 5), "words", None)
        answer = Answer(f"{name}?", "words", (Claim("words", (quote,), "supported"),), (), False, 0.9)
        feedback.keep(settings.home, Feedback(answer, "right"))
    report = settings.home / "evaluations" / "run.json"
    report.parent.mkdir()
    report.write_text('{"document_id": "removed.txt"}')

    (folder / "changed.txt").write_text("It is closed.")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    remove(["removed.txt"], settings)

    assert [line["question"] for line in feedback.candidates(settings.home)] == ["kept?"]
    assert not report.exists()
