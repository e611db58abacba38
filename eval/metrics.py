"""What is measured of one question: pure functions, one per figure, `nan` where a figure is undefined.

Gold is spans of the documents' text, never chunk ids, so a figure outlives every re-chunking. The gold of a question
comes in parts: each part is one piece of the answer, and its spans are the places that state it, any one of them
enough. A passage or a citation covers a span when they share at least half of the span's characters or half of its own.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

import rag

Parts = Sequence[Sequence[rag.Span]]

SEED = 13  # unless a run names another: two reports of one run must show the same interval
_DRAWS = 2000  # between seeds the ends of the interval then move by less than .01 at 150 questions
_ENOUGH = 0.5  # chunkers cut at different places; half tells the right sentence from its neighbour wherever they cut
_MOST = 0.8  # of a claim's words: a sentence cut short or with its subject filled in still stands on its source
_SMALL = frozenset(
    "and or of to in on at by for from with as that this it its is are was were be been has have had".split()
)
_NAN = math.nan


# Retrieval


def covers(found: rag.Span, gold: rag.Span) -> bool:
    """True if the two share at least half of the characters of either."""
    if not found.overlaps(gold):
        return False
    shared = min(found.end, gold.end) - max(found.start, gold.start)
    return shared >= _ENOUGH * min(found.end - found.start, gold.end - gold.start)


def ranks(ranking: Sequence[rag.Span], parts: Parts) -> tuple[float, ...]:
    """The rank, from 1, of the first passage that covers each part; infinity where none does."""
    return tuple(
        min(
            (rank for rank, found in enumerate(ranking, 1) if any(covers(found, gold) for gold in part)),
            default=math.inf,
        )
        for part in parts
    )


def recall_at(part_ranks: Sequence[float], k: int) -> float:
    """Recall@k: parts found in the first k passages / parts.

    Manning, Raghavan & Schütze, Introduction to Information Retrieval, 2008, section 8.4.
    """
    return _mean([rank <= k for rank in part_ranks])


def precision_at(ranking: Sequence[rag.Span], parts: Parts, k: int) -> float:
    """Precision@k: passages among the first k that cover a part / k; nan without gold.

    Manning, Raghavan & Schütze, Introduction to Information Retrieval, 2008, section 8.4. A ranking of fewer than k
    passages is divided by k all the same, as trec_eval has it.
    """
    relevant = [any(covers(found, gold) for part in parts for gold in part) for found in ranking[:k]]
    return sum(relevant) / k if parts else _NAN


def average_precision(part_ranks: Sequence[float]) -> float:
    """Mean over the parts of i / rank of the i-th part found, 0 for one that is not; its mean over questions is MAP.

    A part counts once, and where one passage covers several, the i-th part is taken as found at rank i or later, as in
    `ndcg_at`. With one part to a passage this is average precision: Manning et al., 2008, section 8.4.
    """
    reached = [max(rank, place) for place, rank in enumerate(sorted(part_ranks), 1)]
    return _mean([place / rank for place, rank in enumerate(reached, 1)])


def reciprocal_rank(part_ranks: Sequence[float]) -> float:
    """1 / rank of the first relevant passage, 0 if there is none; its mean over questions is MRR.

    Voorhees, The TREC-8 Question Answering Track Report, 1999.
    """
    return 1 / min(part_ranks) if part_ranks else _NAN


def ndcg_at(part_ranks: Sequence[float], k: int) -> float:
    """nDCG@k: sum of 1 / log2(1 + rank) over the parts found in the first k, over the same sum for ranks 1, 2, 3…

    A part counts once, at the first passage that covers it. Where one passage covers several parts, the i-th part found
    is discounted as at rank i or later, so that the ideal stays 1. With one part to a passage this is nDCG with binary
    gains: Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002.
    """
    if not part_ranks:
        return _NAN
    reached = [max(rank, place) for place, rank in enumerate(sorted(part_ranks), 1)]
    ideal = range(1, min(len(part_ranks), k) + 1)
    return sum(_discount(rank) for rank in reached if rank <= k) / sum(_discount(rank) for rank in ideal)


# Answer text


def words(text: str) -> list[str]:
    """The words two texts are compared by: no case, punctuation or articles; "1,000" is 1000 and "5%" is 5 percent.

    After the evaluation script of SQuAD (Rajpurkar et al., EMNLP 2016), with three changes: a decimal point stays,
    full stops inside abbreviations join ("U.S." is us), and other punctuation parts words, so that "Qin's" holds "Qin".
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\s*%|\bper cent\b", " percent", text)
    text = re.sub(r"(?<!\d)\.|\.(?!\d)", "", text)
    return [word for word in re.findall(r"\d+(?:\.\d+)+|[^\W_]+", text) if word not in {"a", "an", "the"}]


