"""The values that leave the package, and their JSON."""

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from rag import Answer, Citation, Claim, IngestReport, Passage, Scope, SourceDocument, Span


@pytest.mark.parametrize(("start", "end"), [(3, 3), (4, 3), (-1, 3)])
def test_a_span_that_holds_nothing_cannot_be_made(start: int, end: int) -> None:
    """Start comes before end, and neither before the text."""
    with pytest.raises(ValueError, match=r"not a span: rules\.md"):
        Span("rules.md", start, end)


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (Span("a", 0, 5), False),
        (Span("a", 4, 6), True),
        (Span("a", 6, 7), True),
        (Span("a", 10, 12), False),
        (Span("b", 5, 10), False),
    ],
)
def test_spans_overlap_where_they_share_a_character(other: Span, shared: bool) -> None:
    """Touching is not sharing, and another document's characters are others."""
    assert Span("a", 5, 10).overlaps(other) is shared
    assert other.overlaps(Span("a", 5, 10)) is shared


def test_values_cannot_be_changed() -> None:
    """A later stage makes a new value."""
    span = Span("a", 0, 1)

    with pytest.raises(FrozenInstanceError):
        span.start = 5  # type: ignore[misc]


def test_an_answer_lists_each_citation_once_by_marker() -> None:
    """A source that two claims share is listed once."""
    first, second = citation(1), citation(2)
    claims = (Claim("B.", (second, first), "supported"), Claim("A.", (first,), "weak"))

    answer = Answer("?", "B. A.", claims, (), False, 0.9)

    assert answer.citations == (first, second)


@pytest.mark.parametrize(
    ("asked", "reworded"),
    [("And why?", False), ("", False), ("And", False), ("And why? (Who left?)", True), ("Why did he leave?", True)],
)
def test_an_answer_knows_whether_its_question_was_reworded(asked: str, reworded: bool) -> None:
    """Not where it was looked up as it stands, was cut because it is too long, or was not looked up at all."""
    assert Answer("And why?", "", (), (), True, 0.0, asked).reworded is reworded


def test_an_answer_as_json_has_flat_spans() -> None:
    """Citations and passages carry document_id, start and end themselves; nothing but JSON values is left."""
    claim = Claim("It is so.", (citation(1),), "supported", marked=(6, 8))
    passage = Passage(Span("a.md", 0, 9), "It is so.", "Title", 0.5, None)

    told = Answer("Is it?", "It is so.", (claim,), (passage,), False, 0.123456, "Is it? (What?)").to_dict()

    assert json.loads(json.dumps(told)) == {
        "question": "Is it?",
        "asked": "Is it? (What?)",
        "text": "It is so.",
        "abstained": False,
        "confidence": 0.1235,
        "withheld": 0,
        "remark": "",
        "tokens_read": 0,
        "tokens_written": 0,
        "tokens_are": "",
        "claims": [
            {
                "text": "It is so.",
                "verdict": "supported",
                "marked": [6, 8],
                "citations": [
                    {"document_id": "a.md", "start": 0, "end": 9, "marker": 1, "quote": "It is so.", "page": 2}
                ],
            }
        ],
        "nearest": [],
        "passages": [
            {
                "document_id": "a.md",
                "start": 0,
                "end": 9,
                "text": "It is so.",
                "title": "Title",
                "score": 0.5,
                "page": None,
                "date": None,
                "author": None,
                "source": None,
            }
        ],
    }


@pytest.mark.parametrize(("position", "page"), [(0, 1), (9, 1), (10, 3), (19, 3), (20, 4), (999, 4)])
def test_a_character_is_on_the_last_page_that_began(position: int, page: int) -> None:
    """An empty page, which starts where the next one does, holds nothing."""
    document = SourceDocument("a.pdf", "A", None, "x" * 30, (0, 10, 10, 20))

    assert document.page_at(position) == page


