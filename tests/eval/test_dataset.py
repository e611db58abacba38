"""A question set is read whole or refused with every mistake named, and its gold is found in the documents."""

import json
from pathlib import Path
from typing import Any

import pytest

import rag
from eval import QUESTIONS, dataset
from eval.dataset import DatasetError, GoldMovedError
from rag.load import load
from tests.conftest import CORPUS

TEXT = "Mr Blinken arrived\nin Beijing on 18 June. He left on 19 June. He left on a plane."


def entry(**changes: Any) -> dict[str, Any]:
    """One answerable question as it stands in a file, with some keys changed."""
    gold = [{"document_id": "visit.md", "start": 42, "end": 61, "quote": "He left on 19 June."}]
    whole = {
        "id": "q1",
        "kind": "single_fact",
        "split": "dev",
        "question": "When did he leave?",
        "reference": "19 June",
    }
    return {**whole, "gold": gold, **changes}


def unanswerable(**changes: Any) -> dict[str, Any]:
    """One unanswerable question as it stands in a file, with some keys changed."""
    return entry(**{"kind": "unanswerable", "reference": "", "gold": [], **changes})


def document(document_id: str) -> rag.SourceDocument:
    """The only document there is."""
    if document_id != "visit.md":
        raise rag.RagError(f"No document {document_id} in the index.")
    return rag.SourceDocument("visit.md", "The visit", None, TEXT, ())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a question set is written."""
    return tmp_path / "questions.jsonl"


def test_a_line_becomes_a_question(file: Path) -> None:
    """Every key of a line is in the question, and blank lines are nothing."""
    dataset.write([entry(accept=["19 June", ["June", "19th"]], history=["Who came?"])], file)
    file.write_text(file.read_text() + "\n\n")

    (question,) = dataset.read(file)

    assert question.parts == ((rag.Span("visit.md", 42, 61),),)
    assert question.accepted == (("19 June",), ("June", "19th"))
    assert question.history == ("Who came?",)
    assert question.answerable


def test_without_accepted_forms_the_reference_is_the_accepted_one(file: Path) -> None:
    """A question that lists no accepted form accepts its reference; an unanswerable one accepts nothing."""
    dataset.write([entry(), unanswerable(id="q2")], file)

    answered, not_answered = dataset.read(file)

    assert answered.accepted == (("19 June",),)
    assert not_answered.accepted == ()


def test_a_question_may_have_an_answer_without_its_place(file: Path) -> None:
    """Such a one is scored by its answer alone."""
    dataset.write([entry(gold=[])], file)

    (question,) = dataset.read(file)

    assert (question.answerable, question.parts, question.types) == (True, (), ())


def test_places_with_one_part_are_one_part(file: Path) -> None:
    """Gold of the same part is one piece of the answer with two places; gold without a part stands alone."""
    places = [(0, 5, "a"), (5, 9, ""), (9, 12, "a"), (20, 30, "")]
    gold = [{"document_id": "d", "start": start, "end": end, "quote": "x", "part": part} for start, end, part in places]
    dataset.write([entry(gold=gold)], file)

    (question,) = dataset.read(file)

    starts = [[place.start for place in part] for part in question.parts]
    assert starts == [[0, 9], [5], [20]]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (entry(split="train"), "split: Input should be 'dev' or 'test'"),
        (entry(kind="guess"), "kind: Input should be"),
        (entry(anwser="x"), "anwser: Unexpected keyword"),
        (entry(reference="…"), "needs a reference"),
        (entry(accept=["the"]), "accept holds a form without words"),
        (entry(accept=[[]]), "accept holds a form without words"),
        (entry(kind="follow_up"), "a follow_up needs its history"),
        (entry(question=" "), "id or question is empty"),
        (unanswerable(reference="19 June"), "an unanswerable question has no gold"),
        (entry(gold=[{"document_id": "d", "start": 5, "end": 5, "quote": "x"}]), "gold.0: 5 to 5 is not a span"),
        (entry(gold=[{"document_id": "d", "start": "5", "end": 6, "quote": "x"}]), "gold.0.start: Input should be"),
        (entry(gold=[{"document_id": "d", "quote": "x"}]), "gold.0.start: Field required; fill it in"),
        (entry(id="q0"), "id 'q0' is already on line 1"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(file: Path, wrong: dict[str, Any], said: str) -> None:
    """What is wrong with a line is said with the file, the line and the key."""
    dataset.write([entry(id="q0"), wrong], file)

    with pytest.raises(DatasetError) as caught:
        dataset.read(file)

    assert str(caught.value).startswith(f"{file}:2: ")
    assert said in str(caught.value)


def test_every_wrong_line_is_named_at_once(file: Path) -> None:
    """Two bad lines are two lines of the error, so that one look is enough."""
    file.write_text(f'{{"id": "q1"\n{json.dumps(entry())}\n[]\n')

    with pytest.raises(DatasetError) as caught:
        dataset.read(file)

    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{file}:1: Invalid JSON")
    assert second.startswith(f"{file}:3: ")


def test_of_very_many_wrong_lines_the_rest_is_counted(file: Path) -> None:
    """A file of another form has a mistake in each line; the reason for it is still seen."""
    file.write_text("[]\n" * 1_050)

    with pytest.raises(DatasetError) as caught:
        dataset.read(file)

    first, *_, last = str(caught.value).splitlines()
    assert first.startswith(f"{file}:1: ")
    assert last == "... and 1,010 more like these"


def test_a_missing_file_says_what_to_name(file: Path) -> None:
    """Without a file the error says where it was looked for and what to do."""
    with pytest.raises(DatasetError, match=r"No questions at .*questions\.jsonl\. Name a file"):
        dataset.read(file)


def test_gold_at_its_place_passes(file: Path) -> None:
    """A set whose every quote stands where it says is accepted."""
    dataset.write([entry(), unanswerable(id="q2")], file)

    dataset.check(dataset.read(file), document)


def test_moved_gold_is_refused_with_its_new_place(file: Path) -> None:
    """The error names the question, the document and where the words stand now."""
    gold = [{"document_id": "visit.md", "start": 0, "end": 19, "quote": "He left on 19 June."}]
    dataset.write([entry(gold=gold)], file)

    with pytest.raises(GoldMovedError, match=r"q1: visit\.md\[0:19\] .* now stand at 42:61"):
        dataset.check(dataset.read(file), document)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"document_id": "visit.md", "quote": "He left on 20 June."}, "no longer has these words"),
        ({"document_id": "gone.md", "quote": "He left"}, "q1: No document gone.md"),
    ],
)
def test_lost_gold_is_refused(file: Path, place: dict[str, str], said: str) -> None:
    """A quote that the document, or a document that the index no longer has is named with its question."""
    dataset.write([entry(gold=[{**place, "start": 0, "end": 5}])], file)

    with pytest.raises(GoldMovedError, match=said):
        dataset.check(dataset.read(file), document)


def test_moved_gold_is_scored_where_it_stands_now(file: Path) -> None:
    """Words that stand once are found again, and said to have moved; a place that holds its quote is left alone."""
    moved = {"document_id": "visit.md", "start": 3, "end": 22, "quote": "He left on 19 June.", "part": "a"}
    dataset.write([entry(), entry(id="q2", gold=[moved])], file)

    settled, told = dataset.settle(dataset.read(file), document)

    assert [question.gold[0].start for question in settled] == [42, 42]
    assert settled[1].gold[0].part == "a"
    assert told == ["q2: visit.md: 'He left on 19 June.'"]


@pytest.mark.parametrize("quote", ["He left on 20 June.", "He left on"])
def test_gold_that_is_lost_or_repeated_is_never_scored(file: Path, quote: str) -> None:
    """Where the words stand nowhere, or twice, nobody knows what was meant."""
    dataset.write([entry(gold=[{"document_id": "visit.md", "start": 0, "end": 5, "quote": quote}])], file)

    with pytest.raises(GoldMovedError, match=r"q1: visit\.md\[0:5\] is not"):
        dataset.settle(dataset.read(file), document)


def test_a_quote_is_anchored_where_its_words_stand() -> None:
    """Start and end are filled in, and the quote takes the document's own line ends."""
    quotes = [{"document_id": "visit.md", "quote": "Mr Blinken arrived in Beijing", "part": "a"}]

    (anchored,) = dataset.anchor([entry(gold=quotes)], document)

    (gold,) = anchored["gold"]
    assert gold == {
        "document_id": "visit.md",
        "start": 0,
        "end": 29,
        "quote": "Mr Blinken arrived\nin Beijing",
        "part": "a",
    }
    assert TEXT[0:29] == gold["quote"]


