"""The Questions tab: its events with plain values, and in Debian's chromium accepting, editing, rejecting, adding."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships without types
from playwright.sync_api import Page, expect

import rag
from eval import dataset
from rag import Candidate, Library, Quote, Settings, Span, Wording
from tests.fakes import HashEmbedding
from tests.ui.conftest import TEXT, ScriptedBot, listening, serving, wait_until
from tests.ui.hostile import HOSTILE
from ui import app, review
from ui.review_list import listing, progress

UI = Path(review.__file__).parent
MANY = 30  # questions: two pages
COUNTS = {"pending": 1, "accepted": 0, "rejected": 0}
ENTER = Wording(
    "When may I enter?", reference="on Sundays", quotes=(Quote("rules.md", "Anyone may enter on Sundays."),)
)

in_browser = [
    pytest.mark.slow,
    # Gradio 6.31 counts its events with a pandas option that pandas 3 is about to drop.
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]


def browsed(test: Any) -> Any:
    """A test that needs the browser."""
    for mark in in_browser:
        test = mark(test)
    return test


@contextmanager
def tab(library: Library) -> Iterator[str]:
    """The address of a page with the tab alone, for as long as the block lasts."""
    from fastapi import FastAPI

    page = gr.Blocks(analytics_enabled=False, fill_width=True)
    with page:
        parts = review.layout(library)
        review.wire(library, parts, [page.load])
    styles = [UI / name for name in ("style.css", "documents.css", "review.css")]
    application = gr.mount_gradio_app(
        FastAPI(), page, "/", ssr_mode=False, footer_links=[], theme=app._theme(), css_paths=styles
    )
    with listening(application) as address:
        yield address


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an index over a few sentences that suggest questions."""
    place = tmp_path_factory.mktemp("review")
    folder = place / "documents"
    folder.mkdir()
    (folder / "rules.md").write_text(TEXT)
    meetings = (f"In {1900 + number} Harvard received envoy number{'x' * number} of France." for number in range(MANY))
    (folder / "meetings.txt").write_text("\n\n".join(meetings))
    settings = Settings(home=place / "home")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    return settings


@pytest.fixture
def library(indexed: Settings) -> Iterator[Library]:
    """The library over it, with nothing suggested or decided yet."""
    for name in ("review.jsonl", "questions.jsonl"):
        (indexed.home / name).unlink(missing_ok=True)
    opened = Library(indexed)
    yield opened
    opened.close()


@pytest.fixture
def suggested(library: Library) -> Library:
    """The same with its questions suggested."""
    library.review.suggest()
    wait_until(lambda: not library.review.progress()[0])
    return library


@pytest.fixture
def address(suggested: Library) -> Iterator[str]:
    """Where the tab over those is."""
    with tab(suggested) as place:
        yield place


def questions(library: Library) -> tuple[dataset.Question, ...]:
    """What the evaluation reads."""
    return dataset.read(library.uploads.parent / "questions.jsonl")


def event(**data: object) -> gr.EventData:
    """An event as the browser's script sends it."""
    return gr.EventData(None, data)


def candidate(wording: Wording, place: Span | None = None) -> Candidate:
    """A suggestion of these words, whose quotes stand there."""
    return Candidate("k", "pending", "suggested", wording, (place,) * len(wording.quotes), "")


def drawn(*candidates: Candidate, editable: bool = True) -> str:
    """The list of them."""
    return listing(candidates, COUNTS, state="pending", offset=0, editable=editable)


def test_quote_names_its_place() -> None:
    """The page opens a document by what the quote's button carries."""
    markup = drawn(candidate(ENTER, Span("rules.md", 28, 56)))

    assert 'data-open="rules.md" data-place="28-56"' in markup


def test_quote_that_stands_no_more_is_told() -> None:
    """It has no place to open its document at, and what to do is said."""
    markup = drawn(candidate(ENTER))

    assert "no longer stand in the document: edit the quote" in markup
    assert "data-place" not in markup


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(words: str) -> None:
    """In question, answer, form, quote, document's name, and in what the form is filled with."""
    wording = Wording(words, words, words, words, ((words,),), (Quote(words, words),), (words,))

    markup = drawn(candidate(wording, Span("a", 0, 1)))

    tags = {part.split(" ")[0].split(">")[0] for part in markup.split("<")[1:]}
    assert {tag.strip("/") for tag in tags} <= {"div", "ul", "li", "h2", "p", "span", "bdi", "button"}
    assert markup.count("<button") == drawn(candidate(ENTER, Span("a", 0, 1))).count("<button")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((True, 3, 20, 10_000), "20 of 10,000 documents, 3 found"),
        ((False, 200, 1_200, 10_000), "8,800 documents not looked at yet"),
        ((False, 1, 7, 7), "1 new question from 7 documents."),
    ],
)
def test_search_says_how_it_stands(told: tuple[bool, int, int, int], words: str) -> None:
    """While it goes on and after it, with what is left of a long folder."""
    assert words in progress(*told)


