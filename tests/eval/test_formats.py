"""What public question sets become: documents, questions about them, and quotes that stand in them."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import rag
from eval import dataset
from eval.formats import convert, questions

SQUAD = {
    "data": [
        {
            "title": f"Place_{number}",
            "paragraphs": [
                {
                    "context": "Rome is old. It has\nseven hills. It has a river.",
                    "qas": [
                        {
                            "id": f"{number}-a",
                            "question": " How many hills? ",
                            "answers": [
                                {"text": "seven", "answer_start": 20},
                                {"text": "seven hills", "answer_start": 20},
                            ],
                        },
                        {"id": f"{number}-b", "question": "Who built it?", "answers": []},
                        {"id": f"{number}-c", "question": "What?", "answers": [{"text": "the", "answer_start": 0}]},
                    ],
                }
            ],
        }
        for number in (1, 2)
    ]
}


def converted(form: str, source: Path, folder: Path) -> tuple[dict[str, str], Sequence[dict[str, Any]]]:
    """The documents by name and the questions that a set becomes."""
    count = convert(form, source, folder)
    documents = {
        path.relative_to(folder / "documents").as_posix(): path.read_text(encoding="utf-8")
        for path in (folder / "documents").rglob("*.txt")
    }
    entries = list(dataset.entries(folder / "questions.jsonl"))
    assert count == len(entries)
    return documents, entries


def quotes(entry: dict[str, Any]) -> list[str]:
    """The words that answer a question."""
    return [place["quote"] for place in entry["gold"]]


def test_squad_paragraph_is_a_document(tmp_path: Path) -> None:
    """Each answer's sentence is gold, every annotator's words are accepted, and an answer without words is left out."""
    source = tmp_path / "dev.json.gz"
    source.write_bytes(gzip.compress(json.dumps(SQUAD).encode()))

    documents, entries = converted("squad2", source, tmp_path / "set")

    assert documents["Place_1/001.txt"] == "Place 1\n\nRome is old. It has seven hills. It has a river.\n"
    assert [entry["id"] for entry in entries] == ["1-a", "1-b", "2-a", "2-b"]
    assert [entry["split"] for entry in entries] == ["dev", "dev", "test", "test"]
    assert entries[0]["question"] == "How many hills?"
    assert quotes(entries[0]) == ["It has seven hills."]
    assert entries[0]["accept"] == ["seven", "seven hills"]
    assert (entries[1]["kind"], entries[1]["gold"], entries[1]["about"]) == ("unanswerable", [], "Place_1/001.txt")


def test_the_training_file_of_squad_is_all_dev(tmp_path: Path) -> None:
    """No half of its articles is kept aside; else it reads as the other does."""
    (tmp_path / "train.json").write_text(json.dumps(SQUAD), encoding="utf-8")

    documents, entries = converted("squad1", tmp_path / "train.json", tmp_path / "set")

    assert documents == converted("squad2", tmp_path / "train.json", tmp_path / "other")[0]
    assert [(entry["id"], entry["split"]) for entry in entries] == [
        (id_, "dev") for id_ in ("1-a", "1-b", "2-a", "2-b")
    ]


def test_clapnq_sentences_are_gold(tmp_path: Path) -> None:
    """The sentences that the answer was written from, and odd lines are test; no answer is an unanswerable question."""
    rows = [
        {
            "id": f"-{number}",
            "input": "What grows there?",
            "passages": [{"title": "A / B", "sentences": ["Rice  grows.", "Tea grows.", "It rains."]}],
            "output": [{"answer": answer, "selected_sentences": ["Rice  grows.", "Tea grows."] if answer else []}],
        }
        for number, answer in ((1, "Rice and tea."), (2, ""))
    ]
    source = tmp_path / "clapnq.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    documents, entries = converted("clapnq", source, tmp_path / "set")

    assert documents["A-B-1.txt"] == "A / B\n\nRice grows. Tea grows. It rains.\n"
    assert [entry["split"] for entry in entries] == ["test", "dev"]
    assert quotes(entries[0]) == ["Rice grows.", "Tea grows."]
    assert entries[1]["kind"] == "unanswerable"


def test_qamr_sentences_are_written_as_prose(tmp_path: Path) -> None:
    """Tokens become a sentence, the answer is a slice of it with words, and a validator has confirmed it."""
    source = tmp_path / "qamr"
    source.mkdir()
    (source / "sentences.tsv.gz").write_bytes(gzip.compress(b"Wiki:x:7:0:0\tHe -LRB- Lee -RRB- did n't sing .\n"))
    rows = (("Who sang not ?", "2", "v:2"), ("What ?", "5", "v:2"), ("What ends it ?", "7", "v:7"))
    asked = "".join("\t".join(("Wiki:x:7:0:0", "0", "0", "w", "t", *row)) + "\n" for row in rows)
    for name in ("dev.tsv.gz", "test.tsv.gz"):
        (source / name).write_bytes(gzip.compress(asked.encode() if name.startswith("dev") else b""))

    documents, entries = converted("qamr", source, tmp_path / "set")

    assert documents == {"7.txt": "\n\nHe (Lee) didn't sing.\n"}
    assert [(entry["question"], entry["reference"]) for entry in entries] == [("Who sang not ?", "Lee")]


def test_beir_passages_are_documents_without_questions(tmp_path: Path) -> None:
    """They stand beside another set's documents, whose questions stay."""
    (tmp_path / "squad.json").write_text(json.dumps(SQUAD), encoding="utf-8")
    rows = [{"_id": "a/1", "title": "", "text": "One  line."}, {"_id": "b", "title": "B", "text": " "}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    convert("squad2", tmp_path / "squad.json", tmp_path / "set")

    added = convert("beir", tmp_path / "corpus.jsonl", tmp_path / "set")

    assert added == 0
    assert (tmp_path / "set" / "documents" / "a-1.txt").read_text(encoding="utf-8") == "a/1\n\nOne line.\n"
    assert not (tmp_path / "set" / "documents" / "b.txt").exists()
    assert len(dataset.entries(tmp_path / "set" / "questions.jsonl")) == 4


def test_mtrag_turns_are_asked_in_their_conversation(tmp_path: Path) -> None:
    """Relevant passages are gold, whole; a turn without an answer is unanswerable; small talk is history alone."""
    turns = [
        ("What is tea?", "ANSWERABLE", "A drink.", {"p/1": ["yes", "no"], "p/2": ["no"]}),
        ("Thanks!", "CONVERSATIONAL", "Welcome.", {}),
        ("Who drank it first?", "UNANSWERABLE", "I do not know.", {"p/2": ["no"]}),
        ("And is it hot?", "ANSWERABLE", "It is.", {"p/2": ["yes"]}),
    ]
    messages: list[dict[str, Any]] = []
    for question, answerable, told, contexts in turns:
        messages.append({"speaker": "user", "text": question, "enrichments": {"Answerability": [answerable]}})
        shown = [{"document_id": key, "relevant": marks} for key, marks in contexts.items()]
        messages.append({"speaker": "agent", "text": told, "contexts": shown})
    held = [{"file": "3.json", "domain": "tea", "messages": messages}, {"file": "4.json", "domain": "rain"}]
    passages = [{"_id": "p/1", "title": "Tea", "text": "Tea  is a drink."}, {"_id": "p/2", "text": "It is hot."}]
    (tmp_path / "corpus_pooled").mkdir()
    for name, rows in (("conversations.jsonl.gz", held), ("corpus_pooled/tea.jsonl.gz", passages)):
        (tmp_path / name).write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))

    documents, entries = converted("mtrag", tmp_path / "corpus_pooled" / "tea.jsonl.gz", tmp_path / "set")

    assert documents == {"p-1.txt": "Tea\n\nTea is a drink.\n", "p-2.txt": "\n\nIt is hot.\n"}
    assert [(entry["id"], entry["kind"], len(entry["history"])) for entry in entries] == [
        ("3-1", "several_sentences", 0),
        ("3-3", "unanswerable", 2),
        ("3-4", "follow_up", 3),
    ]
    assert quotes(entries[0]) == ["Tea is a drink."]
    assert {entry["split"] for entry in entries} == {"test"}


