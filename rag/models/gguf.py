"""A GGUF file run in this process by llama.cpp, as a llama-index LLM; imports llama-index."""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from pydantic import PrivateAttr

from rag.errors import ModelError


class GgufLLM(CustomLLM):
    """Chat with a GGUF model through its own chat template, greedily, so that the same prompt gives the same reply."""

    path: str
    context_window: int  # tokens, prompt and reply together
    max_tokens: int  # tokens of reply at most
    timeout: float  # seconds to wait for the next words

    _server: Any = PrivateAttr()
    _key: str = PrivateAttr()

    @classmethod
    def load(cls, path: Path, *, context_window: int, max_tokens: int, timeout: float) -> "GgufLLM":
        """The model in memory, ready to answer. Raises ModelError if llama.cpp cannot read the file."""
        llm = cls(path=str(path), context_window=context_window, max_tokens=max_tokens, timeout=timeout)
        llm._key = secrets.token_hex(32)
        llm._server = _server(path, context_window, llm._key)
        return llm

    def count(self, text: str) -> int:
        """How many tokens a text is to this model; 4 ms. Raises ModelError."""
        told = self._asked("/tokenize", {"content": text.encode(errors="replace").decode()})
        return len(told["tokens"])

    @cached_property
    def parameters(self) -> int:
        """How many weights the model has; 0 where llama.cpp does not tell. Raises ModelError."""
        (told,) = self._asked("/v1/models")["data"]
        return int((told.get("meta") or {}).get("n_params", 0))

    @property
    def metadata(self) -> LLMMetadata:
        """What llama-index asks of a model."""
        return LLMMetadata(
            context_window=self.context_window, num_output=self.max_tokens, is_chat_model=True, model_name=self.path
        )

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseGen:
        """The reply as it grows."""

        def growing() -> ChatResponseGen:
            text = ""
            for delta in self._deltas(messages):
                text += delta
                message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
                yield ChatResponse(message=message, delta=delta)

        return growing()

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        """The whole reply."""
        text = "".join(self._deltas(messages))
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text))

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        """The reply to a prompt sent as one user message."""
        return CompletionResponse(text="".join(self._deltas([ChatMessage(content=prompt)])))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponseGen:
        """The reply to a prompt sent as one user message, as it grows."""

        def growing() -> CompletionResponseGen:
            text = ""
            for delta in self._deltas([ChatMessage(content=prompt)]):
                text += delta
                yield CompletionResponse(text=text, delta=delta)

        return growing()

    def _asked(self, path: str, what: dict[str, Any] | None = None) -> Any:
        """Of the server's own port: xllamacpp 2026.10 has no call for what is asked here."""
        address = urlsplit(self._server.listening_address)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=self.timeout)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        try:
            body = None if what is None else json.dumps(what)
            connection.request("GET" if body is None else "POST", path, body, headers)
            return json.loads(connection.getresponse().read())
        except OSError as error:
            raise ModelError(f"The language model failed: {error}") from error
        finally:
            connection.close()

    def _deltas(self, messages: Sequence[ChatMessage]) -> Iterator[str]:
        """Pieces of the reply. llama.cpp calls back from its own loop, so it runs in a thread and fills a queue."""
        request = {
            "messages": [{"role": message.role.value, "content": message.content or ""} for message in messages],
            "max_tokens": self.max_tokens,
            "temperature": 0,
            "stream": True,
        }
        chunks: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        stopped = Event()
        # waited for at the end of the program: ended in the middle of a call of llama.cpp, it took the program with it
        Thread(target=_generate, args=(self._server, request, chunks, stopped), daemon=False).start()
        try:
            while (chunk := chunks.get(timeout=self.timeout)) is not None:
                yield _content(chunk)
        except Empty as error:
            raise ModelError(
                f"The language model said nothing for {self.timeout:g} s. Raise RAG_LLM_TIMEOUT or use a smaller model."
            ) from error
        finally:
            stopped.set()


def _server(path: Path, context_window: int, key: str) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = context_window
    parameters.n_parallel = 1
    parameters.verbosity = 0
    # One core is left to others. llama.cpp's threads wait for each other at every step: with two of them on two cores
    # of which another program used one, 60 words of SmolLM2 took 12 to 66 s, with one thread 1.3 s.
    threads = max((os.cpu_count() or 2) - 1, 1)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    # xllamacpp 2026.10 opens an HTTP port on loopback even when it is only called in process: a free one, and
    # locked with a key that nobody else is told.
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.ui = False
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelError(f"llama.cpp cannot load {path}. Is it a GGUF file that fits in memory?") from error


def _generate(
    server: Any, request: dict[str, Any], chunks: "SimpleQueue[dict[str, Any] | None]", stopped: Event
) -> None:
    def take(chunk: dict[str, Any]) -> bool:
        chunks.put(chunk)
        return stopped.is_set()  # True makes llama.cpp stop writing

    try:
        server.handle_chat_completions(request, take)
    except Exception as error:  # a thread's exception would be printed and lost; the reader of the queue reports it
        chunks.put({"error": {"message": str(error)}})
    finally:
        chunks.put(None)


def _content(chunk: dict[str, Any]) -> str:
    """The words a chunk adds. llama.cpp reports errors as a chunk too, such as a prompt longer than the context."""
    if "error" in chunk:
        raise ModelError(f"The language model failed: {chunk['error']['message']}")
    choices = chunk.get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or ""
