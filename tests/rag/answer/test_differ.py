"""Which sentences are seen to say otherwise, and which are not."""

import pytest

from rag.answer.differ import differing
from rag.schema import Span, Weighed

OPENED = "Anna Weber opened the town archive in 1921 with forty boxes of letters."
WHEN = "When did Anna Weber open the archive?"


def weighed(text: str, words: str = "", *, document: str = "old.md", score: float = 0.0) -> Weighed:
    """A sentence of a document in which the reader takes some words for the answer."""
    return Weighed(Span(document, 0, len(text)), text, {"words": 1.0}, score, words)


@pytest.mark.parametrize(
    ("question", "text", "words", "other", "others"),
    [
        (WHEN, OPENED, "1921", OPENED.replace("1921", "1923"), "1923"),
        (WHEN, OPENED, "1921", "In 1923 the town archive was opened by Anna Weber with boxes of letters.", "1923"),
        ("How many boxes were there?", OPENED, "forty", OPENED.replace("forty", "sixty"), "sixty"),
    ],
)
def test_another_figure_for_the_same_is_seen(question: str, text: str, words: str, other: str, others: str) -> None:
    """Where the figure is what is asked for, also in other words around it."""
    contrary = weighed(other, others, document="new.md", score=-1.0)

    assert differing(question, [weighed(text, words), contrary]) == contrary


@pytest.mark.parametrize(
    "other",
    [
        OPENED.replace("opened", "never opened"),
        OPENED.replace("Weber opened", "Weber did not open"),
    ],
)
def test_a_denial_of_the_same_is_seen(other: str) -> None:
    """Whatever is asked."""
    contrary = weighed(other, document="new.md", score=-1.0)

    assert differing("Who opened the archive?", [weighed(OPENED), contrary]) == contrary


@pytest.mark.parametrize(
    ("question", "other", "words"),
    [
        (WHEN, OPENED, "1921"),
        (WHEN, "In 1921 the town archive was opened by Anna Weber, with forty boxes of letters.", "1921"),
        (WHEN, OPENED.replace("1921", "the spring of 1921"), "the spring of 1921"),
        (WHEN, "Peter Novak repaired the harbour crane in 1923 for 300 crowns.", "1923"),
        ("Who opened the archive?", OPENED.replace("1921", "1923"), "Anna Weber"),
        (WHEN, OPENED.replace("forty", "sixty"), "1921"),
    ],
)
def test_what_says_the_same_or_something_else_does_not_differ(question: str, other: str, words: str) -> None:
    """The same in other words, more exactly, of another matter, or with another figure than the one asked for."""
    assert differing(question, [weighed(OPENED, "1921"), weighed(other, words, document="new.md")]) is None


def test_only_another_document_of_like_worth_is_held_against_the_best() -> None:
    """One document may tell of many years; what hardly answers the question says nothing against it."""
    contrary = OPENED.replace("1921", "1923")

    assert differing(WHEN, [weighed(OPENED, "1921"), weighed(contrary, "1923")]) is None
    assert differing(WHEN, [weighed(OPENED, "1921"), weighed(contrary, "1923", document="b.md", score=-4.0)]) is None
    assert differing(WHEN, []) is None
