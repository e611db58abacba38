"""Every figure against numbers worked by hand, and rankings against ir_measures."""

import math
from collections.abc import Sequence

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, nDCG
from sklearn.metrics import brier_score_loss

import rag
from eval import metrics


def span(start: int, end: int, document: str = "d.md") -> rag.Span:
    """Characters `start` to `end` of a document."""
    return rag.Span(document, start, end)


def parts(*spans: rag.Span) -> list[list[rag.Span]]:
    """Each span as a part of its own."""
    return [[one] for one in spans]


@pytest.mark.parametrize(
    ("found", "covered"),
    [
        (span(0, 200), True),  # all of it
        (span(0, 110), True),  # half of it
        (span(0, 109), False),  # one character less
        (span(110, 114), True),  # inside it
        (span(118, 124), False),  # a third of the passage
        (span(117, 123), True),  # half of the passage
        (span(100, 120, "other.md"), False),
    ],
)
def test_half_of_either_span_covers(found: rag.Span, covered: bool) -> None:
    """A passage covers gold when they share half of the gold's characters or half of the passage's own."""
    gold = span(100, 120)

    assert metrics.covers(found, gold) is covered


def test_each_part_has_the_rank_of_its_first_passage() -> None:
    """Ranks count from 1, a part's second place is as good as its first, and a part never found is at infinity."""
    ranking = [span(0, 10), span(20, 30), span(20, 30), span(40, 50)]
    gold = [[span(20, 30)], [span(90, 99), span(40, 50)], [span(70, 80)]]

    assert metrics.ranks(ranking, gold) == (2, 4, math.inf)


def test_recall_counts_parts_found_by_k() -> None:
    """Of three parts at ranks 2, 4 and never, the first two passages hold one and the first five hold two."""
    ranks = (2, 4, math.inf)

    found = [metrics.recall_at(ranks, k) for k in (1, 2, 5)]

    assert found == [0, 1 / 3, 2 / 3]


def test_reciprocal_rank_is_that_of_the_best_part() -> None:
    """Parts at ranks 4 and 2 give 1/2; none found gives 0."""
    assert metrics.reciprocal_rank((4, 2)) == 0.5
    assert metrics.reciprocal_rank((math.inf,)) == 0


def test_ndcg_of_two_parts_at_ranks_one_and_three() -> None:
    """(1/log2(2) + 1/log2(4)) / (1/log2(2) + 1/log2(3)) is 1.5 / 1.6309 = 0.9197."""
    assert metrics.ndcg_at((3, 1), 10) == pytest.approx(0.9197, abs=5e-5)


def test_one_passage_with_both_parts_is_the_ideal() -> None:
    """Two parts in the first passage give 1, not more: a merged passage is no better than the ideal ranking."""
    assert metrics.ndcg_at((1, 1), 10) == pytest.approx(1)


def test_parts_beyond_k_gain_nothing() -> None:
    """At k = 2, parts at ranks 1 and 3 give 1 / (1 + 0.6309) = 0.6131."""
    assert metrics.ndcg_at((1, 3), 2) == pytest.approx(0.6131, abs=5e-5)


def test_precision_counts_passages_that_cover_any_part() -> None:
    """Of the first five, of which there are three, two cover gold, one of them the other's part: 2 / 5."""
    ranking = [span(0, 10), span(100, 110), span(0, 10)]

    assert metrics.precision_at(ranking, parts(span(0, 10), span(500, 510)), 5) == 0.4


def test_average_precision_of_parts_at_ranks_one_and_four() -> None:
    """(1/1 + 2/4) / 2; a third part that is not found makes it (1 + 1/2 + 0) / 3."""
    assert metrics.average_precision((4, 1)) == 0.75
    assert metrics.average_precision((4, 1, math.inf)) == 0.5


