"""A run asks what it is given, scores it, and keeps all of it."""

import json
from math import isnan

from pydantic import SecretStr

import rag
from eval.dataset import Question
from eval.run import Record, Results, run
from tests.eval.notebook import QUESTIONS, Notebook


def records(results: Results) -> dict[str, Record]:
    """The records by question id."""
    return {record.question.id: record for record in results.records}


def evaluate(questions: tuple[Question, ...] = QUESTIONS) -> Results:
    """What the notebook gets."""
    return run(Notebook(), questions, settings=rag.Settings())


def test_a_right_answer_scores_one_on_everything() -> None:
    """The cited line is the gold line: every defined score is 1, and the wrong abstention 0."""
    scores = dict(records(evaluate())["right"].scores)

    assert scores.pop("wrong_abstention") == 0
    assert {score for score in scores.values() if not isnan(score)} == {1}
    assert {name for name, score in scores.items() if isnan(score)} == {"abstention_precision", "abstention_recall"}


def test_a_wrong_answer_scores_by_where_gold_was_ranked() -> None:
    """The gold line is ranked third, after the one that was answered: recall@1 0, MRR 1/3, nothing contained."""
    scores = records(evaluate())["wrong"].scores

    assert (scores["recall@1"], scores["recall@5"], scores["mrr@10"]) == (0, 1, 1 / 3)
    assert (scores["containment"], scores["citation_precision"], scores["citation_recall"]) == (0, 0, 0)


def test_abstaining_is_saying_and_citing_nothing() -> None:
    """A refused answerable question has token F1 and containment 0 and no citation precision, whatever the sentence."""
    scores = records(evaluate())["silent"].scores

    assert (scores["token_f1"], scores["containment"], scores["wrong_abstention"]) == (0, 0, 1)
    assert isnan(scores["citation_precision"])


def test_a_right_abstention_is_scored_as_that_alone() -> None:
    """A refused unanswerable question has abstention precision and recall 1 and no other score."""
    scores = records(evaluate())["none"].scores

    defined = {name: score for name, score in scores.items() if not isnan(score)}
    assert defined == {"abstention_precision": 1, "abstention_recall": 1}


def test_a_follow_up_is_asked_after_its_conversation() -> None:
    """The earlier question is asked first and handed on as a turn; a question without history gets none."""
    bot = Notebook()

    run(bot, QUESTIONS[:1] + QUESTIONS[2:3], settings=rag.Settings())

    warm_up, *asked = bot.asked
    assert warm_up == ("When did he arrive?", 0)
    assert asked == [("When did he arrive?", 0), ("When did he arrive?", 0), ("And the balloon?", 1)]


def test_a_follow_up_is_ranked_by_the_passages_of_its_answer() -> None:
    """The question alone does not say what it asks, so what the conversation found is what counts."""
    turn = records(evaluate())["turn"]

    assert turn.ranking == tuple(passage.span for passage in turn.answer.passages)
    assert len(records(evaluate())["right"].ranking) == 3


def test_progress_hears_of_each_question() -> None:
    """After each question, how many are done of how many."""
    heard: list[tuple[int, int]] = []

    run(Notebook(), QUESTIONS[:2], settings=rag.Settings(), progress=lambda done, total: heard.append((done, total)))

    assert heard == [(1, 2), (2, 2)]


def test_figures_stand_by_split_and_by_kind() -> None:
    """Two of four answerable questions are contained overall, two of two in dev, none of two in test."""
    figures = evaluate().to_dict()["figures"]

    contained = {
        split: (kinds["all"]["containment"]["mean"], kinds["all"]["containment"]["n"])
        for split, kinds in figures.items()
    }
    assert contained == {"all": (0.5, 4), "dev": (1, 2), "test": (0, 2)}
    assert list(figures["all"]) == ["all", "single_fact", "follow_up", "unanswerable"]
    assert list(figures["dev"]) == ["all", "single_fact", "follow_up"]


def test_figures_are_right_by_hand() -> None:
    """Two are refused, one of them rightly: abstention precision 1/2, recall 1/1, wrong 1/4; citations hit 2 of 3."""
    overall = evaluate().to_dict()["figures"]["all"]["all"]

    assert (overall["abstention_precision"]["mean"], overall["abstention_precision"]["n"]) == (0.5, 2)
    assert (overall["abstention_recall"]["mean"], overall["abstention_recall"]["n"]) == (1, 1)
    assert (overall["wrong_abstention"]["mean"], overall["wrong_abstention"]["n"]) == (0.25, 4)
    assert (overall["citation_precision"]["mean"], overall["citation_precision"]["n"]) == (0.6667, 3)
    assert overall["wrong_abstention"]["low"] == 0
    assert 0 <= overall["seconds"]["median"] <= overall["seconds"]["p95"]


def test_results_are_json_without_nan() -> None:
    """The JSON is strict, undefined figures are null, and every answer is in it."""
    written = json.loads(json.dumps(evaluate().to_dict(), allow_nan=False))

    none = next(record for record in written["records"] if record["id"] == "none")
    assert none["scores"]["recall@5"] is None
    assert none["answer"]["abstained"] is True
    assert written["figures"]["all"]["unanswerable"]["recall@5"] == {"mean": None, "low": None, "high": None, "n": 0}


def test_results_say_what_was_run_and_hold_no_key() -> None:
    """Settings, fingerprint, interpreter and package versions are there; the API key is not."""
    settings = rag.Settings(llm_key=SecretStr("sesame"))

    written = run(Notebook(), QUESTIONS[:1], settings=settings).to_dict()

    assert written["settings"]["chunk_size"] == settings.chunk_size
    assert written["fingerprint"] == settings.fingerprint
    assert "python" in written["machine"]
    assert "numpy" in written["packages"]
    assert "sesame" not in json.dumps(written)


def test_two_runs_differ_in_time_alone() -> None:
    """The same bot and questions give the same scores, figures and intervals."""

    def timeless() -> dict[str, object]:
        written = evaluate().to_dict()
        figures = {
            (split, kind): {name: value for name, value in group.items() if name != "seconds"}
            for split, kinds in written["figures"].items()
            for kind, group in kinds.items()
        }
        records = [{**record, "seconds": 0} for record in written["records"]]
        return {**written, "date": "", "figures": figures, "records": records}

    assert timeless() == timeless()
