"""The page as a person meets it, in Debian's chromium: ask, read, check a citation, go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

import rag
from rag import Answer, Citation, Claim, Passage, Span
from tests.ui.conftest import ScriptedBot, answer, citation, serving
from tests.ui.test_render import HOSTILE

pytestmark = [
    pytest.mark.slow,
    # Gradio 6.31 counts its events with a pandas option that pandas 3 is about to drop.
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
]

CHROMIUM = "/usr/bin/chromium"
# It would ask its maker for updates; a test of "nothing outside is asked" needs it quiet.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

QUESTION = "When did China cut off military channels?"
FOLLOW_UP = "When did they resume?"
UNANSWERABLE = "How tall is the tallest giraffe in the Nairobi zoo?"

SUNDAYS = answer(
    "When may I enter?",
    Claim("The archive is more than a century old.", (citation(1, "The archive opened in 1921."),), "weak"),
    Claim("All may enter on Sundays.", (citation(2, "Anyone may enter on Sundays."),), "supported"),
    Claim("There is a café.", (), "unsupported"),
)
LONG = answer("Tell me all.", Claim("word " * 400 + "end.", (), "unsupported"))


def hostile_answer() -> Answer:
    """An answer in which title, file name, passage, sentence and quote are every hostile string at once."""
    words = " ".join(HOSTILE)
    place = Span(words, 0, len(words))
    source = Passage(place, words, words, 1.0, None)
    return Answer("Hostile?", words, (Claim(words, (Citation(1, place, words, None),), "weak"),), (source,), False, 0.5)


SCRIPT: dict[str, Answer | rag.RagError] = {
    "When may I enter?": SUNDAYS,
    "An example?": SUNDAYS,
    "Tell me all.": LONG,
    "Hostile?": hostile_answer(),
    "Broken?": rag.RagError("No index at .rag. Build one: rag ingest corpus/documents"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def real(bot: "rag.Chatbot") -> Iterator[str]:
    """The address of the page over the real chatbot."""
    with serving(bot) as address:
        yield address


@pytest.fixture(scope="module")
def scripted() -> Iterator[str]:
    """The address of the page over a bot that takes 20 ms for a word."""
    with serving(ScriptedBot(SCRIPT, pause=0.02)) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new visitor's window; afterwards nothing outside this machine was asked and nothing complained."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    window = context.new_page()
    window.on("request", lambda request: complaints.extend(outside(request.url)))
    window.on("console", lambda line: complaints.extend([line.text] if line.type == "error" else []))
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield window
    context.close()
    assert complaints == []


def outside(address: str) -> list[str]:
    """The address, where it leads off this machine."""
    return [] if address.startswith(("http://127.0.0.1:", "data:", "blob:")) else [address]


def ask(page: Page, question: str) -> Locator:
    """Type the question, press Enter, wait until the answer is finished; the answer."""
    box = page.get_by_label("Your question")
    box.fill(question)
    box.press("Enter")
    finished = page.locator(".turn", has_text=question).last.locator(".answer:not([aria-busy])")
    finished.wait_for()
    return finished


def is_in_view(words: Locator) -> bool:
    """True if the words' place is on the screen and nothing lies over it."""
    words.page.wait_for_timeout(700)  # the way there is animated
    return bool(
        words.evaluate(
            """words => {
                const box = words.getClientRects()[0];
                return words.contains(document.elementFromPoint(box.left + 3, box.top + box.height / 2));
            }"""
        )
    )


def test_marker_leads_to_exactly_the_cited_words(page: Page, real: str, bot: "rag.Chatbot") -> None:
    """A click on a citation brings the source into view with the quote, and nothing else, highlighted."""
    quote = bot.ask(QUESTION).citations[0].quote
    page.goto(real)

    ask(page, QUESTION).locator(".citation").first.click()

    words = page.locator("mark.current")
    assert "".join(words.all_text_contents()) == quote
    assert is_in_view(words.first)


def test_unanswerable_question_is_answered_plainly(page: Page, real: str) -> None:
    """When the documents do not say, the page says so, and shows the nearest passages without numbers."""
    page.goto(real)

    said = ask(page, UNANSWERABLE)

    expect(said).to_contain_text("not say")
    expect(page.get_by_role("heading", name="Nearest passages")).to_be_visible()
    expect(page.locator(".citation, .number")).to_have_count(0)


def test_follow_up_is_answered_below(page: Page, real: str) -> None:
    """A second question keeps the first answer on the page, its sources folded but one click away."""
    page.goto(real)
    ask(page, QUESTION)

    ask(page, FOLLOW_UP)

    expect(page.locator(".turn")).to_have_count(2)
    page.locator(".turn").first.locator(".citation").first.click()
    assert is_in_view(page.locator("details mark.current").first)


