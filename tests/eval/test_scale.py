"""Figures of an index of many files, each with its unit, as they are known."""

import random
from pathlib import Path

import pytest

from eval import scale
from tests.fakes import HashEmbedding


@pytest.mark.slow
def test_figures_are_of_what_was_done() -> None:
    """Everything is embedded at first, nothing without a change, and one file's chunks after it."""
    told = {what: (number, unit) for what, number, unit in scale.measure(100, embedder=HashEmbedding(), readers=0)}

    assert told["first ingest"][1].startswith("s, 1")
    assert told["unchanged sync"][1] == "s, 0 embedded"
    assert 1 <= int(told["sync with one changed file"][1].split()[1]) <= 3
    assert told["first ingest / unchanged sync"][0] == pytest.approx(
        told["first ingest"][0] / told["unchanged sync"][0], rel=1e-6
    )
    assert told["on disk"][0] > 1000


def test_files_differ(tmp_path: Path) -> None:
    """No two are the same, or one would be a copy of the other and not be embedded."""
    scale.write(tmp_path, range(50), random.Random(1))

    assert len({path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}) == 50
