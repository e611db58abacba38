"""Each public form becomes the same collection, and what is wrong with a file is told with its place."""

import csv
import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from eval import collection
from eval.collection import Collection, Passage, Query
from eval.dataset import DatasetError


def lines(path: Path, *rows: Mapping[str, Any]) -> None:
    """Write a JSON-lines file; gzip-ed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def qrels(path: Path, *rows: str) -> None:
    """Write a qrels file of `query passage grade` rows below its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = ["query-id corpus-id score", *rows]
    path.write_text("".join(row.replace(" ", "\t") + "\n" for row in table), encoding="utf-8")


def beir(folder: Path, judged: Iterable[str] = ("q1 p1 2", "q1 p2 0")) -> Path:
    """A BEIR folder of two passages and two queries."""
    lines(folder / "corpus.jsonl", {"_id": "p1", "title": "Tea", "text": "It steeps."}, {"_id": "p2", "text": "Rain."})
    lines(folder / "queries.jsonl", {"_id": "q1", "text": "What steeps?"}, {"_id": "q2", "text": "What falls?"})
    qrels(folder / "qrels" / "test.tsv", *judged)
    return folder


def test_beir_is_a_folder_with_a_split_for_each_file_of_judgements(tmp_path: Path) -> None:
    """Titles may be missing, and grades are kept as they are."""
    qrels(beir(tmp_path / "tea") / "qrels" / "train.tsv", "q2 p2 1")

    found = collection.read("beir", tmp_path / "tea")

    assert found == Collection(
        "tea",
        {"p1": Passage("Tea", "It steeps."), "p2": Passage("", "Rain.")},
        {"q1": Query("What steeps?"), "q2": Query("What falls?")},
        {"test": {"q1": {"p1": 2, "p2": 0}}, "train": {"q2": {"p2": 1}}},
    )


def test_files_may_be_gzip_ed(tmp_path: Path) -> None:
    """corpus.jsonl.gz is read where there is no corpus.jsonl."""
    plain = collection.read("beir", beir(tmp_path))
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress((tmp_path / "corpus.jsonl").read_bytes()))
    (tmp_path / "corpus.jsonl").unlink()

    packed = collection.read("beir", tmp_path)

    assert packed == plain


def test_copies_of_a_passage_are_one() -> None:
    """The first is kept, with the best grade that any of them has; other spaces make no other words."""
    passages = {"a": Passage("Tea", "It steeps."), "b": Passage("Tea", "It  steeps.\n"), "c": Passage("", "It steeps.")}
    judged = {"test": {"q": {"a": 0, "b": 2, "c": 1}, "r": {"b": 1}}}
    queries = {"q": Query("What steeps?"), "r": Query("What is tea?")}

    found = Collection("tea", passages, queries, judged).distinct()

    assert found.passages == {"a": passages["a"], "c": passages["c"]}
    assert found.judged == {"test": {"q": {"a": 2, "c": 1}, "r": {"a": 1}}}


def test_a_query_without_a_relevant_passage_is_not_asked(tmp_path: Path) -> None:
    """Judged as irrelevant alone, or not at all, it would count as found by no system."""
    found = collection.read("beir", beir(tmp_path, ["q1 p1 1", "q2 p1 0"]))

    assert found.judgements("test") == {"q1": {"p1": 1}}
    assert found.judgements("all") == found.judgements("test")


def test_a_split_without_judgements_is_an_error(tmp_path: Path) -> None:
    """The message names the splits that there are."""
    found = collection.read("beir", beir(tmp_path))

    with pytest.raises(DatasetError, match=r"no judged queries of split dev; it has test\."):
        found.judgements("dev")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("corpus.jsonl", '{"_id": "p1", "title": "Tea"}', "corpus.jsonl:1: text: Field required"),
        ("corpus.jsonl", "\n[]", "corpus.jsonl:2: Input should be an object"),
        ("corpus.jsonl", '{"_id": "p1", "text": "a"}\n{"_id": "p1", "text": "b"}', "1 passages have the id of another"),
        ("queries.jsonl", "{", "queries.jsonl:1: Invalid JSON"),
        ("queries.jsonl", '{"_id": "q9", "text": "Why?"}', "split test: query 'q1' is judged and does not exist"),
        ("qrels/test.tsv", "head\nq1\tp1\n", "test.tsv:2: not query-id, corpus-id and score"),
        ("qrels/test.tsv", "head\nq1\tp1\t0.5\n", "test.tsv:2: not query-id, corpus-id and score"),
        ("qrels/test.tsv", "head\nq1\tp9\t1\n", "query 'q1': passage 'p9' is judged and does not exist"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, file: str, text: str, told: str) -> None:
    """A line that is none, an id twice, or a judgement of what is not there: file and line, or split and query."""
    (beir(tmp_path) / file).write_text(text, encoding="utf-8")

    with pytest.raises(DatasetError) as caught:
        collection.read("beir", tmp_path)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("beir", "corpus.jsonl cannot be read: No such file or directory"),
        ("squad2", "cannot be read"),
        ("clapnq", "0 files *_answerable.jsonl"),
        ("mtrag", "_lastturn.jsonl cannot be read"),
        ("multihop", "queries.jsonl cannot be read"),
        ("chroma", "questions_df.csv cannot be read"),
        ("trec", "trec is not a form that is read; these are: beir, squad2"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, form: str, told: str) -> None:
    """Every form names the file that it misses, and a form that is none the forms there are."""
    with pytest.raises(DatasetError) as caught:
        collection.read(form, tmp_path)

    assert told in str(caught.value)


