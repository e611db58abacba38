"""Question sets → one file that the reader is trained from: the tokens of their texts, and what answers which question.

`eval/train_reader.py` reads it and needs nothing else of this project, so that training runs wherever torch does.
"""

import gzip
import json
import random
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.dataset import Entry, entries
from eval.metrics import covers
from rag import Span, sentences
from rag.index.catalog import Chunk
from rag.index.lexical import LexicalIndex, terms
from rag.models.embed import packaged_tokenizer

_WINDOW = 600  # characters of a passage that does not answer, about what a chunk has
_NAME = re.compile(r"(?<=\w )[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*|\b[12]\d{3}\b")  # not a question's first word
_Spans = Sequence[tuple[int, int]]
Passage = tuple[int, int, int]  # text, first sentence, the one after the last


@dataclass(frozen=True, slots=True)
class Text:
    """A document as token ids."""

    title: list[int]
    sentences: list[list[int]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as token ids, and where it is answered."""

    ids: list[int]
    text: int
    answering: list[int]  # sentences of the text; none for a question that it does not answer
    words: tuple[int, int, int] | None  # sentence, first and last token of the answer there
    known: bool  # whether the set says which words answer
    others: list[Passage] = field(default_factory=list)  # they share words with the question and do not answer


def gather(folders: Sequence[Path], out: Path, *, hard: int, false: float, seed: int = 13) -> dict[str, int]:
    """Write the dev questions of the sets, each with at most `hard` passages that do not answer; how many of each set.

    A share of `false` of the answerable ones is drawn, and those with a name or a year come once more, asked of another
    that the text does not have, and are then not answered by it. A set that is named twice is learnt from twice. `out`
    is gzip-ed JSON: {"texts": [`Text`], "questions": [`Asked`]}.
    """
    texts: list[Text] = []
    asked: list[Asked] = []
    counts: dict[str, int] = {}
    draw = random.Random(seed)
    for folder in folders:
        found_texts, found = _of_set(folder, len(texts), hard, false, draw)
        texts += found_texts
        asked += found
        counts[folder.name] = counts.get(folder.name, 0) + len(found)
    with gzip.open(out, "wt", encoding="utf-8", compresslevel=5) as file:
        json.dump({"texts": [asdict(text) for text in texts], "questions": [asdict(one) for one in asked]}, file)
    return counts


@dataclass(frozen=True, slots=True)
class _Document:
    title: str
    body: str
    spans: _Spans

    @classmethod
    def read(cls, path: Path) -> "_Document":
        title, _, body = path.read_text(encoding="utf-8").partition("\n\n")
        return cls(title, body, sentences.spans(body))

    def ends(self, start: int, stop: int) -> tuple[int, int]:
        """Where the sentences from one to before another stand in the body."""
        return self.spans[start][0], self.spans[stop - 1][1]


def _of_set(folder: Path, first: int, hard: int, false: float, draw: random.Random) -> tuple[list[Text], list[Asked]]:
    """The texts that dev questions are about, numbered from `first`, and these questions."""
    dev = [entry for entry in entries(folder / "questions.jsonl") if entry["split"] == "dev"]
    names = sorted({name for entry in dev for name in _about(entry)})
    documents = [_Document.read(folder / "documents" / name) for name in names]
    at = {name: number for number, name in enumerate(names)}
    tokenizer = packaged_tokenizer()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    others = _others(dev, names, documents, hard)
    known = _names(dev)
    found = []
    for entry, elsewhere in zip(dev, others, strict=True):
        for name in _about(entry)[:1]:
            own = _asked(entry, documents[at[name]], first + at[name], tokenizer)
            if own:
                passages = [(first + text, start, stop) for text, start, stop in elsewhere]
                found.append(replace(own, others=passages))
            if own and own.answering and draw.random() < false:
                swapped = _swapped(entry["question"], documents[at[name]], known[_subject(name)], draw)
                if swapped:
                    ids = tokenizer.encode(swapped, add_special_tokens=False).ids
                    found.append(Asked(ids, own.text, [], None, known=True))
    return [_text(document, tokenizer) for document in documents], found


def _about(entry: Entry) -> list[str]:
    return [gold["document_id"] for gold in entry["gold"]] or [name for name in (entry.get("about"),) if name]


def _text(document: _Document, tokenizer: Any) -> Text:
    title = f"{document.title}." if document.title else ""
    pieces = [title, *(document.body[start:end] for start, end in document.spans)]
    first, *rest = [encoded.ids for encoded in tokenizer.encode_batch(pieces, add_special_tokens=False)]
    return Text(first, rest)


def _asked(entry: Entry, document: _Document, text: int, tokenizer: Any) -> Asked | None:
    """None where the gold is not in the document, as in one that was cut."""
    quotes = [gold["quote"] for gold in entry["gold"]]
    places = [Span("-", at, at + len(quote)) for quote in quotes if (at := document.body.find(quote)) >= 0]
    answering = [n for n, span in enumerate(document.spans) if any(covers(Span("-", *span), one) for one in places)]
    if entry["gold"] and not answering:
        return None
    ids = tokenizer.encode(entry["question"], add_special_tokens=False).ids
    words = _words(entry, document, places[0], tokenizer) if answering else None
    return Asked(ids, text, answering, words, known=not answering or words is not None)


def _words(entry: Entry, document: _Document, gold: Span, tokenizer: Any) -> tuple[int, int, int] | None:
    """Sentence, first and last token of the first accepted answer that stands in the gold."""
    for answer in entry.get("accept", []):
        start = document.body.find(answer, gold.start, gold.end) if isinstance(answer, str) else -1
        if start < 0:
            continue
        for number, (left, right) in enumerate(document.spans):
            if left <= start and start + len(answer) <= right:
                places = tokenizer.encode(document.body[left:right], add_special_tokens=False).offsets
                inside = [n for n, (a, b) in enumerate(places) if a < start + len(answer) - left and b > start - left]
                return (number, inside[0], inside[-1]) if inside else None
    return None


def _subject(name: str) -> str:
    """What a document is filed under; those beside each other are of one subject only where they have a folder."""
    return name.rpartition("/")[0]


def _names(asked: Iterable[Entry]) -> dict[str, list[str]]:
    """The names and years in the questions about each subject."""
    found: dict[str, dict[str, None]] = {}
    for entry in asked:
        for name in _about(entry)[:1]:
            found.setdefault(_subject(name), {}).update(dict.fromkeys(_NAME.findall(entry["question"])))
    return {subject: list(names) for subject, names in found.items()}


def _swapped(question: str, document: _Document, known: Sequence[str], draw: random.Random) -> str:
    """The question with one of its names, or years, put in place of another that the text does not have, or ""."""
    places = list(_NAME.finditer(question))
    if not places:
        return ""
    place = draw.choice(places)
    said = f"{document.title} {document.body} {question}".lower()
    others = [
        name for name in known if name[0].isdigit() == place.group()[0].isdigit() and not _any_in(name.lower(), said)
    ]
    return question[: place.start()] + draw.choice(others) + question[place.end() :] if others else ""


def _any_in(name: str, said: str) -> bool:
    return any(word in said for word in name.split())


def _others(
    asked: Sequence[Entry], names: Sequence[str], documents: Sequence[_Document], hard: int
) -> Iterator[list[Passage]]:
    """For each answerable question passages of other documents that share most of its words, none with an answer.

    Passages that hold an accepted answer are left out: they may answer as well.
    """
    windows = [(text, *window) for text, document in enumerate(documents) for window in _windows(document.spans)]
    said: dict[int, frozenset[str]] = {}

    def holds_answer(entry: Mapping[str, Any], number: int) -> bool:
        if number not in said:
            text, *window = windows[number]
            said[number] = frozenset(terms(documents[text].body[slice(*documents[text].ends(*window))]))
        return any(said[number].issuperset(terms(answer)) for answer in entry.get("accept", []) if answer)

    with tempfile.TemporaryDirectory() as place:
        index = LexicalIndex(Path(place))
        if hard:
            index.add(_chunks(windows, names, documents))
        for entry in asked:
            gold = {one["document_id"] for one in entry["gold"]}
            found = index.search({entry["question"]: 1.0}, 3 * hard) if hard and gold else []
            numbers = [int(key) for key, _ in found]
            wrong = (n for n in numbers if names[windows[n][0]] not in gold and not holds_answer(entry, n))
            yield [windows[n] for n, _ in zip(wrong, range(hard), strict=False)]


def _chunks(windows: Sequence[Passage], names: Sequence[str], documents: Sequence[_Document]) -> Iterator[Chunk]:
    for number, (text, start, stop) in enumerate(windows):
        document = documents[text]
        left, right = document.ends(start, stop)
        none = np.zeros(1, dtype=np.float32)
        yield Chunk(
            str(number), Span(names[text], left, right), document.body[left:right], document.title, "", None, none
        )


def _windows(spans: _Spans) -> Iterable[tuple[int, int]]:
    """Sentences in runs of about `_WINDOW` characters: the first, and the one after the last."""
    start = 0
    for number, (_, end) in enumerate(spans):
        if number > start and end - spans[start][0] > _WINDOW:
            yield start, number
            start = number
    if start < len(spans):
        yield start, len(spans)
