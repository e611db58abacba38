"""What llama-index asks of an embedder, for one that takes a list of texts at once."""

from llama_index.core.base.embeddings.base import BaseEmbedding


class ListEmbedding(BaseEmbedding):
    """Define `_get_text_embeddings`; a text alone and a question are lists of one."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)
