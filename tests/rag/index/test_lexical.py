"""Words: which count as the same, which passages they find, and that none outlives its passage."""

from collections.abc import Sequence
from itertools import permutations
from math import log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from rag.index.catalog import Chunk
from rag.index.lexical import LexicalIndex, terms
from rag.schema import Span

BEES = ("bees", "Bees make honey in the garden.")
VAULT = ("vault", "The vault is under the garden wall.")


@pytest.fixture
def index(tmp_path: Path) -> LexicalIndex:
    """Two passages that share one word."""
    return holding(tmp_path, BEES, VAULT)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    """An index for properties, which only read it."""
    return holding(tmp_path_factory.mktemp("shared"), BEES, VAULT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Visits, visited VISITING", ["visit", "visit", "visit"]),
        ("Café Zürich", ["cafe", "zurich"]),
        ("What is the U.S. position?", ["u", "s", "posit"]),
        ("on 18 June 2023", ["18", "june", "2023"]),
        ("What would they tell you about it?", []),
        ("", []),
    ],
)
def test_words_are_folded_and_stemmed_and_stop_words_left_out(text: str, expected: list[str]) -> None:
    """What is asked and what is indexed go the same way, so they meet."""
    assert terms(text) == expected


def test_passage_that_shares_more_words_is_first(index: LexicalIndex) -> None:
    """And one that shares none is not among them."""
    index.add([chunk("rain", "Rain fell.")])

    assert [id_ for id_, _ in index.search({"Is honey made in gardens?": 1.0}, 5)] == ["bees", "vault"]


def test_score_is_bm25(tmp_path: Path) -> None:
    """Two passages of three words, one of which has the word: the idf, times 1 for its length and its one place."""
    index = holding(tmp_path, ("a", "red green blue"), ("b", "red green yellow"))

    ((id_, score),) = index.search({"yellow": 1.0}, 5)

    assert id_ == "b"
    assert score == pytest.approx(log(1 + (2 - 1 + 0.5) / (1 + 0.5)), rel=1e-6)


@pytest.mark.parametrize("place", ["title", "heading"])
def test_title_and_heading_count_as_text(tmp_path: Path, place: str) -> None:
    """A passage is found by what stands above it as well as one that says it itself."""
    index = LexicalIndex(tmp_path)
    index.add([chunk("above", "red", **{place: "yellow"}), chunk("itself", "yellow", **{place: "red"})])

    (_, best), (_, other) = index.search({"yellow": 1.0}, 5)

    assert other == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("question", ["", "the of and", "zebra", "?!"])
def test_question_without_a_known_word_finds_nothing(index: LexicalIndex, question: str) -> None:
    """There are no hits with a score of zero."""
    assert index.search({question: 1.0}, 5) == []


@limits(deadline=None)
@given(question=st.text() | st.lists(st.sampled_from(['"', "AND", "-bees", "text:", "(", "*", "garden"])).map(" ".join))
def test_any_question_is_only_words(shared: LexicalIndex, question: str) -> None:
    """Nothing in it is syntax: whoever has a word of it is found, and nobody else."""
    asked = set(terms(question))

    found = {id_ for id_, _ in shared.search({question: 1.0}, 5)}

    assert found == {id_ for id_, text in (BEES, VAULT) if asked & set(terms(text))}


def test_words_side_by_side_count_for_more_than_apart(tmp_path: Path) -> None:
    """Stop words between them are stepped over, and the order matters."""
    together, apart = ("together", "A ship of the line sank."), ("apart", "A line of the ship sank.")
    index = holding(tmp_path, apart, together)

    (first, best), (_, other) = index.search({"Which ship of a line?": 1.0}, 5)

    assert first == "together"
    assert best > other


