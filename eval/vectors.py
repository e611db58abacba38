"""Texts → vectors of the index's embedder, each distinct text embedded once, also over runs that share a file."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from numpy.typing import NDArray
from pydantic import PrivateAttr

import rag
from eval.run import Progress
from rag.models.embed import document_embedder
from rag.models.list_embedding import ListEmbedding

_Item = TypeVar("_Item")

_MANY = 500  # keys asked for at once: SQLite took no more than 999 parameters before 3.32
_BATCH = 32  # texts embedded between two writes


class Vectors(ListEmbedding):
    """The settings' embedder behind a table of what was embedded before: sha256 of the text → float32 values.

    One table is of one embedder: name another file for another model.
    """

    _table: sqlite3.Connection = PrivateAttr()
    _embedder: BaseEmbedding | None = PrivateAttr(default=None)

    @classmethod
    @contextmanager
    def kept_in(cls, file: Path | None, embedder: BaseEmbedding | None = None) -> "Iterator[Vectors]":
        """Vectors that are kept in a file, or in memory; `embedder` stands in for that of the settings."""
        vectors = cls(model_name="vectors", embed_batch_size=_BATCH)
        vectors._embedder = embedder
        with closing(sqlite3.connect(file or ":memory:", timeout=60)) as table:
            table.execute("CREATE TABLE IF NOT EXISTS v(k BLOB PRIMARY KEY, v BLOB)")
            vectors._table = table
            yield vectors

    def of(self, texts: Sequence[str], progress: Progress = lambda done, total: None) -> NDArray[np.float32]:
        """Unit vectors of the texts, shape (n_texts, dim); `progress` hears of those that were not known."""
        keys = [hashlib.sha256(text.encode(errors="replace")).digest() for text in texts]
        missing = dict(zip(keys, texts, strict=True))
        for key in self._known(missing):
            del missing[key]
        for number, batch in enumerate(_batches(list(missing.items()), _BATCH)):
            self._embed(dict(batch))
            progress(number * _BATCH + len(batch), len(missing))
        known = self._known(set(keys))
        return np.array([known[key] for key in keys], dtype=np.float32)

    def _known(self, keys: Iterable[bytes]) -> dict[bytes, NDArray[np.float32]]:
        found = {}
        for batch in _batches(list(keys), _MANY):
            marks = ",".join("?" * len(batch))
            for key, row in self._table.execute(f"SELECT k, v FROM v WHERE k IN ({marks})", batch):
                found[key] = np.frombuffer(row, np.float32)
        return found

    def _embed(self, texts: dict[bytes, str]) -> None:
        self._embedder = self._embedder or document_embedder(rag.Settings())
        rows = np.asarray(self._embedder.get_text_embedding_batch(list(texts.values())), dtype=np.float32)
        with self._table:
            pairs = zip(texts, rows, strict=True)
            self._table.executemany(
                "INSERT OR IGNORE INTO v VALUES(?, ?)", [(key, row.tobytes()) for key, row in pairs]
            )

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self.of(texts).tolist()
        return rows


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
