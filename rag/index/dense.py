"""Vectors in Chroma, derived from the catalog; the only importer of chromadb.

Chroma holds ids and vectors and no text, so a deleted sentence cannot linger in its files. `add` silently keeps the
old vector of a known id (1.5.9); our ids are never used twice, and every change deletes before it adds. The graph of up
to 1,000 vectors is never saved; in its place Chroma writes what memory held, texts too: that is deleted.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from chromadb import Collection, PersistentClient
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings as ChromaSettings
from numpy.typing import NDArray

_NAME = "chunks"
_BATCH = 5000  # rows in one call; Chroma's own limit is 5461
_OPENING = threading.Lock()  # Chroma's table of open systems is one for the process
_HNSW: Any = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32}


class DenseIndex:
    """Nearest vectors by cosine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._searched = False
        with _OPENING:
            SharedSystemClient.clear_system_cache()  # else a reopened folder answers from the state it had before
            self._client: Any = PersistentClient(str(folder), ChromaSettings(anonymized_telemetry=False))
            self._system = self._client._system  # type: ignore[attr-defined]  # every client has it (1.5.9)
        self._rows: Collection = self._client.get_or_create_collection(
            _NAME, configuration={"hnsw": _HNSW}, embedding_function=None
        )

    def apply(self, removed: Sequence[str], ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Take chunks out and put chunks in; safe to repeat."""
        for begin in range(0, len(removed), _BATCH):
            self._rows.delete(ids=list(removed[begin : begin + _BATCH]))
        for begin in range(0, len(ids), _BATCH):
            part = slice(begin, begin + _BATCH)
            self._rows.upsert(ids=list(ids[part]), embeddings=vectors[part])

    def search(self, vector: NDArray[np.float32], k: int) -> list[str]:
        """Ids of the `k` nearest chunks, or of all where there are fewer, nearest first."""
        found = self._rows.query(query_embeddings=vector[None], n_results=k, include=[])
        if not self._searched:  # the first search is what opens the graph
            self._searched = True
            self._delete_unsaved()
        return list(found["ids"][0])

    def ids(self) -> set[str]:
        """The id of every chunk in it."""
        return set(self._rows.get(include=[])["ids"])

    def count(self) -> int:
        """How many chunks it holds."""
        return self._rows.count()

    def close(self) -> None:
        """Let go of the files."""
        self._delete_unsaved()
        self._system.stop()  # the client's own close would stop whichever system was last opened over this folder

    def _delete_unsaved(self) -> None:
        """Delete the files of a graph that was not saved."""
        for header in self._folder.glob("*/header.bin"):
            if not (header.parent / "index_metadata.pickle").exists():
                for file in header.parent.glob("*.bin"):
                    with suppress(OSError):  # Windows keeps what is open
                        file.unlink()
