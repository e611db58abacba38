"""Public question sets → a folder of documents and a question set over them, to be ingested and evaluated like any.

Each format's halves stand as the field keeps them apart: what settings may be chosen by is `dev`, the rest is `test`.
"""

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import dataset
from eval.chunking import split_of
from eval.dataset import DatasetError, Entry, Question, Split
from eval.metrics import words

_TREEBANK = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "``": "“", "''": "”"}
_NO_SPACE_BEFORE = re.compile(r"[,.;:!?%]$|-R[RS]B-|''|['’](?:s|re|ve|ll|d|m)?$|n['’]t$")
_NOWHERE = {"start": 0, "end": 1}  # a place that holds no quote, so that it is looked for
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A document to write, and the entries that ask about it; `name` is its path in the folder."""

    name: str
    title: str
    text: str
    entries: tuple[Entry, ...]


def convert(name: str, source: Path, folder: Path) -> int:
    """Write `folder/documents/` and `folder/questions.jsonl` from a file of a known format; how many questions.

    The questions' gold has no places yet: ingest the documents, then `python -m eval anchor`.
    """
    if name not in FORMATS:
        raise DatasetError(f"{name} is not a format that is read; these are: {', '.join(FORMATS)}")
    entries: list[Entry] = []
    for paragraph in FORMATS[name](source):
        path = folder / "documents" / paragraph.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{paragraph.title}\n\n{paragraph.text}\n", encoding="utf-8", newline="")
        entries += paragraph.entries
    questions = folder / "questions.jsonl"
    dataset.write([*(dataset.entries(questions) if questions.exists() else ()), *entries], questions)
    return len(entries)


def questions(path: Path) -> tuple[Question, ...]:
    """The questions of a JSON-lines file, or of a CSV file, see `from_csv`."""
    if path.suffix.lower() != ".csv":
        return dataset.read(path)
    return dataset.parse(((number, json.dumps(entry)) for number, entry in enumerate(from_csv(path), 2)), path)


def from_csv(path: Path) -> list[Entry]:
    """A question for each line of a CSV file with the columns question and answer; without an answer unanswerable.

    Columns id, kind and split are taken where they are there; so is document with quote, a place that answers, which is
    yet to be found: see `dataset.settle`.
    """
    rows = csv.DictReader(_read(path).removeprefix("\ufeff").splitlines(keepends=True))
    if missing := {"question", "answer"} - set(rows.fieldnames or ()):
        raise DatasetError(f"{path} has no column {' and no column '.join(sorted(missing))}.")
    return [_csv_entry(row, number) for number, row in enumerate(rows, 1)]


def squad2(source: Path) -> Iterator[Paragraph]:
    """SQuAD 2.0: a document for each paragraph; the first half of the articles is dev.

    Rajpurkar, Jia & Liang, ACL 2018. Gold is the sentence that holds the first annotator's answer.
    """
    articles = json.loads(_read(source))["data"]
    for number, article in enumerate(articles):
        yield from _squad_paragraphs(article, "dev" if number < len(articles) / 2 else "test")


def squad1(source: Path) -> Iterator[Paragraph]:
    """SQuAD 1.1's training file: a document for each paragraph, all of it dev. Rajpurkar et al., EMNLP 2016."""
    for article in json.loads(_read(source))["data"]:
        yield from _squad_paragraphs(article, "dev")


def clapnq(source: Path) -> Iterator[Paragraph]:
    """ClapNQ: a document for each passage, gold the sentences that the answer was written from; odd lines are test.

    Rosenthal et al., 2024, arXiv:2404.02103.
    """
    for number, line in enumerate(_lines(source), 1):
        row = json.loads(line)
        (passage, *_) = row["passages"]
        name = f"{_UNSAFE.sub('-', passage['title'])[:60]}-{row['id'].strip('-')}.txt"
        text = " ".join(" ".join(sentence.split()) for sentence in passage["sentences"])
        yield Paragraph(name, passage["title"], text, (_clapnq_entry(row, name, "test" if number % 2 else "dev"),))