def token_f1(answer: str, reference: str) -> float:
    """2PR / (P + R) over the words two texts share, counted with repeats; nan without a reference.

    Rajpurkar et al., SQuAD, EMNLP 2016.
    """
    said, wanted = words(answer), words(reference)
    if not wanted:
        return _NAN
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))


def contains(answer: str, accepted: Sequence[Sequence[str]]) -> float:
    """1 if the answer holds every phrase of any accepted form, as whole words in a row, else 0; nan if none is given.

    The accuracy of open-domain question answering, as in Liu et al., Lost in the Middle, TACL 2024.
    """
    if not accepted:
        return _NAN
    return float(any(all(_holds(answer, phrase) for phrase in form) for form in accepted))


def exact_match(answer: str, accepted: Sequence[Sequence[str]]) -> float:
    """1 if the answer's words are those of an accepted form of one phrase, no more and no fewer; nan if none is given.

    Rajpurkar et al., SQuAD, EMNLP 2016.
    """
    if not accepted:
        return _NAN
    return float(any(words(answer) == words(form[0]) for form in accepted if len(form) == 1))


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L: 2L / (m + n), where L words of the one stand in the other in the same order; nan without a reference.

    Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004, section 3.1, recall and precision weighted alike.
    """
    said, wanted = words(answer), words(reference)
    if not wanted:
        return _NAN
    return 2 * _common(said, wanted) / (len(said) + len(wanted))


# Citations


def citation_precision(cited: Sequence[rag.Span], parts: Parts) -> float:
    """Citations that cover a gold span / citations; nan without either.

    Liu, Zhang & Liang, Evaluating Verifiability in Generative Search Engines, EMNLP 2023, with gold spans as the judge.
    """
    return _mean([any(covers(span, gold) for part in parts for gold in part) for span in cited]) if parts else _NAN


def citation_recall(cited: Sequence[rag.Span], parts: Parts) -> float:
    """Parts covered by a citation / parts; nan without gold. Source as for `citation_precision`."""
    return _mean([any(covers(span, gold) for span in cited for gold in part) for part in parts])


def citation_precision_by_character(cited: Sequence[rag.Span], parts: Parts) -> float:
    """Cited characters inside gold / cited characters, each character once; nan without citations or gold.

    Smith & Troynikov, Evaluating Chunking Strategies for Retrieval, Chroma technical report, 2024.
    """
    shown = _characters(cited)
    gold = _characters(span for part in parts for span in part)
    return len(shown & gold) / len(shown) if shown and gold else _NAN


def citation_recall_by_character(cited: Sequence[rag.Span], parts: Parts) -> float:
    """The share of a part's characters that are cited, at its best cited place, averaged over parts; nan without gold.

    Source as for `citation_precision_by_character`; the mean over parts gives a short fact the weight of a long one.
    """
    shown = _characters(cited)
    return _mean([max(_share(shown, gold) for gold in part) for part in parts])


def supports(quotes: Sequence[str], claim: str) -> bool:
    """True if the quotes together have every number of the claim and four fifths of its other words.

    Words alone decide, no model: what is put in other words counts as unsupported, what only denies it as supported.
    """
    held = {word for quote in quotes for word in words(quote)}
    said = [word for word in words(claim) if word not in _SMALL]
    numbers = [word for word in said if word[0].isdigit()]
    shared = sum(word in held for word in said)
    return bool(said) and held.issuperset(numbers) and shared >= _MOST * len(said)


def claim_recall(claims: Sequence[tuple[str, Sequence[str]]]) -> float:
    """Claims that what they cite supports / claims, each claim with its quotes; nan without claims.

    Citation recall of Gao et al., Enabling Large Language Models to Generate Text with Citations, EMNLP 2023, with
    `supports` as the judge.
    """
    return _mean([supports(quotes, claim) for claim, quotes in claims])


def claim_precision(claims: Sequence[tuple[str, Sequence[str]]]) -> float:
    """Citations that their claim needs / citations: it is supported, and not without this one unless by this one alone.

    nan without citations. Source and judge as for `claim_recall`.
    """
    return _mean([_needed(claim, quotes, at) for claim, quotes in claims for at in range(len(quotes))])


# Abstention: each is a question's score, whose mean over questions is the figure


def abstention_precision(abstained: bool, answerable: bool) -> float:
    """Mean: unanswerable questions among those abstained from; nan for a question that was answered.

    Abstaining is the "no answer" of SQuAD 2.0: Rajpurkar, Jia & Liang, Know What You Don't Know, ACL 2018.
    """
    return float(not answerable) if abstained else _NAN


def abstention_recall(abstained: bool, answerable: bool) -> float:
    """Mean: abstentions among unanswerable questions, the rate of right abstention; nan for an answerable question."""
    return _NAN if answerable else float(abstained)


def wrong_abstention(abstained: bool, answerable: bool) -> float:
    """Mean: abstentions among answerable questions; nan for an unanswerable question."""
    return float(abstained) if answerable else _NAN


def brier(confidence: float, answerable: bool) -> float:
    """(confidence - 1)² for an answerable question, confidence² for another; its mean is the Brier score, best 0.

    Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review, 1950, in its usual form
    for two outcomes.
    """
    return (confidence - answerable) ** 2


# Over questions


def mean(scores: Iterable[float]) -> float:
    """The mean of the scores that are defined; nan if none is."""
    return _mean(defined(scores))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, linear between neighbours; nan without values.

    Definition 7 of Hyndman & Fan, Sample Quantiles in Statistical Packages, 1996.
    """
    return float(np.quantile(values, share)) if len(values) else _NAN