def test_a_document_without_pages_has_no_page_numbers() -> None:
    """None, and not page 0 or 1."""
    assert SourceDocument("a.md", "A", None, "x", ()).page_at(0) is None


def test_a_report_as_json_has_every_list() -> None:
    """Also the empty ones."""
    told = IngestReport(added=("a",), moved=(("b", "c"),), unchanged=2).to_dict()

    assert json.loads(json.dumps(told)) == {
        "added": ["a"],
        "changed": [],
        "moved": [["b", "c"]],
        "removed": [],
        "skipped": [],
        "notes": [],
        "unchanged": 2,
    }


def citation(marker: int) -> Citation:
    """A citation of the whole of a small document."""
    return Citation(marker, Span("a.md", 0, 9), "It is so.", 2)


@pytest.mark.parametrize(
    ("scope", "document_id", "date", "held"),
    [
        (Scope(), "a.md", None, True),
        (Scope(paths=("reports",)), "reports/2023/a.md", None, True),
        (Scope(paths=("reports/",)), "reports2/a.md", None, False),
        (Scope(paths=("*/a.md", "b.*")), "x/y/a.md", None, True),
        (Scope(paths=("*/a.md", "b.*")), "b.pdf", None, True),
        (Scope(paths=("*.MD",)), "a.md", None, False),
        (Scope(types=("pdf",)), "a.PDF", None, True),
        (Scope(types=(".md", "txt")), "a.txt", None, True),
        (Scope(types=("md",)), "a.txt", None, False),
        (Scope(after="2023-06"), "a.md", "2023-06-01", True),
        (Scope(after="2023-06"), "a.md", "2023", True),
        (Scope(after="2023-06-02"), "a.md", "2023-06-01", False),
        (Scope(before="2023-06"), "a.md", "2023-06-30", True),
        (Scope(before="2023-06"), "a.md", "2023-07", False),
        (Scope(before="2023"), "a.md", None, False),
        (Scope(types=("md",), after="2023"), "a.txt", "2024", False),
        (Scope(paths=("[1]a.txt",)), "[1]a.txt", None, True),
        (Scope(paths=("./d1",)), "d1/a.txt", None, True),
        (Scope(paths=("d?",)), "d1/b/a.txt", None, True),
        (Scope(paths=("d1\\b",)), "d1/b/a.txt", None, True),
        (Scope(types=("*.html",)), "a.htm", None, True),
    ],
)
def test_scope_holds_what_meets_every_condition(scope: Scope, document_id: str, date: str | None, held: bool) -> None:
    """Names and types count if one of them matches; days as far as both are told, and included."""
    assert scope.holds(document_id, date) is held


@pytest.mark.parametrize(
    "wrong",
    [
        {"paths": "d1"},
        {"types": "md"},
        {"after": "07.03.2023"},
        {"before": "2023-13"},
        {"after": 2023},
        {"after": "0000"},
    ],
)
def test_a_scope_that_means_nothing_cannot_be_made(wrong: dict[str, Any]) -> None:
    """A name for a tuple of names, or a day that is none, would ask the wrong documents without a word."""
    with pytest.raises(ValueError, match="not"):
        Scope(**wrong)


def test_what_comes_nearest_is_in_the_json() -> None:
    """Flat, as every citation is."""
    told = Answer("?", "No.", (), (), True, 0.1, nearest=(citation(1),)).to_dict()

    assert told["nearest"][0].keys() == {"document_id", "start", "end", "marker", "quote", "page"}


def test_lines_are_those_of_the_text() -> None:
    """The items of a list on lines of their own, sentences of a line together."""
    it, has, oil, fits = (Claim(text, (), "supported") for text in ("It is.", "It has:", "- oil", "It fits."))

    assert Answer("?", "It is. It has:\n- oil\nIt fits.", (it, has, oil, fits), (), False, 0.9).lines == (
        (it, has),
        (oil,),
        (fits,),
    )
    assert Answer("?", "", (), (), True, 0.1).lines == ()
