"""The documents as the page keeps them: what is listed, what is taken in, and the process that does the work."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag import Job, Library, Settings
from rag.index.store import Store
from rag.index.writing import writing
from rag.library import safe_name
from tests.fakes import HashEmbedding

BEES = "Bees make honey in the garden.\n"
RAIN = "Rain fell on the wall.\n"
# The worker as it is, with the embedder that needs no model; it is the one thing that takes long to load.
COMMAND = (
    sys.executable,
    "-c",
    "from rag.worker import work; from tests.fakes import *; work(lambda _: HashEmbedding())",
)
SLOW = (  # and one that takes a second for each text
    *(sys.executable, "-c"),
    "import time; from rag.worker import work; from tests.fakes import *\n"
    "class Slow(HashEmbedding):\n"
    "    def _get_text_embeddings(self, texts):\n"
    "        time.sleep(len(texts))\n"
    "        return super()._get_text_embeddings(texts)\n"
    "work(lambda _: Slow())",
)


@pytest.fixture
def open_library(tmp_path: Path) -> Iterator[Callable[..., Library]]:
    """A function that opens libraries over one home, which are closed afterwards."""
    opened: list[Library] = []

    def opening(command: Sequence[str] = COMMAND, *, idle: float = 60, **settings: object) -> Library:
        library = Library(Settings(home=tmp_path / "home", **settings), command=command, idle=idle)  # type: ignore[arg-type]
        opened.append(library)
        return library

    yield opening
    for library in opened:
        library.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """One whose process is started once, which takes some seconds; each test has words of its own in its files."""
    place = tmp_path_factory.mktemp("shared")
    folder = place / "documents"
    write(folder, "first.txt", "The first of all.")
    settings = Settings(home=place / "home")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    library = Library(settings, command=COMMAND)
    yield library
    library.close()


def folder_of(library: Library) -> Path:
    """The folder that was ingested into the shared one."""
    return library.uploads.parents[1] / "documents"


def write(folder: Path, name: str, text: str = BEES) -> tuple[str, Path]:
    """A file with this text, as `add` takes it."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return name, path


def finished(library: Library, seconds: float = 60) -> Job:
    """The newest job, when all are done."""
    end = time.monotonic() + seconds
    while not all(job.finished for job in library.jobs()):
        assert time.monotonic() < end, library.jobs()
        time.sleep(0.02)
    return library.jobs()[-1]


def ids(library: Library, word: str = "") -> list[str]:
    """The documents listed that have the word in their name, by name."""
    return [document.document_id for document in library.documents(word)[0]]


def outcomes(job: Job) -> list[tuple[str, str]]:
    """What became of which file."""
    return [(outcome.name, outcome.what) for outcome in job.outcomes]


# The list


def test_library_without_an_index_is_empty(open_library: Callable[..., Library]) -> None:
    """It is no error to look at it before anything was read."""
    library = open_library()

    assert (library.documents(), library.count(), library.types(), library.skipped()) == (((), 0), (0, 0), {}, ())