def test_damaged_gzip_is_told(tmp_path: Path) -> None:
    """Whether it is no gzip at all or breaks off."""
    (tmp_path / "none.gz").write_bytes(b"plain")
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"words " * 100)[:30])

    for name in ("none.gz", "half.gz"):
        with pytest.raises(DatasetError, match=rf"{name} cannot be read"):
            collection.read("squad2", tmp_path / name)


def test_squad2_asks_paragraphs_for_what_they_answer(tmp_path: Path) -> None:
    """Of two articles the first is dev; a question without an answer is none, and spaces about one go."""
    answered = {"id": "a", "question": " What steeps? ", "answers": [{"text": "Tea", "answer_start": 0}]}
    open_question = {"id": "b", "question": "What boils?", "answers": []}
    falls = {"id": "c", "question": "What falls?", "answers": [{"text": "Rain", "answer_start": 0}]}
    articles = [
        {"title": "Hot_tea", "paragraphs": [{"context": "Tea steeps.", "qas": [answered, open_question]}]},
        {"title": "Rain", "paragraphs": [{"context": "Rain falls.", "qas": [falls]}]},
    ]
    (tmp_path / "dev.json").write_text(json.dumps({"data": articles}), encoding="utf-8")

    found = collection.read("squad2", tmp_path / "dev.json")

    assert found.passages == {"0-0": Passage("Hot tea", "Tea steeps."), "1-0": Passage("Rain", "Rain falls.")}
    assert found.queries == {"a": Query("What steeps?"), "c": Query("What falls?")}
    assert found.judged == {"dev": {"a": {"0-0": 1}}, "test": {"c": {"1-0": 1}}}


def test_clapnq_finds_answerable_questions_among_all_passages(tmp_path: Path) -> None:
    """The 1st line is test and the 2nd dev; passages of the unanswerable and of a corpus beside are in the way."""
    source = {"title": "Tea", "sentences": ["It  steeps.", "It cools."]}
    rows = [{"id": key, "input": f"Question {key}?", "passages": [source]} for key in ("1", "2", "3")]
    lines(tmp_path / "set" / "clapnq_dev_answerable.jsonl", *rows[:2])
    lines(tmp_path / "set" / "clapnq_dev_unanswerable.jsonl", rows[2])
    lines(tmp_path / "others.jsonl.gz", {"_id": "o", "title": None, "text": "Rain falls."})

    found = collection.read("clapnq", tmp_path / "set", tmp_path / "others.jsonl.gz")

    assert list(found.passages) == ["dev-1", "dev-2", "dev-3", "o"]
    assert found.passages["dev-1"] == Passage("Tea", "It steeps. It cools.")
    assert found.judged == {"test": {"1": {"dev-1": 1}}, "dev": {"2": {"dev-2": 1}}}


def mtrag(root: Path, *conversations: tuple[str, list[str]]) -> Path:
    """A domain with these conversations, of which the first is the one that is asked; its folder."""
    folder = root / "retrieval_tasks" / "govt"
    asked = [f"|user|: {question}" for question in conversations[0][1]]
    turns = range(1, len(asked) + 1)
    lines(folder / "govt_lastturn.jsonl", *({"_id": f"x<::>{turn}", "text": asked[turn - 1]} for turn in turns))
    lines(
        folder / "govt_questions.jsonl", *({"_id": f"x<::>{turn}", "text": "\n".join(asked[:turn])} for turn in turns)
    )
    qrels(folder / "qrels" / "dev.tsv", *(f"x<::>{turn} p 1" for turn in turns))
    lines(root / "corpus_pooled" / "govt.jsonl.gz", {"_id": "p", "title": "", "text": "Shelters."})
    held = [
        {"file": file, "domain": "govt", "messages": [{"speaker": "user", "text": text} for text in questions]}
        for file, questions in conversations
    ]
    lines(root / "conversations.jsonl.gz", *held)
    return folder