@given(
    ranking=st.permutations(range(15)).flatmap(lambda order: st.integers(1, 15).map(lambda length: order[:length])),
    relevant=st.sets(st.integers(0, 14), min_size=1),
)
def test_rankings_agree_with_ir_measures(ranking: Sequence[int], relevant: set[int]) -> None:
    """With one part to a passage, recall, precision, reciprocal rank, MAP and nDCG are those of ir_measures."""
    qrels = [ir_measures.Qrel("q", str(number), 1) for number in relevant]
    scored = [ir_measures.ScoredDoc("q", str(number), -float(rank)) for rank, number in enumerate(ranking)]
    spans = [span(10 * number, 10 * number + 10) for number in range(15)]

    theirs = ir_measures.calc_aggregate([R @ 5, P @ 5, RR, AP, nDCG @ 10], qrels, scored)
    found, gold = [spans[number] for number in ranking], parts(*(spans[number] for number in relevant))
    ranks = metrics.ranks(found, gold)

    assert metrics.recall_at(ranks, 5) == pytest.approx(theirs[R @ 5])
    assert metrics.precision_at(found, gold, 5) == pytest.approx(theirs[P @ 5])
    assert metrics.average_precision(ranks) == pytest.approx(theirs[AP])
    assert metrics.reciprocal_rank(ranks) == pytest.approx(theirs[RR])
    assert metrics.ndcg_at(ranks, 10) == pytest.approx(theirs[nDCG @ 10])


@given(st.lists(st.one_of(st.integers(1, 12), st.just(math.inf)), min_size=1), st.integers(1, 12))
def test_ndcg_stays_between_zero_and_one(ranks: list[float], k: int) -> None:
    """However many parts share a passage, nDCG@k is at least 0 and at most 1."""
    assert 0 <= metrics.ndcg_at(ranks, k) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The visit, a First!", ["visit", "first"]),
        ("1,000 and 1000,50 and 12,345,678.", ["1000", "and", "1000", "50", "and", "12345678"]),
        ("20.6 million in 2023.", ["20.6", "million", "in", "2023"]),
        ("5%, 5 percent, 5 per cent", ["5", "percent"] * 3),
        ("U.S.-China", ["us", "china"]),
        ("Qin Gang’s office", ["qin", "gang", "s", "office"]),
        ("18–19 June", ["18", "19", "june"]),
        ("$690 _billion_", ["690", "billion"]),
        ("秦刚。", ["秦刚"]),
        ("The…", []),
    ],
)
def test_words_are_what_two_texts_are_compared_by(text: str, expected: list[str]) -> None:
    """Case, punctuation, articles and ways of writing a number make no difference."""
    assert metrics.words(text) == expected


def test_token_f1_counts_shared_words() -> None:
    """Five words said, three wanted, two of them shared: 2 * 2 / (5 + 3)."""
    assert metrics.token_f1("He arrived on 18 June.", "18 June 2023") == 0.5


def test_token_f1_counts_a_repeated_word_as_often_as_both_have_it() -> None:
    """ "no no" against "no" shares one word: 2 * 1 / (2 + 1)."""
    assert metrics.token_f1("No, no", "no") == pytest.approx(2 / 3)


def test_token_f1_of_silence_is_zero() -> None:
    """An empty answer to an answerable question is wrong, not undefined."""
    assert metrics.token_f1("", "18 June") == 0


@pytest.mark.parametrize(
    ("answer", "accepted", "expected"),
    [
        ("Trade came to $1,000 million.", [["1000 million"]], 1),
        ("Fifteen of 15 agreed.", [["5"]], 0),  # whole words only
        ("It was Qin.", [["Wang"], ["Qin"]], 1),  # any form is enough
        ("Iran and then Saudi Arabia.", [["Saudi Arabia", "Iran"]], 1),  # all phrases, in any order
        ("Iran alone.", [["Saudi Arabia", "Iran"]], 0),
        ("", [["Qin"]], 0),
    ],
)
def test_an_answer_contains_an_accepted_form(answer: str, accepted: list[list[str]], expected: float) -> None:
    """The answer is right when it holds every phrase of one accepted form as whole words."""
    assert metrics.contains(answer, accepted) == expected


