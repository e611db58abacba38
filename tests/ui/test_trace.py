"""Why an answer is what it is, told whole: also what a language model was sent and said, and what decided."""

from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest
from playwright.sync_api import Page, expect

from rag import Chatbot, Claim, Evidence, Exchange, Settings, Span, Trace, Weighed
from tests import model_servers
from tests.model_servers import DIALECTS, Server, one_by_one, stream
from tests.ui.conftest import answer, citation, passage, serving
from ui.trace import trace

OPENAI = DIALECTS[0]
SENTENCE = "Anyone may enter on Sundays."
ANSWER = answer("And on Sundays?", Claim(SENTENCE, (citation(1, SENTENCE),), "supported", "the same words"))
CHECKED = (*ANSWER.claims, Claim("Entry is <b>free</b>.", (), "unsupported", "inference: contradiction"))
WRITTEN = Exchange(
    "Only from passages.", "<passage>\nThe archive\n</passage>", f"{SENTENCE} [1]", "It <i>broke</i> off."
)
WHOLE = Trace(
    ANSWER,
    Evidence(
        "May I enter on Sundays?",
        (passage(),),
        (Weighed(Span("rules.md", 28, 56), SENTENCE, {}, 1.5),),
        {"rare_terms": 0.25},
        0.9,
    ),
    0.3,
    (WRITTEN,),
    CHECKED,
)
QUESTION = "Who is the Pentagon's press secretary?"
FOLLOW_UP = "And what is his rank?"
REWRITTEN = "What is the rank of the Pentagon's press secretary?"
SAID = "Pat Ryder is the Pentagon's press secretary. [1] He was born in Nevada. [1]"


@pytest.mark.parametrize(
    "words",
    [
        "May I enter on Sundays?",
        "House rules",
        "1.00",
        "+1.50",
        "rare terms",
        "probability of 0.90",
        "below 0.30",
        "Only from passages.",
        "&lt;passage&gt;\nThe archive\n&lt;/passage&gt;",
        f"{SENTENCE} [1]",
        "It &lt;i&gt;broke&lt;/i&gt; off.",
        "1 supported, 1 unsupported",
        "Entry is &lt;b&gt;free&lt;/b&gt;.",
        "Decided by: inference: contradiction",
        f"1: “<bdi>{SENTENCE}</bdi>”",
    ],
)
def test_every_step_is_told(words: str) -> None:
    """Question, passages and sentences with scores, probability, requests word for word, and each check's outcome."""
    assert words in trace(WHOLE)


def test_nothing_is_open_before_it_is_clicked() -> None:
    """What is long is folded away; its line says how much there is."""
    shown = trace(WHOLE)

    assert "<details>" in shown
    assert "<details open" not in shown
    assert "<h3>5. Requests to a language model: 1</h3>" in shown


def test_what_there_is_none_of_does_not_open() -> None:
    """Without a language model there is no request to look at."""
    shown = trace(Trace(ANSWER, WHOLE.evidence, 0.3, (), ()))

    assert "5. Requests to a language model: 0</h3><h3>6. Sentences checked: 0</h3>" in shown


def quoting_the_key(handler: BaseHTTPRequestHandler) -> None:
    """An error of a server that says which key it was given."""
    handler.send_response(401)
    handler.end_headers()
    handler.wfile.write(f'{{"error": "not valid: {handler.headers["Authorization"]}"}}'.encode())


@pytest.fixture
def written(sample_settings: Settings) -> Iterator[tuple[str, Server]]:
    """The address of the page over a chatbot that a server writes for, and that server, which fails the third time."""
    replies = [stream(OPENAI.begin, OPENAI.piece(reply), OPENAI.end) for reply in (SAID, REWRITTEN)]
    with model_servers.serving(one_by_one(*replies, quoting_the_key)) as server:
        told = model_servers.settings(OPENAI, server)
        changed = {name: getattr(told, name) for name in Settings.model_fields if name.startswith("llm")}
        bot = Chatbot.open(sample_settings.model_copy(update={**changed, "answer_threshold": 0.0}))
        with closing(bot), serving(bot) as address:
            yield address, server


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'")  # see test_page.py
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_tells_what_the_model_was_sent_and_said(page: Page, written: tuple[str, Server], theme: str) -> None:
    """Of an answer and a follow-up that the server failed at; folded, in the width of a phone, and nobody is asked."""
    address, server = written
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{address}?__theme={theme}")
    for question in (QUESTION, FOLLOW_UP):
        box = page.get_by_label("Your question")
        box.fill(question)
        box.press("Enter")
        page.locator(".turn", has_text=question).last.locator(".answer:not([aria-busy])").wait_for()
    asked = len(server.asked)

    page.get_by_role("button", name="Why this answer").first.click()
    requests = page.locator(".trace details", has_text="5. Requests to a language model: 1")
    expect(requests.locator("pre").first).to_be_hidden()
    requests.locator("summary").click()
    page.locator(".trace summary", has_text="6. Sentences checked").click()

    expect(requests.locator("pre").nth(1)).to_contain_text(f"Question: {QUESTION}")
    expect(requests.locator("pre").nth(2)).to_have_text(SAID)
    expect(page.locator(".trace")).to_contain_text("He was born in Nevada.")
    expect(page.locator(".trace")).to_contain_text("Decided by:")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Why this answer").last.click()
    expect(page.locator(".trace")).to_contain_text(REWRITTEN)
    expect(page.locator(".trace")).to_contain_text("5. Requests to a language model: 2")
    expect(page.locator(".trace")).to_contain_text("not valid: Bearer …")
    assert "s3cret" not in page.content()
    assert len(server.asked) == asked == 3
