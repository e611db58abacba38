"""Two runs side by side: what changed, and the stage that it comes from."""

import io
from typing import Any

import pytest
from rich.console import Console

import rag
from eval import difference, report
from eval.run import run
from tests.eval.notebook import ANSWERS, QUESTIONS, Notebook

BETTER = {**ANSWERS, "What grew?": "trade.md"}  # was visit.md, which is wrong
SPOKEN = {**ANSWERS, "Who is the mayor?": "visit.md"}  # the documents do not say


def results(answers: dict[str, str], **settings: Any) -> dict[str, Any]:
    """What a notebook with these answers gets, as its JSON."""
    return run(Notebook(answers), QUESTIONS, settings=rag.Settings(**settings)).to_dict()


def test_a_run_against_itself_differs_in_nothing() -> None:
    """No answer changed, and no figure's change is more than chance."""
    same = results(ANSWERS)

    compared = difference.compare(same, same)

    assert compared.differences == ()
    assert {change.p for change in compared.changes} == {1}


def test_other_passages_make_another_answer_by_retrieval() -> None:
    """The notebook found another document, so what was said and cited changed, and for the better."""
    (changed,) = difference.compare(results(ANSWERS), results(BETTER)).differences

    assert (changed.now["id"], changed.what, changed.why) == ("wrong", ("answer", "citations"), "retrieval")
    assert (changed.better, changed.worse) == (True, False)


def test_an_answer_where_it_declined_is_for_the_worse() -> None:
    """The documents do not say who is the mayor."""
    (changed,) = difference.compare(results(ANSWERS), results(SPOKEN)).differences

    assert (changed.now["id"], changed.what) == ("none", ("abstention",))
    assert (difference.outcome(changed.before), difference.outcome(changed.now)) == (
        "rightly declined",
        "should have declined",
    )
    assert changed.worse


def record(*, abstained: bool, confidence: float, passage: str = "visit.md") -> dict[str, Any]:
    """As much of a record as tells why it is as it is."""
    found = [{"document_id": passage, "start": 0, "end": 9}]
    return {"answer": {"abstained": abstained}, "evidence": {"confidence": confidence, "passages": found}}


@pytest.mark.parametrize(
    ("before", "now", "thresholds", "why"),
    [
        # the old confidence declines at the new threshold
        (record(abstained=False, confidence=0.6), record(abstained=True, confidence=0.6), (0.5, 0.7), "threshold"),
        # the threshold is another, but it is the confidence that fell
        (record(abstained=False, confidence=0.9), record(abstained=True, confidence=0.3), (0.5, 0.7), "answering"),
        (
            record(abstained=False, confidence=0.9),
            record(abstained=True, confidence=0.3, passage="trade.md"),
            (0.5, 0.5),
            "retrieval",
        ),
        (record(abstained=True, confidence=0.4), record(abstained=False, confidence=0.6), (0.5, 0.5), "answering"),
        # nothing was declined: a threshold has no part in it
        (record(abstained=False, confidence=0.6), record(abstained=False, confidence=0.6), (0.5, 0.1), "answering"),
    ],
)
def test_the_earliest_stage_that_differs_is_why(
    before: dict[str, Any], now: dict[str, Any], thresholds: tuple[float, float], why: str
) -> None:
    """Threshold where it alone would have turned the decision, else retrieval, else answering."""
    assert difference.why(before, now, thresholds) == why


def test_less_of_a_bad_figure_is_better() -> None:
    """Rightly declined before, answered now: the Brier score went up, which is worse, and so did AUROC's opposite."""
    compared = difference.compare(results(ANSWERS), results(SPOKEN))

    changes = {change.name: change for change in compared.changes}

    assert changes["brier"].difference > 0
    assert changes["brier"].worse
    assert changes["abstention_recall"].worse
    assert not changes["containment"].worse


def test_a_changed_question_is_told_in_words() -> None:
    """Its id, how it went before and now, the stage, and both answers with their documents, whatever they hold."""
    (changed,) = difference.compare(results(ANSWERS), results(BETTER)).differences
    console = Console(file=io.StringIO(), width=200)

    for line in report.told(changed):
        console.print(line)

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue().splitlines()
    assert shown[0] == "wrong: wrong → right; answer, citations, because of retrieval"
    assert shown[2:] == [
        "  before (0.90): He arrived on 18 June. visit.md",
        "  now (0.90): Trade grew. trade.md",
    ]
