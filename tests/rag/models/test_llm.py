"""Language models on servers: the three protocols spoken with small servers on loopback, and every way they fail."""

import gc
import socket
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from rag import Passage, Settings, Span
from rag.answer import generate
from rag.errors import ConfigError, ModelError
from rag.models import llm as llm_module
from rag.models.llm import estimated, language_model, replies
from rag.schema import Exchange
from tests.model_servers import (
    DIALECTS,
    Dialect,
    Respond,
    broken_off,
    endless,
    one_by_one,
    refused,
    serving,
    settings,
    stream,
)

every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers here are reached directly, whatever proxy the machine has."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries come soon after one another."""
    monkeypatch.setattr(llm_module, "_WAITS", (0.01, 0.02))


def texts(settings: Settings, heard: list[Exchange] | None = None) -> Iterator[str]:
    """The reply to a question as it grows."""
    model, timeout = language_model(settings), settings.llm_timeout
    return replies(model, "Be brief.", "Who met?", reply=settings.llm_reply, timeout=timeout, heard=heard)


def told(exchange: Exchange) -> tuple[str, str, str, str]:
    """What was asked and said."""
    return exchange.system, exchange.user, exchange.reply, exchange.failure


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

    with serving(refused(500)) as server, pytest.raises(ModelError, match=r"answered HTTP 500: .*out of memory"):
        list(texts(settings(dialect, server)))
    assert len(server.asked) == 1


@every_dialect
@pytest.mark.parametrize("status", [429, 503])
def test_server_that_turns_a_request_away_is_asked_again(dialect: Dialect, status: int) -> None:
    """Too many requests, or a model that is still loading: the third try is answered."""
    fine = stream(dialect.begin, dialect.piece("Xi."), dialect.end)

    with serving(one_by_one(refused(status), refused(status), fine)) as server:
        said = list(texts(settings(dialect, server)))

    assert said == ["Xi."]
    assert len(server.asked) == 3


@every_dialect
def test_server_that_turns_every_request_away(dialect: Dialect) -> None:
    """After three tries its own words are shown."""
    with serving(refused(503)) as server, pytest.raises(ModelError, match=r"answered HTTP 503: .*out of memory"):
        list(texts(settings(dialect, server)))
    assert len(server.asked) == 3


@pytest.mark.parametrize("dialect", [DIALECTS[0], DIALECTS[2]], ids=str)
def test_server_that_wants_a_long_pause_is_not_waited_for(dialect: Dialect) -> None:
    """A person waits for the answer: what would take a minute is told at once."""
    with serving(refused(429, Retry_After="60")) as server, pytest.raises(ModelError, match="answered HTTP 429"):
        list(texts(settings(dialect, server)))
    assert len(server.asked) == 1


@every_dialect
def test_after_the_first_word_nothing_is_asked_again(dialect: Dialect) -> None:
    """What broke off is not begun anew: the reader has read it, and the server has had its try."""
    with serving(stream(dialect.begin, dialect.piece("Xi "))) as server, pytest.raises(ModelError, match="broke off"):
        list(texts(settings(dialect, server)))
    assert len(server.asked) == 1


@every_dialect
def test_server_that_does_not_come_to_an_end(dialect: Dialect) -> None:
    """One that does not heed the length it was given is left when it has written far more."""
    with (
        serving(endless(dialect.begin, dialect.piece("word " * 20))) as server,
        pytest.raises(ModelError, match="did not come to an end"),
    ):
        list(texts(settings(dialect, server)))


@every_dialect
def test_server_that_nobody_listens_to_any_more_is_hung_up_on(dialect: Dialect) -> None:
    """A person who stops an answer does not pay for the rest of it."""
    hung_up = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        endless(dialect.begin, dialect.piece("She "))(handler)
        hung_up.set()

    gc.disable()  # or it may come by chance
    try:
        with serving(respond) as server:
            reply = texts(settings(dialect, server, timeout=60))
            next(reply)
            assert isinstance(reply, Generator)
            reply.close()

            assert hung_up.wait(5), "ten seconds are how long the server writes to whoever reads"
    finally:
        gc.enable()


@every_dialect
def test_server_that_sends_pieces_without_words(dialect: Dialect) -> None:
    """Ten times the wait for the next words is the longest that a reply may take."""
    with (
        serving(endless(dialect.begin, dialect.piece(""))) as server,
        pytest.raises(ModelError, match="did not come to an end"),
    ):
        list(texts(settings(dialect, server, timeout=0.5)))


