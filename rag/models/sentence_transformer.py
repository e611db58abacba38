"""The llama-index embedder over sentence-transformers; imports torch."""

import os
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr

from rag.errors import ModelError
from rag.models.list_embedding import ListEmbedding

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

_BATCH = 32  # texts per forward pass; sentence-transformers sorts by length across all texts it is given at once


class SentenceTransformerEmbedding(ListEmbedding):
    """Unit vectors from any sentence-transformers model.

    llama-index's own HuggingFaceEmbedding hands over `embed_batch_size` texts at a time, so sorting by length would
    only happen within each ten; here one call takes all texts of an ingest batch.
    """

    _model: Any = PrivateAttr()

    @classmethod
    def load(cls, name_or_folder: str) -> "SentenceTransformerEmbedding":
        """Load a model; a folder is read without asking any hub. Raises ModelError if it cannot be had."""
        embedding = cls(model_name=name_or_folder, embed_batch_size=2048)
        embedding._model = _sentence_transformer(name_or_folder)
        return embedding

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors = self._model.encode(texts, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False)
        rows: list[list[float]] = vectors.tolist()
        return rows


def tokenizer_of(name_or_folder: str) -> Any:
    """The fast tokenizer of a sentence-transformers model, without truncation or padding."""
    tokenizer = _sentence_transformer(name_or_folder).tokenizer.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _sentence_transformer(name_or_folder: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # else a bar for loading is drawn through ours
    folder = Path(name_or_folder).is_dir()
    try:
        return SentenceTransformer(name_or_folder, local_files_only=folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"No embedding model at {name_or_folder!r}. Set RAG_EMBEDDER to a folder that holds a sentence-transformers"
            " model, or to a model name your machine can download."
        ) from error