def test_event_decides_and_says_so(suggested: Library) -> None:
    """Accepting and rejecting change the counts; the answer carries the number it was asked with, and a way back."""
    view = review._View(suggested)
    first, second = suggested.review.candidates()[0][:2]

    view.accept(review._Shown(), event(key=first.key, reply="1"))
    markup, *_ = view.reject(review._Shown(), event(key=second.key, reply="2"))

    assert suggested.review.candidates()[1] == {"pending": MANY - 2, "accepted": 1, "rejected": 1}
    assert 'data-reply="2" data-refused=""' in markup
    assert f'Rejected. <button type="button" class="plain" data-act="back" data-key="{second.key}"' in markup


@pytest.mark.parametrize("wording", [{"question": 1}, "words", None, [], {"kind": "x"}])
def test_form_of_another_page_is_refused(suggested: Library, wording: object) -> None:
    """Whatever a browser sends as the form is no error of the server."""
    markup, *_ = review._View(suggested).accept(review._Shown(), event(key="", reply="1", wording=wording))

    assert "This form is not one of this page" in markup
    assert suggested.review.candidates()[1]["accepted"] == 0


@pytest.mark.parametrize("asked", [{"state": "odd"}, {"offset": -5}, {"offset": 10**9}, {"offset": "x"}, {}])
def test_page_that_is_not_there_shows_another(suggested: Library, asked: dict[str, object]) -> None:
    """An odd place or state in what the browser asks for leads to questions that there are."""
    markup, _, shown, _ = review._View(suggested).turn(review._Shown(), event(**asked))

    assert shown.state == "pending"
    assert 'class="card"' in markup


@browsed
def test_questions_are_accepted_undone_and_found_again(page: Page, address: str, suggested: Library) -> None:
    """One click each, the focus goes on to the next question, and a page that is loaded again shows the same."""
    page.goto(address)
    accept = page.get_by_role("button", name="Accept: When did Harvard receive envoy")
    expect(accept).to_have_count(25)
    first, second = suggested.review.candidates()[0][:2]

    accept.first.click()
    expect(page.get_by_role("status").filter(has_text="Accepted.")).to_be_visible()
    expect(accept.first).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Accepted 2")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="To review 29")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Accepted 1").click()

    expect(page.locator(".card h2")).to_have_text([first.wording.question])
    assert [question.question for question in questions(suggested)] == [first.wording.question]
    assert second.key in [one.key for one in suggested.review.candidates(limit=MANY)[0]]


@browsed
def test_question_is_edited_where_it_stands(page: Page, address: str, suggested: Library) -> None:
    """What is wrong with it is told in the form, which keeps what was written; then it is accepted in these words."""
    page.goto(address)
    card = page.locator(".card").nth(1)
    card.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Question", exact=True)).to_be_focused()

    page.get_by_label("Question", exact=True).fill("In which year came envoy numberx?")
    page.get_by_label("Short forms").fill("1901\nnineteen + one")
    page.get_by_label("Its words").fill("no such words")
    page.get_by_label("Kind").select_option("paraphrase")
    card.get_by_role("button", name="Accept").click()
    expect(card.get_by_role("alert")).to_contain_text(
        "does not have the words “no such words”. Copy them from its text."
    )
    expect(page.get_by_label("Question", exact=True)).to_have_value("In which year came envoy numberx?")
    page.get_by_label("Its words").fill("In 1901 Harvard received  envoy numberx")
    page.get_by_label("Its words").press("Tab")
    card.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("button", name="Accepted 1")).to_be_visible()

    (question,) = questions(suggested)
    assert (question.question, question.kind) == ("In which year came envoy numberx?", "paraphrase")
    assert question.accepted == (("1901",), ("nineteen", "one"))
    assert question.gold[0].quote == "In 1901 Harvard received envoy numberx"
    expect(page.locator("#review-list form")).to_have_count(0)


@browsed
def test_rejected_question_is_put_back(page: Page, address: str, suggested: Library) -> None:
    """By the key, then from the list of the rejected; another page of the list is turned to."""
    page.goto(address)
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".card")).to_have_count(MANY - 25)

    page.locator(".card").first.get_by_role("button", name="Edit").focus()
    page.keyboard.press("r")
    page.get_by_role("button", name="Rejected 1").click()
    expect(page.get_by_role("button", name="Rejected 1")).to_have_attribute("aria-pressed", "true")
    page.locator(".card").get_by_role("button", name="Put back").click()

    expect(page.locator(".none")).to_have_text("No question is rejected.")
    expect(page.get_by_role("button", name="Rejected 0")).to_be_focused()
    assert suggested.review.candidates()[1]["pending"] == MANY