def beir(source: Path) -> Iterator[Paragraph]:
    """The passages of a BEIR corpus.jsonl, without questions: to be found beside those of another set."""
    for line in _lines(source):
        row = json.loads(line)
        text = " ".join(row["text"].split())
        if text:
            yield Paragraph(_file_of(row["_id"]), row["title"] or row["_id"], text, ())


def qamr(source: Path) -> Iterator[Paragraph]:
    """QAMR: a document for each article, a sentence a paragraph; all of it dev. `source` is the folder of its files.

    Michael et al., Crowdsourcing Question-Answer Meaning Representations, NAACL 2018. A question is taken once, and
    only if a validator gave the answer that its writer gave, and this is more than an article or a sign.
    """
    rows = (line.split("\t") for line in _lines(source / "sentences.tsv.gz"))
    tokens = {key: text.split(" ") for key, text in rows}
    asked: dict[str, dict[str, list[int]]] = {}
    for name in ("dev.tsv.gz", "test.tsv.gz"):
        for line in _lines(source / name):
            key, _, _, _, _, question, answer, *validators = line.split("\t")
            if any(answer == validator.partition(":")[2] for validator in validators):
                asked.setdefault(key, {}).setdefault(question, [int(at) for at in answer.split()])
    articles: dict[str, list[str]] = {}
    for key in sorted(tokens, key=lambda key: [int(part) for part in key.split(":")[2:]]):
        articles.setdefault(":".join(key.split(":")[:3]), []).append(key)
    for article, keys in articles.items():
        name = f"{article.split(':')[2]}.txt"
        lines = {key: _joined(tokens[key]) for key in keys}
        entries = (
            _qamr_entry(f"{key}/{number}", question, lines[key], answer, name)
            for key in keys
            for number, (question, answer) in enumerate(asked.get(key, {}).items())
        )
        text = "\n\n".join(text for text, _ in lines.values())
        yield Paragraph(name, "", text, tuple(entry for entry in entries if words(entry["reference"])))


def mtrag(source: Path) -> Iterator[Paragraph]:
    """MTRAG (human), one domain: a document for each pooled passage, each turn asked after those before it.

    `source` is corpus_pooled/<domain>.jsonl.gz, beside whose folder conversations.jsonl.gz lies; odd conversations are
    test. Gold is the passages that people called relevant, whole; turns that ask nothing, or that the passages answer
    in part, are only asked before others. Katsis et al., MTRAG, 2025, arXiv:2501.03468.
    """
    domain = source.name.partition(".")[0]
    passages = {row["_id"]: row for row in map(json.loads, _lines(source))}
    held = map(json.loads, _lines(source.parent.parent / "conversations.jsonl.gz"))
    entries = [entry for one in held if one["domain"] == domain for entry in _mtrag_entries(one, passages)]
    for number, (key, row) in enumerate(passages.items()):
        text = " ".join(row["text"].split())
        if text:
            yield Paragraph(_file_of(key), row.get("title") or "", text, tuple(entries) if number == 0 else ())


def multihop(source: Path) -> Iterator[Paragraph]:
    """MultiHop-RAG: a document for each article, gold the quoted facts; the 1st, 3rd… query is test.

    `source` is the folder of corpus_evidence.jsonl and queries.jsonl. Tang & Yang, MultiHop-RAG, COLM 2024.
    """
    queries = enumerate(map(json.loads, _lines(source / "queries.jsonl")), 1)
    entries = [_multihop_entry(row, "test" if number % 2 else "dev") for number, row in queries]
    for number, row in enumerate(map(json.loads, _lines(source / "corpus_evidence.jsonl"))):
        told = f"{row['source']}, {row['published_at'][:10]}"
        text = "\n\n".join([told, *(" ".join(fact.split()) for fact in row["facts"])])
        yield Paragraph(f"{row['_id']}.txt", row["title"], text, tuple(entries) if number == 0 else ())


