"""Language models on servers: the three protocols spoken with small servers on loopback, and every way they fail."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from rag import Passage, Settings, Span
from rag.answer import generate
from rag.errors import ConfigError, ModelError
from rag.models.llm import language_model, replies

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
_FAILURE = {"type": "server_error", "message": "out of memory"}
DIALECTS = (
    Dialect(
        "openai-like",
        "/v1",
        begin=_openai(""),
        piece=_openai,
        end=_openai("", "stop") + b"data: [DONE]\n\n",
        failure=_event({"error": _FAILURE}),
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
        failure=_anthropic("error", error=_FAILURE),
    ),
)
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers here are reached directly, whatever proxy the machine has."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


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

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
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


def texts(settings: Settings) -> Iterator[str]:
    """The reply to a question as it grows."""
    return replies(language_model(settings), "Be brief.", "Who met?")


@every_dialect
def test_reply_is_read_while_it_is_written(dialect: Dialect) -> None:
    """The first words are there before the server has written the last."""
    first_read = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        stream(dialect.begin, dialect.piece("Xi met "))(handler)
        if first_read.wait(30):
            handler.wfile.write(dialect.piece("Blinken.") + dialect.end)

    with serving(respond) as server:
        growing = texts(settings(dialect, server))
        first = next(growing)
        first_read.set()
        rest = list(growing)

    assert (first, rest) == ("Xi met ", ["Xi met Blinken."])


@pytest.mark.parametrize(
    ("dialect", "path", "header", "said"),
    [
        (
            DIALECTS[0],
            "/v1/chat/completions",
            ("authorization", "Bearer s3cret"),
            {
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who met?"}],
                "temperature": 0,
                "max_tokens": 50,
            },
        ),
        (
            DIALECTS[1],
            "/api/chat",
            ("authorization", "Bearer s3cret"),
            {
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who met?"}],
                "options": {"temperature": 0, "num_ctx": 2048, "num_predict": 50},
            },
        ),
        (
            DIALECTS[2],
            "/v1/messages",
            ("x-api-key", "s3cret"),
            {
                "system": "Be brief.",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Who met?"}]}],
                "temperature": 0,
                "max_tokens": 50,
            },
        ),
    ],
    ids=str,
)
def test_server_is_asked_as_settings_say(
    dialect: Dialect, path: str, header: tuple[str, str], said: dict[str, Any]
) -> None:
    """Prompt, model, key and limits arrive where the protocol has them, in one request."""
    with serving(stream(dialect.begin, dialect.piece("Xi."), dialect.end)) as server:
        list(texts(settings(dialect, server)))

    ((asked_path, headers, body),) = server.asked
    assert (asked_path, headers[header[0]]) == (path, header[1])
    assert {name: body[name] for name in ("model", "stream", *said)} == {"model": "m", "stream": True, **said}


@every_dialect
def test_nothing_but_the_named_server_is_spoken_to(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the client and asking open connections to the address in the settings and to no other."""
    addresses = []
    connect = socket.socket.connect

    def noting(self: socket.socket, address: Any) -> None:
        addresses.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noting)

    with serving(stream(dialect.begin, dialect.piece("Xi."), dialect.end)) as server:
        list(texts(settings(dialect, server)))

    assert addresses == [("127.0.0.1", server.port)]


def test_key_of_another_program_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without a key in the settings does not get the one that OPENAI_API_KEY has for another."""
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    dialect = DIALECTS[0]

    with serving(stream(dialect.piece("Xi."), dialect.end)) as server:
        list(texts(settings(dialect, server).model_copy(update={"llm_key": SecretStr("")})))

    assert "another" not in str(server.asked)


@every_dialect
def test_no_server_at_the_address(dialect: Dialect) -> None:
    """The reader is told that nothing listens there, and which setting has the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ModelError, match=r"cannot be reached\. Is it running at the address in RAG_LLM_URL\?"):
        list(texts(settings(dialect, port)))


@every_dialect
@pytest.mark.parametrize("url", ["127.0.0.1", "ftp://127.0.0.1/v1"])
def test_address_that_is_none(dialect: Dialect, url: str) -> None:
    """A URL without http in front is a wrong setting, not a server that breaks off."""
    wrong = settings(dialect, 1).model_copy(update={"llm_url": url})

    with pytest.raises(ConfigError, match=rf"RAG_LLM_URL is {url}\. Begin it with http://"):
        language_model(wrong)


