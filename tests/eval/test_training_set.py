"""What the reader is trained on: the dev halves of question sets as one file of tokens."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from eval.training_set import gather
from rag.models.embed import packaged_tokenizer

FACTS = {
    "bell.txt": ("The bell", "The bell was cast in Venice. It hangs in the north tower. Nobody rings it now."),
    "crane.txt": ("The crane", "The harbour crane lifts four tons. It was cast in Trieste. Peter repaired it."),
    "keeper.txt": ("The keeper", "A bell was once cast in Venice too. The keeper counts ships. He writes them down."),
    "aside.txt": ("Aside", "Where the bell was cast in secret is asked only in the test half."),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A question set of four documents; what only the test half asks about must not be learnt from."""
    (tmp_path / "documents").mkdir()
    for name, (title, body) in FACTS.items():
        (tmp_path / "documents" / name).write_text(f"{title}\n\n{body}\n", encoding="utf-8")
    rows = [
        asked("q1", "Where was the bell cast?", "Venice", "bell.txt", "The bell was cast in Venice."),
        asked("q2", "Who repaired the harbour crane?", "Peter", "crane.txt", "Peter repaired it."),
        {**asked("q3", "Who rings the bell?", "", "bell.txt", None), "kind": "unanswerable"},
        asked("q4", "Which Dalmatian counts ships?", "keeper", "keeper.txt", "The keeper counts ships."),
        {**asked("q5", "What is secret?", "cast", "aside.txt", FACTS["aside.txt"][1]), "split": "test"},
        {**asked("q6", "Was the text cut?", "yes", "bell.txt", "This sentence is not there.")},
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return tmp_path


def asked(id_: str, question: str, answer: str, document: str, quote: str | None) -> dict[str, Any]:
    """A line of a question set."""
    gold = [{"document_id": document, "quote": quote}] if quote else []
    common = {"id": id_, "kind": "single_fact", "split": "dev", "question": question, "reference": answer}
    return {**common, "accept": [answer] if answer else [], "gold": gold, "about": document}


def written(folder: Path, *, hard: int = 0, false: float = 0.0, times: int = 1) -> dict[str, Any]:
    """What `gather` wrote of the set."""
    out = folder / "training.json.gz"
    gather([folder] * times, out, hard=hard, false=false)
    with gzip.open(out, "rt", encoding="utf-8") as file:
        held: dict[str, Any] = json.load(file)
    return held


def words(ids: list[int]) -> str:
    """The text of tokens."""
    text: str = packaged_tokenizer().decode(ids)
    return text


def test_marks_the_sentence_and_the_words_that_answer(folder: Path) -> None:
    """By their numbers in the text, which stands there as tokens with its title."""
    held = written(folder)

    by_question = {words(one["ids"]): one for one in held["questions"]}
    crane = by_question["who repaired the harbour crane?"]
    text = held["texts"][crane["text"]]
    sentence, first, last = crane["words"]
    assert words(text["title"]) == "the crane."
    assert crane["answering"] == [2] == [sentence]
    assert words(text["sentences"][2]) == "peter repaired it."
    assert words(text["sentences"][2][first : last + 1]) == "peter"
    assert by_question["who rings the bell?"]["answering"] == []
    assert by_question["who rings the bell?"]["known"]


def test_leaves_out_the_test_half_and_gold_that_is_not_there(folder: Path) -> None:
    """Neither its questions nor the documents that only they are about."""
    held = written(folder)

    assert "was the text cut?" not in {words(one["ids"]) for one in held["questions"]}
    assert len(held["questions"]) == 4
    assert {words(text["title"]) for text in held["texts"]} == {"the bell.", "the crane.", "the keeper."}


def test_passages_that_do_not_answer_share_words_but_not_the_answer(folder: Path) -> None:
    """Of other documents; one that holds the accepted words may be right and is left out."""
    held = written(folder, hard=5)

    (bell,) = (one for one in held["questions"] if words(one["ids"]) == "where was the bell cast?")
    titles = {words(held["texts"][text]["title"]) for text, _, _ in bell["others"]}
    (silent,) = (one for one in held["questions"] if words(one["ids"]) == "who rings the bell?")
    assert titles == {"the crane."}
    assert [(start, stop) for _, start, stop in bell["others"]] == [(0, 3)]
    assert silent["others"] == []


def test_a_name_put_in_place_of_another_makes_a_question_unanswered(folder: Path) -> None:
    """The name comes from another question and stands nowhere in the text."""
    rows = (folder / "questions.jsonl").read_text(encoding="utf-8")
    more = asked("q7", "Why did Peter leave?", "", "crane.txt", None)
    (folder / "questions.jsonl").write_text(rows + json.dumps(more) + "\n", encoding="utf-8")

    held = written(folder, false=1.0)

    made = [one for one in held["questions"] if words(one["ids"]) == "which peter counts ships?"]
    assert [(one["answering"], one["words"], one["known"]) for one in made] == [([], None, True)]


def test_a_set_named_twice_counts_twice(folder: Path) -> None:
    """Its questions point at the texts that came with them."""
    once, twice = written(folder), written(folder, times=2)

    assert len(twice["questions"]) == 2 * len(once["questions"])
    assert max(one["text"] for one in twice["questions"]) == len(twice["texts"]) - 1
