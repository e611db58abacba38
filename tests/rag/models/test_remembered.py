"""An encoder that remembers gives the vectors of one that does not, and encodes each text once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.models.embed import Vectors
from rag.models.remembered import Remembered
from tests.fakes import hash_encode

TEXTS = st.lists(st.sampled_from(["a ship", "a crane", "a bell", "a key", "an archive", "a very long harbour wall"]))


class Counting:
    """Encodes by shared words, and writes down what it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors in the order of the texts."""
        self.given.extend(texts)
        return hash_encode(texts)


@given(calls=st.lists(TEXTS), most=st.integers(0, 4))
def test_vectors_are_those_of_the_encoder(calls: list[list[str]], most: int) -> None:
    """However often, in whatever order and company a text comes, its vector is its own; of no texts there is none."""
    encode = Remembered(hash_encode, most=most, longest=10)

    assert [encode(texts).tolist() for texts in calls] == [hash_encode(texts).tolist() for texts in calls]


def test_a_text_is_encoded_once() -> None:
    """Twice in one call or in two calls, it costs once."""
    counting = Counting()
    encode = Remembered(counting)

    encode(["a ship", "a crane", "a ship"])
    encode(["a bell", "a crane"])

    assert counting.given == ["a ship", "a crane", "a bell"]


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    """It holds as many texts as it may, those used last."""
    counting = Counting()
    encode = Remembered(counting, most=2)
    for text in ("a ship", "a crane", "a ship", "a bell"):  # the crane goes
        encode([text])
    counting.given.clear()

    encode(["a ship", "a bell", "a crane"])

    assert counting.given == ["a crane"]


def test_a_long_text_is_not_kept() -> None:
    """A question of 4,000 characters takes no room from others."""
    counting = Counting()
    encode = Remembered(counting, longest=10)

    for _ in range(2):
        encode(["a very long harbour wall"])

    assert len(counting.given) == 2


def test_what_is_done_to_a_vector_is_not_remembered() -> None:
    """Who gets one may change it."""
    encode = Remembered(hash_encode)
    encode(["a ship"])[:] = 0

    encode(["a ship"])[:] = 0

    assert encode(["a ship"]) == pytest.approx(hash_encode(["a ship"]))


def test_threads_may_share_it() -> None:
    """Eight at once, with room for less than they ask, each get what they asked for."""
    encode = Remembered(hash_encode, most=5)
    calls = [[f"word{(start + step) % 12}" for step in range(4)] for start in range(200)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(encode, calls))

    assert [vectors.tolist() for vectors in found] == [hash_encode(texts).tolist() for texts in calls]
