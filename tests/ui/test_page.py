"""The page as a person meets it, in Debian's chromium: ask, read, check a citation, go on."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships without types
from playwright.sync_api import Browser, Locator, Page, expect

import rag
from rag import Answer, Citation, Claim, Passage, Span
from rag.index.store import Store
from tests.conftest import CORPUS
from tests.fakes import HashEmbedding, hash_encode, read_words
from tests.rag.test_library import COMMAND, finished
from tests.ui.conftest import ScriptedBot, answer, citation, serving
from tests.ui.hostile import HOSTILE

pytestmark = [
    pytest.mark.slow,
    # Gradio 6.31 counts its events with a pandas option that pandas 3 is about to drop.
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
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
ASKED_OF = {  # each answered from a document of that type among the sample
    "md": "When did Blinken call off the visit?",
    "html": "Who refused to meet whom at the Shangri-La Dialogue?",
    "pdf": "How many people died of a drug overdose?",
}
LONG = answer("Tell me all.", Claim("word " * 400 + "end.", (), "unsupported"))


def hostile_answer(words: str) -> Answer:
    """An answer in which question, title, file name, passage, sentence and quote are these words."""
    place = Span(f"{words}.txt", 0, len(words))
    source = Passage(place, words, words, 1.0, None)
    return Answer(words, words, (Claim(words, (Citation(1, place, words, None),), "weak"),), (source,), False, 0.5)


# All in a few answers: an answer each would take minutes.
WICKED = [" ".join(HOSTILE[first::10]).translate({0: "", 0xD800: ""}).strip() for first in range(10)]
SCRIPT: dict[str, Answer | rag.RagError] = {
    "When may I enter?": SUNDAYS,
    "An example?": SUNDAYS,
    "Tell me all.": LONG,
    "Broken?": rag.RagError("No index at .rag. Build one: rag ingest corpus/documents"),
}


@pytest.fixture(scope="module")
def real(bot: "rag.Chatbot") -> Iterator[str]:
    """The address of the page over the real chatbot."""
    with serving(bot) as address:
        yield address


@pytest.fixture(scope="module")
def scripted(sample_settings: rag.Settings) -> Iterator[str]:
    """The address of the page over a bot that takes 20 ms for a word, with the sample's documents listed."""
    library = rag.Library(sample_settings)
    with closing(library), serving(ScriptedBot(SCRIPT, pause=0.02), library) as address:
        yield address


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    """The address of the page over a bot that knows nothing but hostile words."""
    script: dict[str, Answer | rag.RagError] = {words: hostile_answer(words) for words in WICKED}
    bot = ScriptedBot(script | {"When may I enter?": SUNDAYS})
    bot.text = " ".join(WICKED)
    with serving(bot) as address:
        yield address


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


@pytest.mark.parametrize("kind", ["md", "html"])
def test_marker_leads_to_exactly_the_cited_words(page: Page, real: str, bot: "rag.Chatbot", kind: str) -> None:
    """A click on a citation opens its document at the quote, which is highlighted, and nothing else as it is."""
    asked = ASKED_OF[kind]
    cited = [one for one in bot.ask(asked).citations if one.span.document_id.endswith(kind)]
    page.goto(real)

    ask(page, asked).locator(f'.citation[data-document$=".{kind}"]').first.click()

    words = page.locator("#reader mark.current")
    expect(words.first).to_be_visible()
    assert "".join(words.all_text_contents()) == cited[0].quote
    assert is_in_view(words.first)


def test_citation_of_a_pdf_is_boxed_on_its_page(page: Page, real: str) -> None:
    """A PDF is shown as its pages, with a box around the cited words; its text is a click away."""
    page.goto(real)

    ask(page, ASKED_OF["pdf"]).locator('.citation[data-document$=".pdf"]').first.click()

    assert is_in_view(page.locator("#reader .box.current").first)
    page.get_by_role("button", name="Text", exact=True).click()
    assert is_in_view(page.locator("#reader .text mark.current").first)


def test_next_citation_and_back(page: Page, scripted: str) -> None:
    """Arrows lead from one citation of an answer to the next, Escape back to the marker."""
    page.goto(scripted)
    said = ask(page, "When may I enter?")
    said.locator(".citation").first.click()
    expect(page.locator("#reader .current")).to_have_text("The archive opened in 1921.")

    page.get_by_role("button", name="Next citation").click()

    expect(page.locator("#reader .current")).to_have_text("Anyone may enter on Sundays.")
    expect(page.locator("#reader .at")).to_have_text("2 of 2")
    page.keyboard.press("Escape")
    expect(said.locator(".citation").nth(1)).to_be_focused()
    expect(page.locator("#sources")).to_be_visible()


