"""Figures of a ranking against ir_measures and hand-worked numbers; what is asked, kept and counted."""

import json
import re
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import R, nDCG

from eval import metrics, ranking, ranking_page, report
from eval.collection import Collection, Passage, Query

PASSAGES = {key: Passage("", f"Passage {key}.") for key in "abc"}


class Fixed:
    """Ranks for each query what it was told to."""

    def __init__(self, rankings: Mapping[str, Sequence[str]]) -> None:
        self.rankings = rankings
        self.indexed: list[str] = []

    def index(self, passages: Mapping[str, Passage]) -> None:
        """Remember their ids."""
        self.indexed += passages

    def search(self, query: Query, k: int) -> Sequence[str]:
        """The first of the ranking."""
        return self.rankings[query.text][:k]


def collection(judged: Mapping[str, Mapping[str, int]]) -> Collection:
    """Three passages, and queries whose text is their id."""
    return Collection("letters", PASSAGES, {key: Query(key) for key in "xyz"}, {"test": judged})


def test_ndcg_gains_by_the_grade_itself() -> None:
    """Grades 1 and 2 at ranks 1 and 3: (1 + 2 / log2(4)) / (2 + 1 / log2(3)) is 2 / 2.6309 = 0.7602."""
    assert ranking.ndcg_at(["a", "x", "b"], {"a": 1, "b": 2, "c": 0}, 10) == pytest.approx(0.7602, abs=5e-5)


def test_recall_is_the_share_of_relevant_passages_by_k() -> None:
    """Of three relevant passages two are in the first two; one judged as irrelevant counts for nothing."""
    grades = {"a": 1, "b": 2, "c": 1, "x": 0}

    found = [ranking.recall_at(["b", "a", "x", "c"], grades, k) for k in (1, 2, 3, 4)]

    assert found == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1])


def test_without_a_relevant_passage_there_is_no_figure() -> None:
    """Neither a perfect nor a failed one."""
    assert all(isnan(score) for score in ranking.score(["a"], {"a": 0}).values())


@given(
    order=st.permutations(range(15)),
    length=st.integers(1, 15),
    grades=st.dictionaries(st.integers(0, 19), st.integers(0, 3), min_size=1).filter(lambda found: any(found.values())),
)
def test_figures_agree_with_ir_measures(order: Sequence[int], length: int, grades: Mapping[int, int]) -> None:
    """nDCG@10 and recall at 5 and 10 are those of trec_eval, also with grades and passages that were never ranked."""
    found = [str(number) for number in order[:length]]
    qrels = [ir_measures.Qrel("q", str(number), grade) for number, grade in grades.items()]
    scored = [ir_measures.ScoredDoc("q", key, -float(rank)) for rank, key in enumerate(found)]

    theirs = ir_measures.calc_aggregate([nDCG @ 10, R @ 5, R @ 10], qrels, scored)
    scores = ranking.score(found, {str(number): grade for number, grade in grades.items()})

    assert scores == pytest.approx(
        {"ndcg@10": theirs[nDCG @ 10], "recall@5": theirs[R @ 5], "recall@10": theirs[R @ 10]}
    )


def test_only_judged_queries_are_searched_for() -> None:
    """z is judged in no split and y as having nothing relevant, so the system, which fails for both, is not asked."""
    system = Fixed({"x": ["a", "b"]})

    ranked = ranking.run(system, collection({"x": {"b": 1}, "y": {"c": 0}}), "test")

    assert system.indexed == ["a", "b", "c"]
    assert ranked.rankings == {"x": ("a", "b")}
    assert ranked.scores["x"]["recall@5"] == 1


def test_progress_is_told_query_by_query() -> None:
    """Done and in all."""
    told: list[tuple[int, int]] = []

    ranking.run(
        Fixed({"x": [], "y": []}),
        collection({"x": {"b": 1}, "y": {"c": 1}}),
        "all",
        progress=lambda done, total: told.append((done, total)),
    )

    assert told == [(1, 2), (2, 2)]


def test_results_keep_every_query_so_that_runs_compare_in_pairs() -> None:
    """Means and intervals are over queries, and the scores of each are there to be paired."""
    judged = collection({"x": {"a": 1}, "y": {"b": 1}})
    ranked = ranking.run(Fixed({"x": ["a"], "y": ["c"]}), judged, "test")

    results = ranking.results(judged, "test", {"fixed": ranked})

    assert results["queries"] == {
        "x": {"query": "x", "relevant": {"a": 1}},
        "y": {"query": "y", "relevant": {"b": 1}},
    }
    assert results["titles"] == {"a": "Passage a.", "b": "Passage b.", "c": "Passage c."}
    found = results["systems"]["fixed"]
    assert (results["collection"], results["split"], results["passages"]) == ("letters", "test", 3)
    assert found["figures"]["recall@5"] == {"mean": 0.5, "low": 0.0, "high": 1.0, "n": 2}
    assert metrics.interval([1, 0]) == (0.0, 1.0)
    assert found["queries"] == {
        "x": {"scores": {"ndcg@10": 1, "recall@5": 1, "recall@10": 1}, "ranking": ["a"]},
        "y": {"scores": {"ndcg@10": 0, "recall@5": 0, "recall@10": 0}, "ranking": ["c"]},
    }


def test_a_sample_of_queries_is_drawn_with_the_seed() -> None:
    """So many of the judged queries that have a relevant passage, the same for a seed; the passages all stay."""
    judged = collection({"x": {"a": 1}, "y": {"b": 1}, "z": {"c": 0}})

    drawn = [judged.sampled("test", 1, seed) for seed in (1, 1, 2, 3, 4, 5, 6, 7)]

    assert {len(one.judgements("test")) for one in drawn} == {1}
    assert drawn[0] == drawn[1]
    assert {key for one in drawn for key in one.judgements("test")} == {"x", "y"}
    assert {len(one.passages) for one in drawn} == {3}


def results(query: str = "x", title: str = "") -> dict[str, Any]:
    """Of two queries the second is found at rank 2 and the first not at all."""
    passages = {key: Passage(title, f"Passage {key}.") for key in "abc"}
    judged = Collection(
        "letters", passages, {"x": Query(query), "y": Query("y")}, {"test": {"x": {"a": 1}, "y": {"b": 1}}}
    )
    ranked = ranking.run(Fixed({query: ["c"], "y": ["c", "b"]}), judged, "test")
    return ranking.results(judged, "test", {"fixed": ranked})


def test_the_report_of_a_ranking_begins_with_the_worst_query() -> None:
    """With what was to be found and its rank, and what was found before it."""
    html = ranking_page.page(json.loads(json.dumps(results())))

    first, second = re.findall(r'<details class="asked">(.*?)</details>', html)
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", first)[3:] == ["not found", "Passage a.", "yes", "1", "Passage c.", ""]
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", second)[3:] == ["2", "Passage b.", "yes", "1", "Passage c.", ""]


def test_the_report_of_a_ranking_is_safe_whatever_is_ranked() -> None:
    """No query and no title is more than text, and no address is named."""
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"

    html = ranking_page.page(results(hostile, hostile), results(hostile, hostile))

    assert "<script" not in html and "<img" not in html
    assert html.count("&lt;script&gt;") >= 2
    assert re.findall(r"https?:|\bsrc=[^x]|\bhref=|@import|url\(", html) == []


def test_rankings_of_other_queries_are_not_compared() -> None:
    """It is told rather than shown as no change."""
    other = results()
    other["systems"]["fixed"]["queries"] = {}

    with pytest.raises(report.ReportError, match="none of these queries"):
        report.ranking_changes(results(), other)