def test_documents_are_listed_with_what_is_known_of_them(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """Name, title, type, bytes, chunks, when it was read, and that its file is as it was."""
    _, path = write(tmp_path / "documents", "Bee-notes.MD", "# On bees\n\nBees make honey.")
    library = open_library()
    before = int(time.time())
    rag.ingest(path.parent, Settings(home=tmp_path / "home"), embedder=HashEmbedding())

    (listed,), total = library.documents()

    assert total == 1
    assert (listed.document_id, listed.title, listed.type) == ("Bee-notes.MD", "On bees", "md")
    assert (listed.bytes, listed.chunks, listed.status, listed.uploaded) == (27, 1, "current", False)
    assert listed.read is not None
    assert before <= listed.read.timestamp() <= time.time()


def test_changed_and_missing_files_are_told_of(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """The index still says what it read of them."""
    folder = tmp_path / "documents"
    for name in ("a.txt", "b.txt", "c.txt"):
        write(folder, name)
    rag.ingest(folder, Settings(home=tmp_path / "home"), embedder=HashEmbedding())
    write(folder, "a.txt", RAIN + RAIN)
    (folder / "b.txt").unlink()

    documents, _ = open_library().documents()

    assert [document.status for document in documents] == ["changed", "missing", "current"]


def test_files_skipped_on_the_command_line_are_told_of(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """With the reason of that ingest."""
    write(tmp_path / "documents", "empty.txt", "")
    rag.ingest(tmp_path / "documents", Settings(home=tmp_path / "home"), embedder=HashEmbedding())

    (skipped,) = open_library().skipped()

    assert (skipped.document_id, skipped.uploaded) == ("empty.txt", False)
    assert "holds no text" in skipped.reason


def test_types_are_counted_under_one_name(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """What ends in htm or HTML is html."""
    for name in ("a.htm", "b.html", "c.HTML", "d.txt"):
        write(tmp_path / "documents", name, f"<p>{BEES * 3}</p>" if "htm" in name.lower() else BEES)
    rag.ingest(tmp_path / "documents", Settings(home=tmp_path / "home"), embedder=HashEmbedding())

    types = open_library().types()

    assert sum(types.values()) == 4
    assert len(types) == 2


# What is taken in


def test_added_files_are_read_and_listed(tmp_path: Path, shared: Library) -> None:
    """Each is told of, a copy is kept in the home, and the document is named after the folder of uploads."""
    shared.add([write(tmp_path, "bees.txt"), write(tmp_path, "bees-in-rain.txt", RAIN)])
    job = finished(shared)

    assert (job.state, job.done, job.total) == ("done", 2, 2)
    assert sorted(outcomes(job)) == [("uploads/bees-in-rain.txt", "added"), ("uploads/bees.txt", "added")]
    documents, total = shared.documents("bees")
    assert ([document.document_id for document in documents], total) == (
        ["uploads/bees-in-rain.txt", "uploads/bees.txt"],
        2,
    )
    assert all(document.uploaded for document in documents)
    assert (shared.uploads / "bees.txt").read_text() == BEES


def test_no_file_is_overwritten(tmp_path: Path, shared: Library) -> None:
    """The same bytes are told to be there already, other bytes of that name are numbered."""
    shared.add([write(tmp_path / "one", "owls.txt", "Owls hoot.")])
    finished(shared)

    shared.add([write(tmp_path / "one", "owls.txt", "Owls hoot."), write(tmp_path / "two", "owls.txt", "Owls hunt.")])
    job = finished(shared)

    assert sorted(outcomes(job)) == [("owls.txt", "already there"), ("uploads/owls (2).txt", "added")]
    assert ids(shared, "owls") == ["uploads/owls (2).txt", "uploads/owls.txt"]


def test_what_is_no_use_is_told_at_once_and_not_kept(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """An unknown format and a file that is too large; no process is started for them."""
    library = open_library(upload_megabytes=1)
    large = write(tmp_path / "from", "large.txt", "x" * (2**20 + 1))

    job = library.add([write(tmp_path / "from", "picture.png"), large])

    assert job.state == "done"
    assert [outcome.about for outcome in job.outcomes] == [
        ".png is not a format that is read",
        "it has 1 MB and at most 1 are taken; split it",
    ]
    assert not library.uploads.exists()


def test_upload_that_cannot_be_read_is_told_of_and_can_be_removed(tmp_path: Path, shared: Library) -> None:
    """It is among what was skipped, and its file goes with it."""
    shared.add([write(tmp_path, "broken.docx", "no archive")])
    job = finished(shared)
    (skipped,) = shared.skipped()

    shared.remove([skipped.document_id])
    finished(shared)

    assert outcomes(job) == [("uploads/broken.docx", "skipped")]
    assert (skipped.document_id, skipped.uploaded) == ("uploads/broken.docx", True)
    assert shared.skipped() == ()
    assert not (shared.uploads / "broken.docx").exists()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Windows\\win.txt", "win.txt"),
        (".hidden.txt", "hidden.txt"),
        ("~$draft.docx", "draft.docx"),
        ("CON.pdf", "_CON.pdf"),
        ("lpt1.tar.txt", "_lpt1.tar.txt"),
        ("a\nb\tc\x00.txt", "a b c.txt"),
        ("gpj\u202etxt.pdf", "gpjtxt.pdf"),
        ('what? "this": <that>|*.md', "what_ _this__ _that___.md"),
        ("  two  spaces .txt", "two spaces.txt"),
        ("Z\u0061\u0308hler.txt", "Zähler.txt"),
        ("\ud800.txt", "_.txt"),
        ("...", "document"),
        ("", "document"),
        ("é" * 300 + ".txt", "é" * 88 + ".txt"),
    ],
)
def test_hostile_names_become_names(name: str, safe: str) -> None:
    """Of one part, that every system takes, and that looks like what it is."""
    assert safe_name(name) == safe


@given(st.text())
def test_a_name_is_always_one_safe_part(name: str) -> None:
    """Whatever a browser sends, it stays in the folder of uploads and is read by an ingest."""
    safe = safe_name(name)

    assert safe == PurePosixPath(safe).name == PureWindowsPath(safe).name
    assert not safe.startswith((".", "~$"))
    assert len(safe.encode()) < 255
    assert safe_name(safe) == safe


# What is done with them


def test_sync_reads_what_is_new_in_the_folders(shared: Library) -> None:
    """And takes out what is gone from them."""
    folder = folder_of(shared)
    write(folder, "snow-old.txt", "Old snow.")
    shared.sync()
    finished(shared)
    (folder / "snow-old.txt").unlink()
    write(folder, "snow-new.txt", "New snow.")

    shared.sync()
    job = finished(shared)

    assert sorted(outcomes(job)) == [("snow-new.txt", "added"), ("snow-old.txt", "removed")]
    assert ids(shared, "snow") == ["snow-new.txt"]


def test_removed_uploads_are_deleted_and_files_of_folders_stay(tmp_path: Path, shared: Library) -> None:
    """The next sync brings back what a folder still has, and nothing else."""
    write(folder_of(shared), "frogs.txt", "Frogs leap.")
    shared.add([write(tmp_path, "frogs-too.txt", "Frogs croak.")])
    shared.sync()
    finished(shared)

    shared.remove(["uploads/frogs-too.txt", "frogs.txt"])
    finished(shared)
    left = ids(shared, "frogs")
    shared.sync()
    finished(shared)

    assert left == []
    assert not (shared.uploads / "frogs-too.txt").exists()
    assert ids(shared, "frogs") == ["frogs.txt"]


def test_documents_are_read_again_although_they_have_not_changed(tmp_path: Path, shared: Library) -> None:
    """Only those asked for."""
    shared.add([write(tmp_path, "moss.txt", "Moss grows."), write(tmp_path, "moss-2.txt", "Moss dries.")])
    finished(shared)

    shared.reread(["uploads/moss.txt"])

    assert outcomes(finished(shared)) == [("uploads/moss.txt", "changed")]


def test_it_waits_for_another_writer(tmp_path: Path, shared: Library) -> None:
    """Who is writing is told meanwhile."""
    with writing(Settings(home=shared.uploads.parent)):
        shared.add([write(tmp_path, "waiting.txt", "It waits.")])
        until(lambda: "Another process" in shared.jobs()[-1].message)
        while_waiting = shared.jobs()[-1].finished
    job = finished(shared)

    assert not while_waiting
    assert (job.state, job.message, ids(shared, "waiting")) == ("done", "", ["uploads/waiting.txt"])


@pytest.mark.slow  # starts processes of its own
def test_cancel_keeps_what_is_done_and_drops_the_rest(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """What was uploaded and not read is deleted, what waits is dropped, and the next job is done by a new process."""
    library = open_library(SLOW)
    library.add([write(tmp_path / "from", "bees.txt")])
    finished(library)
    library.add([write(tmp_path / "from", f"{number}.txt", f"File {number}.") for number in range(30)])
    library.add([write(tmp_path / "from", "waits.txt", "It waits.")])
    until(lambda: library.jobs()[1].state == "starting")

    library.cancel()
    states = [job.state for job in library.jobs()]
    left = [path.name for path in library.uploads.iterdir()]
    library.add([write(tmp_path / "from", "rain.txt", RAIN)])
    job = finished(library)

    assert states == ["done", "cancelled", "cancelled"]
    assert left == ["bees.txt"]
    assert job.state == "done"
    assert ids(library) == ["uploads/bees.txt", "uploads/rain.txt"]


@pytest.mark.slow  # starts processes of its own
def test_answers_of_the_list_keep_coming_meanwhile(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """A list takes no longer while files are read."""
    library = open_library(SLOW)
    library.add([write(tmp_path / "from", "bees.txt")])
    finished(library)
    library.add([write(tmp_path / "from", f"{number}.txt", f"File {number}.") for number in range(3)])

    started = time.monotonic()
    listed = ids(library)

    assert listed == ["uploads/bees.txt"]
    assert time.monotonic() - started < 0.5
    assert not library.jobs()[-1].finished


@pytest.mark.slow  # starts processes of its own
def test_process_that_dies_is_told_of_and_replaced(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """The message has its last words; the next job starts another."""
    once = tmp_path / "once"
    once.touch()
    dying = (
        f"import pathlib, sys; p = pathlib.Path({str(once)!r})\nif p.exists(): p.unlink(); sys.exit('Out of luck.')\n"
    )
    library = open_library((*COMMAND[:2], dying + COMMAND[2]))

    library.add([write(tmp_path / "from", "bees.txt")])
    first = finished(library)
    library.sync()
    second = finished(library)

    assert first.state == "failed"
    assert "Out of luck." in first.message
    assert (second.state, ids(library)) == ("done", [])


@pytest.mark.slow  # starts processes of its own
def test_process_is_ended_when_it_is_idle(tmp_path: Path, open_library: Callable[..., Library]) -> None:
    """And started again for the next job."""
    library = open_library(idle=0.1)
    library.add([write(tmp_path / "from", "bees.txt")])
    finished(library)

    until(lambda: not library._worker.alive)
    library.add([write(tmp_path / "from", "rain.txt", RAIN)])

    assert finished(library).state == "done"


@pytest.mark.slow  # starts processes of its own
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes by /proc")
def test_process_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """Also when that is killed in the middle of a job, without a word."""
    _, path = write(tmp_path / "from", "bees.txt")
    program = (
        "import time; from pathlib import Path; from rag import Library, Settings; import sys\n"
        f"library = Library(Settings(home={str(tmp_path / 'home')!r}), command={SLOW!r})\n"
        f"library.add([('bees.txt', Path({str(path)!r}))])\n"
        "while library.jobs()[0].state == 'waiting' or not library._worker.alive: time.sleep(0.01)\n"
        "print(library._worker._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        was_running = Path(f"/proc/{child}").exists()

        parent.kill()

    assert was_running
    until(lambda: not running(child))


@pytest.mark.slow  # imports torch
def test_the_packaged_model_reads_what_is_added(tmp_path: Path) -> None:
    """The command that a server uses, the second job with the model that the first one loaded."""
    library = Library(Settings(home=tmp_path / "home"))

    library.add([write(tmp_path / "from", "bees.txt")])
    first = finished(library, 180)
    library.add([write(tmp_path / "from", "rain.txt", RAIN)])
    started = time.monotonic()
    second = finished(library, 180)
    seconds = time.monotonic() - started
    library.close()

    assert (first.state, second.state) == ("done", "done")
    assert seconds < 5
    store = Store.open(Settings(home=tmp_path / "home"))
    assert store.whole()
    store.close()


def running(process: int) -> bool:
    """Whether a process is there and more than an entry of the table."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    """Return when it is so; fail when it takes too long."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.02)
