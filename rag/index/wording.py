"""How well chunks match the wording of a question: BM25 worked out from their text, by one measure for all of them.

Tantivy finds chunks by single words. With pairs of words it cannot skip what is not among the best: a million chunks
took it 21 ms at the median with them and 7 without. So pairs are looked for in the chunks that were found, and these
are weighed alike, whichever index found them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

from rag.index.catalog import Chunk
from rag.index.lexical import MOST_TERMS, placed, stems, terms, words_of
from rag.question import quoted

_K1, _B = 0.9, 0.6  # nDCG@10 +.002 over 1.2 and .75 on nine development sets, see eval/LOG.md
_USUAL_LENGTH = 85  # words of a chunk with what it stands under: 62 to 100 on average in seven sets
_MOST_PAIRS = 16  # of one question
_APART = 3  # places at most between the words of a pair, stop words skipped: "ship of the line"
_SIDE_BY_SIDE = 0.2  # weight of a pair: nDCG@10 +.001 to +.009 on five sets, see eval/LOG.md
_QUOTED = 1.0  # weight of a pair that stands in quotes

_Pair = tuple[str, str, int]  # two terms, and how many places the second stands after the first
Rarity = Callable[[Iterable[str]], Mapping[str, float]]  # terms → their inverse document frequency


@dataclass(frozen=True, slots=True)
class Wording:
    """What each term and each pair of neighbours of a question is worth."""

    words: Mapping[str, float]
    pairs: Mapping[_Pair, float]


@dataclass(frozen=True, slots=True)
class Match:
    """How a chunk matches: BM25, and the share, 0 to 1, of the terms' worth that it has."""

    bm25: float
    share: float


def wording(texts: Mapping[str, float], rarity: Rarity) -> Wording:
    """Texts, each with its weight → what their words are worth; one of several texts counts with the greatest weight.

    A term that no chunk has is worth nothing: it tells none from another.
    """
    words, pairs = dict[str, float](), dict[_Pair, float]()
    for text, weight in sorted(texts.items(), key=lambda item: item[1]):
        words |= dict.fromkeys(terms(text)[:MOST_TERMS], weight)
        pairs |= dict.fromkeys(islice(_pairs(text), _MOST_PAIRS), _SIDE_BY_SIDE * weight)
        for quote in quoted(text)[:_MOST_PAIRS]:
            pairs |= dict.fromkeys(islice(_pairs(quote), _MOST_PAIRS), _QUOTED * weight)
    rare = rarity(words)
    return Wording(
        {word: weight * rare[word] for word, weight in words.items() if word in rare},
        {(a, b, gap): weight * (rare[a] + rare[b]) for (a, b, gap), weight in pairs.items() if a in rare and b in rare},
    )


def match(asked: Wording, chunk: Chunk) -> Match:
    """BM25 over title, heading path and text as one, pairs as if they were words (Robertson & Zaragoza, 2009)."""
    places, words = defaultdict[str, list[int]](list), stems(words_of(chunk))
    for place, stem in [(place, stem) for place, stem in enumerate(words) if stem in asked.words]:
        places[stem].append(place)
    least = _K1 * (1 - _B + _B * len(words) / _USUAL_LENGTH)
    found = [(worth, len(places[word])) for word, worth in asked.words.items() if word in places]
    found += [(worth, _count(places, *pair)) for pair, worth in asked.pairs.items()]
    bm25 = sum(worth * count * (_K1 + 1) / (count + least) for worth, count in found)
    total = sum(asked.words.values())
    return Match(bm25, sum(asked.words[word] for word in places) / total if total else 0.0)


def _pairs(text: str) -> Iterable[_Pair]:
    """Each two terms that follow one another."""
    for (place, word), (other_place, other) in pairwise(placed(text)):
        if other_place - place <= _APART:
            yield word, other, other_place - place


def _count(places: Mapping[str, list[int]], word: str, other: str, gap: int) -> int:
    """How often two terms stand so far from each other."""
    if word not in places or other not in places:
        return 0
    return len({place + gap for place in places[word]}.intersection(places[other]))
