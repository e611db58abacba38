"""A folder that is followed: what changes in it is answered without anybody asking for an ingest."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from rag import Settings
from rag.index.store import Store
from rag.index.writing import writing
from rag.watch import follow

pytestmark = pytest.mark.slow  # every ingest imports torch, which takes 10 s


def test_changes_are_ingested_until_it_is_stopped(tmp_path: Path, settings: Settings) -> None:
    """At the start, when a file comes, and when one goes; its own index, inside the folder, does not set it off."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bees.md").write_text("# Bees\n\nBees make honey.")
    home, stop, said = folder / "index", Event(), list[str]()
    following = Thread(target=follow, args=([folder], home), kwargs={"stop": stop, "tell": said.append})

    following.start()
    try:
        assert until(lambda: ids(home) == ["bees.md"])
        (folder / "rain.md").write_text("# Rain\n\nRain fell.")
        assert until(lambda: ids(home) == ["bees.md", "rain.md"])
        (folder / "bees.md").unlink()
        assert until(lambda: ids(home) == ["rain.md"])
    finally:
        stop.set()
        following.join(30)

    assert not following.is_alive()
    assert said == []


def test_it_waits_for_another_writer(tmp_path: Path, settings: Settings) -> None:
    """Says who is writing, and tries again; stopped meanwhile, it ends."""
    folder = tmp_path / "documents"
    folder.mkdir()
    stop, said = Event(), list[str]()
    following = Thread(target=follow, args=([folder], settings.home), kwargs={"stop": stop, "tell": said.append})

    with writing(settings):
        following.start()
        told = until(lambda: bool(said))
        stop.set()
        following.join(30)

    assert told
    assert "Another process" in said[0]
    assert not following.is_alive()


def until(done: Callable[[], bool], seconds: float = 120) -> bool:
    """Whether it comes to be so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.2)
    return False


def ids(home: Path) -> list[str]:
    """The documents of an index, none where there is no index yet."""
    if not (home / "catalog.db").exists():
        return []
    store = Store.open(Settings(home=home))
    found = sorted(store.catalog.known())
    store.close()
    return found
