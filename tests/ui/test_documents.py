"""The Documents tab in Debian's chromium: add files, see what becomes of them, find some, take them out again."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import rag
from rag import Library, Settings
from tests.conftest import CORPUS
from tests.fakes import HashEmbedding
from tests.rag.test_library import COMMAND, finished
from tests.ui.conftest import listening
from tests.ui.hostile import HOSTILE
from ui import documents

pytestmark = [
    pytest.mark.slow,
    # Gradio 6.31 counts its events with a pandas option that pandas 3 is about to drop.
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting'"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]

UI = Path(documents.__file__).parent
PDF = CORPUS / "fentanyl-precursors.pdf"
MANY = 120  # documents: three pages


@contextmanager
def serving(library: Library | None) -> Iterator[str]:
    """The address of a page with the tab alone, for as long as the block lasts."""
    import gradio as gr
    from fastapi import FastAPI

    page = gr.Blocks(analytics_enabled=False, fill_width=True)
    with page:
        parts = documents.layout(library)
        documents.wire(library, parts, [page.load])
    styles = [UI / "style.css", UI / "documents.css"]
    application = gr.mount_gradio_app(FastAPI(), page, "/", ssr_mode=False, footer_links=[], css_paths=styles)
    with listening(application) as address:
        yield address


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Those of an index of many small files, one that could not be read, and one with every hostile string."""
    place = tmp_path_factory.mktemp("tab")
    folder = place / "documents"
    folder.mkdir()
    for number in range(MANY):
        (folder / f"note-{number:03}.txt").write_text(f"Note {number} says {'so ' * number}.")
    (folder / "empty.txt").write_text("")
    title = " ".join(HOSTILE).replace("\n", " ")
    (folder / "<img src=x onerror=alert(1)>.md").write_text(f"# {title}\n\nHostile words.", errors="replace")
    settings = Settings(home=place / "home")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    return settings


@pytest.fixture(scope="module")
def library(settings: Settings) -> Iterator[Library]:
    """The library of it, whose process embeds without a model."""
    opened = Library(settings, command=COMMAND)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def address(library: Library) -> Iterator[str]:
    """Where the tab is."""
    with serving(library) as place:
        yield place


def test_pdf_is_uploaded_listed_removed_and_gone(page: Page, address: str, library: Library) -> None:
    """What became of it is told, the removal asks once more, and no copy of the file stays anywhere."""
    page.goto(address)

    page.locator("#documents-drop input").set_input_files(PDF)
    expect(page.locator(".job")).to_contain_text("added uploads/fentanyl-precursors.pdf", timeout=60_000)
    page.get_by_label("Search").fill("fentanyl")
    row = page.locator("tbody tr", has_text="uploads/fentanyl-precursors.pdf")
    expect(row).to_contain_text("pdf")
    expect(row.locator("[data-open]")).to_have_attribute("data-open", "uploads/fentanyl-precursors.pdf")
    assert (library.uploads / PDF.name).read_bytes() == PDF.read_bytes()
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".asking")).to_contain_text("Remove 1 document? Uploaded files are deleted.")
    page.locator(".asking").get_by_role("button", name="Remove").click()

    expect(row).to_have_count(0)
    assert list(library.uploads.iterdir()) == []
    assert list(sent_copies(PDF.name)) == []


def test_each_file_of_many_is_told_of(page: Page, address: str, library: Library, tmp_path: Path) -> None:
    """Added, there already, and skipped with the reason, which also stands below the list until it is deleted."""
    files = [tmp_path / name for name in ("frog.txt", "frog.png", "frog.docx")]
    for file in files:
        file.write_text("Frogs leap.")
    known = tmp_path / "note-007.txt"
    shutil.copy(library.uploads.parents[1] / "documents" / known.name, known)
    page.goto(address)

    page.locator("#documents-drop input").set_input_files([*files, known])

    told = page.locator(".job")
    expect(told).to_contain_text("1 added, 1 already there, 2 skipped", timeout=60_000)
    expect(told).to_contain_text("frog.png .png is not a format that is read")
    unread = page.locator(".unread li", has_text="uploads/frog.docx")
    expect(told).to_contain_text("Added")
    unread.get_by_role("button").click()
    expect(unread).to_contain_text("Delete it?")
    unread.get_by_role("button").click()
    expect(unread).to_have_count(0)
    expect(page.locator(".unread")).to_contain_text("empty.txt")


def test_documents_are_searched_sorted_and_turned_over(page: Page, address: str) -> None:
    """By words of their name, by a column or the box, and fifty at a time."""
    page.goto(address)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)

    page.get_by_role("button", name="Next").click()
    expect(page.locator(".pager")).to_contain_text("51–100")
    page.get_by_role("button", name="Size").click()
    expect(rows.nth(1)).to_contain_text("note-119.txt")
    expect(page.locator(".pager")).to_contain_text("1–50")
    expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Search").press_sequentially("note 11")

    expect(rows).to_have_count(11)
    page.get_by_label("Search").fill("no such thing")
    expect(page.locator(".none")).to_have_text("No document matches.")


