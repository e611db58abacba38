"""The llama-index embedder over sentence-transformers, and its cross-encoders; imports torch."""

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


def cross_encoder(name_or_folder: str) -> Any:
    """The CrossEncoder that lies in a folder or, under its name, in the hub's local cache; nothing is fetched.

    It gives one number for a pair, of any size. Raises ModelError if there is none, or if it sorts pairs into classes.
    """
    model = _cross_encoder(name_or_folder, "reranker", "RAG_RERANKER")
    if model.num_labels != 1:
        raise ModelError(
            f"{name_or_folder!r} gives {model.num_labels} scores for a pair, and a reranker gives one."
            " Set RAG_RERANKER to a cross-encoder for ranking."
        )
    return model


def pair_classifier(name_or_folder: str) -> tuple[Any, dict[str, int]]:
    """The CrossEncoder that sorts pairs into classes, from where `cross_encoder` looks, and its classes by name.

    It gives one logit of each class for a pair. Raises ModelError if there is none.
    """
    model = _cross_encoder(name_or_folder, "model of inference", "RAG_NLI")
    return model, {str(label): int(at) for at, label in model.config.id2label.items()}


def _cross_encoder(name_or_folder: str, kind: str, setting: str) -> Any:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    _without_bars()
    try:  # without its sigmoid, which makes the best ones equal
        return CrossEncoder(_on_disk(name_or_folder), local_files_only=True, activation_fn=Identity())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"No {kind} at {name_or_folder!r}, and none is fetched. Set {setting} to a folder that holds a"
            " cross-encoder, or to the name of one that was downloaded before; or to nothing, to do without."
        ) from error


def _sentence_transformer(name_or_folder: str) -> Any:
    from sentence_transformers import SentenceTransformer

    _without_bars()
    folder = Path(name_or_folder).is_dir()
    try:
        return SentenceTransformer(name_or_folder, local_files_only=folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"No embedding model at {name_or_folder!r}. Set RAG_EMBEDDER to a folder that holds a sentence-transformers"
            " model, or to a model name your machine can download."
        ) from error


def _on_disk(name_or_folder: str) -> str:
    """The folder of a model that is here already. Raises OSError or ValueError where there is none.

    With a name `local_files_only` is not enough: to look in its cache huggingface_hub 2.4 makes the headers of a
    request, and may fetch a list for its telemetry to do so.
    """
    if Path(name_or_folder).is_dir():
        return name_or_folder
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name_or_folder, "config.json")
    if not isinstance(found, str):
        raise FileNotFoundError(name_or_folder)
    return str(Path(found).parent)


def _without_bars() -> None:
    """No bar for loading is drawn through ours."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
