"""Which words of an answer are marked as the answer itself."""

import pytest

from rag.answer.marks import is_told, mark
from rag.schema import Citation, Claim, Span, Weighed

OPENED = "Anna Weber opened the archive in the spring of 1921."
COUNTED = "The keeper counted 40 ships on Monday."


def weighed(text: str, words: str, *, sure: float = 3.0, start: int = 0) -> Weighed:
    """A sentence of a document in which the reader takes some words for the answer."""
    return Weighed(Span("town.md", start, start + len(text)), text, {"words": sure}, 0.0, words)


def claim(text: str, *, start: int = 0, length: int = 0) -> Claim:
    """A sentence of an answer that cites as many characters of the same document."""
    span = Span("town.md", start, start + (length or len(text)))
    return Claim(text, (Citation(1, span, text, None),), "supported")


def marked(claims: tuple[Claim, ...]) -> list[str]:
    """The marked words of each claim that has some."""
    return [one.text[slice(*one.marked)] for one in claims if one.marked]


def test_the_words_that_answer_are_marked() -> None:
    """A name for who, a year for when."""
    for question, words in (("Who opened the archive?", "Anna Weber"), ("When was it opened?", "spring of 1921")):
        assert marked(mark(question, (claim(OPENED),), [weighed(OPENED, words)])) == [words]


def test_only_what_is_asked_for_is_marked() -> None:
    """A person does not answer when, however sure the reader is."""
    assert marked(mark("When was the archive opened?", (claim(OPENED),), [weighed(OPENED, "the archive")])) == []


@pytest.mark.parametrize(
    ("words", "sure"), [("Anna Weber", -3.0), ("", 3.0), (OPENED[:-1], 3.0), ("nna Web", 3.0), ("Clara Weber", 3.0)]
)
def test_nothing_is_marked_on_a_guess(words: str, sure: float) -> None:
    """Not what the reader doubts, not nothing, not nearly all of the sentence, no half words, none that is missing."""
    assert marked(mark("Who opened the archive?", (claim(OPENED),), [weighed(OPENED, words, sure=sure)])) == []


def test_one_sentence_of_an_answer_is_marked() -> None:
    """That of the surest words; the eye is led to one place."""
    after = len(OPENED) + 1
    sentences = [weighed(OPENED, "1921", sure=1.0), weighed(COUNTED, "40", sure=2.0, start=after)]
    claims = (claim(OPENED), claim(COUNTED, start=after))

    assert marked(mark("How many ships were counted?", claims, sentences)) == ["40"]


def test_a_model_s_own_sentence_is_marked_by_what_it_cites() -> None:
    """Where the cited words stand in it letter for letter, and never by a sentence that it does not cite."""
    written = claim("The archive was opened by Anna Weber.", length=len(OPENED))

    assert marked(mark("Who opened it?", (written,), [weighed(OPENED, "Anna Weber")])) == ["Anna Weber"]
    assert marked(mark("Who opened it?", (written,), [weighed(OPENED, "Anna Weber", start=500)])) == []


def test_the_name_of_a_column_is_not_marked() -> None:
    """It says what the words after it are."""
    row = "Keeper: Anna Weber; Ships: 40; Boats: 7."

    assert marked(mark("Tell me of the keeper.", (claim(row),), [weighed(row, "Keeper")])) == []


def test_nothing_is_marked_where_yes_or_no_is_asked() -> None:
    """A figure in bold would be taken for the answer."""
    assert marked(mark("Were any ships counted?", (claim(COUNTED),), [weighed(COUNTED, "40")])) == []


def test_no_item_is_marked_where_several_are_asked_for() -> None:
    """All of them are the answer; where one is asked for, it is marked. So it is with the rows of a table."""
    row = "Day: Monday; Ships: 40; Boats: 7."
    assert marked(mark("List all the ships.", (claim(row),), [weighed(row, "40")])) == []
    assert marked(mark("How many ships?", (claim(row),), [weighed(row, "40")])) == ["40"]
    item = "- 40 ships on Monday"
    for question, words in (("What are the counts?", []), ("How many on Monday?", ["40"])):
        assert marked(mark(question, (claim(item),), [weighed(item, "40")])) == words


def test_a_fact_is_told_where_the_reader_is_sure_of_its_words() -> None:
    """One date or figure; not a name or a reason, not two things at once, not on a guess."""
    sure, unsure = weighed(COUNTED, "40"), weighed(COUNTED, "40", sure=-3.0)

    assert is_told("How many ships were counted?", sure)
    assert not is_told("How many ships were counted?", unsure)
    assert not is_told("How many ships were counted, and who counted them?", sure)
    assert not is_told("Who opened the archive?", weighed(OPENED, "Anna Weber"))
    assert not is_told("Why were ships counted?", weighed("It was due to the war.", "due to the war"))
