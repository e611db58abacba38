"""What a chunk's own words say of how well it matches: BM25 by hand, pairs, quotes, and the share of the question."""

from collections.abc import Iterable

import numpy as np
import pytest

from rag.index import wording
from rag.index.catalog import Chunk
from rag.index.wording import Match, match
from rag.schema import Span


def rarity(terms: Iterable[str]) -> dict[str, float]:
    """Every word is as rare as any other, but for zebras, of which there are none."""
    return {term: 2.0 for term in terms if term != "zebra"}


def matched(text: str, asked: str, **about: str) -> Match:
    """How a chunk of this text matches a question."""
    return match(wording.wording({asked: 1.0}, rarity), chunk(text, **about))


def chunk(text: str, *, title: str = "", heading: str = "") -> Chunk:
    """A chunk that is its whole document."""
    return Chunk("a", Span("a.md", 0, len(text)), text, title, heading, None, np.zeros(2, dtype=np.float32))


def test_score_is_bm25(monkeypatch: pytest.MonkeyPatch) -> None:
    """One word twice among four, where three are usual: k1 1.2, b .75, rarity 2."""
    for name, value in {"_K1": 1.2, "_B": 0.75, "_USUAL_LENGTH": 3}.items():
        monkeypatch.setattr(wording, name, value)

    found = matched("red green red blue", "red")

    assert found.bm25 == pytest.approx(2 * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / 3)))


def test_title_and_heading_count_as_text() -> None:
    """Wherever the word stands."""
    itself = matched("red green blue", "green")

    assert matched("red blue", "green", title="Green") == itself == matched("red blue", "green", heading="Green")


def test_word_forms_count_as_the_word() -> None:
    """As in the index."""
    assert matched("They visited the cafés.", "Visiting a café?") == matched("They visit the CAFE.", "Visits a cafe?")


def test_share_is_what_the_chunk_has_of_the_question() -> None:
    """By the worth of the words, those that no chunk has left out."""
    asked = wording.wording({"red green zebra": 1.0, "blue": 0.5}, rarity)

    assert match(asked, chunk("a red house")).share == pytest.approx(2 / (2 + 2 + 1))
    assert match(asked, chunk("blue, green, red")).share == pytest.approx(1)


@pytest.mark.parametrize("asked", ["", "the of and", "zebra", "house"])
def test_what_shares_no_word_does_not_match(asked: str) -> None:
    """Also where nothing is asked at all."""
    assert matched("red green blue", asked) == Match(0.0, 0.0)


def test_words_side_by_side_count_for_more_than_apart() -> None:
    """Stop words between them are stepped over, and the order matters."""
    asked = "Which ship of a line?"

    together, apart = matched("A ship of the line sank.", asked), matched("A line of the ship sank.", asked)

    assert together.bm25 > apart.bm25
    assert together.share == apart.share


def test_words_in_quotes_count_as_they_stand() -> None:
    """So much that the chunk which has them in a row is before one that has them more often."""
    often, row = "order law order law law", "they kept law and order here all day"

    assert matched(often, "law order").bm25 > matched(row, "law order").bm25
    assert matched(often, '"law and order"').bm25 < matched(row, '"law and order"').bm25


def test_a_text_of_less_weight_counts_less() -> None:
    """A word that two texts have counts with the greater weight, not twice."""
    once, twice = (
        wording.wording(texts, rarity) for texts in ({"blue": 1.0, "red": 0.25}, {"blue": 1.0, "blue red": 0.25})
    )

    assert once.words == twice.words == {"blue": 2.0, "red": 0.5}
