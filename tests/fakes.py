"""Stand-ins that implement the real interfaces and still tell things apart."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_index.core.base.llms.types import CompletionResponse, CompletionResponseGen, LLMMetadata
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from pydantic import PrivateAttr

from rag.index.lexical import terms
from rag.models.embed import OnnxEncoder, Vectors
from rag.models.list_embedding import ListEmbedding
from rag.models.reader import Excerpt, Reading
from rag.sentences import spans

_DIM = 256


def hash_encode(texts: Sequence[str]) -> Vectors:
    """Unit vectors whose cosine is high for texts that share words; no model."""
    vectors = np.full((len(texts), _DIM), 1e-3, dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for term in terms(text):
            row[int.from_bytes(hashlib.blake2b(term.encode(), digest_size=4).digest()) % _DIM] += 1
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def read_words(question: str, excerpts: Sequence[Excerpt]) -> list[tuple[Reading, ...]]:
    """A reader without a model: a sentence answers the better, the more of the question's words it has."""
    asked = set(terms(question))
    return [
        tuple(
            Reading(start, end, len(asked & set(terms(excerpt.text[start:end]))) - 3.0, (start, end), 0.0)
            for start, end in spans(excerpt.text)
        )
        for excerpt in excerpts
    ]


class HashEmbedding(ListEmbedding):
    """Ranks by shared words, and counts the texts it was given."""

    _count: int = PrivateAttr(default=0)

    @property
    def count(self) -> int:
        """How many texts were embedded."""
        return self._count

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self._count += len(texts)
        rows: list[list[float]] = hash_encode(texts).tolist()
        return rows


class LightEmbedding(HashEmbedding):
    """The packaged model through onnxruntime: real vectors without the 13 seconds that importing torch takes."""

    _encode: OnnxEncoder = PrivateAttr(default_factory=OnnxEncoder)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._encode(texts).tolist()
        return rows


class ScriptedLLM(CustomLLM):
    """A language model that gives the replies it was handed, one after another and word by word."""

    script: list[str]
    _prompts: list[str] = PrivateAttr(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """Every prompt so far, all its messages in one text."""
        return self._prompts

    @property
    def metadata(self) -> LLMMetadata:
        """What llama-index asks of a model."""
        return LLMMetadata(is_chat_model=False, model_name="scripted")

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        """The next reply, whole."""
        return CompletionResponse(text=self._next(prompt))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponseGen:
        """The next reply, growing by a word or a run of white space."""
        reply = self._next(prompt)

        def growing() -> CompletionResponseGen:
            yield CompletionResponse(text="", delta="")  # llama-index-core 0.14 fails on a stream without a chunk
            for token in re.finditer(r"\S+|\s+", reply):
                yield CompletionResponse(text=reply[: token.end()], delta=token.group())

        return growing()

    def _next(self, prompt: str) -> str:
        self._prompts.append(prompt)
        if len(self._prompts) > len(self.script):
            raise AssertionError(f"asked more than {len(self.script)} times; the last prompt was: {prompt}")
        return self.script[len(self._prompts) - 1]