@pytest.mark.parametrize(
    ("answer", "accepted", "expected"),
    [
        ("The 18th June.", [["18th June"]], 1),
        ("On 18th June.", [["18th June"]], 0),  # one word more
        ("Qin and Wang", [["Qin", "Wang"], ["Qin and Wang"]], 1),  # a form of several phrases has no words of its own
        ("", [["Qin"]], 0),
    ],
)
def test_an_exact_match_has_the_words_of_one_form(answer: str, accepted: list[list[str]], expected: float) -> None:
    """No word more, none less; case, punctuation and articles make no difference."""
    assert metrics.exact_match(answer, accepted) == expected


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("police killed gunman", "police kill gunman", 2 / 3),  # Lin 2004, section 3.1: S1 and S2
        ("gunman kill police", "police kill gunman", 1 / 3),  # S3: words in another order
        ("Xi met Blinken in Beijing", "Blinken met Xi", 2 / 8),
        ("", "18 June", 0),
    ],
)
def test_rouge_l_counts_words_in_the_same_order(answer: str, reference: str, expected: float) -> None:
    """Twice the longest common sequence over the words of both."""
    assert metrics.rouge_l(answer, reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("Blinken met Xi for 35 minutes.", True),
        ("Blinken met Xi for 40 minutes.", False),  # a number that is not there
        ("Blinken met Xi for 35 minutes in Beijing.", True),  # five of six words
        ("Blinken met Qin and Wang.", False),
        ("", False),
    ],
)
def test_a_claim_stands_on_the_words_it_cites(claim: str, supported: bool) -> None:
    """Every number, and four of five of the other words; small words do not count."""
    assert metrics.supports(["Blinken met Xi Jinping", "for 35 minutes."], claim) is supported


def test_claims_are_judged_by_what_they_cite() -> None:
    """One of two claims is supported: recall 1/2; of three citations two are needed, one says nothing: 2/3."""
    claims = [
        ("Blinken met Xi for 35 minutes.", ["Blinken met Xi.", "It took 35 minutes."]),
        ("They spoke of trade.", ["It rained."]),
    ]

    assert metrics.claim_recall(claims) == 0.5
    assert metrics.claim_precision(claims) == pytest.approx(2 / 3)


def test_a_citation_beside_one_that_says_all_is_not_needed() -> None:
    """Of two citations one supports the claim alone: precision 1/2. A claim without citations has recall 0."""
    claim = "Blinken met Xi."

    assert metrics.claim_precision([(claim, ["It rained.", "Blinken met Xi."])]) == 0.5
    assert metrics.claim_recall([(claim, [])]) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_the_brier_score_is_that_of_scikit_learn(forecasts: list[tuple[float, bool]]) -> None:
    """The mean over questions is brier_score_loss."""
    ours = metrics.mean(metrics.brier(confidence, answerable) for confidence, answerable in forecasts)

    theirs = brier_score_loss([answerable for _, answerable in forecasts], [p for p, _ in forecasts], pos_label=1)
    assert ours == pytest.approx(theirs)


def test_citations_are_judged_by_the_spans_they_cover() -> None:
    """Three citations of which one covers one of two parts: precision 1/3, recall 1/2."""
    cited = [span(0, 10), span(100, 120), span(300, 310)]
    gold = parts(span(105, 120), span(200, 220))

    assert metrics.citation_precision(cited, gold) == pytest.approx(1 / 3)
    assert metrics.citation_recall(cited, gold) == 0.5


def test_cited_characters_count_once() -> None:
    """Thirty characters shown by two overlapping citations, fifteen of them gold: precision 15/30."""
    cited = [span(0, 20), span(10, 30)]
    gold = parts(span(15, 40))

    assert metrics.citation_precision_by_character(cited, gold) == 0.5


def test_character_recall_averages_over_parts_at_their_best_place() -> None:
    """One part cited in full at its second place, one to a quarter: (1 + 1/4) / 2."""
    cited = [span(50, 60), span(100, 105)]
    gold = [[span(0, 10), span(50, 60)], [span(100, 120)]]

    assert metrics.citation_recall_by_character(cited, gold) == 0.625


def test_abstention_figures_are_means_over_their_own_questions() -> None:
    """Of 2 unanswerable questions 1 is refused and of 4 answerable 1: precision 1/2, recall 1/2, wrong 1/4."""
    asked = [(True, False), (False, False), (True, True), (False, True), (False, True), (False, True)]

    precision = metrics.mean(metrics.abstention_precision(*one) for one in asked)
    recall = metrics.mean(metrics.abstention_recall(*one) for one in asked)
    wrong = metrics.mean(metrics.wrong_abstention(*one) for one in asked)

    assert (precision, recall, wrong) == (0.5, 0.5, 0.25)