def test_anchoring_keeps_every_other_key() -> None:
    """An entry that is right already comes back as it was."""
    before = [entry(accept=["19 June"]), unanswerable(id="q2", history=["Who came?"])]

    assert dataset.anchor(before, document) == before


def test_a_repeated_quote_keeps_the_place_it_was_given() -> None:
    """Words that stand twice are fine where the file already says which."""
    second = {"document_id": "visit.md", "start": 62, "end": 72, "quote": "He left on"}

    (anchored,) = dataset.anchor([entry(gold=[second])], document)

    assert anchored["gold"] == [second]


def test_a_moved_quote_is_anchored_again() -> None:
    """A place that no longer holds its quote is corrected."""
    moved = {"document_id": "visit.md", "start": 3, "end": 22, "quote": "He left on 19 June."}

    (anchored,) = dataset.anchor([entry(gold=[moved])], document)

    assert (anchored["gold"][0]["start"], anchored["gold"][0]["end"]) == (42, 61)


def test_quotes_without_one_place_are_all_named() -> None:
    """A quote that stands twice, one that does not stand and one of an unknown document are three lines."""
    wrong = [("visit.md", "He left on"), ("visit.md", "He stayed"), ("gone.md", "He left")]
    entries = [
        entry(id=f"q{number}", gold=[{"document_id": name, "quote": quote}])
        for number, (name, quote) in enumerate(wrong, 1)
    ]

    with pytest.raises(DatasetError) as caught:
        dataset.anchor(entries, document)

    twice, never, unknown = str(caught.value).splitlines()
    assert twice.startswith("q1: visit.md has 'He left on' 2 times, at 42:52, 62:72")
    assert never.startswith("q2: visit.md has no 'He stayed'")
    assert unknown == "q3: No document gone.md in the index."


def test_the_gold_of_the_corpus_stands_where_it_says() -> None:
    """A loader that reads a document of the corpus in another way needs its questions anchored anew."""
    texts = {path.name: load(path, path.name).document.text for path in CORPUS.iterdir()}

    spans = [span for entry in dataset.entries(QUESTIONS) for span in entry["gold"]]

    assert [span for span in spans if texts[span["document_id"]][span["start"] : span["end"]] != span["quote"]] == []
