"""The reader: which sentences of a passage answer a question, and with which words; our own MiniLM, int8 ONNX.

`eval/train_reader.py` makes the model; `reader.md` beside it says from what, and how well it reads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from rag import sentences
from rag.models.embed import onnx_session, packaged_tokenizer

_SHA256 = "d22473ba4003fb9352de8347815285ef7fc79ca6f499d4fd77240f1deb7687a6"
_MOST_TOKENS = 288  # question, title and passage together; a chunk of 160 tokens fits with all of them
_MOST_QUESTION = 100  # tokens: what is left of the window is for the passage
_LONGEST = 1000  # characters of a question at most
_LONGEST_WORDS = 30  # tokens of an answer's words at most


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is read for one question: a passage, and what it stands under."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence of a passage: its place there, the log-odds that it answers, and the place of the words that do."""

    start: int
    end: int
    logit: float
    words: tuple[int, int]
    words_logit: float  # of first and last token together, less that of "no answer"


Read = Callable[[str, Sequence[Excerpt]], list[tuple[Reading, ...]]]


class Reader:
    """Reads passages for a question, each by itself. Safe to share between threads.

    Activations are quantised over all that is in one run, so that what is made of a passage read together with others
    would depend on these: of 100 answers some ten changed with what else was read.
    """

    def __init__(self) -> None:
        with as_file(files("rag.models").joinpath("reader.onnx")) as path:
            self._session = onnx_session(path, _SHA256)
        self._tokenizer = packaged_tokenizer()
        self._tokenizer.enable_truncation(_MOST_TOKENS, strategy="longest_first")

    def __call__(self, question: str, excerpts: Sequence[Excerpt]) -> list[tuple[Reading, ...]]:
        """The readings of each passage, in the order of its sentences; what lies beyond the window is left out."""
        asked = self._cut(question)
        return [self._read(asked, excerpt) for excerpt in excerpts]

    def _cut(self, question: str) -> str:
        """The question's first tokens."""
        places = self._tokenizer.encode(question[:_LONGEST], add_special_tokens=False).offsets[:_MOST_QUESTION]
        return question[: places[-1][1]] if places else ""

    def _read(self, question: str, excerpt: Excerpt) -> tuple[Reading, ...]:
        head = f"{excerpt.title}. " if excerpt.title else ""
        encoding = self._tokenizer.encode(question, head + excerpt.text)
        types = np.array(encoding.type_ids, dtype=np.int64)
        feed = {
            "input_ids": np.array([encoding.ids], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
            "token_type_ids": types[None],
        }
        logits: NDArray[np.float32] = np.asarray(self._session.run(None, feed)[0])
        return _readings(logits[0], np.array(encoding.offsets) - len(head), types, excerpt.text)


def _readings(
    logits: NDArray[np.float32], places: NDArray[np.int64], types: NDArray[np.int64], text: str
) -> tuple[Reading, ...]:
    """One reading for each sentence that has tokens; `places` are the tokens' characters in the text."""
    in_text = (types == 1) & (places[:, 1] > 0) & (places[:, 1] > places[:, 0])
    none = float(logits[0, 0] + logits[0, 1])
    found = []
    for start, end in sentences.spans(text):
        tokens = np.flatnonzero(in_text & (places[:, 0] < end) & (places[:, 1] > start))
        if len(tokens):
            first, last, best = _words(logits[tokens])
            words = max(int(places[tokens[first], 0]), start), min(int(places[tokens[last], 1]), end)
            found.append(Reading(start, end, float(logits[tokens, 2].mean()), words, best - none))
    return tuple(found)


def _words(logits: NDArray[np.float32]) -> tuple[int, int, float]:
    """First and last token of the best answer inside a sentence, and the sum of their logits."""
    pairs = logits[:, 0][:, None] + logits[:, 1][None, :]
    places = np.arange(len(logits))
    length = places[None, :] - places[:, None]
    pairs = np.where((length >= 0) & (length < _LONGEST_WORDS), pairs, -np.inf)
    first, last = divmod(int(pairs.argmax()), len(logits))
    return first, last, float(pairs[first, last])
