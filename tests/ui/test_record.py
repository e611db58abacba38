"""A conversation as JSON and Markdown: whole, small, and nothing in it but text."""

import json
from dataclasses import replace

import pytest

from rag import Claim, Turn
from tests.ui.conftest import answer, citation, passage
from tests.ui.hostile import HOSTILE
from ui import record
from ui.render import Failure

SUNDAYS = answer(
    "When?",
    Claim("All may enter on Sundays.", (citation(1, "Anyone may enter on Sundays.", page=4),), "supported"),
    Claim("There is a café.", (), "unsupported"),
)


def test_turns_come_back() -> None:
    """What is dumped is loaded; failures are no part of it."""
    turn = Turn("When?", SUNDAYS)

    text = record.dump([turn, Failure("Broken?", "No index.")])

    assert record.load(json.dumps(json.loads(text)["turns"])) == (turn,)


def test_passages_that_are_not_shown_are_left_out() -> None:
    """A browser's store is small: of an answer only what is cited is kept, of none the nearest."""
    other = passage("Something else.", document_id="other.md")
    said = replace(SUNDAYS, passages=(passage(), other))
    nothing = replace(SUNDAYS, claims=(), abstained=True, passages=(passage(), other))

    turns = record.load(json.dumps(json.loads(record.dump([Turn("When?", said), Turn("Why?", nothing)]))["turns"]))

    assert [len(turn.answer.passages) for turn in turns] == [1, 2]


def test_markdown_has_question_answer_and_quotes() -> None:
    """What a person takes along reads by itself."""
    text = record.markdown([Turn("When?", SUNDAYS)])

    assert text.splitlines() == [
        "## When?",
        "",
        "All may enter on Sundays.\\[1\\] There is a café. (unsupported)",
        "",
        "- \\[1\\] “Anyone may enter on Sundays.” (rules.md, page 4)",
    ]


def test_what_comes_nearest_is_taken_along() -> None:
    """As no answer, with its place."""
    declined = replace(SUNDAYS, text="Not said.", claims=(), abstained=True, nearest=(citation(1, "Bring a lamp."),))

    assert record.markdown([Turn("When?", declined)]).splitlines()[2:6] == [
        "Not said.  ",
        "The nearest they do say: “Bring a lamp.” \\[1\\]",
        "",
        "- \\[1\\] “Bring a lamp.” (rules.md)",
    ]


def test_items_of_a_list_stand_on_lines_of_their_own() -> None:
    """As they do on the page."""
    items = [Claim(words, (citation(1, "Bring a lamp."),), "supported") for words in ("Bring:", "- a lamp", "- a pen")]
    listed = replace(answer("What?", *items), text="Bring:\n- a lamp\n- a pen")

    lines = record.markdown([Turn("What?", listed)]).splitlines()

    assert lines[2:5] == ["Bring:\\[1\\]  ", "- a lamp\\[1\\]  ", "- a pen\\[1\\]"]


@pytest.mark.parametrize("words", HOSTILE)
def test_no_markup_leaves_a_document(words: str) -> None:
    """No tag, link, image or heading of a document's becomes one of the file's."""
    quote = citation(1, words, source=passage(words, document_id=words))
    text = record.markdown([Turn(words, answer(words, Claim(words, (quote,), "weak")))])

    bare = text.replace("\\<", "").replace("\\[", "").replace("\\!", "").replace("\\`", "")

    assert not any(letter in bare for letter in "<[`")
    assert "<" not in record.dump([Turn(words, answer(words, Claim(words, (quote,), "weak")))])
