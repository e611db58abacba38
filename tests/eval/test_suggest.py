"""Questions that sentences suggest are English, have their answer, and stand where they say."""

from pathlib import Path

import pytest

import rag
from eval import dataset
from eval.suggest import suggest


def document(text: str, name: str = "a.md") -> rag.SourceDocument:
    """A document with this text."""
    return rag.SourceDocument(name, "A", None, text, ())


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "On 10 February the Commerce Department added six organisations to its Entity List.",
            "When did the Commerce Department add six organisations to its Entity List?",
            "10 February",
        ),
        (
            "The Pentagon made the matter public on 2 February.",
            "When did the Pentagon make the matter public?",
            "2 February",
        ),
        ("Harvard was founded in 1636 by vote of a court.", "When was Harvard founded by vote of a court?", "1636"),
        (
            "In June 2021 China suspended climate talks, which it had begun.",
            "When did China suspend climate talks?",
            "June 2021",
        ),
        (
            "The Commission fined two companies for selling chips.",
            None,  # "fined" is not among the verbs whose plain form is known
            None,
        ),
        (
            "The Commission ordered two companies to sell their chips.",
            None,  # their
            None,
        ),
        (
            "The Commission ordered two companies to sell chips.",
            "How many companies did the Commission order to sell chips?",
            "two",
        ),
        ("Twelve passengers were taken off the ship.", "How many passengers were taken off the ship?", "twelve"),
        ("Jake Sullivan met Wang Yi in Vienna.", "Where did Jake Sullivan meet Wang Yi?", "Vienna"),
        ("Blinken was met at the airport by Yang Tao.", "By whom was Blinken met at the airport?", "Yang Tao"),
        ("Nicholas Burns (born 1956) met officials of the party.", "Who met officials of the party?", "Nicholas Burns"),
        ("The Commerce Department met officials of the party.", None, None),  # nobody's name
        ("He met officials of the party on 2 February.", None, None),  # who?
        ("Wang Yi met officials and asked for a list.", None, None),  # two things
        ("Qin Gang said that the talks were over.", None, None),  # what was said may not be so
    ],
)
def test_a_plain_sentence_is_turned_round(sentence: str, question: str | None, answer: str | None) -> None:
    """Who, when, where, how many; a sentence that leans on another, or says several things, makes none."""
    text = f"It rained. {sentence} It stopped."

    made = suggest([document(text)])

    assert [(entry["question"], entry["reference"]) for entry in made] == ([(question, answer)] if question else [])
    assert [entry["gold"][0]["quote"] for entry in made] == ([sentence] if question else [])


def test_a_glossary_is_asked_for_its_terms() -> None:
    """A term alone at the start of a paragraph, and the sentence after it; run-in headings of prose are none."""
    terms = (
        "AIT. American Institute in Taiwan. It is old.\n\nPLA. The armed forces of China.\n\nRisk. More than is known."
    )
    prose = "Trade. It grew by a third in all.\n\n" + "It rained.\n\n" * 3

    made = suggest([document(f"Terms\n\n{terms}"), document(f"Report\n\n{prose}", "b.md")])

    assert [(entry["question"], entry["reference"]) for entry in made][:1] == [
        ("What is meant by “AIT”?", "American Institute in Taiwan")
    ]
    assert len(made) == 3


def test_what_is_suggested_is_a_question_set(tmp_path: Path) -> None:
    """Every entry is read as a question, whose gold holds its quote."""
    text = "The Pentagon made the matter public on 2 February. Harvard was founded by a vote in 1636."

    file = tmp_path / "suggested.jsonl"
    dataset.write(suggest([document(text)]), file)
    questions = dataset.read(file)

    dataset.check(questions, lambda name: document(text))
    assert [question.kind for question in questions] == ["number_date", "number_date"]


def test_a_question_with_two_answers_is_none() -> None:
    """Two documents that say when the Pentagon made something public say two things."""
    one, other = "The Pentagon made the matter public on 2 February.", "The Pentagon made the matter public on 3 March."

    assert suggest([document(one), document(other, "b.md")]) == []
