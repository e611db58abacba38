"""What the reader is trained on, and that training makes it read."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rag.models.embed import packaged_folder, packaged_tokenizer

if TYPE_CHECKING:
    from eval.train_reader import Example

pytestmark = pytest.mark.slow  # importing torch and transformers takes 10 s

FACTS = {
    "bell.txt": ("The bell", "The bell was cast in Venice. It hangs in the north tower. Nobody rings it now."),
    "crane.txt": ("The crane", "The harbour crane lifts four tons. It was cast in Trieste. Peter repaired it."),
    "keeper.txt": ("The keeper", "A bell was once cast in Venice too. The keeper counts ships. He writes them down."),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A question set of three documents; the question of the test half must not be learnt from."""
    (tmp_path / "documents").mkdir()
    for name, (title, body) in FACTS.items():
        (tmp_path / "documents" / name).write_text(f"{title}\n\n{body}\n", encoding="utf-8")
    rows = [
        asked("q1", "Where was the bell cast?", "Venice", "bell.txt", "The bell was cast in Venice."),
        asked("q2", "Who repaired the harbour crane?", "Peter", "crane.txt", "Peter repaired it."),
        {**asked("q3", "Who rings the bell?", "", "bell.txt", None), "kind": "unanswerable"},
        {
            **asked("q4", "What does the keeper count?", "ships", "keeper.txt", "The keeper counts ships."),
            "split": "test",
        },
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return tmp_path


def asked(id_: str, question: str, answer: str, document: str, quote: str | None) -> dict[str, Any]:
    """A line of a question set."""
    gold = [{"document_id": document, "quote": quote}] if quote else []
    common = {"id": id_, "kind": "single_fact", "split": "dev", "question": question, "reference": answer}
    return {**common, "accept": [answer] if answer else [], "gold": gold, "about": document}


def words(example: "Example", first: int, last: int) -> str:
    """The text of a run of an example's tokens."""
    text: str = packaged_tokenizer().decode(example.ids[first:last])
    return text


def made(folder: Path) -> "Sequence[Example]":
    """The set's examples from many draws of the window around an answer."""
    from eval.train_reader import examples

    tokenizer = packaged_tokenizer()
    return [
        example
        for seed in range(12)
        for example in examples(folder, tokenizer=tokenizer, draw=random.Random(seed), most=10)
    ]


def test_examples_mark_the_sentence_and_the_words_that_answer(folder: Path) -> None:
    """Token ranges are those of the gold sentence and of the accepted words in it, whatever surrounds them."""
    found = made(folder)

    answering = {words(e, *span) for e in found for span, yes in zip(e.sentences, e.answers, strict=True) if yes}
    marked = {words(e, e.first, e.last + 1) for e in found if e.first > 0}
    assert answering == {"the bell was cast in venice.", "peter repaired it."}
    assert marked == {"venice", "peter"}


def test_examples_leave_the_test_half_alone(folder: Path) -> None:
    """No question of the test split is among them, and one that has no answer has no answering sentence."""
    found = made(folder)

    questions = {words(example, 1, example.passage_at - 1) for example in found}
    silent = [example for example in found if words(example, 1, example.passage_at - 1) == "who rings the bell?"]
    assert questions == {"where was the bell cast?", "who repaired the harbour crane?", "who rings the bell?"}
    assert silent
    assert not any(any(example.answers) or example.first for example in silent)


def test_hard_negatives_share_words_but_not_the_answer(folder: Path) -> None:
    """Passages of other documents; one that holds the accepted words may be right and is left out."""
    from eval.train_reader import hard_negatives

    tokenizer = packaged_tokenizer()

    found = list(hard_negatives(folder, tokenizer=tokenizer, draw=random.Random(1), most=10, each=5))

    passages = {words(example, 1, len(example.ids)) for example in found}
    assert any("where was the bell cast?" in text and "trieste" in text for text in passages)
    assert not any("where was the bell cast?" in text and "venice" in text for text in passages)
    assert not any(any(example.answers) or example.first for example in found)


def test_training_lowers_the_loss_and_batches_hold_everything(folder: Path, tmp_path: Path) -> None:
    """One short pass over a few examples is enough to fit them better than before."""
    import torch

    from eval.train_reader import Reader, batches, loss_of, train

    torch.manual_seed(3)
    found = list(made(folder))
    model = Reader(packaged_folder())
    grouped = batches(found, 600, random.Random(2))
    with torch.no_grad():
        before = float(loss_of(model, found[:12]))

    train(model, found, rate=1e-3, tokens=600, draw=random.Random(2), save=tmp_path / "reader.pt")

    model.eval()
    with torch.no_grad():
        after = float(loss_of(model, found[:12]))
    assert sorted(id(e) for group in grouped for e in group) == sorted(map(id, found))
    assert after < 0.8 * before
