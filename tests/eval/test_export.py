"""What other programs read of a run is what it holds."""

import csv
import io

import ir_measures
import pytest
from ir_measures import RR, R

import rag
from eval import export
from eval.run import run
from tests.eval.notebook import QUESTIONS, Notebook

RESULTS = run(Notebook(), QUESTIONS, settings=rag.Settings()).to_dict()


def columns(text: str) -> list[list[str]]:
    """The lines of a file of trec_eval, each parted at its white space."""
    return [line.split() for line in text.splitlines()]


def test_csv_has_a_line_for_each_question() -> None:
    """Question, answer, citations, how it went and every score, under names."""
    rows = list(csv.DictReader(io.StringIO(export.answers(RESULTS))))

    assert [row["id"] for row in rows] == [question.id for question in QUESTIONS]
    assert rows[0]["answer"] == "He arrived on 18 June."
    assert (rows[0]["citations"], rows[0]["outcome"], rows[0]["containment"]) == ("visit.md:0-22", "right", "1.0")
    assert (rows[4]["abstained"], rows[4]["recall@5"]) == ("True", "")


def test_trec_eval_counts_what_the_run_counted() -> None:
    """Recall and reciprocal rank of the files are those of the figures."""
    qrels = [ir_measures.Qrel(line[0], line[2], int(line[3])) for line in columns(export.trec_qrels(RESULTS))]
    found = [ir_measures.ScoredDoc(line[0], line[2], float(line[4])) for line in columns(export.trec_run(RESULTS))]

    theirs = ir_measures.calc_aggregate([R @ 1, R @ 5, RR], qrels, found)

    ours = RESULTS["figures"]["all"]["all"]
    assert theirs[R @ 1] == pytest.approx(ours["recall@1"]["mean"])
    assert theirs[R @ 5] == pytest.approx(ours["recall@5"]["mean"])
    assert theirs[RR] == pytest.approx(ours["mrr@10"]["mean"], abs=1e-4)


def test_names_with_spaces_stay_one_column() -> None:
    """trec_eval parts columns at white space."""
    record = {
        "id": "q 1",
        "gold": [[{"document_id": "a b/ü.md", "start": 0, "end": 5, "quote": "x"}]],
        "ranking": [{"document_id": "c\nd.md", "start": 1, "end": 2}],
    }

    assert export.trec_run({"records": [record]}) == "q%201 Q0 c%0Ad.md:1-2 1 1.0000 rag\n"
    assert export.trec_qrels({"records": [record]}) == "q%201 0 a%20b/%C3%BC.md:0-5 1\n"
