"""Ways of cutting are compared at the same number of tokens, against gold found again in the normalised text."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from eval.chunking import BUDGETS, Asked, Corpus, embedded, outcome, place, read_corpora, read_questions, score, ways
from eval.dataset import DatasetError
from rag.chunk import word_starts
from tests.fakes import HashEmbedding

GOLD = {("a", token) for token in range(10, 20)}


@pytest.mark.parametrize(
    ("ranking", "budget", "recall", "precision", "iou"),
    [
        ([range(10, 20)], 10, 1.0, 1.0, 1.0),
        ([range(20)], 15, 0.5, 5 / 15, 5 / 20),  # the last is cut off at its end
        ([range(5), range(5, 25)], 15, 0.5, 5 / 15, 5 / 20),
        ([range(10, 20), range(10, 20)], 20, 1.0, 0.5, 0.5),  # retrieved twice, found once
        ([range(15, 20)], 10, 0.5, 1.0, 0.5),  # there is no more text
    ],
)
def test_what_is_found_in_the_budget_counts(
    ranking: Sequence[range], budget: int, recall: float, precision: float, iou: float
) -> None:
    """Recall of gold, precision of what was retrieved, and what is shared of both together."""
    found = score([("a", tokens) for tokens in ranking], GOLD, budget)

    assert (found.recall, found.precision, found.iou) == pytest.approx((recall, precision, iou))


def test_the_same_place_in_another_text_is_not_found() -> None:
    """Tokens belong to their corpus."""
    assert score([("b", range(10, 20))], GOLD, 10).recall == 0


def test_a_reference_is_found_again_nearest_to_its_place() -> None:
    """Also where its words stand twice, and where white space before it went."""
    raw = "Same words.\r\n \r\n \r\n" + "Between. " * 9 + "Same  \nwords."
    text = "Same words.\n\n" + "Between. " * 9 + "Same\nwords. Same words."

    at = place(text, {"content": "Same  \nwords.", "start_index": raw.index("Same  "), "end_index": len(raw)}, raw)

    assert text[slice(*at)] == "Same\nwords."
    assert place(text, {"content": "Same words.", "start_index": 0}, raw) == (0, 11)


def test_a_reference_that_is_gone_is_an_error() -> None:
    """A figure over less gold would look better than it is."""
    with pytest.raises(DatasetError, match="Not there"):
        place("Something else.", {"content": "Not there.", "start_index": 0}, "Not there.")


def test_texts_of_a_split_and_their_questions_are_read(tmp_path: Path) -> None:
    """finance and pubmed are test, the rest is dev."""
    write(tmp_path, {"speech": "One is here.\r\nTwo is there.", "finance": "Three."}, gold="Two is there.")

    dev, test = (read_corpora(tmp_path, split, word_starts) for split in ("dev", "test"))

    assert (list(dev), list(test)) == (["speech"], ["finance"])
    assert read_questions(tmp_path, dev) == [Asked("Where is it?", "speech", ((13, 26),))]
    assert read_questions(tmp_path, test) == []


def test_every_way_is_scored_at_every_budget() -> None:
    """A question in the words of its answer finds it, however the text is cut."""
    text = "".join(f"Number {word} is a thing. " * 12 + "\n\n" for word in ("one", "two", "three", "four"))
    corpus = Corpus("a", text, word_starts(text))
    start = text.index("Number three")
    asked = [Asked("Which number three?", "a", ((start, start + 24),))]
    embedder = HashEmbedding(model_name="hash")
    questions = embedded(embedder, [asked[0].question])

    for cut in ways(word_starts, 64).values():
        found = outcome(cut, {"a": corpus}, asked, questions, embedder)
        assert found.scores[BUDGETS[-1]][0].recall == 1.0
        assert set(found.scores) == set(BUDGETS)


def test_pieces_are_at_their_own_places() -> None:
    """Also where a text repeats itself: the second of two equal chunks is not the first again."""
    text = "The same sentence is here. " * 200

    for cut in ways(word_starts, 160).values():
        pieces = list(cut(text))
        assert all(text[start:end].strip() in words for start, end, words in pieces)
        assert len({start for start, _, _ in pieces}) == len(pieces)
        assert pieces[-1][1] >= len(text.rstrip())


def write(folder: Path, texts: dict[str, str], gold: str) -> None:
    """A set as the report publishes it, with a question on its first text."""
    (folder / "corpora").mkdir()
    for name, text in texts.items():
        (folder / "corpora" / f"{name}.md").write_bytes(text.encode())
    name, text = next(iter(texts.items()))
    references = [{"content": gold, "start_index": text.index(gold), "end_index": text.index(gold) + len(gold)}]
    with (folder / "questions_df.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([("question", "references", "corpus_id"), ("Where is it?", json.dumps(references), name)])