def chroma(source: Path) -> Iterator[Paragraph]:
    """Chroma's chunking evaluation: its texts, gold the references of each question; finance and pubmed are test.

    `source` is its folder. It has no answers: the references are taken for them, so an answer is right that quotes
    them. Smith & Troynikov, Chroma technical report, 2024.
    """
    asked: dict[str, list[Entry]] = {}
    rows = csv.DictReader(_read(source / "questions_df.csv").splitlines(keepends=True))
    for number, row in enumerate(rows):
        asked.setdefault(row["corpus_id"], []).append(_chroma_entry(row, number))
    for path in sorted((source / "corpora").glob("*.md")):
        yield Paragraph(path.name, "", _read(path), tuple(asked.get(path.stem, ())))


FORMATS: Mapping[str, Callable[[Path], Iterator[Paragraph]]] = {
    "squad1": squad1,
    "squad2": squad2,
    "clapnq": clapnq,
    "qamr": qamr,
    "beir": beir,
    "mtrag": mtrag,
    "multihop": multihop,
    "chroma": chroma,
}


def _csv_entry(row: Mapping[str, str | None], number: int) -> Entry:
    found = {key: (value or "").strip() for key, value in row.items() if isinstance(value, str)}
    answer = found.get("answer", "")
    document, quote = found.get("document", ""), found.get("quote", "")
    return {
        "id": found.get("id") or f"q{number}",
        "kind": found.get("kind") or ("single_fact" if answer else "unanswerable"),
        "split": found.get("split") or "test",
        "question": found.get("question", ""),
        "reference": answer,
        "gold": [{"document_id": document, "quote": quote, **_NOWHERE}] if answer and document and quote else [],
    }


def _squad_paragraphs(article: Mapping[str, Any], split: Split) -> Iterator[Paragraph]:
    title = article["title"].replace("_", " ")
    for at, paragraph in enumerate(article["paragraphs"], 1):
        name = f"{_UNSAFE.sub('-', article['title'])}/{at:03}.txt"
        text = " ".join(paragraph["context"].split("\n"))
        asked = (_squad_entry(question, name, text, split) for question in paragraph["qas"])
        yield Paragraph(name, title, text, tuple(entry for entry in asked if entry))


def _squad_entry(question: Mapping[str, Any], document_id: str, text: str, split: Split) -> Entry | None:
    """None for an answer without words, or one whose sentence stands twice in the paragraph."""
    common = {"id": question["id"], "split": split, "question": question["question"].strip()}
    if not question["answers"]:
        return {**common, "kind": "unanswerable", "reference": "", "gold": [], "about": document_id}
    answers = list(dict.fromkeys(answer["text"].strip() for answer in question["answers"] if words(answer["text"])))
    start = question["answers"][0]["answer_start"]
    quote = _sentence_around(text, start, start + len(question["answers"][0]["text"]))
    if text.count(quote) != 1 or not answers:
        return None
    gold = [{"document_id": document_id, "quote": quote}]
    return {**common, "kind": "single_fact", "reference": answers[0], "accept": answers, "gold": gold}


def _clapnq_entry(row: Mapping[str, Any], document_id: str, split: Split) -> Entry:
    common = {"id": row["id"], "split": split, "question": row["input"].strip()}
    output = row["output"][0]
    chosen = [" ".join(sentence.split()) for sentence in output["selected_sentences"]]
    if not (output["answer"] and chosen):
        return {**common, "kind": "unanswerable", "reference": "", "gold": [], "about": document_id}
    gold = [{"document_id": document_id, "quote": quote} for quote in dict.fromkeys(chosen)]
    return {**common, "kind": "several_sentences", "reference": output["answer"], "gold": gold}