@pytest.mark.parametrize(("file", "split"), [("7.json", "test"), ("12.json", "dev")])
def test_mtrag_queries_follow_the_questions_before_them(tmp_path: Path, file: str, split: str) -> None:
    """The last question is the query; whether its conversation is odd decides, also where another begins alike."""
    folder = mtrag(
        tmp_path, (file, ["What is a shelter?", "And in winter?"]), ("5.json", ["What is a shelter?", "Why?"])
    )

    found = collection.read("mtrag", folder)

    assert found.name == "mtrag_govt"
    assert found.queries["x<::>2"] == Query("And in winter?", ("What is a shelter?",))
    assert found.judged[split] == {"x<::>1": {"p": 1}, "x<::>2": {"p": 1}}
    assert found.without_conversations().queries["x<::>2"] == Query("And in winter?")


@pytest.mark.parametrize("others", [[("4.json", ["What is a shelter?"])], []])
def test_mtrag_conversation_must_be_found_once(tmp_path: Path, others: list[tuple[str, list[str]]]) -> None:
    """With two of the same questions, or none, its half is not known."""
    folder = mtrag(tmp_path, ("3.json", ["What is a shelter?"]), *others)
    if not others:
        lines(tmp_path / "conversations.jsonl.gz")

    with pytest.raises(DatasetError, match=rf"{2 if others else 0} conversations have the questions of 'x', not one"):
        collection.read("mtrag", folder)


def test_multihop_asks_for_every_article_of_the_evidence(tmp_path: Path) -> None:
    """An article counts once; a query without evidence is not asked but keeps its place in the order of halves."""
    lines(tmp_path / "corpus_evidence.jsonl", *({"_id": key, "title": key, "text": key} for key in "abc"))
    asked = [["a", "b", "a"], [], ["c"], ["b"]]
    rows = [
        {"_id": str(at), "text": "Which?", "evidence": [{"doc": doc} for doc in docs]} for at, docs in enumerate(asked)
    ]
    lines(tmp_path / "queries.jsonl", *rows)

    found = collection.read("multihop", tmp_path)

    assert list(found.queries) == ["0", "2", "3"]
    assert found.judged == {"test": {"0": {"a": 1, "b": 1}, "2": {"c": 1}}, "dev": {"3": {"b": 1}}}


def chroma(folder: Path, text: str, *references: tuple[int, int], corpus: str = "chatlogs") -> Collection:
    """The collection of one text and one question with these references."""
    (folder / "corpora").mkdir()
    (folder / "corpora" / "chatlogs.md").write_bytes(text.encode())
    spans = [{"start_index": start, "end_index": end, "content": text[start:end]} for start, end in references]
    with (folder / "questions_df.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("question", "references", "corpus_id"), ("Why?", json.dumps(spans), corpus)])
    return collection.read("chroma", folder)


def test_chroma_texts_are_cut_at_the_ends_of_sentences(tmp_path: Path) -> None:
    """Pieces of at most 1,000 characters end with a sentence, and together they hold every word."""
    text = "One sentence of words.\r\n" + "Forty characters stand in this sentence. " * 60

    found = chroma(tmp_path, text, (0, 10))

    texts = [passage.text for passage in found.passages.values()]
    assert len(texts) == 3
    assert all(len(piece) <= 1000 and piece.endswith(".") for piece in texts)
    assert " ".join(texts).split() == text.split()


@pytest.mark.parametrize(("start", "relevant"), [(-10, {"chatlogs-0", "chatlogs-1"}), (-11, {"chatlogs-0"})])
def test_chroma_passage_with_half_of_a_reference_is_relevant(tmp_path: Path, start: int, relevant: set[str]) -> None:
    """Of twenty characters ten are enough and nine are not."""
    text = "x" * 1500

    found = chroma(tmp_path, text, (1000 + start, 1020 + start))

    assert found.judged["dev"]["0"].keys() == relevant


def test_chroma_keeps_finance_and_pubmed_for_the_test(tmp_path: Path) -> None:
    """The question is of the half of its text; a reference that is none is told with the number of the question."""
    found = chroma(tmp_path, "Words.", corpus="pubmed")
    (tmp_path / "questions_df.csv").write_text('question,references,corpus_id\nWhy?,"[{}]",x\n', encoding="utf-8")

    assert found.judged == {"dev": {}, "test": {"0": {}}}
    with pytest.raises(DatasetError, match=r"question 1: 0\.start_index: Field required"):
        collection.read("chroma", tmp_path)
