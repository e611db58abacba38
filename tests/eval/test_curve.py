"""The measurement of how retrieval grows: a corpus like a real one, exact rankings, and every stage timed."""

import json
import random
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import rag
from eval import curve, synthetic
from rag.index.catalog import Catalog
from rag.index.store import Store

MANY = 4000


@pytest.fixture(scope="module")
def made() -> list[synthetic.Made]:
    """A corpus of a thousand documents."""
    return list(synthetic.documents(MANY))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> rag.Settings:
    """Settings of an index of some synthetic documents."""
    settings = rag.Settings(home=tmp_path_factory.mktemp("curve") / "400")
    curve.build(settings, 400)
    return settings


@pytest.fixture
def catalog(settings: rag.Settings) -> Iterator[Catalog]:
    """Its catalog."""
    opened = Catalog.open(settings.home / "catalog.db")
    yield opened
    opened.close()


# The corpus


def test_corpus_has_as_many_chunks_as_asked_for(made: list[synthetic.Made]) -> None:
    """Each a slice of its document that begins and ends with a sentence, with a vector of length 1."""
    chunks = [document.text[start:end] for document in made for start, end in document.places]
    vectors = np.concatenate([document.vectors for document in made])

    assert len(chunks) == len(vectors) == MANY
    assert all(chunk[0].isupper() and chunk.endswith(".") and len(chunk.split()) == 110 for chunk in chunks)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(MANY), abs=1e-5)
    assert len({document.document_id for document in made}) == len(made)


def test_new_words_keep_coming_ever_more_slowly(made: list[synthetic.Made]) -> None:
    """Heaps' law: of twice the text the words are more, by far less than twice."""
    words = " ".join(document.text.lower().replace(".", "") for document in made).split()

    half, whole = len(set(words[: len(words) // 2])), len(set(words))

    assert 1.3 < whole / half < 1.8


def test_chunks_of_a_document_are_nearer_than_those_of_its_topic(made: list[synthetic.Made]) -> None:
    """And these are nearer than others: median .7 of one document; of any two near 0."""
    first = [document.vectors for document in made if len(document.vectors) > 1]

    within = np.median([float(vectors[0] @ vectors[1]) for vectors in first])
    others = np.concatenate([vectors[:1] for vectors in first])
    apart = (others @ others.T)[np.triu_indices(len(others), 1)]

    assert 0.65 < within < 0.8
    assert abs(np.median(apart)) < 0.05
    assert np.quantile(apart, 0.99) > 0.2


@pytest.mark.parametrize("scope", [name for name in curve.SCOPES if name != "everything"])
def test_scopes_keep_about_one_percent(made: list[synthetic.Made], scope: str) -> None:
    """Of the documents."""
    kept = [document for document in made if curve.SCOPES[scope].holds(document.document_id, document.date)]

    assert 0.003 < len(kept) / len(made) < 0.03


def test_question_has_words_of_its_chunk_and_lies_near_it(made: list[synthetic.Made]) -> None:
    """As a person's would: some are its own, others are everybody's."""
    start, end = made[0].places[0]
    text, vector = made[0].text[start:end], made[0].vectors[0]

    question, near = synthetic.question(text, vector, random.Random(3))

    shared = set(question.lower().rstrip("?").split()) & set(text.lower().replace(".", "").split())
    assert len(question.split()) == 9
    assert len(shared) >= 4
    assert 0.6 < float(near @ vector) < 0.8


# Measuring


def test_recall_is_the_share_of_the_exact_ranking_that_was_found() -> None:
    """Two of two and one of two; a question that has no ranking does not count."""
    found, exact = [["a", "b", "x"], ["c"], ["z"]], [["b", "a"], ["c", "d"], []]

    assert curve.recall(found, exact) == 0.75


def test_exact_ranking_is_that_of_all_vectors(
    settings: rag.Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they do not fit in memory at once."""
    monkeypatch.setattr(curve, "_AT_ONCE", 30)
    asked = curve.ask_for(settings, 5)
    chunks = list(catalog.added_since(0))

    ranked = curve.rank_exactly(settings, asked)["everything"]

    for one, found in zip(asked, ranked, strict=True):
        order = sorted(chunks, key=lambda chunk: float(chunk.vector @ one.vector), reverse=True)
        assert found == [chunk.id for chunk in order[:10]]


def test_stages_of_a_question_add_up_to_the_whole(settings: rag.Settings) -> None:
    """Whatever is in none of them is fusion; the filter is a stage only where there is one."""
    asked = curve.ask_for(settings, 3)
    store = curve._opened(settings.home)

    plain, found = curve._answered(store, asked, settings, curve.SCOPES["everything"])
    filtered, _ = curve._answered(store, asked, settings, curve.SCOPES["1 % by folder"])
    store.close()

    stages = ["Tantivy", "Chroma", "catalog", "fusion"]
    assert sorted({stage for stage, _ in plain}) == sorted([*stages, "whole", "first of a turn"])
    assert sorted({stage for stage, _ in filtered}) == sorted([*stages, "whole", "first of a turn", "filter"])
    assert [stage for stage, _ in plain].count("first of a turn") == 1
    *_, (_, whole) = plain
    assert whole == pytest.approx(sum(second for _, second in plain[-5:-1]))
    assert [len(ids) for ids in found] == [10, 10, 10]


def test_built_index_is_whole_and_is_not_built_twice(settings: rag.Settings) -> None:
    """Its one changed document is in it, and the seconds of its building are remembered."""
    store = Store.open(settings)
    before = store.facts()
    store.close()

    built = curve.build(settings, 400)

    store = Store.open(settings)
    assert (store.facts()["revision"], before["whole"], before["chunks"]) == (before["revision"], True, 400)
    assert set(built.build) == {"catalog", "Chroma", "Tantivy", "files"}
    assert set(built.change) == {"Chroma", "Tantivy", "files"}
    store.close()


@pytest.mark.slow
def test_curve_is_printed_written_and_drawn(tmp_path: Path) -> None:
    """Every size has all scopes and stages, perfect recall where it is small, memory, disk and build time."""
    out, picture = tmp_path / "curve.json", tmp_path / "curve.svg"
    console = Console(record=True, width=120, file=StringIO())

    curve.print_curve([200, 400], out, console, picture=picture, questions=4)

    told = json.loads(out.read_text())["sizes"]
    assert [size["chunks"] for size in told] == [200, 400]
    for size in told:
        assert set(size["stages"]) == set(curve.SCOPES)
        assert set(size["stages"]["everything"]["whole"]) == {"p50", "p95"}
        assert set(size["recall"].values()) == {1.0}
        assert (
            min(size["memory"], size["opening"], *size["disk"].values(), *(took[0] for took in size["build"].values()))
            > 0
        )
    assert "1 % by folder: whole" in console.export_text()
    assert "<svg" in picture.read_text()
