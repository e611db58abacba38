"""A corpus of any size that nobody wrote or embedded: its words as frequent and its vectors as near as real ones.

Words come by rank from a Zipf-Mandelbrot law over half a million, so new ones keep coming as Heaps' law has it: 35,137
different ones among the first 600,000, where ClapNQ's passages have 35,841. The most frequent are the function words of
English, and half of the others are those of the document's topic.

A vector is the sum of its topic's, its document's and its own, each drawn with a falling spectrum, scaled to length 1.
Shares and spectrum were chosen so that 9,272 of them lie as those of as many chunks of ClapNQ under all-MiniLM-L6-v2:

    median cosine of the 1st, 10th, 50th and 200th nearest, local dimension (maximum likelihood, 50 nearest)
    ClapNQ     .74 .50 .34 .23   13.6
    synthetic  .75 .50 .38 .22   12.7

Isotropic noise of the same cosines has a local dimension several times as high, which no graph searches well.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # shape (n, DIM), rows of length 1

DIM = 384
AREAS = 100  # folders, each with 1 % of the documents
MONTHS = 100  # from 2015-01 on, each with 1 %
RARE = "csv"  # the type of 1 %
_TYPES = ("md", "pdf", "html", "txt")
_WORDS = 110  # of a chunk: about 160 tokens
_SENTENCE = 11  # words
_CHUNKS = 4  # of a document on average; geometric
_RANKS = 2**19
_EXPONENT, _SHIFT = 1.07, 2.7  # of the rank: Mandelbrot's fit for English
_COMMON, _STEEPER = 6000, 0.7  # from this rank on words grow rare faster, as in any large corpus
_FREQUENT = 300  # ranks after the function words that questions use too: "year", "people"
_TOPICAL = 2000  # words of a topic
_FALL, _FLAT = 0.55, 8  # coordinate i of a Gaussian is scaled by (i + FLAT) ** -FALL
_TOPIC, _DOCUMENT = 0.37, 0.35  # shares of a vector's variance; the rest is the chunk's own
_CLOSENESS = 0.7  # cosine of a question to its chunk: median .74 of 100 of ClapNQ's questions to their nearest
_FUNCTION_WORDS = """
    the of and to a in is that it for was on are as with be by at this from have or had not but what were there can an
    which their has when who will more if no out up said about so them would then some these her him into time like its
    only could than first been now did most over such also where after back much before through same how any many how
    why very just do does between because each should under our while both those own being during
""".split()
_SYLLABLES = tuple(first + second for first in "bdfghklmnprstvzj" for second in "aoui")


@dataclass(frozen=True, slots=True)
class Made:
    """A document: its text, the place of each of its chunks in it, and their vectors."""

    document_id: str
    title: str
    date: str
    text: str
    places: tuple[tuple[int, int], ...]
    vectors: Vectors


def documents(chunks: int, *, seed: int = 7) -> Iterator[Made]:
    """Documents with so many chunks together."""
    draw = np.random.default_rng(seed)
    topics = isqrt(chunks) + 1
    centres, words = _gaussian(draw, topics), _topic_words(draw, topics)
    left, number = chunks, 0
    while left:
        count = min(int(draw.geometric(1 / _CHUNKS)), left)
        topic = int(topics * draw.random() ** 1.3)  # some are more written about than others
        around = _TOPIC**0.5 * centres[topic] + _DOCUMENT**0.5 * _gaussian(draw, 1)
        vectors = _unit(around + (1 - _TOPIC - _DOCUMENT) ** 0.5 * _gaussian(draw, count))
        yield _document(number, _texts(draw, words[topic], count), vectors, draw)
        left, number = left - count, number + 1


def question(text: str, vector: Vectors, draw: random.Random) -> tuple[str, Vectors]:
    """Nine words as somebody might ask for a chunk, four of them its own, and a vector near the chunk's."""
    own = [word for word in text.lower().replace(".", "").split() if word not in _FUNCTION_WORDS]
    frequent = [str(_vocabulary()[len(_FUNCTION_WORDS) + draw.randrange(_FREQUENT)]) for _ in range(2)]
    words = draw.sample(own, min(4, len(own))) + frequent + draw.sample(_FUNCTION_WORDS, 3)
    draw.shuffle(words)
    noise = _unit(_gaussian(np.random.default_rng(draw.randrange(2**32)), 1))
    near = _unit(_CLOSENESS * vector[None] + (1 - _CLOSENESS**2) ** 0.5 * noise)
    return " ".join(words).capitalize() + "?", near[0]