def interval(scores: Iterable[float], *, seed: int = SEED) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean of the defined scores, the same for a seed; nan below two scores.

    Percentile method: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    known = np.array(defined(scores))
    if len(known) < 2:
        return _NAN, _NAN
    means: NDArray[np.float64] = samples(len(known), seed) @ known / len(known)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def percentile_interval(values: Sequence[float], share: float, *, seed: int = SEED) -> tuple[float, float]:
    """The 95 % bootstrap interval of `percentile`; nan below two values. Source as for `interval`."""
    if len(values) < 2:
        return _NAN, _NAN
    drawn = np.array(values)[_draws(len(values), seed)]
    low, high = np.quantile(np.quantile(drawn, share, axis=1), (0.025, 0.975))
    return float(low), float(high)


def change_interval(before: Sequence[float], now: Sequence[float], *, seed: int = SEED) -> tuple[float, float]:
    """The 95 % bootstrap interval of mean(now) - mean(before), where both are scores of the same questions in order.

    Questions are drawn in pairs, so what makes a question hard for both runs cancels out; each mean is over the scores
    defined in it. nan below two questions. Source as for `interval`.
    """
    scores = np.array([before, now])
    scores = scores[:, ~np.isnan(scores).all(axis=0)]
    asked = scores.shape[1]
    if asked < 2:
        return _NAN, _NAN
    known = ~np.isnan(scores)
    weights = samples(asked, seed)
    counts = (weights @ known.T).T
    sums = (weights @ np.where(known, scores, 0).T).T
    both = (counts > 0).all(axis=0)
    changes = np.diff(sums[:, both] / counts[:, both], axis=0)
    low, high = np.quantile(changes, (0.025, 0.975)) if changes.size else (_NAN, _NAN)
    return float(low), float(high)


def defined(scores: Iterable[float]) -> list[float]:
    """The scores that are not nan."""
    return [score for score in scores if not math.isnan(score)]


@lru_cache(maxsize=4)
def samples(count: int, seed: int = SEED) -> NDArray[np.float64]:
    """How often each of so many questions stands in each bootstrap sample, shape (2000, count)."""
    return np.array([np.bincount(draw, minlength=count) for draw in _draws(count, seed)], dtype=float)


@lru_cache(maxsize=4)
def _draws(count: int, seed: int) -> NDArray[np.int64]:
    """Which of so many questions each bootstrap sample holds, shape (2000, count)."""
    return np.random.default_rng(seed).integers(0, count, size=(_DRAWS, count))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else _NAN


def _discount(rank: float) -> float:
    return 1 / math.log2(1 + rank)


def _holds(text: str, phrase: str) -> bool:
    return f" {' '.join(words(phrase))} " in f" {' '.join(words(text))} "


def _characters(spans: Iterable[rag.Span]) -> set[tuple[str, int]]:
    return {(span.document_id, position) for span in spans for position in range(span.start, span.end)}


def _needed(claim: str, quotes: Sequence[str], at: int) -> bool:
    others = [quote for number, quote in enumerate(quotes) if number != at]
    return supports(quotes, claim) and (supports([quotes[at]], claim) or not supports(others, claim))


def _common(said: Sequence[str], wanted: Sequence[str]) -> int:
    """The length of the longest sequence of words that stands in both, with gaps."""
    row = [0] * (len(wanted) + 1)
    for word in said:
        before = 0
        for at, other in enumerate(wanted, 1):
            before, row[at] = row[at], before + 1 if word == other else max(row[at], row[at - 1])
    return row[-1]


def _share(shown: set[tuple[str, int]], gold: rag.Span) -> float:
    characters = _characters([gold])
    return len(shown & characters) / len(characters)
