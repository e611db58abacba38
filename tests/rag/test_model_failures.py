"""However a language model fails, there is an answer: the documents' own words, and a line that says why."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest

import rag
from rag import Answer, Chatbot
from rag.chat import OWN_WORDS
from rag.index.store import Store
from rag.models import llm
from rag.models.llm import language_model
from rag.prompts import ANSWER_SYSTEM
from tests.fakes import HashEmbedding, hash_encode, read_words
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

QUESTION = "How many ships did the keeper count?"
TEXT = "The keeper of the lighthouse counted 40 ships on Monday. He wrote the number into a blue book."
FALSE = "The keeper counted 50 ships. "
OPENAI, OLLAMA, _ = DIALECTS


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are reached directly, whatever proxy the machine has, and tried again soon."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(llm, "_WAITS", (0.01, 0.02))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index over one short document, by words alone."""
    folder = tmp_path_factory.mktemp("lighthouse")
    (folder / "log.txt").write_text(TEXT)
    settings = rag.Settings(home=folder / "home")
    rag.ingest(folder / "log.txt", settings, embedder=HashEmbedding(model_name="hash"))
    store = Store.open(settings)
    yield store
    store.close()


@pytest.fixture(scope="module")
def quoted(store: Store) -> Answer:
    """What is answered without a language model."""
    settings = rag.Settings(answer_threshold=0)
    return Chatbot(store, settings, encode=hash_encode, read=read_words).ask(QUESTION)


def asked(store: Store, dialect: Dialect, port: int, **more: Any) -> list[Answer]:
    """How the answer grows with a language model behind this port."""
    given = settings(dialect, port).model_copy(update={"answer_threshold": 0, **more})
    bot = Chatbot(store, given, encode=hash_encode, read=read_words, llm=language_model(given))
    return list(bot.stream(QUESTION))


def every(*ways: tuple[str, Respond, str]) -> list[Any]:
    """Ways to fail with their names."""
    return [pytest.param(respond, told, id=name) for name, respond, told in ways]


@pytest.mark.parametrize(
    ("respond", "told"),
    every(
        ("wrong key", refused(401), "answered HTTP 401"),
        ("broken", refused(500), "answered HTTP 500"),
        ("busy for ever", refused(503), "answered HTTP 503"),
        ("dies", stream(OPENAI.piece(FALSE)), "broke off in the middle"),
        ("killed", broken_off(OPENAI.piece(FALSE)), "broke off in the middle"),
        ("reports an error late", stream(OPENAI.piece(FALSE), OPENAI.failure), "out of memory"),
        ("empty", stream(OPENAI.begin, OPENAI.end), "wrote nothing"),
        ("no body", stream(), "a format that is not its protocol's"),
        ("endless", endless(OPENAI.begin, OPENAI.piece(FALSE * 4)), "did not come to an end"),
        ("a page", stream(b"<html><body>Sign in</body></html>"), "a format that is not its protocol's"),
        ("another protocol", stream(OLLAMA.piece(FALSE), OLLAMA.end), "a format that is not its protocol's"),
        ("JSON", stream(OPENAI.piece('{"answer": "50 ships"}'), OPENAI.end), "a format for programs"),
        ("its prompt", stream(OPENAI.piece(ANSWER_SYSTEM), OPENAI.end), "repeated what it was given"),
        ("false", stream(OPENAI.piece(FALSE), OPENAI.end), "wrote nothing that the documents support"),
    ),
)
def test_quotations_stand_in(store: Store, quoted: Answer, respond: Respond, told: str) -> None:
    """Nothing of what was streamed is left in the answer, which is the one given without a language model."""
    with serving(respond) as server:
        *_, answer = asked(store, OPENAI, server.port)

    assert (answer.text, answer.claims) == (quoted.text, quoted.claims)
    assert told in answer.remark
    assert answer.remark.endswith(OWN_WORDS)
    assert "\n" not in answer.remark


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_quotations_stand_in_for_a_silent_server(store: Store, quoted: Answer, dialect: Dialect) -> None:
    """After the wait that is set, whatever the protocol."""
    enough = Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        enough.wait(30)

    with serving(wait) as server:
        *_, answer = asked(store, dialect, server.port, llm_timeout=0.5)
        enough.set()

    assert answer.claims == quoted.claims
    assert "said nothing for too long" in answer.remark


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_quotations_stand_in_where_no_server_is(store: Store, quoted: Answer, dialect: Dialect) -> None:
    """Nobody listens at the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    *growing, answer = asked(store, dialect, port)

    assert growing == []
    assert answer.claims == quoted.claims
    assert "cannot be reached" in answer.remark


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_busy_server_answers_in_the_end(store: Store, dialect: Dialect) -> None:
    """One that turned the first request away is asked again, and nothing is remarked."""
    sentence = TEXT.partition(". ")[0] + "."
    fine = stream(dialect.begin, dialect.piece(f"{sentence} [1]"), dialect.end)

    with serving(one_by_one(refused(503), fine)) as server:
        *_, answer = asked(store, dialect, server.port)

    assert (answer.text, answer.remark) == (sentence, "")
    assert [claim.verdict for claim in answer.claims] == ["supported"]