def test_search_within_a_document(page: Page, scripted: str) -> None:
    """What is sought is counted, and the next one is gone to."""
    page.goto(scripted)
    ask(page, "When may I enter?").locator(".citation").first.click()
    expect(page.locator("#reader .current")).to_be_visible()
    box = page.get_by_label("Search in this document")

    box.fill("an")
    box.press("Enter")

    expect(page.locator("#reader .found")).to_have_text("1 of 1")
    box.fill("nowhere")
    expect(page.locator("#reader .found")).to_have_text("none")


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
    assert is_in_view(page.locator("#reader mark.current").first)


def test_answer_grows_on_the_page(page: Page, judged: tuple[str, ScriptedBot], monkeypatch: pytest.MonkeyPatch) -> None:
    """Words appear while the answer is being written, markers only once it is checked."""
    address, bot = judged
    monkeypatch.setattr(bot, "pause", 0.3)
    page.goto(address)
    page.get_by_label("Your question").fill("When may I enter?")

    page.get_by_role("button", name="Ask", exact=True).click()

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


def test_whole_flow_by_keyboard_alone(page: Page, scripted: str) -> None:
    """Ask, go to a citation, read it in its document, come back, ask what follows: without a pointer."""
    page.goto(scripted)
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("When may I enter?")
    page.keyboard.press("Enter")
    marker = page.get_by_role("button", name="Citation 2: House rules")
    marker.wait_for()

    go_to(page, marker, "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#reader .current")).to_have_text("Anyone may enter on Sundays.")
    page.keyboard.press("p")
    expect(page.locator("#reader .current")).to_have_text("The archive opened in 1921.")
    page.keyboard.press("Escape")
    go_to(page, page.get_by_role("button", name="Wrong", exact=True), "Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("status").filter(has_text="Kept: wrong.")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("Broken?")
    page.keyboard.press("Enter")

    expect(page.locator(".turn")).to_have_count(2)


def go_to(page: Page, element: Locator, key: str) -> None:
    """Press a key until the element has the focus."""
    for _ in range(40):
        if element.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {element}")


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

    expect(failed.locator(".error")).to_have_text("No index at .rag. Build one: rag ingest corpus/documents")
    expect(ask(page, "When may I enter?")).to_contain_text("Sundays")


def test_example_is_asked_by_a_click_and_new_starts_over(page: Page, scripted: str) -> None:
    """An example question is answered at a click; New empties the page and offers the examples again."""
    page.goto(scripted)
    example = page.get_by_role("button", name="An example?", exact=True)

    example.click()
    expect(page.locator(".answer")).to_contain_text("Sundays")
    expect(page.locator(".citation")).to_have_count(2)
    page.get_by_role("button", name="New", exact=True).click()

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
    """At 360 pixels everything fits the width; the sources are further down, a document lies over all."""
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{scripted}?__theme={theme}")
    marker = ask(page, "When may I enter?").locator(".citation").first
    width, height = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")

    marker.click()

    assert width == page.evaluate("document.documentElement.scrollWidth") == 360
    assert height > 740
    assert is_in_view(page.locator("#reader mark.current").first)


def test_hostile_words_do_nothing(page: Page, hostile: str) -> None:
    """A hundred strings as document, title, file name, question and answer: none runs, loads or breaks anything.

    What listens for that is the page itself: see its fixture.
    """
    page.goto(hostile)
    foreign = ":is(script, img, svg, a:not(.download), iframe, style, object, embed, form:not(.find), base, link)"
    for number, question in enumerate(WICKED):
        box = page.get_by_label("Your question")
        box.fill(question)
        box.press("Enter")
        said = page.locator(".turn").nth(number).locator(".answer:not([aria-busy])")
        said.locator(".citation").first.hover()
        said.locator(".citation").first.click()
        expect(page.locator("#reader .current").first).to_be_visible()
        said.get_by_role("button", name="Why this answer").click()
        expect(page.locator(".trace h3").first).to_be_visible()
        expect(
            page.locator(f"#conversation .html-container {foreign}, #aside .html-container {foreign}")
        ).to_have_count(0)
        page.keyboard.press("Escape")
    page.reload()

    expect(page.locator(".turn")).to_have_count(len(WICKED))
    expect(ask(page, "When may I enter?")).to_contain_text("Sundays")


def test_browser_is_told_to_ask_nobody_else(page: Page, scripted: str) -> None:
    """Every response carries the policy that forbids other servers."""
    response = page.goto(scripted)

    assert response is not None
    assert "default-src 'self'" in response.headers["content-security-policy"]


def test_conversation_is_found_again(page: Page, scripted: str) -> None:
    """After a reload the conversation stands there; it can be left, found by its words, named, and deleted."""
    page.goto(scripted)
    ask(page, "When may I enter?")

    page.reload()

    expect(page.locator(".answer .citation")).to_have_count(2)
    page.get_by_role("button", name="New", exact=True).click()
    expect(page.locator(".turn")).to_have_count(0)
    ask(page, "An example?")
    open_sidebar(page)
    expect(page.locator("#shelf li")).to_have_count(2)
    page.get_by_label("Search conversations").fill("sundays")
    page.get_by_role("button", name="Rename: When may I enter?").click()
    page.keyboard.type("The archive")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Open: The archive").click()
    expect(page.locator(".turn")).to_contain_text("When may I enter?")
    expect(page.locator(".answer .citation")).to_have_count(2)
    remove = page.get_by_role("button", name="Delete: The archive")
    remove.click()
    remove.click()
    expect(page.locator(".turn")).to_have_count(0)


def open_sidebar(page: Page) -> None:
    """Where the conversations are."""
    page.locator("#sidebar .toggle-button").click()
    page.wait_for_timeout(400)  # it slides


@pytest.mark.parametrize(("kind", "holds"), [("Markdown", "## When may I enter?"), ("JSON", '"verdict": "weak"')])
def test_conversation_is_taken_along(page: Page, scripted: str, kind: str, holds: str) -> None:
    """A conversation is saved as a file with its citations."""
    page.goto(scripted)
    ask(page, "When may I enter?")
    open_sidebar(page)

    with page.expect_download() as download:
        page.get_by_role("button", name=f"Export as {kind}").click()

    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert holds in text
    assert "Anyone may enter on Sundays." in text


def test_question_is_edited_and_asked_again(page: Page, scripted: str) -> None:
    """The last question comes back into the box, its answer goes; asked again, the answer is a new one."""
    page.goto(scripted)
    ask(page, "When may I enter?")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".answer:not([aria-busy]) .citation")).to_have_count(2)

    page.get_by_role("button", name="Edit question").click()

    expect(page.get_by_label("Your question")).to_have_value("When may I enter?")
    expect(page.get_by_label("Your question")).to_be_focused()
    expect(page.locator(".turn")).to_have_count(0)


