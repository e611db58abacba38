"""Sentences are exact slices that lose nothing, and end where a reader would say that they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import is_heading, spans

WORDS = st.sampled_from(
    ["The", "U.S.", "Dr.", "3.", "end.", "Why?", "\n", "\n\n", "# ", "- ", " ", "“Yes.”", "a", "。", "\t"]
)
TEXTS = st.text() | st.lists(WORDS, max_size=40).map(" ".join) | st.lists(WORDS, max_size=40).map("".join)


@given(text=TEXTS)
def test_every_character_is_in_exactly_one_sentence(text: str) -> None:
    """Between sentences there is white space and nothing else, and they come in order."""
    end = 0
    for start, stop in spans(text):
        assert text[end:start].strip() == ""
        assert end <= start < stop
        end = stop

    assert text[end:].strip() == ""


@given(text=TEXTS)
def test_sentences_begin_and_end_with_a_word(text: str) -> None:
    """No white space at either end."""
    for start, end in spans(text):
        assert text[start:end] == text[start:end].strip() != ""


@pytest.mark.parametrize(
    "whole",
    [
        "Mr. Blinken met Gen. Li in Beijing.",
        "The U.S. Department of State announced it.",
        "It left at 5 p.m. on Friday.",
        "J. R. Smith wrote it.",
        "See Fig. 3 and pp. 4 to 6.",
        "It cost 3.5 billion dollars.",
        "Officials, e.g. Ministers and Secretaries, were there.",
        "It is at example.com and nowhere else.",
        "He asked why… and went on.",
        "1. First, the visit was put off.",
        "On Jan. 31 Sen. Rubio spoke to the U.N. Security Council.",
        "Wang Yi, the Communist Party’s No. 1 diplomat, came.",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(whole: str) -> None:
    """Abbreviations, initials, figures, addresses and list numbers are read over."""
    assert slices(whole) == [whole]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("He came on Sunday.", "Nobody knew."),
        ("It happened in the U.S.", "The minister said so."),
        ("They met at 5 p.m.", "He left."),
        ("Did he come?", "He did."),
        ("“He came.”", "Nobody knew."),
        ("(He came.)", "Nobody knew."),
        ("It fell by 3.", "It rose by 4."),
        ("It was over!", "“Why?” he asked."),
    ],
)
def test_a_sentence_ends_at_its_stop(first: str, second: str) -> None:
    """With closing quotes and brackets belonging to the sentence that they close."""
    assert slices(f"{first} {second}") == [first, second]


def test_sentences_without_spaces_between_them_are_told_apart() -> None:
    """Chinese and Japanese full stops need no space after them."""
    assert slices("他来了。没人知道。") == ["他来了。", "没人知道。"]


def test_a_sentence_wrapped_over_lines_is_one() -> None:
    """Lines broken because they were full run on."""
    text = (
        "The secretary of state had planned to travel in\nFebruary, and did so in June. He met the foreign\nminister."
    )

    assert slices(text) == [
        "The secretary of state had planned to travel in\nFebruary, and did so in June.",
        "He met the foreign\nminister.",
    ]


def test_an_empty_line_ends_a_sentence() -> None:
    """Whether or not it has a full stop."""
    assert slices("a paragraph that has no full stop at its end, long as it is\n\nAnother.") == [
        "a paragraph that has no full stop at its end, long as it is",
        "Another.",
    ]


FORM = "Present: Marta Lindqvist (chair), Tomasz Weber, Priya Raman\nAbsent: Jonas Hale\nNext meeting: Monday"


@pytest.mark.parametrize(
    "text", ["# Title\nText", "Name\nOffice", "- one\n- two", "1. one\n2. two", "| a |\n| b |", FORM]
)
def test_headings_short_lines_items_and_rows_stand_alone(text: str) -> None:
    """Each line of these is a sentence of its own."""
    assert slices(text) == text.split("\n")


@pytest.mark.parametrize(
    "heading", ["## Who came? And who did not?", "# Mr. Xi. The man", "## 3. What followed. Later"]
)
def test_a_heading_is_one_sentence(heading: str) -> None:
    """Stops inside a heading do not leave half of it behind as text."""
    assert slices(f"{heading}\n\nText.") == [heading, "Text."]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [("# A", True), ("###### A", True), ("#hashtag", False), ("####### A", False), ("A #", False)],
)
def test_headings_are_known_by_their_marks(sentence: str, expected: bool) -> None:
    """One to six # and a space."""
    assert is_heading(sentence) is expected


def test_a_long_line_takes_time_in_proportion() -> None:
    """A line of two million characters is split at once; a copy of the rest per sentence would take minutes."""
    sentence = "The cat sat on the mat and left. "

    assert len(spans(sentence * 60_000)) == 60_000


def slices(text: str) -> list[str]:
    """The sentences' words."""
    return [text[start:end] for start, end in spans(text)]
