"""A run asks what it is given, scores it, and keeps all of it."""

import json
from dataclasses import replace
from math import isnan
from typing import Any

import pytest
from pydantic import SecretStr

import rag
from eval.dataset import Question
from eval.metrics import SEED
from eval.report import SPENT
from eval.run import Record, Results, ask, run, timeless
from tests.eval.notebook import QUESTIONS, Notebook

MANY = tuple(replace(asked, id=f"{asked.id}{number}") for number in range(6) for asked in QUESTIONS)


def records() -> dict[str, Record]:
    """What the notebook gets, by question id."""
    return {question.id: ask(Notebook(), question, rag.Settings()) for question in QUESTIONS}


def evaluate(questions: tuple[Question, ...] = QUESTIONS) -> Results:
    """What the notebook gets."""
    return run(Notebook(), questions, settings=rag.Settings())


def without_intervals(value: Any) -> Any:
    """The JSON of a run without the ends of its intervals."""
    if isinstance(value, dict):
        return {key: without_intervals(each) for key, each in value.items() if not key.endswith(("low", "high"))}
    return [without_intervals(each) for each in value] if isinstance(value, list) else value


def test_a_right_answer_scores_one_on_everything() -> None:
    """The cited line is the gold line: every score is 1 but that one of five passages is gold, and a .9 is no 1."""
    scores = dict(records()["right"].scores)

    assert scores.pop("wrong_abstention") == 0
    assert (scores.pop("precision@5"), round(scores.pop("brier"), 2)) == (0.2, 0.01)
    assert {score for score in scores.values() if not isnan(score)} == {1}
    assert {name for name, score in scores.items() if isnan(score)} == {"abstention_precision", "abstention_recall"}


def test_a_wrong_answer_scores_by_where_gold_was_ranked() -> None:
    """The gold line is ranked third, after the one that was answered: recall@1 0, MRR 1/3, nothing contained."""
    scores = records()["wrong"].scores

    assert (scores["recall@1"], scores["recall@5"], scores["mrr@10"]) == (0, 1, 1 / 3)
    assert (scores["containment"], scores["citation_precision"], scores["citation_recall"]) == (0, 0, 0)


def test_abstaining_is_saying_and_citing_nothing() -> None:
    """A refused answerable question has token F1 and containment 0 and no citation precision, whatever the sentence."""
    scores = records()["silent"].scores

    assert (scores["token_f1"], scores["containment"], scores["wrong_abstention"]) == (0, 0, 1)
    assert isnan(scores["citation_precision"])


def test_a_right_abstention_is_scored_as_that_alone() -> None:
    """A refused unanswerable question has abstention precision and recall 1 and no other score but its Brier score."""
    scores = dict(records()["none"].scores)

    defined = {name: score for name, score in scores.items() if not isnan(score)}
    assert round(defined.pop("brier"), 2) == 0.01
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
    turn = records()["turn"]

    assert turn.ranking == tuple(passage.span for passage in turn.answer.passages)
    assert len(records()["right"].ranking) == 3


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


@pytest.mark.parametrize("seed", [SEED, 7])
def test_two_runs_differ_in_time_alone(seed: int) -> None:
    """The same bot, questions and seed give the same JSON, letter for letter, but for the date and the seconds."""
    bots = Notebook(), Notebook()

    first, second = (
        json.dumps(timeless(run(bot, QUESTIONS, settings=rag.Settings(), seed=seed).to_dict())) for bot in bots
    )

    assert first == second
    assert '"seconds"' not in first
    assert "containment" in first


def test_another_seed_moves_the_intervals_alone() -> None:
    """Means, counts, answers and scores stay as they were; some interval is another."""
    one, other = (
        timeless(run(Notebook(), MANY, settings=rag.Settings(), seed=seed).to_dict()) | {"seed": None}
        for seed in (SEED, 7)
    )

    assert one != other
    assert without_intervals(one) == without_intervals(other)


