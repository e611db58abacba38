"""Reading apart: what a file does to the process that reads it stays there."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag import Settings
from rag.errors import LoadError
from rag.load import load
from rag.load.boxes import places
from rag.load.process import Loader, Readers

pytestmark = pytest.mark.slow  # each starts processes

GUARDED = "import os, sys; from rag.load.child import _guard; sys.addaudithook(_guard(os.path.realpath(sys.argv[1]))); "


@pytest.fixture
def loader(settings: Settings) -> Iterator[Loader]:
    """One process with the default limits."""
    one = Loader(settings)
    yield one
    one.close()


def write(folder: Path, name: str, text: str = "Bees sleep at night.") -> Path:
    """A file with some words."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_it_reads_what_is_read_in_this_process(loader: Loader, tmp_path: Path) -> None:
    """All of it: text, title, pages and facts."""
    path = write(
        tmp_path, "note.md", "---\ntitle: Bees\ndate: 2023-06-16\n---\n# One\n\nWords — ‘odd’ ones \U0001f41d.\n"
    )

    assert loader.load(path, "a/note.md") == load(path, "a/note.md")


def test_a_file_that_cannot_be_read_says_why(loader: Loader, tmp_path: Path) -> None:
    """As in this process, and the next file is read."""
    with pytest.raises(LoadError, match="not a format that is read"):
        loader.load(write(tmp_path, "a.xyz"), "a.xyz")

    assert loader.load(write(tmp_path, "b.txt"), "b.txt").document.text == "Bees sleep at night."


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, settings: Settings) -> None:
    """With the limit in the reason; the process is ended."""
    loader = Loader(settings.model_copy(update={"load_seconds": 0.001}))
    path = write(tmp_path, "long.md", "# Bees\n\n" + "Many *bees* sleep.\n\n" * 20_000)

    with pytest.raises(LoadError, match=r"more than 0.001 s.*RAG_LOAD_SECONDS"):
        loader.load(path, "long.md")

    loader.close()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where the system can")
def test_a_file_that_takes_too_much_memory_is_given_up(tmp_path: Path, settings: Settings) -> None:
    """With the limit in the reason; the next file is read."""
    loader = Loader(settings.model_copy(update={"load_memory": 256}))
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(150 * 2**20)

    with pytest.raises(LoadError, match="more than 256 MB"):
        loader.load(path, "large.txt")

    assert loader.load(write(tmp_path, "b.txt"), "b.txt").document.text == "Bees sleep at night."
    loader.close()


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
def test_a_process_that_is_ended_costs_one_file(loader: Loader, tmp_path: Path) -> None:
    """Its file is given up with the signal as reason; the next is read in a new process."""
    loader.load(write(tmp_path, "a.txt"), "a.txt")
    path = write(tmp_path, "long.md", "# Bees\n\n" + "Many *bees* sleep.\n\n" * 20_000)
    killer = threading.Timer(0.3, kill_children)
    killer.start()

    with pytest.raises(LoadError, match="SIGKILL"):
        loader.load(path, "long.md")

    assert loader.load(write(tmp_path, "b.txt"), "b.txt").document.text == "Bees sleep at night."


def kill_children() -> None:
    """As the system does when memory runs out."""
    for child in children():
        os.kill(child, signal.SIGKILL)