def test_link_asks_its_question_once(page: Page, scripted: str) -> None:
    """A link reopens a question; when the page is loaded again it is not asked a second time."""
    page.goto(f"{scripted}?q=When+may+I+enter%3F")
    expect(page.locator(".answer .citation")).to_have_count(2)

    page.reload()

    expect(page.locator(".answer .citation")).to_have_count(2)
    assert "q=" not in page.url


def test_feedback_is_kept_with_a_note(judged: tuple[str, ScriptedBot], page: Page) -> None:
    """What was wrong with an answer is kept; a second verdict takes the place of the first."""
    address, bot = judged
    page.goto(address)
    said = ask(page, "When may I enter?")

    said.get_by_role("button", name="Wrong citation").click()
    page.get_by_label("What was wrong?").fill("It says Monday.")
    page.get_by_role("button", name="Add note").click()

    expect(page.get_by_role("status").filter(has_text="Kept: wrong citation with your note.")).to_be_visible()
    assert [(one.verdict, one.note) for one in bot.kept] == [
        ("wrong citation", ""),
        ("wrong citation", "It says Monday."),
    ]
    said.get_by_role("button", name="Right").click()
    expect(said.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
    expect(said.get_by_role("button", name="Wrong citation")).to_have_attribute("aria-pressed", "false")


@pytest.fixture
def judged() -> Iterator[tuple[str, ScriptedBot]]:
    """A page of one's own and the bot behind it."""
    bot = ScriptedBot(SCRIPT)
    with serving(bot) as address:
        yield address, bot


def test_questions_to_begin_with_come_with_the_documents(judged: tuple[str, ScriptedBot], page: Page) -> None:
    """Whoever is there sees them at the next look at the chat, and who comes later at once."""
    address, bot = judged
    bot.count = 0
    page.goto(address)
    expect(page.get_by_text("There are no documents to ask yet.")).to_be_visible()
    bot.count = 1

    page.get_by_role("tab", name="Settings").click()
    page.get_by_role("tab", name="Chat").click()

    expect(page.get_by_role("button", name="An example?", exact=True)).to_be_visible()
    page.goto(address)
    expect(page.get_by_role("button", name="An example?", exact=True)).to_be_visible()


def test_one_document_is_asked_alone(judged: tuple[str, ScriptedBot], page: Page) -> None:
    """What is chosen above the question is all that is asked, and the page says so."""
    address, bot = judged
    page.goto(address)
    page.get_by_role("button", name="Asking all documents").click()
    page.get_by_label("Folders or documents").click()
    page.get_by_role("option", name="rules.md").click()
    page.get_by_label("Since").fill("1920")

    expect(page.get_by_role("button", name="Asking only: rules.md, since 1920")).to_be_visible()
    ask(page, "When may I enter?")

    assert (bot.scope.paths, bot.scope.after) == (("rules.md",), "1920")


def test_settings_reach_the_answer(judged: tuple[str, ScriptedBot], page: Page) -> None:
    """How many sentences an answer may have is chosen on the page."""
    address, bot = judged
    page.goto(address)
    page.get_by_role("tab", name="Settings").click()
    page.get_by_label("number input for Sentences").fill("1")
    page.keyboard.press("Tab")
    page.get_by_role("tab", name="Chat").click()

    ask(page, "When may I enter?")

    assert bot.wanted["sentences"] == 1


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_axe_finds_nothing_serious(page: Page, scripted: str, theme: str, width: int) -> None:
    """No tab and no pane has a serious or critical problem of accessibility, in either theme."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{scripted}?__theme={theme}")
    said = ask(page, "When may I enter?")
    seen = {"answer": problems(page)}

    said.locator(".citation").first.click()
    expect(page.locator("#reader .current")).to_be_visible()
    seen["source"] = problems(page)
    page.keyboard.press("Escape")
    said.get_by_role("button", name="Why this answer").click()
    expect(page.locator(".trace h3").first).to_be_visible()
    seen["why"] = problems(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Asking all documents").click()
    seen["scope"] = problems(page)
    open_sidebar(page)
    seen["conversations"] = problems(page)
    page.locator("#sidebar .toggle-button").click()
    for tab in page.get_by_role("tab").all():
        tab.click()
        if tab.inner_text() == "Documents":
            page.locator("#documents tbody tr").first.wait_for()
        seen[tab.inner_text()] = problems(page)

    assert {place: found for place, found in seen.items() if found} == {}


def problems(page: Page) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands, with the elements."""
    page.wait_for_timeout(400)  # what slides or fades has no contrast yet
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_uploaded_pdf_is_asked_about_and_gone_once_removed(browser: Browser, tmp_path: Path) -> None:
    """From a file on the visitor's disk to a citation boxed on its page; removed, nothing of it is said any more."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "frogs.txt").write_text("Frogs leap over ponds.")
    settings = rag.Settings(home=tmp_path / "home", answer_threshold=0)
    rag.ingest(folder, settings, embedder=HashEmbedding())
    bot = rag.Chatbot(Store.open(settings), settings, encode=hash_encode, read=read_words)
    library = rag.Library(settings, command=COMMAND)
    cited = '.citation[data-document="uploads/fentanyl-precursors.pdf"]'
    page = browser.new_page(viewport={"width": 1280, "height": 800})  # one that may miss what was removed under it
    with closing(library), closing(bot), serving(bot, library) as address:
        page.route(re.compile("/sheet/[2-9]/"), lambda route: route.fulfill(body=""))  # one picture is waited for below
        page.goto(address)
        page.get_by_role("tab", name="Documents").click()
        page.locator("#documents-drop input").set_input_files(CORPUS / "fentanyl-precursors.pdf")
        row = page.locator("tbody tr", has_text="uploads/fentanyl-precursors.pdf")
        row.wait_for(timeout=60_000)
        finished(library)  # it is listed a moment before it is found

        page.get_by_role("tab", name="Chat").click()
        ask(page, "How many people died of a drug overdose?").locator(cited).first.click()
        assert is_in_view(page.locator("#reader .box.current").first)
        page.wait_for_function("document.querySelector('#reader img').naturalWidth > 0")
        page.keyboard.press("Escape")
        page.get_by_role("tab", name="Documents").click()
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Remove", exact=True).click()
        page.locator(".asking").get_by_role("button", name="Remove").click()
        expect(row).to_have_count(0)
        finished(library)
        page.get_by_role("tab", name="Chat").click()
        again = ask(page, "How many people died of a drug overdose, then?")

        expect(again.locator(cited)).to_have_count(0)
        page.close()