@every_dialect
def test_server_that_answers_with_an_error(dialect: Dialect) -> None:
    """Its status and its own words are shown, and it is not asked again."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(500)
        handler.end_headers()
        handler.wfile.write(json.dumps({"error": _FAILURE}).encode())

    with serving(respond) as server, pytest.raises(ModelError, match=r"answered HTTP 500: .*out of memory"):
        list(texts(settings(dialect, server)))
    assert len(server.asked) == 1


@every_dialect
def test_server_that_reports_an_error_in_the_reply(dialect: Dialect) -> None:
    """What it says is wrong is shown, although its status said that all is well."""
    parts = (dialect.begin, dialect.piece("Xi met "), dialect.failure)

    with serving(stream(*parts)) as server, pytest.raises(ModelError, match="out of memory"):
        list(texts(settings(dialect, server)))


@every_dialect
@pytest.mark.parametrize("respond", [stream, broken_off])
def test_server_that_dies_while_it_answers(dialect: Dialect, respond: Callable[..., Respond]) -> None:
    """Half a reply is not taken for a whole one, however the connection ends."""
    parts = (dialect.begin, dialect.piece("Xi did not "))

    with serving(respond(*parts)) as server, pytest.raises(ModelError, match="broke off in the middle"):
        list(texts(settings(dialect, server)))


@every_dialect
@pytest.mark.parametrize("words", [0, 1], ids=["from the start", "after a word"])
def test_server_that_falls_silent(dialect: Dialect, words: int) -> None:
    """After RAG_LLM_TIMEOUT seconds without a word the reader is told so."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        if words:
            stream(dialect.begin, dialect.piece("Xi "))(handler)
        server.closing.wait(30)

    with serving(respond) as server, pytest.raises(ModelError, match=r"nothing for too long.*RAG_LLM_TIMEOUT"):
        try:
            list(texts(settings(dialect, server, timeout=0.3)))
        finally:
            server.closing.set()


@every_dialect
@pytest.mark.parametrize("words", [(), ("", " \n")], ids=["no words", "white space"])
def test_server_that_says_nothing(dialect: Dialect, words: tuple[str, ...]) -> None:
    """An empty reply is an error of the model, not an answer."""
    passages = [Passage(Span("visit.md", 0, 15), "Xi met Blinken.", "The visit", 1.0, None)]
    parts = (dialect.begin, *map(dialect.piece, words), dialect.end)

    with serving(stream(*parts)) as server, pytest.raises(ModelError, match="wrote nothing"):
        llm = language_model(settings(dialect, server))
        list(generate.stream(llm, "Who met Blinken?", passages, window=2048, reply=50))


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "RAG_LLM "),
        ({"llm": "openai-like", "llm_model": "m"}, "RAG_LLM_URL"),
        ({"llm": "openai-like", "llm_url": "http://127.0.0.1:1/v1"}, "RAG_LLM_MODEL"),
        ({"llm": "ollama"}, "RAG_LLM_MODEL"),
        ({"llm": "anthropic", "llm_key": SecretStr("k")}, "RAG_LLM_MODEL"),
        ({"llm": "anthropic", "llm_model": "m"}, "RAG_LLM_KEY"),
        ({"llm": "gguf"}, "RAG_LLM_MODEL"),
    ],
)
def test_missing_setting_is_named(given: dict[str, Any], missing: str) -> None:
    """A model that is only half set says which variable it needs."""
    with pytest.raises(ConfigError, match=missing):
        language_model(Settings(**given))


def test_missing_gguf_file_is_named(tmp_path: Path) -> None:
    """A path where no file is stands in the message with its setting."""
    path = tmp_path / "gone.gguf"

    with pytest.raises(ConfigError, match=rf"No file at {path}\. Set RAG_LLM_MODEL"):
        language_model(Settings(llm="gguf", llm_model=str(path)))


@every_dialect
def test_missing_package_is_named(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional packages the reader is told how to get them."""
    monkeypatch.setitem(sys.modules, f"llama_index.llms.{dialect.kind.replace('-', '_')}", None)

    with pytest.raises(ModelError, match=r"needs the package llama_index\.llms\..* Install it: pip install"):
        language_model(settings(dialect, 1))
