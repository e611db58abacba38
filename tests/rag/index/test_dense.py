"""Nearest vectors, and several processes' or threads' indexes over one folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.index.dense import DenseIndex
from rag.models.embed import Vectors

NOTHING: Vectors = np.empty((0, 0), dtype=np.float32)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[DenseIndex]:
    """Three vectors, ever further from the first."""
    opened = DenseIndex(tmp_path / "chroma")
    opened.apply([], ["a", "b", "c"], vectors(0, 30, 90))
    yield opened
    opened.close()


def test_nearest_come_first(index: DenseIndex) -> None:
    """By cosine: a longer vector is no nearer for it."""
    index.apply([], ["d"], 7 * vectors(10))

    assert index.search(vectors(1)[0], 3) == ["a", "d", "b"]


def test_as_many_as_there_are_come_where_more_are_asked_for(index: DenseIndex) -> None:
    """Without counting them first, which takes Chroma the longer the more there are."""
    assert index.search(vectors(1)[0], 50) == ["a", "b", "c"]


def test_empty_index_finds_nothing(tmp_path: Path) -> None:
    """Nor does it fail."""
    index = DenseIndex(tmp_path / "chroma")

    assert (index.search(vectors(0)[0], 5), index.count()) == ([], 0)
    index.close()


def test_removed_are_not_found(index: DenseIndex) -> None:
    """Ids that were never there, or are gone already, do no harm."""
    index.apply(["a", "never"], [], NOTHING)
    index.apply(["a"], [], NOTHING)

    assert (index.search(vectors(0)[0], 2), index.count()) == (["b", "c"], 2)


def test_change_may_be_repeated(index: DenseIndex) -> None:
    """After a kill it is; the vector given last is the one that counts."""
    for _ in range(2):
        index.apply(["c"], ["a", "d"], vectors(60, 5))

    assert (index.search(vectors(0)[0], 3), index.count()) == (["d", "b", "a"], 3)


def test_more_than_one_call_to_chroma_takes(tmp_path: Path) -> None:
    """Chroma refuses more than 5461 rows at once."""
    index = DenseIndex(tmp_path / "chroma")
    ids = [str(at) for at in range(6000)]

    index.apply([], ids, vectors(*range(6000)))
    index.apply(ids[:5900], [], NOTHING)

    assert index.count() == 100
    index.close()


def test_what_was_applied_is_there_when_opened_again(tmp_path: Path) -> None:
    """It comes from disk."""
    first = DenseIndex(tmp_path / "chroma")
    first.apply([], ["a", "b"], vectors(0, 30))
    first.close()

    again = DenseIndex(tmp_path / "chroma")

    assert again.search(vectors(1)[0], 3) == ["a", "b"]
    again.close()


def test_opening_again_shows_what_another_applied(index: DenseIndex, tmp_path: Path) -> None:
    """Although Chroma keeps one open state for each folder of a process."""
    other = DenseIndex(tmp_path / "chroma")
    other.apply(["a"], ["d"], vectors(2))

    again = DenseIndex(tmp_path / "chroma")

    assert again.search(vectors(0)[0], 2) == ["d", "b"]
    other.close()
    again.close()


def test_closing_one_leaves_the_others_over_its_folder_open(index: DenseIndex, tmp_path: Path) -> None:
    """Two chatbots of one process may share a folder; one of them opens it again after an ingest."""
    first, second = DenseIndex(tmp_path / "chroma"), DenseIndex(tmp_path / "chroma")

    first.close()

    assert second.search(vectors(1)[0], 1) == ["a"]
    second.close()


def vectors(*degrees: float) -> Vectors:
    """Unit vectors at these angles, in one plane."""
    angles = np.radians(np.array(degrees, dtype=np.float32))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_memory_is_not_written_to_disk(tmp_path: Path) -> None:
    """Of a graph too small to be saved nothing stays, and it is searched all the same when it is opened again."""
    index = DenseIndex(tmp_path / "chroma")
    index.apply([], ["a", "b"], vectors(0, 30))
    index.close()

    for _ in range(2):
        index = DenseIndex(tmp_path / "chroma")
        found = index.search(vectors(0)[0], 2)
        left = list((tmp_path / "chroma").rglob("*.bin"))
        index.close()
        assert (found, left, list((tmp_path / "chroma").rglob("*.bin"))) == (["a", "b"], [], [])