def test_figures_without_gold_are_undefined() -> None:
    """An unanswerable question has no retrieval, answer or citation score, rather than a perfect or a zero one."""
    cited = [span(0, 10)]

    scores = [
        metrics.recall_at((), 5),
        metrics.precision_at(cited, [], 5),
        metrics.reciprocal_rank(()),
        metrics.average_precision(()),
        metrics.ndcg_at((), 10),
        metrics.token_f1("something", ""),
        metrics.contains("something", ()),
        metrics.exact_match("something", ()),
        metrics.rouge_l("something", ""),
        metrics.claim_recall([]),
        metrics.claim_precision([("something", [])]),
        metrics.citation_precision(cited, []),
        metrics.citation_recall(cited, []),
        metrics.citation_precision_by_character(cited, []),
        metrics.citation_recall_by_character(cited, []),
    ]

    assert all(math.isnan(score) for score in scores)


def test_citing_nothing_has_no_precision_and_no_recall_of_gold() -> None:
    """Without citations precision is undefined and recall is 0, by span and by character."""
    gold = parts(span(0, 10))

    assert math.isnan(metrics.citation_precision([], gold))
    assert math.isnan(metrics.citation_precision_by_character([], gold))
    assert metrics.citation_recall([], gold) == 0
    assert metrics.citation_recall_by_character([], gold) == 0


def test_percentiles_lie_between_neighbours() -> None:
    """Of 1, 2, 3, 4 the median is 2.5 and the 95th percentile 3.85; of nothing it is undefined."""
    seconds = [4.0, 1.0, 3.0, 2.0]

    assert metrics.percentile(seconds, 0.5) == 2.5
    assert metrics.percentile(seconds, 0.95) == pytest.approx(3.85)
    assert math.isnan(metrics.percentile([], 0.5))


def test_interval_of_a_share_is_near_the_normal_one() -> None:
    """For 60 of 100 it is within .02 of .6 ± 1.96 * sqrt(.6 * .4 / 100) = .504 to .696; undefined scores are out."""
    scores = [1.0] * 60 + [0.0] * 40 + [math.nan] * 50

    low, high = metrics.interval(scores)

    assert low == pytest.approx(0.504, abs=0.02)
    assert high == pytest.approx(0.696, abs=0.02)


def test_interval_is_the_same_every_time() -> None:
    """The same scores give the same interval, so two reports of one run agree."""
    scores = [0.1, 0.5, 0.9, 0.4]

    assert metrics.interval(scores) == metrics.interval(list(scores))


def test_paired_scores_have_the_interval_of_their_differences() -> None:
    """Where every score is defined, the change of the means has the interval of the mean of the changes."""
    before = [0.1, 0.4, 0.9, 0.3, 0.6]
    now = [0.2, 0.4, 0.7, 0.9, 0.6]

    change = metrics.change_interval(before, now)

    differences = [after - first for first, after in zip(before, now, strict=True)]
    assert change == pytest.approx(metrics.interval(differences))


def test_a_change_between_different_questions_has_an_interval() -> None:
    """Scores defined in only one of the runs count in that run's mean; questions without any score do not count."""
    before = [1.0, 0.0, math.nan, 1.0, math.nan]
    now = [math.nan, 1.0, 1.0, 1.0, math.nan]

    low, high = metrics.change_interval(before, now)

    assert low == 0
    assert 0.5 < high <= 1


def test_nothing_in_common_has_no_interval() -> None:
    """Fewer than two scored questions say nothing of a change."""
    assert all(math.isnan(end) for end in metrics.change_interval([math.nan, 1.0], [math.nan, 0.0]))


def test_one_score_has_no_interval() -> None:
    """A single question says nothing of how figures vary."""
    assert all(math.isnan(end) for end in metrics.interval([1.0, math.nan]))


def test_mean_leaves_out_what_is_undefined() -> None:
    """The mean of 1, nan, 0 is 1/2; of nothing it is nan."""
    assert metrics.mean([1, math.nan, 0]) == 0.5
    assert math.isnan(metrics.mean([math.nan]))
