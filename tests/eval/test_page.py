"""The report of a run: one file, safe whatever the documents hold, and of use in a browser."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

import rag
from eval import difference, export, page
from eval.run import Results, run
from tests.eval.notebook import ANSWERS, LINES, QUESTIONS, Notebook
from tests.ui.conftest import CHROMIUM, QUIET
from tests.ui.hostile import HOSTILE

WORDS = " ".join(HOSTILE) + " </script><script>document.title = 'broken in'</script><!--<script> ]]> 😀"


class Hostile(Notebook):
    """A notebook whose every answer, title and document name is every hostile string at once."""

    def ask(self, question: str, history: Any = ()) -> rag.Answer:
        """The hostile answer, with a citation of the hostile document."""
        place = rag.Span(WORDS, 0, len(WORDS))
        citation = rag.Citation(1, place, WORDS, None)
        return rag.Answer(question, WORDS, (rag.Claim(WORDS, (citation,), "weak"),), (), False, 0.7)

    def explain(self, question: str, history: Any = ()) -> rag.Evidence:
        """The hostile passage and sentence."""
        place = rag.Span(WORDS, 0, len(WORDS))
        weighed = rag.Weighed(place, WORDS, {WORDS: 1.0}, 1.0)
        return rag.Evidence(WORDS, (rag.Passage(place, WORDS, WORDS, 1.0, None),), (weighed,), {WORDS: 1.0}, 0.7)


def results(answers: dict[str, str] = ANSWERS) -> dict[str, Any]:
    """What a notebook with these answers gets, as its JSON."""
    return run(Notebook(answers), QUESTIONS, settings=rag.Settings()).to_dict()


def hostile() -> dict[str, Any]:
    """The run of a question and settings that are hostile too."""
    asked = replace(QUESTIONS[0], id=WORDS, question=WORDS, reference=WORDS, accept=(WORDS,), history=(WORDS,))
    settings = rag.Settings(llm_model=WORDS)
    found = run(Hostile(), (asked,), settings=settings).to_dict()
    return found | {"types": {WORDS: found["figures"]["all"]["all"]}}


def data(html: str) -> Any:
    """What the script of a report is given."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(found)


def test_a_report_asks_nothing_of_any_network() -> None:
    """It names no address, and its policy would let none be asked."""
    html = page.page(results())

    assert "default-src 'none'" in html
    assert re.findall(r"https?:|\bsrc=|\bhref=|@import|url\(", html) == []


def test_a_report_is_made_from_the_json_alone() -> None:
    """Written, read again and shown, it is the same report."""
    found = results()

    assert page.page(json.loads(json.dumps(found))) == page.page(found)


def test_what_a_language_model_took_is_in_the_report() -> None:
    """Where one was asked; and that it is estimated, where it is."""
    settings = rag.Settings(llm="ollama", llm_model="m")
    found = run(Notebook(tokens=(1000, 50)), QUESTIONS, settings=settings).to_dict()
    found["records"][0]["answer"]["tokens_are"] = "estimated"

    html = page.page(found)

    assert "<th>tokens read, estimated</th><td>1,000 <small>1,000–1,000</small></td>" in html
    assert "What the language model took" not in page.page(results())


def test_a_sample_says_what_it_was_drawn_from() -> None:
    """In the first lines of the report."""
    found = run(Notebook(), QUESTIONS, settings=rag.Settings(), seed=7, drawn_from=900).to_dict()

    assert "5 questions drawn from 900 with seed 7" in page.page(found)


def test_every_question_is_in_the_report() -> None:
    """With its answer, citations, gold and trace; the text of a passage is kept once."""
    shown = data(page.page(results()))

    assert [record["id"] for record in shown["records"]] == [question.id for question in QUESTIONS]
    assert shown["records"][0]["gold"][0][0]["quote"] == LINES["visit.md"]
    assert shown["records"][0]["trace"]["sentences"][0]["text"] == LINES["visit.md"]
    assert shown["texts"]["visit.md:0-22"] == LINES["visit.md"]
    assert [record["outcome"] for record in shown["records"]] == [
        "right",
        "wrong",
        "right",
        "wrongly declined",
        "rightly declined",
    ]


