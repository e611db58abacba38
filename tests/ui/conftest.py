"""The page on a free port, over any bot; and a bot that says what a test has written down."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from rag import (
    Answer,
    Box,
    Citation,
    Claim,
    Evidence,
    Feedback,
    Library,
    Passage,
    RagError,
    Scope,
    Settings,
    SourceDocument,
    Span,
    Trace,
    Turn,
)
from ui.handlers import Bot

if TYPE_CHECKING:
    from fastapi import FastAPI

expect.set_options(timeout=30_000)  # two busy cores miss the default of 5 s

CHROMIUM = "/usr/bin/chromium"
# It would ask its maker for updates; a test of "nothing outside is asked" needs it quiet.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OPENED: list[BrowserContext] = []  # the windows of the test that runs
TEXT = "The archive opened in 1921. Anyone may enter on Sundays. Bring a lamp."


class ScriptedBot:
    """Says the answer written down for a question, a word every `pause` seconds, or raises the error."""

    def __init__(self, script: Mapping[str, Answer | RagError], pause: float = 0.0) -> None:
        self.script = script
        self.pause = pause
        self.told: Sequence[Turn] = ()  # the history that came with the last question
        self.scope = Scope()  # and which documents were asked
        self.wanted: dict[str, float] = {}  # how it was to be answered
        self.kept: list[Feedback] = []
        self.text = TEXT  # of every document
        self.count = 3  # documents

    @property
    def settings(self) -> Settings:
        """The defaults."""
        return Settings()

    def facts(self) -> dict[str, Any]:
        """Three documents, unless told otherwise."""
        return {"documents": self.count, "chunks": 3 * self.count, "built with": "a model"}

    def documents(self) -> tuple[str, ...]:
        """Two of them in a folder."""
        return "letters/1921.md", "letters/1922.pdf", "rules.md"

    def examples(self) -> tuple[str, ...]:
        """One of its script."""
        return ("An example?",)

    def follow_ups(self, history: Sequence[Turn], *, scope: Scope) -> tuple[str, ...]:
        """The same after every answer."""
        return ("And on Mondays?",)

    def document(self, document_id: str) -> SourceDocument:
        """The text of every document is the same."""
        return SourceDocument(document_id, "House rules", "1921-05-01", self.text, ())

    def boxes(self, span: Span) -> tuple[Box, ...]:
        """No document has pages."""
        return ()

    def sheets(self, document_id: str) -> tuple[tuple[float, float], ...]:
        """No document has pages."""
        return ()

    def sheet(self, document_id: str, page: int) -> bytes:
        """No document has pages."""
        raise RagError("No such page.")

    def original(self, document_id: str) -> Path | None:
        """No document has a file."""
        return None

    def evaluation(self) -> str | None:
        """Nothing was measured."""
        return None

    def adjusted(self, *, passages: int, sentences: int, threshold: float, written: bool = True) -> Self:
        """The same, as what it says is written down."""
        self.wanted = {"passages": passages, "sentences": sentences, "threshold": threshold, "written": written}
        return self

    def keep(self, feedback: Feedback) -> None:
        """Add it to those that a test may look at."""
        self.kept.append(feedback)

    def explain(self, question: str, history: Sequence[Turn] = (), *, scope: Scope) -> Evidence:
        """Nothing but the passages of the answer."""
        outcome = self.script[question]
        assert isinstance(outcome, Answer)
        return Evidence(question, outcome.passages, (), {"similarity": 0.5}, outcome.confidence)

    def traced(self, question: str, history: Sequence[Turn] = (), *, scope: Scope) -> Iterator[Trace]:
        """Drafts that grow by a word, then the whole answer; its sentences are checked, and no model was asked."""
        for grown in self._growing(question, history, scope):
            yield Trace(grown, self.explain(question, history, scope=scope), 0.7, (), grown.claims)

    def _growing(self, question: str, history: Sequence[Turn], scope: Scope) -> Iterator[Answer]:
        self.told, self.scope = history, scope
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
def serving(bot: Bot, library: Library | None = None) -> Iterator[str]:
    """The address of the page over `bot`, for as long as the block lasts."""
    from fastapi import FastAPI

    from ui.app import build, mount

    with listening(mount(FastAPI(), bot, build(bot, library))) as address:
        yield address


@contextmanager
def listening(application: "FastAPI") -> Iterator[str]:
    """The address of an application, for as long as the block lasts; the windows close with it.

    A window left open would ask for the last of its fonts, and complain that nobody answers.
    """
    import uvicorn

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        while OPENED:
            OPENED.pop().close()
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new visitor's window; afterwards nothing outside this machine was asked and nothing complained."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    OPENED.append(context)
    window = context.new_page()
    window.on("request", lambda request: complaints.extend(outside(request.url)))
    window.on("console", lambda line: complaints.extend(error_told(line)))
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield window
    OPENED.clear()
    context.close()
    assert complaints == []


def error_told(line: ConsoleMessage) -> list[str]:
    """What went wrong, and where; not that Gradio lets go of its stream when the page is loaded again."""
    left = any(words in line.text for words in ("AbortError", "Connection errored out"))
    return [f"{line.text} {line.location['url']}"] if line.type == "error" and not left else []


def outside(address: str) -> list[str]:
    """The address, where it leads off this machine."""
    return [] if address.startswith(("http://127.0.0.1:", "data:", "blob:")) else [address]


def wait_until(done: Callable[[], bool], seconds: float = 30) -> None:
    """Return as soon as `done` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            pytest.fail("nothing happened in time")
        time.sleep(0.05)