def test_answer_grows_on_the_page(page: Page, scripted: str) -> None:
    """Words appear while the answer is being written, markers only once it is checked."""
    page.goto(scripted)
    page.get_by_label("Your question").fill("When may I enter?")

    page.get_by_role("button", name="Ask").click()

    expect(page.locator(".answer[aria-busy] .claims")).to_contain_text("The archive is")
    assert page.locator(".citation").count() == 0
    expect(page.locator(".citation")).to_have_count(2)


def test_hover_shows_the_quote(page: Page, scripted: str) -> None:
    """The quote stands beside a marker while the pointer is on it."""
    page.goto(scripted)
    marker = ask(page, "When may I enter?").locator(".citation").nth(1)

    marker.hover()

    tip = marker.evaluate("marker => getComputedStyle(marker, '::after').content")
    assert "Anyone may enter on Sundays." in tip


def test_verdicts_are_visible(page: Page, scripted: str) -> None:
    """Sentences that are not, or weakly, supported are labelled and underlined."""
    page.goto(scripted)

    said = ask(page, "When may I enter?")

    expect(said.locator(".verdict")).to_have_text(["weakly supported", "not supported by the documents"])
    expect(said.locator(".claim.unsupported")).to_have_css("text-decoration-style", "dotted")


def test_citation_is_checked_by_keyboard_alone(page: Page, scripted: str) -> None:
    """Tab reaches a marker, Enter goes to its words, Enter again comes back."""
    page.goto(scripted)
    ask(page, "When may I enter?")
    marker = page.get_by_role("button", name="Citation 2: House rules")
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        if marker.evaluate("marker => marker === document.activeElement"):
            break

    page.keyboard.press("Enter")
    back = page.get_by_role("button", name="Back to citation 2 in the answer")
    expect(back).to_be_focused()
    expect(page.locator("mark.current")).to_have_text("Anyone may enter on Sundays.")
    page.keyboard.press("Enter")

    expect(marker).to_be_focused()


def test_stop_keeps_the_words_and_the_next_question_works(page: Page, scripted: str) -> None:
    """Stop ends the writing where it is, and the box takes the next question."""
    page.goto(scripted)
    box = page.get_by_label("Your question")
    box.fill("Tell me all.")
    box.press("Enter")
    expect(page.locator(".answer")).to_contain_text("word word word")

    page.get_by_role("button", name="Stop").click()

    expect(page.locator(".answer")).to_contain_text("Stopped before it was checked")
    expect(ask(page, "When may I enter?")).to_contain_text("Sundays")
    expect(page.locator(".turn")).to_have_count(2)


def test_error_is_one_line_and_the_page_goes_on(page: Page, scripted: str) -> None:
    """A failure is a sentence under its question; the next question is answered."""
    page.goto(scripted)

    failed = ask(page, "Broken?")

    expect(failed).to_have_text("No index at .rag. Build one: rag ingest corpus/documents")
    expect(ask(page, "When may I enter?")).to_contain_text("Sundays")


def test_example_is_asked_by_a_click_and_clear_starts_over(page: Page, scripted: str) -> None:
    """An example question is answered at a click; Clear empties the page and offers the examples again."""
    page.goto(scripted)
    example = page.get_by_role("button", name="An example?")

    example.click()
    expect(page.locator(".answer")).to_contain_text("Sundays")
    expect(page.locator(".citation")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()

    expect(page.locator(".turn, .source")).to_have_count(0)
    expect(example).to_be_visible()


def test_visitors_do_not_see_each_other(page: Page, browser: Browser, scripted: str) -> None:
    """A second visitor begins with an empty page, and the first one's stays as it was."""
    page.goto(scripted)
    ask(page, "When may I enter?")
    other = browser.new_context().new_page()
    other.goto(scripted)

    expect(other.get_by_text("What would you like to know?")).to_be_visible()
    ask(other, "Broken?")

    assert "Sundays" not in other.locator("body").inner_text()
    assert "No index" not in page.locator("body").inner_text()
    other.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_has_no_sideways_scroll(page: Page, scripted: str, theme: str) -> None:
    """At 360 pixels everything fits the width, and the sources are reached by scrolling down."""
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{scripted}?__theme={theme}")
    ask(page, "When may I enter?").locator(".citation").first.click()

    width, height = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")

    assert width == 360
    assert height > 740
    assert is_in_view(page.locator("mark.current").first)


def test_hostile_words_do_nothing(page: Page, scripted: str) -> None:
    """Scripts, handlers, frames and links in a document, title, file name and answer are only words on the page."""
    page.goto(scripted)

    said = ask(page, "Hostile?")

    expect(said).to_contain_text("<script>alert(1)</script>")
    foreign = "#conversation :is(script, img, svg, a, iframe, style), #sources :is(script, img, svg, a, iframe, style)"
    expect(page.locator(foreign)).to_have_count(0)
    expect(page.locator("#sources mark")).to_have_count(1)


def test_browser_is_told_to_ask_nobody_else(page: Page, scripted: str) -> None:
    """Every response carries the policy that forbids other servers."""
    response = page.goto(scripted)

    assert response is not None
    assert "default-src 'self'" in response.headers["content-security-policy"]