def test_a_comparison_is_in_the_report() -> None:
    """The changed settings, the changed figures, and both answers of each question that was answered otherwise."""
    before = run(Notebook({}), QUESTIONS, settings=rag.Settings(passages=1)).to_dict()

    html = page.page(results(), difference.compare(before, results()))

    assert "<code>passages</code>: 1 → 6" in html
    assert data(html)["changed"]["right"]["what"] == ["abstention"]
    assert data(html)["changed"]["right"]["before"]["outcome"] == "wrongly declined"
    assert set(data(html)["changed"]) == {"right", "wrong", "turn"}


def test_hostile_text_is_only_ever_text() -> None:
    """No tag of a question, document or setting stands in the file, and nothing ends the element of the data."""
    found = hostile()

    html = page.page(found, difference.compare(found, found))

    assert html.count("<script") == html.count("</script") == 2
    assert re.findall(r"<(?:img|svg onload|iframe|a |body |b>)", html.replace("<body>", "").replace("<b>", "")) == []
    assert data(html)["records"][0]["question"] == WORDS


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    """A window of Debian's chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_page()
        browser.close()


def opened(window: Page, html: str, folder: Path) -> list[str]:
    """The report opened from its file; what the browser complains of, which grows while it is used."""
    complaints: list[str] = []
    file = folder / "report.html"
    window.on("console", lambda message: complaints.append(message.text))
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on("dialog", lambda dialog: dialog.dismiss())
    window.on("dialog", lambda dialog: complaints.append(dialog.message))
    window.on("request", lambda request: complaints.append(request.url) if request.url != file.as_uri() else None)
    export.write(html, file)
    window.goto(file.as_uri())
    return complaints


@pytest.mark.slow
def test_hostile_text_does_nothing_in_a_browser(window: Page, tmp_path: Path) -> None:
    """Every part of the hostile question is opened: no script of it runs, and it is read as it is."""
    complaints = opened(window, page.page(hostile()), tmp_path)

    for _ in range(4):  # what is opened has more to open
        window.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        window.wait_for_timeout(100)

    assert complaints == []
    assert window.title().startswith("Evaluation of 1 questions")
    assert window.locator("img, iframe, a").count() == 0
    assert WORDS.split()[0] in (window.locator(".asked .question").text_content() or "")


@pytest.mark.slow
def test_questions_are_searched_filtered_and_compared(window: Page, tmp_path: Path) -> None:
    """Words narrow the list, so does how it went; a changed question shows both answers side by side."""
    compared = difference.compare(results({}), results())
    complaints = opened(window, page.page(results(), compared), tmp_path)

    window.get_by_label("Search").fill("visit.md BALLOON")
    narrow = window.locator("#count").inner_text()
    window.get_by_label("Search").fill("")
    window.get_by_label("How it went").select_option("wrongly declined")
    declined = window.locator(".asked:visible .question").all_inner_texts()
    window.get_by_label("How it went").select_option("")
    window.get_by_label("Beside the earlier run").select_option("better")
    window.locator(".asked:visible summary").first.click()

    assert narrow == "0 of 5 questions"
    assert declined == ["What fell?"]
    expect(window.locator(".side h4")).to_have_text(["Before: wrongly declined", "Now: right"])
    expect(window.locator(".side blockquote.hit")).to_contain_text("He arrived on 18 June.")
    assert complaints == []


@pytest.mark.slow
def test_a_thousand_questions_open_soon(window: Page, tmp_path: Path) -> None:
    """The list is there, and narrow windows need not be scrolled sideways. It took 1.1 s on two busy cores."""
    record = results()["records"][0]
    passage = record["evidence"]["passages"][0]
    long = record | {
        "evidence": record["evidence"] | {"passages": [passage | {"text": "word " * 160}] * 6},
    }
    many = tuple(long | {"id": f"q{number}"} for number in range(1000))
    html = page.page(Results("2026-11-26T08:00:00+00:00", rag.Settings(), many).to_dict())
    window.set_viewport_size({"width": 390, "height": 844})

    begin = perf_counter()
    opened(window, html, tmp_path)
    window.locator(".asked").nth(999).wait_for(state="attached")

    assert perf_counter() - begin < 10  # of 2 s that are wanted: tests share the machine with others
    assert window.evaluate("document.documentElement.scrollWidth") <= 390
    assert window.locator("#count").inner_text() == "1000 of 1000 questions"