@browsed
def test_questions_are_added_by_hand_and_taken_along(page: Page, address: str, suggested: Library) -> None:
    """One that a document answers and one that none does; Escape leaves a form, and the file is the question set."""
    page.goto(address)
    page.get_by_role("button", name="Add a question").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Add a question")).to_be_focused()

    page.keyboard.press("Enter")
    page.get_by_label("Question", exact=True).fill(ENTER.question)
    page.get_by_label("Answer", exact=True).fill("on Sundays")
    page.get_by_label("Document", exact=True).fill("rules.md")
    page.get_by_label("Its words").fill("Anyone may enter on Sundays.")
    page.locator(".adding").get_by_role("button", name="Accept").click()
    expect(page.get_by_role("button", name="Accepted 1")).to_be_visible()
    page.get_by_role("button", name="Add a question").click()
    page.get_by_label("Question", exact=True).fill("Who pays?")
    page.get_by_label("The documents do not answer this").check()
    expect(page.get_by_label("Answer", exact=True)).to_be_hidden()
    page.get_by_label("Question", exact=True).press("Tab")
    page.locator(".adding").get_by_role("button", name="Accept").click()
    expect(page.get_by_role("button", name="Accepted 2")).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download accepted").click()

    lines = [json.loads(line) for line in Path(taken.value.path()).read_text(encoding="utf-8").splitlines()]
    assert [line["question"] for line in lines] == [ENTER.question, "Who pays?"]
    assert [question.answerable for question in questions(suggested)] == [True, False]


@browsed
def test_questions_are_suggested_by_a_click(page: Page, library: Library) -> None:
    """From an empty list; what was found is told."""
    with tab(library) as address:
        page.goto(address)
        expect(page.locator(".none")).to_contain_text("No questions to review.")

        page.get_by_role("button", name="Suggest questions").click()

        expect(page.locator(".card")).to_have_count(25)
        expect(page.locator("#review-progress")).to_have_text(f"{MANY} new questions from 2 documents.")


@browsed
def test_quote_opens_its_document_and_escape_comes_back(page: Page, library: Library) -> None:
    """The words are marked where they stand; afterwards the question has the focus again."""
    library.review.add(ENTER)
    with serving(ScriptedBot({}), library) as address:
        page.goto(address)
        page.get_by_role("tab", name="Questions").click()
        page.get_by_role("button", name="Accepted 1").click()

        page.locator(".card .quote").click()

        expect(page.locator("#reader mark.current")).to_have_text("Anyone may enter on Sundays.")
        page.keyboard.press("Escape")
        expect(page.locator(".card .quote")).to_be_focused()


@browsed
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_and_reader_of_screens_are_served(page: Page, library: Library, theme: str) -> None:
    """At 360 pixels hostile words and the form scroll nothing sideways and run nothing; axe finds nothing serious."""
    for number, words in enumerate(HOSTILE):
        library.review.add(Wording(f"Who? {number} {words}", "unanswerable"))
    library.review.add(Wording(" ".join(HOSTILE), reference="x" * 500, quotes=(ENTER.quotes[0],)))
    with tab(library) as address:
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(f"{address}?__theme={theme}")
        page.get_by_role("button", name=f"Accepted {len(HOSTILE) + 1}").click()
        expect(page.locator(".card")).to_have_count(25)
        page.locator(".card [data-act=edit]").first.click()
        expect(page.get_by_label("Question", exact=True)).to_be_focused()

        assert page.evaluate("document.documentElement.scrollWidth") == 360
        foreign = "#review :is(script, img, svg, a, iframe, style, object, embed, video, audio)"
        expect(page.locator(foreign)).to_have_count(0)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


@browsed
def test_page_that_may_change_nothing_only_shows(page: Page, indexed: Settings, suggested: Library) -> None:
    """No button decides, edits, adds or suggests, and no event of the page would."""
    library = Library(indexed.model_copy(update={"editable": False}))
    with tab(library) as address:
        page.goto(address)
        expect(page.locator(".card")).to_have_count(25)

        expect(page.locator("#review [data-act]")).to_have_count(0)
        names = page.evaluate(
            "fetch('config').then(r => r.json()).then(c => c.dependencies.flatMap(d => d.targets.map(t => t[1])))"
        )
        assert set(names) <= {"load", "tick", "turn"}
    library.close()