@every_dialect
def test_server_that_only_keeps_the_connection_open(dialect: Dialect) -> None:
    """Comments and line ends, by which a busy server shows that it lives, are no words: the wait has its end."""
    nothing = b"\n" if dialect.kind == "ollama" else b": busy\n\n"

    with (
        serving(endless(dialect.begin, nothing)) as server,
        pytest.raises(ModelError, match=r"nothing for too long|not its protocol's"),
    ):
        list(texts(settings(dialect, server, timeout=0.5)))


@every_dialect
@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html><body>Sign in</body></html>", b'{"choices": [{"message": {"content": "Xi."}}]}']
)
def test_server_that_speaks_something_else(dialect: Dialect, page: bytes) -> None:
    """A page to sign in at, or a reply in another protocol, is told as that."""
    with serving(stream(page)) as server, pytest.raises(ModelError, match="a format that is not its protocol's"):
        list(texts(settings(dialect, server)))


@every_dialect
def test_what_was_asked_and_said_is_kept(dialect: Dialect) -> None:
    """Both messages, the reply as far as it came, and the failure in the words that the reader gets."""
    whole: list[Exchange] = []
    half: list[Exchange] = []

    with serving(stream(dialect.begin, dialect.piece("Xi "), dialect.piece("met."), dialect.end)) as server:
        list(texts(settings(dialect, server), whole))
    with serving(stream(dialect.begin, dialect.piece("Xi "))) as server, pytest.raises(ModelError) as failure:
        list(texts(settings(dialect, server), half))

    assert [told(exchange) for exchange in whole] == [("Be brief.", "Who met?", "Xi met.", "")]
    assert [told(exchange) for exchange in half] == [("Be brief.", "Who met?", "Xi ", str(failure.value))]


USAGES = {
    "openai-like": b'data: {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [],'
    b' "usage": {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}}\n\n',
    "ollama": b'{"model": "m", "created_at": "2023-06-18", "message": {"role": "assistant", "content": ""},'
    b' "done": true, "prompt_eval_count": 20, "eval_count": 3}\n',
    "anthropic": b"",  # its protocol always tells
}


@every_dialect
def test_tokens_are_those_that_the_server_tells(dialect: Dialect) -> None:
    """After the last word, which changes nothing in the reply."""
    heard: list[Exchange] = []

    with serving(stream(dialect.begin, dialect.piece("Xi."), USAGES[dialect.kind], dialect.end)) as server:
        said = list(texts(settings(dialect, server), heard))

    assert said == ["Xi."]
    read = 9 if dialect.kind == "anthropic" else 20
    assert [(one.tokens_read, one.tokens_written, one.tokens_are) for one in heard] == [(read, 3, "counted")]


@pytest.mark.parametrize("dialect", DIALECTS[:2], ids=str)
def test_tokens_that_no_server_tells_are_estimated(dialect: Dialect) -> None:
    """From the texts; of a request that was turned away none was read."""
    heard: list[Exchange] = []

    with serving(stream(dialect.begin, dialect.piece("Xi."), dialect.end)) as server:
        list(texts(settings(dialect, server), heard))
    with serving(refused(500)) as server, pytest.raises(ModelError):
        list(texts(settings(dialect, server), heard))

    expected = estimated("Be brief.") + estimated("Who met?"), estimated("Xi."), "estimated"
    assert [(one.tokens_read, one.tokens_written, one.tokens_are) for one in heard] == [expected, (0, 0, "estimated")]


def test_server_that_does_not_count_is_asked_without() -> None:
    """One that refuses the option by which it is asked for tokens gets the request again without it, and so the next.

    Mistral's answers HTTP 422.
    """
    dialect = DIALECTS[0]
    fine = stream(dialect.piece("Xi."), dialect.end)

    with serving(one_by_one(refused(422, "stream_options: extra inputs are not permitted"), fine, fine)) as server:
        model = language_model(settings(dialect, server))
        said = [list(replies(model, "Be brief.", question)) for question in ("Who met?", "Where?")]

    assert said == [["Xi."], ["Xi."]]
    assert ["stream_options" in body for _, _, body in server.asked] == [True, False, False]


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
@pytest.mark.parametrize("words", [(), ("", " \n"), ("...",)], ids=["no words", "white space", "stops"])
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


def test_tokens_are_rather_overestimated() -> None:
    """English has 4 to 5 letters to a token, a table one sign; at most three letters are counted as one."""
    assert estimated("Blinken met Xi in Beijing") == 9
    assert estimated("2023-06-18") == 11
    assert estimated("秦刚") == 5
    assert estimated("") == 1
