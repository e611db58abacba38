"""Small servers on loopback that speak the three protocols of language models, and every way to fail at it."""

import gc
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any, Literal

from pydantic import SecretStr

from rag import Settings

Respond = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Dialect:
    """How one kind of server writes a reply that grows."""

    kind: Literal["openai-like", "ollama", "anthropic"]
    path: str  # what RAG_LLM_URL has after host and port
    begin: bytes
    piece: Callable[[str], bytes]
    end: bytes
    failure: bytes

    def __str__(self) -> str:
        return self.kind


@dataclass
class Server:
    """A model server while it runs, with what it was asked: path, headers in lower case, and body."""

    port: int
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _openai(text: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return _event({"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]})


def _ollama(text: str, done: bool = False) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"model": "m", "created_at": "2023-06-18", "message": message, "done": done}).encode() + b"\n"


def _anthropic(kind: str, **content: object) -> bytes:
    return f"event: {kind}\n".encode() + _event({"type": kind, **content})


_MESSAGE: dict[str, object] = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
}
FAILURE = {"type": "server_error", "message": "out of memory"}
DIALECTS = (
    Dialect(
        "openai-like",
        "/v1",
        begin=_openai(""),
        piece=_openai,
        end=_openai("", "stop") + b"data: [DONE]\n\n",
        failure=_event({"error": FAILURE}),
    ),
    Dialect(
        "ollama",
        "",
        begin=b"",
        piece=_ollama,
        end=_ollama("", done=True),
        failure=json.dumps({"error": "out of memory"}).encode() + b"\n",
    ),
    Dialect(
        "anthropic",
        "",
        begin=_anthropic("message_start", message={**_MESSAGE, "usage": {"input_tokens": 9, "output_tokens": 1}})
        + _anthropic("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        piece=lambda text: _anthropic("content_block_delta", index=0, delta={"type": "text_delta", "text": text}),
        end=_anthropic("content_block_stop", index=0)
        + _anthropic("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3})
        + _anthropic("message_stop"),
        failure=_anthropic("error", error=FAILURE),
    ),
)


@contextmanager
def serving(respond: Respond) -> Iterator[Server]:
    """A server that answers each request in one way, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.asked.append((self.path, headers, json.loads(body)))
            respond(self)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing on stderr."""

    with _nothing_left_open(), ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server = Server(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            listener.shutdown()
            thread.join()


def stream(*parts: bytes) -> Respond:
    """A reply of these parts, ended by closing the connection."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"".join(parts))

    return respond


def broken_off(*parts: bytes) -> Respond:
    """A chunked reply of these parts whose connection closes before the last chunk was said to be the last."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part))
        handler.close_connection = True

    return respond


def refused(status: int, message: str = "out of memory", **headers: str) -> Respond:
    """An error of this status, with the server's own words."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(json.dumps({"error": FAILURE | {"message": message}}).encode())

    return respond


def one_by_one(*responds: Respond) -> Respond:
    """The first request is answered in the first way, the next in the next."""
    left = iter(responds)
    return lambda handler: next(left)(handler)


def endless(*parts: bytes) -> Respond:
    """A reply whose last part comes again and again: for ten seconds, or until the reader has gone."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        stream(*parts[:-1])(handler)
        with suppress(OSError):
            for _ in range(2000):
                handler.wfile.write(parts[-1])
                sleep(0.005)

    return respond


def settings(dialect: Dialect, server: Server | int, *, timeout: float = 30) -> Settings:
    """Settings that name a server, or the port where none is."""
    port = server if isinstance(server, int) else server.port
    return Settings(
        llm=dialect.kind,
        llm_url=f"http://127.0.0.1:{port}{dialect.path}",
        llm_model="m",
        llm_key=SecretStr("s3cret"),
        llm_reply=50,
        llm_context=2048,
        llm_timeout=timeout,
    )


@contextmanager
def _nothing_left_open() -> Iterator[None]:
    """What the clients leave open of a reply that is not read to its end is closed when it is collected.

    Here and with no complaint, or some later test would be blamed for it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            for thread in threading.enumerate():
                if thread.name.endswith("(_fill)"):  # of rag.models.llm: still waiting for the next piece
                    thread.join(timeout=1)
            gc.collect()
