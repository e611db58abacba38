"""Ingest is timed against the embedder alone, on the texts that the ingest itself embedded."""

from pathlib import Path

import pytest

from eval.speed import Recorder, Round, measure
from rag.errors import ConfigError
from tests.fakes import HashEmbedding


def test_each_round_ingests_everything_anew(tmp_path: Path) -> None:
    """Every round embeds all chunks, once in the ingest and once bare."""
    for name in ("a.md", "b.txt"):
        (tmp_path / name).write_text(f"The {name} is long. " * 40, encoding="utf-8")
    embedder = HashEmbedding(model_name="hash")

    rounds = list(measure(tmp_path, rounds=2, embedder=embedder))

    chunks = rounds[0].chunks
    assert chunks > 2
    assert [taken.chunks for taken in rounds] == [chunks, chunks]
    assert embedder.count == 8 + 4 * chunks  # eight to warm up
    assert all(taken.ingesting > 0 and taken.encoding > 0 for taken in rounds)


def test_ratio_is_one_when_ingest_costs_nothing_more() -> None:
    """Twice the seconds for the same chunks is half the speed."""
    assert Round(10, ingesting=2.0, encoding=1.0).ratio == 0.5


def test_recorder_hands_on_what_it_is_given() -> None:
    """The vectors are those of the embedder behind it, and the texts are told once."""
    inner = HashEmbedding(model_name="hash")
    recorder = Recorder.of(inner)

    vectors = recorder.get_text_embedding_batch(["one", "two"])

    assert vectors == inner.get_text_embedding_batch(["one", "two"])
    assert (recorder.taken(), recorder.taken()) == (["one", "two"], [])


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    """Nothing is timed where there is nothing."""
    with pytest.raises(ConfigError, match="gone"):
        list(measure(tmp_path / "gone", rounds=1, embedder=HashEmbedding(model_name="hash")))