def _document(number: int, texts: Sequence[str], vectors: Vectors, draw: np.random.Generator) -> Made:
    area, month, kind, day = (int(draw.integers(most)) for most in (AREAS, MONTHS, 100, 28))
    suffix = RARE if kind == 0 else _TYPES[kind % len(_TYPES)]
    date = f"{2015 + month // 12}-{month % 12 + 1:02}-{day + 1:02}"
    starts = np.cumsum([0, *(len(text) + 2 for text in texts)])
    places = tuple((int(start), int(start) + len(text)) for start, text in zip(starts, texts, strict=False))
    title = " ".join(texts[0].split()[:4]).rstrip(".")
    return Made(f"{area:02}/{number:07}.{suffix}", title, date, "\n\n".join(texts), places, vectors)


def _texts(draw: np.random.Generator, topic: NDArray[np.int64], count: int) -> list[str]:
    ranks = _ranks(draw, (count, _WORDS))
    topical = (ranks >= len(_FUNCTION_WORDS)) & (draw.random(ranks.shape) < 0.5)
    ranks[topical] = topic[ranks[topical] % _TOPICAL]
    return [_prose(words) for words in _vocabulary()[ranks].tolist()]


def _prose(words: Sequence[str]) -> str:
    return " ".join(" ".join(words[at : at + _SENTENCE]).capitalize() + "." for at in range(0, len(words), _SENTENCE))


def _topic_words(draw: np.random.Generator, topics: int) -> NDArray[np.int64]:
    """The ranks of each topic's words, shape (topics, _TOPICAL): no function words, frequent ones in more topics."""
    least = float(_cumulated()[len(_FUNCTION_WORDS)])
    return np.searchsorted(_cumulated(), least + (1 - least) * draw.random((topics, _TOPICAL)))


def _ranks(draw: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int64]:
    return np.searchsorted(_cumulated(), draw.random(shape))


@cache
def _cumulated() -> NDArray[np.float64]:
    ranks = np.arange(1, _RANKS + 1)
    weights = (ranks + _SHIFT) ** -_EXPONENT * np.maximum(ranks / _COMMON, 1.0) ** -_STEEPER
    return np.cumsum(weights) / weights.sum()  # type: ignore[no-any-return]  # of numpy's division


@cache
def _vocabulary() -> NDArray[np.object_]:
    """The words by rank: function words, then made-up ones, longer where they are rarer."""
    made = (_word(number) for number in range(_RANKS - len(_FUNCTION_WORDS)))
    return np.array([*_FUNCTION_WORDS, *made], dtype=object)


def _word(number: int) -> str:
    syllables = [_SYLLABLES[number % len(_SYLLABLES)]]
    while (number := number // len(_SYLLABLES)) or len(syllables) < 2:
        syllables.append(_SYLLABLES[number % len(_SYLLABLES)])
    return "".join(syllables)


def _gaussian(draw: np.random.Generator, count: int) -> Vectors:
    return draw.standard_normal((count, DIM), dtype=np.float32) * _scale()


@cache
def _scale() -> NDArray[np.float32]:
    scale = (np.arange(DIM, dtype=np.float32) + _FLAT) ** -_FALL
    return (scale / np.linalg.norm(scale)).astype(np.float32)


def _unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)  # type: ignore[no-any-return]
