"""The retrieval that other libraries give by default, on the same passages, queries and vectors as ours.

    python -m eval peers beir=scifact squad2=dev-v2.0.json.gz@test --cache vectors.db --out peers.json

Each is given title and text as one and asked for the ten best passages. All but BM25 compare vectors of the embedder
that our index is made with, so what differs is how text is cut, matched and fused.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np

import rag
from eval import ours, ranking
from eval.collection import Collection, Passage, Query
from eval.ranking import Ranked, System
from eval.run import Progress
from eval.vectors import Vectors

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when it is imported; else it would report to its makers

_CHUNKS = 3  # retrieved for each passage asked for, where a system ranks pieces of passages


class MissingPeerError(rag.RagError):
    """A library to compare with is not installed."""


class BM25:
    """bm25s with its English stop words and the Snowball stemmer: Lucene's BM25, k1 1.5, b .75."""

    def __init__(self, vectors: Vectors) -> None:
        self._bm25s = library("bm25s")
        self._stemmer = library("Stemmer").Stemmer("english")
        self._ids: list[str] = []

    def index(self, passages: Mapping[str, Passage]) -> None:
        """Weigh every word."""
        self._ids = list(passages)
        self._model = self._bm25s.BM25()
        self._model.index(self._tokens([passage.whole for passage in passages.values()]), show_progress=False)

    def search(self, query: Query, k: int) -> Sequence[str]:
        """Passages that share a word with the query."""
        k = min(k, len(self._ids))
        found, scores = self._model.retrieve(self._tokens([query.text]), k=k, show_progress=False)
        return [self._ids[at] for at, score in zip(found[0], scores[0], strict=True) if score > 0]

    def _tokens(self, texts: list[str]) -> Any:
        return self._bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)


class Dense:
    """Cosine of query and whole passage, of which the embedder reads 256 tokens."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._ids: list[str] = []

    def index(self, passages: Mapping[str, Passage]) -> None:
        """Embed every passage."""
        self._ids = list(passages)
        self._rows = self._vectors.of([passage.whole for passage in passages.values()])

    def search(self, query: Query, k: int) -> Sequence[str]:
        """The nearest, exactly."""
        cosines = self._rows @ self._vectors.of([query.text])[0]
        return [self._ids[at] for at in np.argsort(-cosines, kind="stable")[:k]]


class LlamaIndex:
    """`VectorStoreIndex` over nodes of the default `SentenceSplitter`; passages in the order of their best node."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def index(self, passages: Mapping[str, Passage]) -> None:
        """Cut and embed."""
        from llama_index.core import VectorStoreIndex
        from llama_index.core.node_parser import SentenceSplitter
        from llama_index.core.schema import Document

        self._index = VectorStoreIndex.from_documents(
            [Document(id_=key, text=passage.whole) for key, passage in passages.items()],
            embed_model=self._vectors,
            transformations=[SentenceSplitter()],
        )

    def search(self, query: Query, k: int) -> Sequence[str]:
        """The nearest nodes' passages. The default of two nodes would make two passages at most."""
        found = self._index.as_retriever(similarity_top_k=_CHUNKS * k).retrieve(query.text)
        return list(dict.fromkeys(node.node.ref_doc_id or "" for node in found))[:k]


class Txtai:
    """txtai `Embeddings(hybrid=True)`: BM25 and vectors, their scores normalised and added in equal parts."""

    settings: Mapping[str, Any] = {}

    def __init__(self, vectors: Vectors) -> None:
        embed = lambda texts: vectors.of(texts)  # noqa: E731  # txtai 9.14 calls what is no plain function to get one
        embeddings = library("txtai").Embeddings
        self._embeddings = embeddings(hybrid=True, method="external", transform=embed, **self.settings)

    def index(self, passages: Mapping[str, Passage]) -> None:
        """Both indexes."""
        self._embeddings.index((key, passage.whole, None) for key, passage in passages.items())

    def search(self, query: Query, k: int) -> Sequence[str]:
        """The best of both."""
        return [key for key, _ in self._embeddings.search(query.text, k)]


