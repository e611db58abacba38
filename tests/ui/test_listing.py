"""Documents as HTML: what is shown of them, and that nothing of it is more than words."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rag import Job, ListedDocument, Outcome, SkippedFile
from tests.ui.hostile import HOSTILE
from tests.ui.test_render import Seen
from ui import listing

READ = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
RULES = ListedDocument("rules.md", "House rules", "md", 2048, 3, "2023-06", READ, "current", False)
JOB = Job(1, "add", "running", 2, 5, "b.md", (Outcome("a.md", "added"),), {"added": 1}, "", None)


def shown(
    *documents: ListedDocument, total: int = 1, offset: int = 0, editable: bool = True, order: str = "name"
) -> str:
    """A list of these."""
    return listing.listing(documents, total, offset=offset, order=order, editable=editable, everything=total)


def test_a_row_says_what_is_known() -> None:
    """And its title opens the document."""
    markup = shown(RULES)

    for words in ('data-open="rules.md"', "House rules", "2.0 KB", ">3<", "2023-06", "2026-03-04", "Ready"):
        assert words in markup


def test_unknown_facts_are_a_dash() -> None:
    """Size, date and time of reading are not known of every document."""
    markup = shown(replace(RULES, bytes=None, date=None, read=None))

    assert markup.count("–") == 3


@pytest.mark.parametrize(("offset", "total", "told"), [(0, 120, "1–1 of 120"), (100, 120, "101–101 of 120")])
def test_pages_are_counted(offset: int, total: int, told: str) -> None:
    """With a way on and a way back, each where there is one."""
    markup = shown(RULES, total=total, offset=offset)

    assert told in markup
    assert markup.count("disabled") == 1


def test_a_single_page_has_no_pager() -> None:
    """There is nowhere to go."""
    assert "Next" not in shown(RULES, total=listing.PAGE)


def test_an_empty_list_says_what_to_do() -> None:
    """Another search, or the first document."""
    assert "No document matches" in listing.listing([], 0, offset=0, order="name", editable=True, everything=5)
    assert "Add the first" in listing.listing([], 0, offset=0, order="name", editable=True, everything=0)


def test_what_may_not_be_changed_offers_nothing() -> None:
    """Neither boxes nor buttons to remove."""
    markup = shown(RULES, editable=False) + listing.skipped([SkippedFile("uploads/a.md", "why", True)], editable=False)

    assert "checkbox" not in markup
    assert "data-act" not in markup


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (JOB, "Reading, 2 of 5"),
        (replace(JOB, state="waiting"), "Waiting: reading 5 files"),
        (replace(JOB, state="starting"), "Getting ready"),
        (replace(JOB, state="failed", message="No room.", ended=datetime.now(UTC)), "No room."),
        (replace(JOB, state="done", ended=datetime.now(UTC)), "Added"),
        (replace(JOB, state="done", counts={"already there": 1}, ended=datetime.now(UTC)), "Nothing was added."),
    ],
)
def test_a_job_says_how_it_stands(job: Job, said: str) -> None:
    """In words, with what became of each file."""
    markup = listing.jobs([job])

    assert said in markup
    assert "a.md" in markup


def test_who_hears_the_page_is_not_told_of_every_file() -> None:
    """The line for screen readers stays as it is while files are counted."""
    first, second = (listing.jobs([replace(JOB, done=done)]).partition("</div>")[0] for done in (2, 3))

    assert first == second


def test_an_old_result_is_not_shown() -> None:
    """Whoever opens the page the next day did not ask for it."""
    assert "Added" not in listing.jobs([replace(JOB, state="done", ended=READ)])


def test_skipped_files_stand_under_their_reason() -> None:
    """Once, however many there are; uploads can be deleted."""
    files = [SkippedFile(f"{number}.png", "no format", False) for number in range(30)]

    markup = listing.skipped([*files, SkippedFile("uploads/a.docx", "damaged", True)], editable=True)

    assert markup.count("No format.") == 1
    assert "and 10 more" in markup
    assert markup.count("data-act") == 1


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_only_words(words: str) -> None:
    """As name, title, type, date, reason and message they bring no element, handler or address onto the page."""
    document = ListedDocument(words, words, words, 1, 1, words, None, "current", True)
    job = replace(JOB, name=words, message=words, outcomes=(Outcome(words, "skipped", words),))

    markup = shown(document) + listing.jobs([job]) + listing.skipped([SkippedFile(words, words, True)], editable=True)

    plain = shown(replace(RULES, uploaded=True)) + listing.jobs(
        [replace(JOB, message="m", outcomes=(Outcome("a", "skipped", "b"),))]
    )
    plain += listing.skipped([SkippedFile("a", "b", True)], editable=True)
    assert Seen(markup).tags == Seen(plain).tags
