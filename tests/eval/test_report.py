"""The tables say what the JSON says, and a comparison tells a change from chance."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

import rag
from eval import difference, ranking, report
from eval.collection import Collection, Passage, Query
from eval.dataset import KINDS, Question, Split
from eval.ranking import Ranked
from eval.run import run
from tests.eval.notebook import ANSWERS, QUESTIONS, Notebook, question

SPLITS: tuple[Split, Split] = ("dev", "test")


def shown(table: Table) -> list[str]:
    """The lines of a table on a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def row(table: Table, name: str) -> list[str]:
    """The cells of the row that starts with a name."""
    at = [str(cell) for cell in table.columns[0].cells].index(name)
    return [str(list(column.cells)[at]) for column in table.columns]


def results(answers: dict[str, str], questions: tuple[Question, ...] = QUESTIONS) -> dict[str, Any]:
    """What a notebook with these answers gets, as its JSON."""
    return run(Notebook(answers), questions, settings=rag.Settings()).to_dict()


def test_overall_has_a_column_for_each_split_and_their_sum() -> None:
    """Contained answers are half of all, all of dev, none of test; each with its interval."""
    cells = row(report.overall(results(ANSWERS)), "containment")

    assert cells == ["containment", "0.50 (0.00–1.00)", "1.00 (1.00–1.00)", "0.00 (0.00–0.00)"]


def test_one_split_is_one_column() -> None:
    """Where only dev was asked there is nothing to add up."""
    cells = row(report.overall(results(ANSWERS, QUESTIONS[:1])), "recall@5")

    assert cells == ["recall@5", "1.00"]


def test_an_undefined_figure_is_a_dash() -> None:
    """dev holds no unanswerable question, so it has no abstention recall."""
    cells = row(report.overall(results(ANSWERS)), "abstention recall")

    assert cells == ["abstention recall", "1.00", "–", "1.00"]


def test_each_kind_has_its_row() -> None:
    """Three single facts of which one is refused, one follow-up, one unanswerable that is refused."""
    table = report.by_kind(results(ANSWERS))

    assert row(table, "single fact")[1::4] == ["3", "0.33\n(0.00–1.00)"]
    assert row(table, "follow up") == ["follow up", "1", "1.00", "1.00", "1.00", "0.00"]
    assert row(table, "unanswerable") == ["unanswerable", "1", "–", "–", "–", "1.00"]


def test_each_type_of_document_has_its_row() -> None:
    """The four questions with gold in Markdown; the unanswerable one was written about no document."""
    assert row(report.by_type(results(ANSWERS)), "md")[:3] == ["md", "4", "1.00\n(1.00–1.00)"]


def test_a_folder_is_read_by_its_run(tmp_path: Path) -> None:
    """`--against` and `rag diff` take the folder that `--out` made."""
    written = results(ANSWERS)
    (tmp_path / "run.json").write_text(json.dumps(written), encoding="utf-8")

    assert report.load(tmp_path) == written


def test_a_run_against_itself_shows_no_change() -> None:
    """Every paired change is zero with an interval of nothing."""
    same = results(ANSWERS)

    cells = row(report.comparison(difference.compare(same, same)), "containment")

    assert cells == ["containment", "0.500", "0.500", "+0.000 (+0.000 to +0.000)", "1.000"]


def test_a_real_change_stands_out() -> None:
    """When each of twenty answers goes from wrong to right the change is 1, its chance small, and it is set in bold."""
    asked = tuple(question(f"q{number}", f"When {number}?", "visit.md") for number in range(20))
    worse, better = ({one.question: line for one in asked} for line in ("trade.md", "visit.md"))

    table = report.comparison(difference.compare(results(worse, asked), results(better, asked)))

    assert row(table, "containment")[1:4] == ["0.000", "1.000", "+1.000 (+1.000 to +1.000)"]
    assert float(row(table, "containment")[4]) < 0.05
    styles = {str(name): line.style for name, line in zip(table.columns[0].cells, table.rows, strict=True)}
    assert (styles["containment"], styles["wrong abstention"]) == ("bold", "")


def test_only_questions_of_both_runs_are_compared() -> None:
    """A question that was added, or changed its words under the same id, is left out."""
    changed = question("wrong", "What shrank?", "trade.md", split="test")

    table = report.comparison(difference.compare(results(ANSWERS, (*QUESTIONS[:1], changed)), results(ANSWERS)))

    assert "1 questions" in str(table.title)


def test_no_figure_is_cut_on_eighty_columns() -> None:
    """The narrowest usual terminal shows every name and interval whole."""
    asked = tuple(
        question(f"{kind}{number}", f"When {number}?", "visit.md", kind=kind, split=split)
        for kind in KINDS[:-1]
        for number, split in enumerate(SPLITS * 2)
    )
    written = results(ANSWERS, asked)

    tables = [report.overall(written), report.by_kind(written), report.by_type(written)]
    tables += [report.comparison(difference.compare(written, results({}, asked)))]
    lines = [line for table in tables for line in shown(table)]

    widest, *_ = (line for line in lines if line.startswith("citation char recall"))
    assert widest.count("0.00 (0.00–0.00)") == 3
    assert not any("…" in line for line in lines)


