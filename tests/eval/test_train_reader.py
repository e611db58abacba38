"""How the reader is trained: windows around answers, batches, and that training makes it read."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from eval.training_set import gather
from rag.models.embed import packaged_folder, packaged_tokenizer
from tests.eval.test_training_set import folder

if TYPE_CHECKING:
    from eval.train_reader import Example, TrainingFile

__all__ = ["folder"]
pytestmark = pytest.mark.slow  # importing torch and transformers takes 10 s


@pytest.fixture
def held(folder: Path) -> "TrainingFile":
    """The training file of that set."""
    from eval.train_reader import TrainingFile

    out = folder / "training.json.gz"
    gather([folder], out, hard=4, false=0)
    return TrainingFile([out], negatives=2)


def words(example: "Example", first: int, last: int) -> str:
    """The text of a run of an example's tokens."""
    text: str = packaged_tokenizer().decode(example.ids[first:last])
    return text


def made(held: "TrainingFile") -> "Sequence[Example]":
    """The examples of many draws."""
    return [
        example
        for seed in range(12)
        for asked in held.questions
        for example in held.examples(asked, random.Random(seed))
    ]


def test_examples_mark_the_sentence_and_the_words_that_answer(held: "TrainingFile") -> None:
    """Token ranges are those of the gold sentence and of the accepted words in it, whatever surrounds them."""
    found = made(held)

    answering = {words(e, *span) for e in found for span, yes in zip(e.sentences, e.answers, strict=True) if yes}
    marked = {words(e, e.first, e.last + 1) for e in found if e.first > 0}
    assert answering == {"the bell was cast in venice.", "peter repaired it.", "the keeper counts ships."}
    assert marked == {"venice", "peter", "keeper"}


def test_a_question_without_an_answer_has_none_in_any_window(held: "TrainingFile") -> None:
    """Its answer is the first token of all, which stands for none."""
    silent = [e for e in made(held) if words(e, 1, e.passage_at - 1) == "who rings the bell?"]

    assert silent
    assert not any(any(e.answers) or e.first or e.last for e in silent)


def test_other_passages_answer_nothing(held: "TrainingFile") -> None:
    """They come with their own title, or without one."""
    found = [e for e in made(held) if words(e, 1, e.passage_at - 1) == "where was the bell cast?"]

    others = [e for e in found if "trieste" in words(e, 1, len(e.ids))]
    assert others
    assert not any(any(e.answers) or e.first for e in others)
    assert {words(e, e.passage_at, len(e.ids)).startswith("the crane. the harbour") for e in others} == {True, False}


def test_two_files_read_as_one(folder: Path, held: "TrainingFile") -> None:
    """The second's questions point at the second's texts."""
    from eval.train_reader import TrainingFile

    out = folder / "training.json.gz"

    both = TrainingFile([out, out], negatives=1)

    half = len(held.questions)
    assert [asked["ids"] for asked in both.questions[half:]] == [asked["ids"] for asked in held.questions]
    assert all(asked["text"] >= len(held.texts) for asked in both.questions[half:])
    assert all(text >= len(held.texts) for asked in both.questions[half:] for text, _, _ in asked["others"])


def test_batches_hold_every_example(held: "TrainingFile") -> None:
    """Each once, side by side with others of about its length, no more tokens than asked for."""
    numbers = list(range(len(held.questions))) * 3

    batches = held.batches(numbers, 200, seed=4)

    draw = random.Random(4)
    found = [e for number in numbers for e in held.examples(held.questions[number], draw)]
    rows = [row[row != 0].tolist() for batch in batches for row in batch.ids]
    assert sorted(rows) == sorted(e.ids for e in found)
    assert sum(int(batch.answers.sum()) for batch in batches) == sum(sum(e.answers) for e in found)
    assert all(batch.ids.size <= 200 or len(batch.ids) == 1 for batch in batches)


def test_portions_hold_every_question_once_a_pass() -> None:
    """In another order each time, with another seed each."""
    from eval.train_reader import TOGETHER, portions

    found = list(portions(TOGETHER + 10, 2, seed=1))

    passes = [found[0][0] + found[1][0], found[2][0] + found[3][0]]
    assert all(sorted(one) == list(range(TOGETHER + 10)) for one in passes)
    assert passes[0] != passes[1]
    assert len({seed for _, seed in found}) == 4


def trained(held: "TrainingFile", save: Path, **how: Any) -> tuple[float, float]:
    """The loss of some examples before and after."""
    import torch

    from eval.train_reader import Reader, loss_of, side_by_side, train

    torch.manual_seed(3)
    batch = side_by_side(list(made(held))[:12])
    model = Reader(packaged_folder())
    with torch.no_grad():
        before = float(loss_of(model, batch, "cpu"))
    train(model, held, tokens=600, seed=2, device="cpu", workers=1, save=save, **how)
    with torch.no_grad():
        return before, float(loss_of(model, batch, "cpu"))


def test_training_lowers_the_loss(held: "TrainingFile", tmp_path: Path) -> None:
    """A few passes over a few examples are enough to fit them better than before."""
    before, after = trained(held, tmp_path / "reader.pt", passes=12, minutes=60, rate=1e-3)

    assert after < 0.8 * before
    assert (tmp_path / "reader.pt").exists()


def test_training_ends_with_its_minutes(held: "TrainingFile", tmp_path: Path) -> None:
    """However many passes are left."""
    before, after = trained(held, tmp_path / "reader.pt", passes=1000, minutes=1e-6, rate=1e-3)

    assert np.isclose(before, after, rtol=0.5)
