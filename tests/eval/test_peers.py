"""Every system ranks the same passages under their ids; what is not installed is told with the way to install it."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from eval import peers
from eval.collection import Collection, Passage, Query
from eval.vectors import Vectors
from tests.fakes import HashEmbedding, LightEmbedding

PASSAGES = {
    "rome": Passage("Visit to Rome", "Maria Rossi came to Rome on 4 May and saw the mayor of the city."),
    "oslo": Passage("Visit to Oslo", "Kari Berg came to Oslo on 9 July and saw the king."),
    "tea": Passage("", "Tea is steeped for four minutes. " * 400),
    "rain": Passage("Weather", "Rain falls on the plains."),
}
NEEDED = {"bm25": "bm25s", "txtai": "txtai", "txtai-exact": "txtai", "haystack": "haystack"}
SYSTEMS = [
    pytest.param(
        name, marks=pytest.mark.skipif(not find_spec(NEEDED.get(name, "eval")), reason=f"{name} is in the extra peers")
    )
    for name in peers.PEERS
]


@pytest.fixture
def vectors() -> Iterator[Vectors]:
    """Vectors that are near for texts that share words."""
    with Vectors.kept_in(None, HashEmbedding(model_name="hash")) as vectors:
        yield vectors


@pytest.mark.filterwarnings("ignore")  # other libraries' own
@pytest.mark.parametrize("name", SYSTEMS)
def test_each_system_finds_passages_by_title_and_text(name: str, vectors: Vectors) -> None:
    """The passage that has the words is first, under its id, and none is there twice, also a long one in pieces."""
    system = peers.PEERS[name](vectors)

    system.index(PASSAGES)

    for words, key in (("weather", "rain"), ("who saw the king?", "oslo"), ("steeped tea", "tea")):
        found = system.search(Query(words), 3)
        assert found[0] == key
        assert len(set(found)) == len(found) <= 3
        assert set(found) <= PASSAGES.keys()


@pytest.mark.filterwarnings("ignore")  # other libraries' own
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_query_of_stop_words_alone_is_no_error(name: str, vectors: Vectors) -> None:
    """Nothing need be found, but the queries after it are asked."""
    system = peers.PEERS[name](vectors)

    system.index(PASSAGES)

    assert set(system.search(Query("the"), 3)) <= PASSAGES.keys()


def test_ours_is_ranked_with_and_without_the_conversation() -> None:
    """A follow-up finds what its conversation is about only with it; the others have nothing to tell it by."""
    follow_up = Query("And when was that?", ("Who came to Rome?",))
    asked = Collection("visits", PASSAGES, {"q": follow_up}, {"test": {"q": {"rome": 1}}})

    with Vectors.kept_in(None, LightEmbedding()) as vectors:
        ranked = peers.compare(asked, "test", ["dense", "ours"], vectors)

    assert list(ranked) == ["dense", "ours", "ours, query alone"]
    assert ranked["ours"].rankings["q"][0] == "rome"
    assert ranked["ours, query alone"].rankings["q"][0] != "rome"


def test_without_conversations_ours_is_ranked_once() -> None:
    """The two would be the same."""
    asked = Collection("visits", PASSAGES, {"q": Query("Who came to Oslo?")}, {"test": {"q": {"oslo": 1}}})

    with Vectors.kept_in(None, LightEmbedding()) as vectors:
        ranked = peers.compare(asked, "test", ["ours"], vectors)

    assert list(ranked) == ["ours"]


def test_systems_are_chosen_by_name() -> None:
    """In their own order, whatever the order asked for."""
    assert peers.chosen(["ours", "dense"]) == ("dense", "ours")


def test_an_unknown_system_is_told() -> None:
    """With the names that there are."""
    with pytest.raises(peers.MissingPeerError, match=r"lucene: no such system\. There are bm25, dense, llamaindex"):
        peers.chosen(["lucene", "ours"])


def test_a_missing_library_is_told_before_anything_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra that installs it."""
    monkeypatch.setitem(sys.modules, "bm25s", None)  # as Python marks a module that cannot be imported

    with pytest.raises(peers.MissingPeerError, match=r"bm25s cannot be imported .* pip install -e \.\[peers\]"):
        peers.chosen([])