def test_a_figure_of_other_questions_is_compared_by_its_means() -> None:
    """Each run's abstention precision is over its own refusals: one right of two before, one of one now."""
    before = results(ANSWERS)
    now = results({**ANSWERS, "What fell?": "trade.md"})

    cells = row(report.comparison(difference.compare(before, now)), "abstention precision")

    assert cells[1:3] == ["0.500", "1.000"]
    assert cells[3].startswith("+0.500 (")


def test_what_was_written_is_what_is_loaded(tmp_path: Path) -> None:
    """Results come back from their file as they went in."""
    written = results(ANSWERS)
    (tmp_path / "run.json").write_text(json.dumps(written), encoding="utf-8")

    assert report.load(tmp_path / "run.json") == written


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 0}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    """A file that is no JSON, or the JSON of something else, is an error that names the file."""
    (tmp_path / "run.json").write_text(text, encoding="utf-8")

    with pytest.raises(report.ReportError, match=r"run\.json"):
        report.load(tmp_path / "run.json")


def ranked(scores: dict[str, Sequence[float]], collection: str = "tea") -> dict[str, Any]:
    """The JSON of systems with these scores, each the share of relevant passages found for a query."""
    asked = {str(number): Query(str(number)) for number in range(len(next(iter(scores.values()))))}
    judged = {"test": {key: {"a": 1} for key in asked}}
    found = {
        name: Ranked(
            dict.fromkeys(asked, ()),
            {key: {"ndcg@10": one, "recall@5": 1.0} for key, one in zip(asked, each, strict=True)},
            1.0,
            dict.fromkeys(asked, 0.1),
        )
        for name, each in scores.items()
    }
    return ranking.results(Collection(collection, {"a": Passage("", "Tea")}, asked, judged), "test", found)


def test_a_ranking_has_a_line_for_each_system() -> None:
    """Every figure with its interval, to three digits, under what was asked of what."""
    table = report.rankings(ranked({"bm25": [0, 1], "ours": [1, 1]}))

    assert str(table.title) == "tea, test: 2 queries, 1 passages"
    assert row(table, "bm25") == ["bm25", "0.500 (0.000–1.000)", "1.000 (1.000–1.000)"]
    assert row(table, "ours")[1] == "1.000 (1.000–1.000)"


def test_two_rankings_are_compared_query_by_query() -> None:
    """Only over queries of both, in pairs: each is better by a half, so there is no doubt about the change."""
    table = report.ranking_comparison(ranked({"ours": [0.5, 1]}), ranked({"ours": [0, 0.5, 1]}))

    assert "2 queries" in str(table.title)
    assert row(table, "ndcg@10")[1:] == ["0.250", "0.750", "+0.500 (+0.500 to +0.500)"]


def test_rankings_of_different_collections_are_not_compared() -> None:
    """Their queries have nothing to do with one another, even under the same ids."""
    with pytest.raises(report.ReportError, match="earlier run is of rain, this one of tea"):
        report.ranking_comparison(ranked({"ours": [1]}), ranked({"ours": [1]}, "rain"))


def test_markdown_ends_with_what_ours_has_over_the_best_other() -> None:
    """Figure by figure the best of the others, and never ours in its other form."""
    told = report.markdown(
        ranked({"bm25": [0, 0.5], "dense": [0, 0.25], "ours": [0.5, 1], "ours, query alone": [1, 1]})
    )

    lines = told.splitlines()
    assert lines[0] == "### tea, test: 2 queries, 1 passages"
    assert lines[2:4] == ["| system | ndcg@10 | recall@5 |", "| --- | --- | --- |"]
    assert lines[4].startswith("| bm25 | 0.250 (0.000–0.500) |")
    assert lines[-1] == (
        "| **ours less the best other** | +0.500 (+0.500 to +0.500) to bm25 | +0.000 (+0.000 to +0.000) to bm25 |"
    )


def test_markdown_of_others_alone_has_no_such_line() -> None:
    """There is nothing to subtract."""
    assert "less" not in report.markdown(ranked({"bm25": [0, 1], "dense": [1, 1]}))


def test_a_ranking_is_not_taken_for_answers(tmp_path: Path) -> None:
    """Nor the other way round; the message says what is missing."""
    (tmp_path / "ranking.json").write_text(json.dumps(ranked({"ours": [1]})), encoding="utf-8")
    (tmp_path / "answers.json").write_text(json.dumps(results(ANSWERS)), encoding="utf-8")

    with pytest.raises(report.ReportError, match=r"ranking\.json .* no records"):
        report.load(tmp_path / "ranking.json")
    with pytest.raises(report.ReportError, match=r"answers\.json .* no systems"):
        report.load_ranking(tmp_path / "answers.json")
    assert report.load_ranking(tmp_path / "ranking.json")["collection"] == "tea"