def test_multihop_facts_are_gold(tmp_path: Path) -> None:
    """Each article's facts are its document; a query without evidence is unanswerable."""
    article = {"_id": "a1", "title": "Tea", "source": "The Leaf", "published_at": "2023-09-26T17:01:22+00:00"}
    queries = [
        {"_id": "1", "text": "Is it hot?", "answer": "Yes", "evidence": [{"doc": "a1", "fact": "Tea is  hot."}]},
        {"_id": "2", "text": "Who?", "answer": "Insufficient information.", "evidence": []},
    ]
    for name, rows in (("corpus_evidence", [article | {"facts": ["Tea is  hot."]}]), ("queries", queries)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    documents, entries = converted("multihop", tmp_path, tmp_path / "set")

    assert documents == {"a1.txt": "Tea\n\nThe Leaf, 2023-09-26\n\nTea is hot.\n"}
    assert [(entry["kind"], entry["split"], quotes(entry)) for entry in entries] == [
        ("several_documents", "test", ["Tea is hot."]),
        ("unanswerable", "dev", []),
    ]


def test_chromas_references_are_gold(tmp_path: Path) -> None:
    """Each text is a document as it is, with the questions about it."""
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "pubmed.md").write_text("Tea is hot.\nRain is wet.", encoding="utf-8")
    references = json.dumps([{"content": "Tea is hot.", "start_index": 0, "end_index": 11}]).replace('"', '""')
    (tmp_path / "questions_df.csv").write_text(
        f'question,references,corpus_id\nIs tea hot?,"{references}",pubmed\n', encoding="utf-8"
    )

    convert("chroma", tmp_path, tmp_path / "set")

    (entry,) = dataset.entries(tmp_path / "set" / "questions.jsonl")
    assert "Tea is hot.\nRain is wet." in (tmp_path / "set" / "documents" / "pubmed.md").read_text(encoding="utf-8")
    assert (entry["split"], entry["reference"], quotes(entry)) == ("test", "Tea is hot.", ["Tea is hot."])