def children() -> list[int]:
    """The processes that read for this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"rag.load.child" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
def test_nothing_is_left_when_it_is_closed(settings: Settings, tmp_path: Path) -> None:
    """Neither a process nor its folder."""
    loader = Loader(settings)
    loader.load(write(tmp_path, "a.txt"), "a.txt")
    folder = Path(loader._folder.name) if loader._folder else Path()

    loader.close()

    assert (children(), folder.exists()) == ([], False)


def test_files_come_in_order_and_failures_among_them(settings: Settings, tmp_path: Path) -> None:
    """Two processes at once change nothing in that."""
    names = [f"{number:03}.{'xyz' if number % 7 == 0 else 'txt'}" for number in range(60)]
    files = [write(tmp_path, name, f"This is {name}.") for name in names]

    with Readers(settings.model_copy(update={"load_processes": 2})) as readers:
        found = list(readers.ahead(files, lambda path: (path, path.name)))

    assert [file.name for file, _ in found] == names
    assert [isinstance(loaded, LoadError) for _, loaded in found] == [name.endswith("xyz") for name in names]


def test_files_are_read_while_the_first_is_used(settings: Settings, tmp_path: Path) -> None:
    """Whoever takes the first file finds that the next ones were asked for already."""
    files = iter([write(tmp_path, f"{number}.txt") for number in range(8)])
    with Readers(settings.model_copy(update={"load_processes": 1})) as readers:
        next(readers.ahead(files, lambda path: (path, path.name)))

    assert list(files) == []


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
def test_one_process_reads_many_files(settings: Settings, tmp_path: Path) -> None:
    """However large the process is that started it: starting another for each file would cost more than reading."""
    ballast = bytearray(os.urandom(1024)) * (300 * 1024)
    loader = Loader(settings.model_copy(update={"load_memory": 512}))
    processes = set()
    for number in range(3):
        loader.load(write(tmp_path, f"{number}.txt"), f"{number}.txt")
        processes.update(children())
    loader.close()

    assert len(ballast) == 300 * 2**20
    assert len(processes) == 1


def test_a_file_that_takes_long_is_overtaken(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others need not wait for it where there is a second process."""
    monkeypatch.setattr("rag.load.process._LONG", 0.1)
    slow = write(tmp_path, "slow.md", "Many *bees* sleep.\n\n" * 40_000)
    files = [slow, *(write(tmp_path, f"{number}.txt") for number in range(3))]

    with Readers(settings.model_copy(update={"load_processes": 2})) as readers:
        found = [file.name for file, _ in readers.ahead(files, lambda path: (path, path.name))]

    assert found == ["0.txt", "1.txt", "2.txt", "slow.md"]


def test_whoever_stops_taking_files_does_not_wait(settings: Settings, tmp_path: Path) -> None:
    """The files that were to come are not read."""
    files = [write(tmp_path, f"{number}.md", "Many *bees* sleep.\n\n" * 20_000) for number in range(30)]
    with Readers(settings.model_copy(update={"load_processes": 1})) as readers:
        reading = readers.ahead(files, lambda path: (path, path.name))
        next(reading)
        started = time.monotonic()

        reading.close()

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "deed",
    [
        "open(outside, 'w')",
        "os.open(outside, os.O_CREAT | os.O_WRONLY)",
        "os.remove(outside)",
        "os.rename(outside, outside + '2')",
        "os.mkdir(outside + '2')",
        "__import__('shutil').rmtree(os.path.dirname(outside))",
        "__import__('subprocess').run(['true'])",
        "os.system('true')",
        "os.fork()",
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "__import__('socket').getaddrinfo('example.org', 80)",
        "__import__('urllib.request').request.urlopen('http://127.0.0.1:9')",
    ],
)
def test_the_process_may_not(deed: str, tmp_path: Path) -> None:
    """Neither write outside its folder, nor start a program, nor open a connection."""
    outside, inside = write(tmp_path, "outside.txt"), tmp_path / "inside"
    inside.mkdir()

    code = GUARDED + f"outside = {str(outside)!r}; {deed}"
    done = subprocess.run([sys.executable, "-c", code, str(inside)], capture_output=True, text=True, check=False)

    assert "is not for the process that reads files" in done.stderr
    assert outside.read_text() == "Bees sleep at night."


def test_the_process_may_read_and_write_in_its_folder(tmp_path: Path) -> None:
    """Temporary folders come and go there."""
    outside, inside = write(tmp_path, "outside.txt"), tmp_path / "inside"
    inside.mkdir()

    code = (
        GUARDED
        + f"""import tempfile; os.chdir(sys.argv[1]); open({str(outside)!r}).read()
with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder, tempfile.NamedTemporaryFile(dir=sys.argv[1]):
    open(os.path.join(folder, "a"), "w").write("x")
print(os.listdir(sys.argv[1]))"""
    )
    done = subprocess.run([sys.executable, "-c", code, str(inside)], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_boxes_are_found_in_the_process_too(loader: Loader, tmp_path: Path) -> None:
    """As in this one; a file that is no PDF is told."""
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path))
    canvas.drawString(72, 700, "Bees sleep at night.")
    canvas.save()

    document = load(path, "a.pdf").document

    assert loader.boxes(path, document, 5, 10) == places(path).boxes(5, 10) != ()
    with pytest.raises(LoadError):
        loader.boxes(write(tmp_path, "b.pdf"), document, 0, 4)