def test_many_are_scored_as_few_are(tmp_path: Path) -> None:
    """Words and their neighbours looked for at once or one after the other, with documents to keep to or without."""
    texts = [" ".join(words) for words in permutations(("honey", "garden", "wall", "vault"), 3)]
    index = holding(tmp_path, *((f"chunk {number}", text) for number, text in enumerate(texts)))
    asked = {"Is honey in the garden wall?": 1.0, 'Where is the "vault wall"?': 0.5}

    for within in (None, {"chunk 3", "chunk 11"}):
        few, many = index.search(asked, 100, within), index.search(asked, 1000, within)

        assert dict(few) == pytest.approx(dict(many))
        assert [score for _, score in few] == pytest.approx([score for _, score in many])
        assert few


def test_words_in_quotes_count_as_they_stand(tmp_path: Path) -> None:
    """So much that the passage which has them in a row is before one that has them more often."""
    index = holding(tmp_path, ("often", "order law order law law"), ("row", "they kept law and order here all day"))

    assert index.search({"law order": 1.0}, 5)[0][0] == "often"
    assert index.search({'"law and order"': 1.0}, 5)[0][0] == "row"


def test_a_text_of_less_weight_counts_less(tmp_path: Path) -> None:
    """A word that two texts have counts with the greater weight, not twice."""
    index = holding(tmp_path, ("a", "red green blue"), ("b", "red green yellow"))

    found = dict(index.search({"blue": 1.0, "yellow": 0.25}, 5))
    twice = dict(index.search({"blue": 1.0, "blue?": 0.25}, 5))

    assert found["b"] == pytest.approx(found["a"] / 4)
    assert twice["a"] == pytest.approx(found["a"])


def test_no_more_than_k_are_found(index: LexicalIndex) -> None:
    """The best of them."""
    assert [id_ for id_, _ in index.search({"garden honey": 1.0}, 1)] == ["bees"]


def test_adding_twice_holds_once(index: LexicalIndex) -> None:
    """After a kill a change is applied again."""
    index.add([chunk(*BEES), chunk(*VAULT)])

    assert index.count() == 2
    assert len(index.search({"garden": 1.0}, 5)) == 2


def test_words_of_what_is_held_no_longer_are_gone(index: LexicalIndex) -> None:
    """From search, from the count of passages that have a word, and so from every weight."""
    index.hold([chunk(*BEES)])

    assert (index.search({"vault wall": 1.0}, 5), index.count()) == ([], 1)
    assert [index.document_frequency(term) for term in ("vault", "wall", "garden")] == [0, 0, 1]


def test_no_file_outlives_its_words(index: LexicalIndex, tmp_path: Path) -> None:
    """The files that held them are deleted, also while another has them open."""
    before = segment_files(tmp_path)
    reader = LexicalIndex(tmp_path)
    assert reader.search({"vault": 1.0}, 5)

    index.hold([chunk(*BEES)])

    assert before
    assert before.isdisjoint(segment_files(tmp_path))


def test_opening_again_shows_what_was_applied(index: LexicalIndex, tmp_path: Path) -> None:
    """What another process commits is seen by whoever opens the folder after it."""
    index.add([chunk("rain", "Rain fell.")])

    assert [id_ for id_, _ in LexicalIndex(tmp_path).search({"rain": 1.0}, 5)] == ["rain"]


def holding(folder: Path, *passages: tuple[str, str]) -> LexicalIndex:
    """An index of (id, text)."""
    index = LexicalIndex(folder)
    index.add([chunk(id_, text) for id_, text in passages])
    return index


def chunk(id_: str, text: str, *, title: str = "", heading: str = "") -> Chunk:
    """A chunk that is its whole document."""
    return Chunk(id_, Span(f"{id_}.md", 0, len(text)), text, title, heading, None, np.zeros(2, dtype=np.float32))


def segment_files(folder: Path) -> set[str]:
    """The files that hold words."""
    words: Sequence[str] = (".term", ".pos", ".idx", ".store")
    return {path.name for path in folder.iterdir() if path.suffix in words}