def test_a_csv_of_questions_and_answers_is_a_question_set(tmp_path: Path) -> None:
    """Without an answer a question is unanswerable; a quote is found in its document; a cell may hold line ends."""
    file = tmp_path / "mine.csv"
    file.write_text(
        "\ufeffquestion,answer,document,quote,id\r\n"
        'When?,18 June,visit.md,"He came,\nat last.",\r\n'
        "Who?,,,,none\r\n"
        "Where?,Beijing,,,\r\n",
        encoding="utf-8",
        newline="",
    )
    text = "In June. He came, at last."

    read, moved = dataset.settle(questions(file), lambda name: rag.SourceDocument(name, name, None, text, ()))

    assert [(one.id, one.kind, one.reference) for one in read] == [
        ("q1", "single_fact", "18 June"),
        ("none", "unanswerable", ""),
        ("q3", "single_fact", "Beijing"),
    ]
    assert [[(gold.start, gold.end, gold.quote) for gold in one.gold] for one in read] == [
        [(9, 26, "He came, at last.")],
        [],
        [],
    ]
    assert len(moved) == 1


def test_a_csv_without_its_columns_is_told(tmp_path: Path) -> None:
    """The message names what is missing."""
    (tmp_path / "mine.csv").write_text("frage,antwort\nWann?,Juni\n", encoding="utf-8")

    with pytest.raises(dataset.DatasetError, match="no column answer and no column question"):
        questions(tmp_path / "mine.csv")


def test_unknown_format_and_missing_file_are_named(tmp_path: Path) -> None:
    """The error tells which formats there are, or which file is not there."""
    with pytest.raises(dataset.DatasetError, match="squad2, clapnq, qamr, beir, mtrag"):
        convert("squad3", tmp_path, tmp_path)
    with pytest.raises(dataset.DatasetError, match=r"gone\.json"):
        convert("squad2", tmp_path / "gone.json", tmp_path)