def _mtrag_entries(conversation: Mapping[str, Any], passages: Mapping[str, Any]) -> Iterator[Entry]:
    number = int(conversation["file"].removesuffix(".json"))
    history: list[str] = []
    messages = conversation["messages"]
    for turn, (asked, told) in enumerate(zip(messages[::2], messages[1::2], strict=False), 1):
        question, (answerable,) = asked["text"].strip(), asked["enrichments"]["Answerability"]
        relevant = [one["document_id"] for one in told["contexts"] if "yes" in one["relevant"]]
        quotes = {_file_of(key): " ".join(passages[key]["text"].split()) for key in relevant if key in passages}
        common = {"id": f"{number}-{turn}", "split": "test" if number % 2 else "dev", "question": question}
        if answerable == "UNANSWERABLE":
            yield common | {"kind": "unanswerable", "reference": "", "gold": [], "history": list(history)}
        elif answerable == "ANSWERABLE" and quotes and words(told["text"]):
            gold = [{"document_id": name, "quote": quote} for name, quote in quotes.items()]
            kind = "follow_up" if history else "several_sentences"
            yield common | {"kind": kind, "reference": told["text"].strip(), "gold": gold, "history": list(history)}
        history.append(question)


def _multihop_entry(row: Mapping[str, Any], split: Split) -> Entry:
    common = {"id": row["_id"], "split": split, "question": row["text"].strip()}
    if not row["evidence"]:
        return {**common, "kind": "unanswerable", "reference": "", "gold": []}
    facts = {(one["doc"], " ".join(one["fact"].split())) for one in row["evidence"]}
    gold = [{"document_id": f"{name}.txt", "quote": fact} for name, fact in sorted(facts)]
    return {**common, "kind": "several_documents", "reference": row["answer"], "gold": gold}


def _chroma_entry(row: Mapping[str, str], number: int) -> Entry:
    name, quotes = f"{row['corpus_id']}.md", [one["content"] for one in json.loads(row["references"])]
    return {
        "id": f"{row['corpus_id']}-{number}",
        "kind": "single_fact" if len(quotes) == 1 else "several_sentences",
        "split": split_of(row["corpus_id"]),
        "question": row["question"].strip(),
        "reference": " ".join(quotes),
        "gold": [{"document_id": name, "quote": quote} for quote in quotes],
    }


def _file_of(key: str) -> str:
    """A passage's name as a file's."""
    return f"{_UNSAFE.sub('-', key)}.txt"


def _qamr_entry(
    key: str, question: str, line: tuple[str, list[tuple[int, int]]], answer: Sequence[int], document_id: str
) -> Entry:
    text, places = line
    answered = text[places[min(answer)][0] : places[max(answer)][1]]
    common = {"id": key, "kind": "single_fact", "split": "dev", "question": question}
    gold = [{"document_id": document_id, "quote": text}]
    return {**common, "reference": answered, "accept": [answered], "gold": gold}


def _joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words of the Penn Treebank as a sentence is written, and the place of each in it."""
    text, places = "", list[tuple[int, int]]()
    for word in tokens:
        plain = _TREEBANK.get(word, word)
        glue = not text or _NO_SPACE_BEFORE.match(word) or text.endswith(("(", "[", "$", "“"))
        text += "" if glue else " "
        places.append((len(text), len(text) + len(plain)))
        text += plain
    return text, places


def _sentence_around(text: str, start: int, end: int) -> str:
    """From the full stop before to the one after; rough is enough, because gold counts as found by half."""
    before = max(text.rfind(stop, 0, start) for stop in (". ", "? ", "! "))
    after = text.find(". ", end)
    return text[before + 2 if before >= 0 else 0 : after + 1 if after >= 0 else len(text)].strip()


def _lines(source: Path) -> Iterator[str]:
    return (line for line in _read(source).split("\n") if line)  # not splitlines: JSON may hold U+2028 as it is


def _read(source: Path) -> str:
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror}") from error
    return (gzip.decompress(data) if source.suffix == ".gz" else data).decode("utf-8")