def test_what_a_language_model_took_is_a_figure() -> None:
    """Of the three questions that it was asked, with the cost of a thousand such; 1,000 tokens at 2 a million read."""
    settings = rag.Settings(llm="ollama", llm_model="m", llm_price_read=2.0, llm_price_written=10.0)

    found = run(Notebook(tokens=(1000, 50)), QUESTIONS, settings=settings).to_dict()

    overall = found["figures"]["all"]["all"]
    taken = {name: (overall[name]["mean"], overall[name]["n"]) for name in SPENT}
    assert taken == {"tokens_read": (1000, 3), "tokens_written": (50, 3), "cost_of_1000": (2.5, 3)}
    assert found["records"][0]["answer"]["tokens_are"] == "counted"


def test_without_prices_there_is_no_cost() -> None:
    """And without a language model no figure of tokens."""
    priceless = run(Notebook(tokens=(9, 1)), QUESTIONS, settings=rag.Settings(llm="ollama", llm_model="m")).to_dict()

    assert {name for name in SPENT if name in priceless["figures"]["all"]["all"]} == {"tokens_read", "tokens_written"}
    assert not set(SPENT).intersection(evaluate().to_dict()["figures"]["all"]["all"])


def test_a_run_goes_on_from_what_was_asked() -> None:
    """Questions whose records are there are not asked again, the others are kept as they come, the order stays."""
    whole, bot = evaluate().to_dict()["records"], Notebook()
    done = {record["id"]: record for record in whole[1:3]}
    kept: list[str] = []

    resumed = run(
        bot, QUESTIONS, settings=rag.Settings(), done=done, keep=lambda record: kept.append(record["id"])
    ).to_dict()

    assert timeless({"records": resumed["records"]}) == timeless({"records": whole})
    assert kept == ["right", "silent", "none"]
    assert ("What grew?", 0) not in bot.asked


def test_a_record_tells_what_decided_it() -> None:
    """The passages and the best sentences with their signs, so that a report needs the JSON alone."""
    (record, *_) = evaluate().to_dict()["records"]

    assert record["evidence"]["asked"] == "When did he arrive?"
    assert record["evidence"]["passages"][0]["text"] == "He arrived on 18 June."
    assert record["evidence"]["sentences"][0]["signs"] == {"reader": 1.5}
    assert record["gold"] == [[{"document_id": "visit.md", "start": 0, "end": 22, "quote": "He arrived on 18 June."}]]
    assert "passages" not in record["answer"]


def test_an_abstention_is_wrong_if_its_best_sentence_would_have_been() -> None:
    """Refused: what would have been said is not the answer. An unanswerable question has none, a right answer is it."""
    asked = records()

    assert {key: record.wrong for key, record in asked.items()} == {
        "right": False,
        "wrong": True,
        "turn": False,
        "silent": True,
        "none": True,
    }


def test_figures_of_all_questions_are_right_by_hand() -> None:
    """Confidence .9 three times, rightly, .1 for one that is answerable and one that is not: AUROC (3 + .5) / 4."""
    overall = evaluate().to_dict()["figures"]["all"]["all"]

    assert overall["auroc"]["mean"] == 0.875
    assert overall["abstention_f1"]["mean"] == 0.6667  # 2 * 1 / (2 abstentions + 1 unanswerable)
    assert overall["calibration_error"]["mean"] == pytest.approx(3 / 5 * 0.1 + 2 / 5 * 0.4)
    assert overall["brier"]["mean"] == pytest.approx((3 * 0.01 + 0.81 + 0.01) / 5)


def test_figures_stand_by_type_of_document() -> None:
    """Gold in a document of a type, or the document that an unanswerable question was written about."""
    about = replace(QUESTIONS[4], about="plan.PDF")

    types = evaluate((*QUESTIONS[:2], about)).to_dict()["types"]

    assert {suffix: group["seconds"]["n"] for suffix, group in types.items()} == {"md": 2, "pdf": 1}
