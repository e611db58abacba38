"""Looking again at what was read: by many at once, in processes that wait a while and then are gone."""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag import Settings
from rag.errors import LoadError
from rag.load import load
from rag.load.boxes import places
from rag.load.pictures import picture, sizes
from rag.load.viewer import Viewer
from tests.rag.load.test_process import children

IN_PROC = pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")


@pytest.fixture
def viewer(settings: Settings) -> Iterator[Viewer]:
    """With processes that wait for a second."""
    one = Viewer(settings, idle=1.0)
    yield one
    one.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A page with a sentence, long settled."""
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path))
    canvas.drawString(72, 700, "Bees sleep at night.")
    canvas.save()
    return path


def sha256(path: Path) -> str:
    """Of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def gone() -> bool:
    """True as soon as no process reads for this one; False after some seconds."""
    deadline = time.monotonic() + 10
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not children()


@pytest.mark.slow
@IN_PROC
def test_it_sees_what_is_seen_in_this_process(viewer: Viewer, path: Path) -> None:
    """Boxes, sizes and pictures, all from one process, which ends when nobody asks."""
    document = load(path, "a.pdf").document

    found = viewer.boxes(path, document, 5, 10), viewer.sizes(path), viewer.picture(path, 1, 300)

    assert found == (places(path).boxes(5, 10), sizes(path), picture(path, 1, 300))
    assert len(children()) == 1
    assert gone()
    assert viewer.sizes(path) == sizes(path)


@pytest.mark.slow
@IN_PROC
def test_many_may_look_at_once(viewer: Viewer, path: Path) -> None:
    """Each gets the page that was asked for, from two processes; closing ends them."""
    widths = [100 + 10 * number for number in range(12)]
    with ThreadPoolExecutor(12) as threads:
        pictures = list(threads.map(lambda width: viewer.picture(path, 1, width), widths))

    assert pictures == [picture(path, 1, width) for width in widths]
    assert len(children()) == 2
    viewer.close()
    assert children() == []


@pytest.mark.slow
@IN_PROC
def test_a_file_that_cannot_be_shown_costs_one_look(viewer: Viewer, path: Path, tmp_path: Path) -> None:
    """The next one is answered."""
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(path.read_bytes()[:300])

    with pytest.raises(LoadError):
        viewer.picture(broken, 1, 100)

    assert viewer.sizes(path) == sizes(path)


def test_a_file_is_the_one_that_was_read_or_not(viewer: Viewer, path: Path) -> None:
    """By its content: a change of the same length is seen, also when its time is set back; so is a loss."""
    known = sha256(path)
    before = path.stat()
    held = viewer.holds(path, known), viewer.holds(path, "0" * 64)
    path.write_bytes(path.read_bytes().replace(b"ReportLab", b"Reportlab"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = viewer.holds(path, known)
    path.unlink()

    assert (*held, changed, viewer.holds(path, known)) == (True, False, False, False)


def test_a_file_is_not_read_again_while_it_is_listed_the_same(viewer: Viewer, tmp_path: Path) -> None:
    """Asking about each of two hundred pages of 50 MB costs one reading."""
    path = tmp_path / "large.pdf"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    known = sha256(path)
    while time.time_ns() - path.stat().st_ctime_ns < 2.2e9:
        time.sleep(0.1)  # a file that has just been written is not trusted yet
    assert viewer.holds(path, known)
    started = time.perf_counter()

    assert all(viewer.holds(path, known) for _ in range(200))

    assert time.perf_counter() - started < 1
