"""The page on a free port, over any bot; and a bot that says what a test has written down."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from rag import Answer, Citation, Claim, Passage, RagError, Span, Turn
from ui.handlers import Bot

TEXT = "The archive opened in 1921. Anyone may enter on Sundays. Bring a lamp."


class ScriptedBot:
    """Says the answer written down for a question, a word every `pause` seconds, or raises the error."""

    def __init__(self, script: Mapping[str, Answer | RagError], pause: float = 0.0) -> None:
        self.script = script
        self.pause = pause
        self.told: Sequence[Turn] = ()  # the history that came with the last question

    def stream(self, question: str, history: Sequence[Turn]) -> Iterator[Answer]:
        """Drafts that grow by a word, then the whole answer."""
        self.told = history
        outcome = self.script[question]
        if isinstance(outcome, RagError):
            raise outcome
        words = outcome.text.split(" ")
        for count in range(1, len(words) + 1):
            time.sleep(self.pause)
            yield replace(outcome, text=" ".join(words[:count]), claims=(), abstained=False)
        yield outcome


def passage(text: str = TEXT, *, document_id: str = "rules.md", title: str = "House rules", start: int = 0) -> Passage:
    """A passage that begins at `start` of its document."""
    return Passage(Span(document_id, start, start + len(text)), text, title, 1.0, None)


def citation(marker: int, quote: str, *, source: Passage | None = None, page: int | None = None) -> Citation:
    """A citation of the first place where `source` says `quote`."""
    source = source or passage()
    start = source.span.start + source.text.index(quote)
    return Citation(marker, Span(source.span.document_id, start, start + len(quote)), quote, page)


def answer(question: str, *claims: Claim, passages: Sequence[Passage] = (), confidence: float = 0.9) -> Answer:
    """An answer that says these claims; abstained where there are none."""
    text = " ".join(claim.text for claim in claims) or "The documents do not say."
    return Answer(question, text, claims, tuple(passages) or (passage(),), not claims, confidence)


@contextmanager
def serving(bot: Bot) -> Iterator[str]:
    """The address of the page over `bot`, for as long as the block lasts."""
    import uvicorn
    from fastapi import FastAPI

    from ui.app import build, mount

    application = mount(FastAPI(), build(bot, examples=["An example?"], document_count=3))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


def wait_until(done: Callable[[], bool], seconds: float = 30) -> None:
    """Return as soon as `done` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            pytest.fail("nothing happened in time")
        time.sleep(0.05)
