"""A folder → how fast it is ingested, against the bare embedder on the same texts in the same run.

    python -m eval speed corpus/documents --rounds 3

The embedder is loaded before the clock starts, and the two take turns, so that a busy machine slows both.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

import rag
from rag.models.embed import document_embedder
from rag.models.list_embedding import ListEmbedding


@dataclass(frozen=True, slots=True)
class Round:
    """One ingest into a new index and one bare encoding of its chunks: chunks, and seconds of each."""

    chunks: int
    ingesting: float
    encoding: float

    @property
    def ratio(self) -> float:
        """Ingest's chunks per second as a share of the bare embedder's."""
        return self.encoding / self.ingesting


class Recorder(ListEmbedding):
    """Another embedder, that keeps the texts it was given."""

    _inner: BaseEmbedding = PrivateAttr()
    _texts: list[str] = PrivateAttr(default_factory=list)

    @classmethod
    def of(cls, inner: BaseEmbedding) -> "Recorder":
        """A recorder in front of an embedder."""
        recorder = cls(model_name=inner.model_name, embed_batch_size=inner.embed_batch_size)
        recorder._inner = inner
        return recorder

    def taken(self) -> list[str]:
        """The texts since the last time this was asked."""
        texts, self._texts = self._texts, []
        return texts

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self._texts += texts
        return self._inner.get_text_embedding_batch(texts)


def measure(folder: Path, *, rounds: int, embedder: BaseEmbedding | None = None) -> Iterator[Round]:
    """Ingest the folder `rounds` times, each time into a new index. Raises ConfigError when there is no folder."""
    bare = embedder or document_embedder(rag.Settings())
    bare.get_text_embedding_batch(["The first texts pay for what a model sets up once."] * 8)
    recorder = Recorder.of(bare)
    for _ in range(rounds):
        with TemporaryDirectory() as home:
            ingesting = seconds(lambda: rag.ingest(folder, rag.Settings(home=Path(home)), embedder=recorder))
        texts = recorder.taken()
        encoding = seconds(partial(bare.get_text_embedding_batch, texts))
        yield Round(len(texts), ingesting, encoding)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
