"""The reader says which sentence answers, and its places are places in the text it was given."""

from pathlib import Path

import pytest

from rag import sentences
from rag.errors import ModelError
from rag.models import reader
from rag.models.reader import Excerpt, Reader

TEXT = (
    "The lighthouse stands on the northern cliff. It was built in 1871 by the engineer Marta Lind.\n\n"
    "Its lamp burned oil until 1923. 🗝️ Visitors climb 214 steps, and the keeper sells tickets on Sundays."
)


@pytest.fixture(scope="module")
def read() -> Reader:
    """The packaged reader."""
    return Reader()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who built the lighthouse?", "Marta Lind"),
        ("How many steps are there?", "214 steps"),
        ("When can tickets be bought?", "on Sundays"),
        ("Where is the lighthouse?", "northern cliff"),
    ],
)
def test_sentence_that_answers_is_the_likeliest(read: Reader, question: str, answer: str) -> None:
    """Of the passage's sentences the one with the answer comes first."""
    (readings,) = read(question, [Excerpt("The lighthouse", TEXT)])

    best = max(readings, key=lambda reading: reading.logit)

    assert answer in TEXT[best.start : best.end]


def test_words_that_answer_are_marked(read: Reader) -> None:
    """The place of the words lies in the sentence and holds the answer."""
    (readings,) = read("Who built the lighthouse?", [Excerpt("The lighthouse", TEXT)])

    best = max(readings, key=lambda reading: reading.logit)

    start, end = best.words
    assert best.start <= start < end <= best.end
    assert "Marta Lind" in TEXT[start:end]


@pytest.mark.parametrize("title", ["", "The lighthouse", "🗝️ Ключ"])
def test_readings_are_of_the_texts_sentences(read: Reader, title: str) -> None:
    """One for each sentence, at its place, whatever stands above the passage."""
    (readings,) = read("Who?", [Excerpt(title, TEXT)])

    assert [(reading.start, reading.end) for reading in readings] == sentences.spans(TEXT)


def test_what_is_read_with_a_passage_changes_nothing(read: Reader) -> None:
    """In their order, the readings of each are those that it has alone."""
    texts = [TEXT, "A lamp.", TEXT[:44]]

    together = read("Who built it?", [Excerpt("", text) for text in texts])

    assert together == [read("Who built it?", [Excerpt("", text)])[0] for text in texts]
    assert [len(readings) for readings in together] == [4, 1, 1]


@pytest.mark.parametrize("question", ["", "why " * 5000, "?" * 2000])
def test_any_question_can_be_read_with(read: Reader, question: str) -> None:
    """An empty or endless one takes no room from the passage that would leave nothing to read."""
    (readings,) = read(question, [Excerpt("The lighthouse", TEXT)])

    assert all(0 <= reading.start < reading.end <= len(TEXT) for reading in readings)


def test_nothing_is_read_of_nothing(read: Reader) -> None:
    """No passages, no readings; an empty passage, none of its own."""
    assert read("Who?", []) == []
    assert read("Who?", [Excerpt("The lighthouse", "")]) == [()]


def test_changed_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures that are published hold for one file."""
    monkeypatch.setattr(reader, "_SHA256", "0" * 64)

    with pytest.raises(ModelError, match=r"reader\.onnx"):
        Reader()


def test_card_names_the_model_that_is_there() -> None:
    """The card's sha256 is the one that is checked."""
    card = Path(reader.__file__).with_name("reader.md").read_text(encoding="utf-8")

    assert reader._SHA256 in card
