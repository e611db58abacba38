"""A document embedder that loads its model when it is first given a text, and keeps it."""

from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from rag.models.embed import document_embedder
from rag.models.list_embedding import ListEmbedding
from rag.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding


class AtFirstText(ListEmbedding):
    """The embedder that the settings name: a process that embeds now and then loads torch only for something to do."""

    _settings: Settings = PrivateAttr()
    _model: "BaseEmbedding | None" = PrivateAttr(default=None)

    def __init__(self, settings: Settings) -> None:
        super().__init__(embed_batch_size=2048)  # all texts of an ingest batch at once, as the model sorts them itself
        self._settings = settings

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        if self._model is None:
            self._model = document_embedder(self._settings)
        return self._model.get_text_embedding_batch(texts)