def test_documents_are_chosen_and_kept_by_keyboard_alone(page: Page, address: str) -> None:
    """Space chooses, Enter asks, Escape keeps; the focus is where the next key belongs."""
    page.goto(address)
    box = page.get_by_role("checkbox", name="Select Note 000")
    box.focus()

    page.keyboard.press("Space")
    expect(page.locator(".bar").first).to_contain_text("1 document chosen")
    page.get_by_role("button", name="Remove", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_role("button", name="Remove", exact=True)).to_be_focused()
    expect(box).to_be_checked()
    expect(page.locator("tbody tr", has_text="note-000.txt")).to_have_count(1)


def test_choice_outlives_a_list_that_is_drawn_again(page: Page, address: str) -> None:
    """Boxes are of documents and not of places on the page."""
    page.goto(address)
    page.get_by_role("checkbox", name="Select Note 003").check()

    page.get_by_label("Search").press_sequentially("note-00")
    expect(page.locator("tbody tr")).to_have_count(10)

    expect(page.locator("tbody input:checked")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="Select Note 003")).to_be_checked()


def test_folders_are_brought_up_to_date(page: Page, address: str, library: Library) -> None:
    """A file that came since is listed after a click."""
    (library.uploads.parents[1] / "documents" / "toad.txt").write_text("Toads croak.")
    page.goto(address)

    page.get_by_role("button", name="Update from folders").click()
    expect(page.locator(".job")).to_contain_text("added toad.txt", timeout=60_000)

    page.get_by_label("Search").fill("toad")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_everyone_sees_the_same_and_what_is_done(page: Page, browser: Browser, address: str, library: Library) -> None:
    """Work that one began is shown to another who opens the page, until it is done."""
    page.goto(address)
    expect(page.locator("tbody tr")).to_have_count(50)
    library.sync()
    other = browser.new_context().new_page()

    other.goto(address)

    expect(other.locator(".job").first).to_be_visible()
    finished(library)
    expect(other.get_by_role("button", name="Cancel")).to_be_hidden()
    other.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_has_no_sideways_scroll(page: Page, address: str, theme: str) -> None:
    """At 360 pixels each document is a card within the page's width, hostile titles too."""
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{address}?__theme={theme}")
    expect(page.locator("tbody tr")).to_have_count(50)

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert (
        page.evaluate(
            "[...document.querySelectorAll('#documents *')].filter(e => e.getBoundingClientRect().right > 361).length"
        )
        == 0
    )


def test_hostile_title_and_name_do_nothing(page: Page, address: str) -> None:
    """They are words in a row; nothing of them runs or is loaded."""
    page.goto(address)
    page.get_by_label("Search").fill("onerror")

    row = page.locator("tbody tr")
    expect(row).to_have_count(1)

    expect(row.locator("p")).to_have_text("<img src=x onerror=alert(1)>.md")
    foreign = "#documents :is(script, img, svg:not(.dropdown-arrow), a, iframe, style)"
    expect(page.locator(foreign)).to_have_count(0)


def test_list_of_an_earlier_search_that_comes_late_is_not_drawn_last(
    page: Page, address: str, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first list, of all documents, takes a second; what is typed meanwhile decides what stays."""
    asked = library.documents
    listed: list[str] = []

    def documents(search: str, *rest: Any) -> Any:
        found = asked(search, *rest)
        if not search:
            sleep(1.0)
        listed.append(search)
        return found

    monkeypatch.setattr(library, "documents", documents)
    page.goto(address)
    page.get_by_label("Search").fill("onerror")

    expect(page.locator("tbody tr")).to_have_count(1)
    page.wait_for_timeout(1500)
    assert listed[-1] == "onerror"
    expect(page.locator("tbody tr")).to_have_count(1)


def test_page_that_may_not_change_documents_only_lists_them(page: Page, settings: Settings) -> None:
    """No upload, no removal, no update; the list and its search stay."""
    library = Library(settings.model_copy(update={"editable": False}), command=COMMAND)
    with serving(library) as address:
        page.goto(address)

        expect(page.locator("tbody tr")).to_have_count(50)

        expect(page.locator("#documents :is(input[type=file], input[type=checkbox])")).to_have_count(0)
        expect(page.get_by_role("button", name="Update from folders")).to_have_count(0)
    library.close()


def test_without_a_library_the_command_line_is_named(page: Page) -> None:
    """A page over a bot that is no index has no documents to change."""
    with serving(None) as address:
        page.goto(address)

        expect(page.locator("body")).to_contain_text("rag ingest FOLDER")


def test_only_what_was_sent_is_taken(tmp_path: Path) -> None:
    """A browser that names another file of the server gets nothing of it."""
    cache = tmp_path / "cache"
    sent = cache / "0a1b" / "a.txt"
    secret = tmp_path / "secret" / "a.txt"
    for file in (sent, secret):
        file.parent.mkdir(parents=True)
        file.write_text("Words.")

    named = [str(sent), str(secret), f"{cache}/../secret/a.txt", str(cache / "0a1b"), "", "/etc/passwd"]

    assert [path for name in named if (path := documents._sent(name, cache))] == [sent]


def sent_copies(name: str) -> Iterator[Path]:
    """The copies of an upload that Gradio keeps."""
    import gradio as gr

    with gr.Blocks():
        cache = gr.HTML().GRADIO_CACHE
    return Path(cache).glob(f"*/{name}")
