"""A text is embedded once, and its vector is the embedder's own."""

import sqlite3
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from eval.vectors import Vectors
from tests.fakes import HashEmbedding, hash_encode


def test_a_distinct_text_is_embedded_once(tmp_path: Path) -> None:
    """Neither twice in a call nor again in a later run over the same file."""
    embedder = HashEmbedding(model_name="hash")
    counts = []
    for _ in range(2):
        with Vectors.kept_in(tmp_path / "vectors.db", embedder) as vectors:
            vectors.of(["tea", "rain", "tea"])
            vectors.get_text_embedding_batch(["rain", "tea"])
        counts.append(embedder.count)

    assert counts == [2, 2]


@pytest.mark.parametrize("count", [1, 33, 700])
def test_vectors_are_those_of_the_embedder_in_the_order_of_the_texts(count: int) -> None:
    """However many there are at once, and whichever were known."""
    texts = [f"word{number} tea" for number in range(count)]
    with Vectors.kept_in(None, HashEmbedding(model_name="hash")) as vectors:
        vectors.of(texts[::2])
        found = vectors.of(texts[::-1])

    np.testing.assert_array_equal(found, hash_encode(texts[::-1]))


def test_the_file_is_a_table_of_hashes_and_values(tmp_path: Path) -> None:
    """sha256 of the text as UTF-8 → float32, so that any program can fill it; what is in it is not embedded."""
    path = tmp_path / "vectors.db"
    with sqlite3.connect(path) as table:
        table.execute("CREATE TABLE v(k BLOB PRIMARY KEY, v BLOB)")
        row = np.array([0.6, 0.8], dtype=np.float32)
        table.execute("INSERT INTO v VALUES(?, ?)", (sha256("tä".encode()).digest(), row.tobytes()))
    table.close()
    embedder = HashEmbedding(model_name="hash")

    with Vectors.kept_in(path, embedder) as vectors:
        found = vectors.of(["tä"])

    assert (found.tolist(), embedder.count) == ([row.tolist()], 0)


def test_progress_counts_what_is_to_be_embedded() -> None:
    """What is known already is no work."""
    told: list[tuple[int, int]] = []
    texts = [f"word{number}" for number in range(40)]
    with Vectors.kept_in(None, HashEmbedding(model_name="hash")) as vectors:
        vectors.of(texts[:5])
        vectors.of(texts, progress=lambda done, total: told.append((done, total)))

    assert told == [(32, 35), (35, 35)]
