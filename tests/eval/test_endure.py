"""The script that kills and damages: it sees what goes wrong, and a few of its cases go well."""

import os
import random
import signal
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from eval import endure

pytestmark = pytest.mark.slow


def test_a_few_kills_lose_nothing() -> None:
    """As many are killed as were asked for; no document is lost, doubled or half written."""
    *_, told = endure.kills(3)

    assert told["killed"] == 3
    assert {what for what, number in told.items() if number} <= {
        "killed",
        "done before the kill",
        "of these, while Chroma or Tantivy was written",
    }


def test_damage_leads_to_no_crash_and_no_wrong_passage() -> None:
    """What is derived is recovered; over the catalog all is as it was, or there is an error."""
    *_, told = endure.damages(3)

    assert (told["catalog: damaged"], told["derived: damaged"], told["derived: right passages"]) == (3, 3, 3)
    assert told["catalog: right passages"] + told["catalog: a clear error"] == 3
    assert +told == +Counter({what: n for what, n in told.items() if "wrong" not in what and "crash" not in what})


def test_a_process_that_crashes_comes_to_nothing() -> None:
    """A signal is told apart from an answer."""
    assert endure._apart(crash) is None
    assert endure._apart(partial(pow, 2, 3)) == 8


def crash() -> None:
    """As hnswlib does over a damaged graph."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_damage_changes_a_file(tmp_path: Path) -> None:
    """Each time, whether bits are flipped or the end is cut off."""
    path = tmp_path / "file"
    for seed in range(20):
        path.write_bytes(b"0123456789" * 10)
        endure.damage(path, random.Random(seed))
        assert path.read_bytes() != b"0123456789" * 10
