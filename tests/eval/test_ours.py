"""Passages are found under their own ids, stay indexed between runs, and a follow-up is asked in its conversation."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import rag
from eval import ours
from eval.collection import Passage, Query
from eval.ours import Ours
from eval.speed import Recorder
from tests.fakes import LightEmbedding

PASSAGES = {
    "visit/1": Passage("Visit to Rome", "Maria Rossi came to Rome on 4 May and saw the mayor."),
    "Visit/1": Passage("Visit to Oslo", "Kari Berg came to Oslo on 9 July and saw the king."),
    "x" * 300: Passage("", "Tea is steeped for four minutes."),
    "..": Passage("Harvest", ""),
    "blank": Passage("", " \n"),
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    """The passages, indexed with the packaged model."""
    with ours.opened(tmp_path_factory.mktemp("ours") / "home", embedder=LightEmbedding()) as system:
        system.index(PASSAGES)
        yield system


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ("Who came to Rome?", "visit/1"),
        ("Who came to Oslo?", "Visit/1"),
        ("How long is tea steeped?", "x" * 300),
        ("harvest", ".."),
    ],
)
def test_a_passage_is_found_under_its_own_id(system: Ours, asked: str, key: str) -> None:
    """Also where the id has a slash, differs by case alone, is longer than a name may be, or means a folder."""
    found = system.search(Query(asked), 10)

    assert found[0] == key
    assert len(found) == len(set(found))
    assert set(found) <= PASSAGES.keys() - {"blank"}


def test_no_more_are_ranked_than_asked_for(system: Ours) -> None:
    """The best alone."""
    assert system.search(Query("Who came to Rome?"), 1) == ["visit/1"]


def test_a_follow_up_is_searched_with_its_conversation(system: Ours) -> None:
    """The same words mean another visit after another question."""
    asked = "And when was that?"

    first = [system.search(Query(asked, (f"Who came to {city}?",)), 1) for city in ("Rome", "Oslo", "Rome")]

    assert first == [["visit/1"], ["Visit/1"], ["visit/1"]]


def test_a_kept_index_embeds_only_what_changed(tmp_path: Path) -> None:
    """A second run embeds nothing, then the one changed passage is embedded, and one left out is not found."""
    recorder = Recorder.of(LightEmbedding())
    passages = {"tea": Passage("", "Tea is steeped."), "rain": Passage("", "Rain falls.")}
    embedded = []
    for now in (passages, passages, {"tea": Passage("", "Tea is boiled.")}):
        with ours.opened(tmp_path, embedder=recorder) as system:
            system.index(now)
            found = system.search(Query("rain"), 10)
        embedded.append(len(recorder.taken()))

    assert embedded == [2, 0, 1]
    assert found == ["tea"]


def test_what_could_not_be_ingested_is_told(tmp_path: Path) -> None:
    """A passage that no loader takes for text is listed by its id, so that it is not missed silently."""
    with ours.opened(tmp_path, embedder=LightEmbedding()) as system:
        system.index({"tea": Passage("", "Tea is steeped."), "noise": Passage("", "\x00\x01\x02" * 50)})

    ((key, reason),) = system.skipped
    assert key == "noise"
    assert "binary" in reason


def test_the_index_is_thrown_away_unless_its_place_is_named() -> None:
    """Nothing is left behind in the folder of temporary files."""
    with ours.opened(None, embedder=LightEmbedding()) as system:
        system.index({"tea": Passage("", "Tea is steeped.")})
        home = system.settings.home

    assert not home.exists()


def test_searching_before_indexing_is_an_error(tmp_path: Path) -> None:
    """There would be nothing to rank."""
    with pytest.raises(ValueError, match="index"):
        Ours(rag.Settings(home=tmp_path)).search(Query("tea"), 1)