class ExactTxtai(Txtai):
    """txtai that compares all vectors: from 5,000 on its default looks at a part (SciFact nDCG@10 .643, exact .706)."""

    settings: Mapping[str, Any] = {"faiss": {"components": "IDMap,Flat"}}


class Haystack:
    """Haystack's hybrid retrieval: ten passages by BM25, ten by vectors, joined by reciprocal rank fusion."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._haystack = library("haystack")

    def index(self, passages: Mapping[str, Passage]) -> None:
        """One store with texts and vectors."""
        retrievers = library("haystack.components.retrievers.in_memory")
        store = library("haystack.document_stores.in_memory").InMemoryDocumentStore()
        rows = self._vectors.of([passage.whole for passage in passages.values()]).tolist()
        store.write_documents(
            [
                self._haystack.Document(id=key, content=passage.whole, embedding=row)
                for (key, passage), row in zip(passages.items(), rows, strict=True)
            ]
        )
        self._lexical = retrievers.InMemoryBM25Retriever(store)
        self._dense = retrievers.InMemoryEmbeddingRetriever(store)
        self._joiner = library("haystack.components.joiners").DocumentJoiner(join_mode="reciprocal_rank_fusion")

    def search(self, query: Query, k: int) -> Sequence[str]:
        """The joined list's first."""
        vector = self._vectors.of([query.text])[0].tolist()
        found = (
            self._lexical.run(query=query.text, top_k=k)["documents"],
            self._dense.run(query_embedding=vector, top_k=k)["documents"],
        )
        return [document.id for document in self._joiner.run(documents=list(found), top_k=k)["documents"]]


_PACKAGES = ("bm25s", "PyStemmer", "faiss-cpu", "haystack-ai", "llama-index-core", "txtai")
_LIBRARIES = {"bm25": ("bm25s", "Stemmer"), "txtai": ("txtai",), "txtai-exact": ("txtai",), "haystack": ("haystack",)}

PEERS: Mapping[str, Callable[[Vectors], System]] = {
    "bm25": BM25,
    "dense": Dense,
    "llamaindex": LlamaIndex,
    "txtai": Txtai,
    "txtai-exact": ExactTxtai,
    "haystack": Haystack,
}


ALONE = "ours, query alone"  # without the questions before it in its conversation, as the peers get it


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The systems of these names, or all of them, in their order; their libraries are there. MissingPeerError."""
    known = (*PEERS, ours.NAME)
    if unknown := [name for name in names if name not in known]:
        raise MissingPeerError(f"{', '.join(unknown)}: no such system. There are {', '.join(known)}.")
    found = tuple(name for name in known if name in names or not names)
    for name in found:
        for module in _LIBRARIES.get(name, ()):
            library(module)
    return found


def compare(
    collection: Collection,
    split: str,
    names: Sequence[str],
    vectors: Vectors,
    *,
    home: Path | None = None,
    progress: Callable[[str], Progress] = lambda what: lambda done, total: None,
) -> dict[str, Ranked]:
    """What each of the named systems ranked; ours a second time without the conversations where there are some.

    Passages and queries are embedded first, so that no system pays for what the next finds done.
    """
    vectors.of([one.whole for one in collection.passages.values()], progress=progress("Embedding"))
    vectors.of([collection.queries[key].text for key in collection.judgements(split)])
    ranked = {
        name: ranking.run(PEERS[name](vectors), collection, split, progress=progress(name))
        for name in names
        if name != ours.NAME
    }
    if ours.NAME in names:
        with ours.opened(home, embedder=vectors, progress=progress("Ingesting")) as system:
            ranked[ours.NAME] = ranking.run(system, collection, split, progress=progress(ours.NAME))
            if any(query.earlier for query in collection.queries.values()):
                alone = collection.without_conversations()
                ranked[ALONE] = ranking.run(system, alone, split, progress=progress(ALONE))
    return ranked


def packages() -> dict[str, str]:
    """The versions of the libraries that are compared with, as far as they are installed."""
    found = {one.metadata["Name"]: one.version for one in distributions()}
    return {name: found[name] for name in _PACKAGES if name in found}


def library(name: str) -> Any:
    """A module of a library that is compared with; MissingPeerError says how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPeerError(f"{name} cannot be imported ({error}). Install it: pip install -e .[peers]") from error
