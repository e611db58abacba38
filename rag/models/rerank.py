"""A cross-encoder that `Settings.reranker` names → the first chunks of a ranking in a better order.

It reads question and text together, which costs a pass through a model for each of them; see docs/retrieval.md.
"""

from collections.abc import Callable, Sequence
from threading import Lock

Rerank = Callable[[str, Sequence[str]], Sequence[float]]  # question and texts → one score for each, higher is better

_BATCH = 32  # texts per forward pass


def reranker(name_or_folder: str) -> Rerank:
    """A sentence-transformers cross-encoder, from this machine's disk only; loads torch. Threads may share it.

    Raises ModelError if it is not there, or if it gives more than one score for a pair.
    """
    from rag.models.sentence_transformer import cross_encoder

    model = cross_encoder(name_or_folder)
    using = Lock()  # its tokenizer keeps the length to cut at, which two calls at once would change under each other

    def rerank(question: str, texts: Sequence[str]) -> Sequence[float]:
        pairs = [(question, text) for text in texts]
        with using:
            scores: list[float] = model.predict(pairs, batch_size=_BATCH, show_progress_bar=False).tolist()
        return scores

    return rerank


def order(rerank: Rerank, question: str, texts: Sequence[str], *, most: int) -> list[int]:
    """The places of all texts: the first `most` of them by the reranker, best first, then the rest as it was.

    Texts that it finds equal stay as they were.
    """
    scores = rerank(question, texts[:most]) if texts else ()
    first = sorted(range(len(scores)), key=lambda at: -scores[at])
    return [*first, *range(len(scores), len(texts))]
