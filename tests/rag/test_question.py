"""What a question asks for, from its words."""

import pytest

from rag import Answer, Turn
from rag.question import Kind, bare, could_answer, follows_up, kind_of_answer, names, quoted, standalone


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Why did Blinken travel to Beijing in June 2023?", ("Blinken", "Beijing", "June", "2023")),
        ("What is Antony Blinken's office?", ("Antony", "Blinken")),
        ("what happened to the balloon?", ()),
        ("Did Xi meet Xi?", ("Xi",)),
        ("Where is the U.S. Department of State?", ("U.S", "Department", "State")),
        ("Apart from Xi, who spoke? Who's that?", ("Xi",)),
        ("Considering all this, was Iran there?", ("Iran",)),
        ("", ()),
    ],
)
def test_names_are_capitalised_words_and_figures(question: str, expected: tuple[str, ...]) -> None:
    """Each once, without the question word and without a possessive ending."""
    assert names(question) == expected


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When did he arrive?", "date"),
        ("In which year was it?", "date"),
        ("How many people died?", "number"),
        ("What share of trade was it?", "number"),
        ("Who went to Beijing?", "person"),
        ("Where did they meet?", "place"),
        ("In which city was the meeting?", "place"),
        ("Why was the visit late?", "reason"),
        ("What led to the delay?", "reason"),
        ("What is de-risking?", "other"),
    ],
)
def test_the_question_word_tells_what_would_answer(question: str, kind: Kind) -> None:
    """Date, number, person, place or reason; other where it does not tell."""
    assert kind_of_answer(question) == kind


@pytest.mark.parametrize(
    ("kind", "sentence", "expected"),
    [
        ("date", "He arrived on 18 June.", True),
        ("date", "He arrived early.", False),
        ("number", "Four senators spoke.", True),
        ("number", "Some senators spoke.", False),
        ("person", "The call was made by Qin Gang.", True),
        ("person", "The call was made late.", False),
        ("reason", "It was put off because of the balloon.", True),
        ("reason", "It was put off.", False),
        ("other", "Anything at all.", True),
    ],
)
def test_a_sentence_must_hold_what_is_asked_for(kind: Kind, sentence: str, expected: bool) -> None:
    """A date for when, a figure for how many, a name for who; anything for other."""
    assert could_answer(kind, sentence) is expected


@pytest.mark.parametrize(
    "question",
    ["And who is he?", "And on Sundays?", "Why?", "When was that?", "What about trade?", "How long did it last?"],
)
def test_a_question_that_leans_on_the_last_follows_up(question: str) -> None:
    """It points back, goes on, or is very short."""
    assert follows_up(question)


@pytest.mark.parametrize(
    "question",
    ["Why did Blinken travel to Beijing?", "Who is Qin Gang?", "How many Americans died of overdoses in 2021?"],
)
def test_a_question_with_names_of_its_own_stands_alone(question: str) -> None:
    """It asks what it asks, whatever came before."""
    assert not follows_up(question)


def test_a_follow_up_carries_the_questions_it_leans_on() -> None:
    """Back to the one that names the subject."""
    history = [turn("Who is Qin Gang?"), turn("When was he removed?")]

    assert standalone("And why?", history) == "And why? (When was he removed? (Who is Qin Gang?))"


def test_a_question_of_its_own_is_left_as_it_is() -> None:
    """Also without a history, where there is nothing to lean on."""
    assert standalone("Who is Wang Yi?", [turn("Who is Qin Gang?")]) == "Who is Wang Yi?"
    assert standalone("And why?", []) == "And why?"


def test_a_follow_up_does_not_carry_what_came_before_its_subject() -> None:
    """A new subject ends the chain."""
    history = [turn("What is de-risking?"), turn("Who is Qin Gang?")]

    assert standalone("Where is he?", history) == "Where is he? (Who is Qin Gang?)"


@pytest.mark.parametrize("question", ["Summarise the lease.", "Compare the offers.", "Hello", "Thanks!", "Show all."])
def test_what_is_asked_to_be_done_is_no_name(question: str) -> None:
    """Nor is a greeting: that it stands in no document says nothing."""
    assert names(question) == ()


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("How long did he serve?", "How long did he serve? (Qin Gang Beijing)"),
        ("And in Moscow?", "And in Moscow?"),
        ("And why?", "And why? (Where did he work? (Who is Qin Gang of Beijing?))"),
        ("Who is Wang Yi?", "Who is Wang Yi?"),
    ],
)
def test_a_follow_up_is_read_with_the_names_that_it_leans_on(question: str, read: str) -> None:
    """Not with earlier questions, which a reader would answer too, unless it says nothing by itself."""
    history = [turn("Who is Qin Gang of Beijing?"), turn("Where did he work?")]

    assert bare(question, history) == read
    assert bare(question, []) == question
    assert bare("Where is he now living?", [turn("who rules?")]) == "Where is he now living?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('What is a "ship of the line"?', ("ship of the line",)),
        ("Who said “yes” and «no»?", ("yes", "no")),
        ('A 6" gun', ()),
        ('An empty "" and " "', ()),
    ],
)
def test_words_in_double_quotes_are_known(text: str, expected: tuple[str, ...]) -> None:
    """A single mark quotes nothing, and neither does an apostrophe."""
    assert quoted(text) == expected


def turn(question: str) -> Turn:
    """An exchange whose answer does not matter."""
    return Turn(question, Answer(question, "", (), (), True, 0.0))
