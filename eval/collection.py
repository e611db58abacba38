"""Public retrieval sets → a `Collection`: passages, queries, and which passages answer which query.

One reader for each form that a set is published in. A set's halves stand as the field keeps them apart; where it has
none, what settings may be chosen by is `dev` and the rest is `test`.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Annotated, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from eval.chunking import split_of
from eval.dataset import DatasetError

Grades = Mapping[str, int]  # passage id → how relevant it is; 0 is not
Judgements = Mapping[str, Grades]  # query id → its grades

_Row = TypeVar("_Row")

_PIECE = 1000  # characters of a passage cut from a long text
_USER = "|user|: "  # what MTRAG puts before each question
_HALF = 0.5  # of a reference that a passage must hold


@dataclass(frozen=True, slots=True)
class Passage:
    """What is searched for; the title may be empty."""

    title: str
    text: str

    @property
    def whole(self) -> str:
        """Title and text as one."""
        return f"{self.title}\n{self.text}".strip()


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched by, and the earlier questions of its conversation, first to last."""

    text: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """Passages and queries by id, and split → judgements; every judged id is there."""

    name: str
    passages: Mapping[str, Passage]
    queries: Mapping[str, Query]
    judged: Mapping[str, Judgements]

    def __post_init__(self) -> None:
        for split, judgements in self.judged.items():
            for query, grades in judgements.items():
                if query not in self.queries:
                    raise DatasetError(f"{self.name}, split {split}: query {query!r} is judged and does not exist.")
                if strange := next((passage for passage in grades if passage not in self.passages), None):
                    raise DatasetError(
                        f"{self.name}, query {query!r}: passage {strange!r} is judged and does not exist."
                    )

    def judgements(self, split: str) -> Judgements:
        """The grades of each query of a split, or of "all", that has a relevant passage; DatasetError for none."""
        chosen = [judged for name, judged in self.judged.items() if split in ("all", name)]
        relevant = {
            query: grades
            for judged in chosen
            for query, grades in judged.items()
            if any(g > 0 for g in grades.values())
        }
        if not relevant:
            raise DatasetError(f"{self.name} has no judged queries of split {split}; it has {', '.join(self.judged)}.")
        return relevant

    def sampled(self, split: str, count: int, seed: int) -> "Collection":
        """The same with so many of the split's judged queries, drawn at random, the same for a seed; in their order."""
        judgements = self.judgements(split)
        chosen = set(Random(seed).sample(list(judgements), min(count, len(judgements))))
        return replace(self, judged={split: {key: grades for key, grades in judgements.items() if key in chosen}})

    def distinct(self) -> "Collection":
        """The same, passages of the same words being one: the first stands for all, with the best of their grades."""
        first: dict[str, str] = {}
        meant = {key: first.setdefault(" ".join(one.whole.split()), key) for key, one in self.passages.items()}
        judged = {
            split: {query: _merged(grades, meant) for query, grades in judgements.items()}
            for split, judgements in self.judged.items()
        }
        return replace(self, passages={key: self.passages[key] for key in first.values()}, judged=judged)

    def without_conversations(self) -> "Collection":
        """The same, each query as if it were the first."""
        return replace(self, queries={key: Query(query.text) for key, query in self.queries.items()})


def _merged(grades: Grades, meant: Mapping[str, str]) -> Grades:
    merged: dict[str, int] = {}
    for passage, grade in grades.items():
        merged[meant[passage]] = max(grade, merged.get(meant[passage], grade))
    return merged


def read(form: str, *paths: Path) -> Collection:
    """The collection at the paths, in one of `READERS`' forms; DatasetError says what is wrong and where."""
    if form not in READERS:
        raise DatasetError(f"{form} is not a form that is read; these are: {', '.join(READERS)}")
    return READERS[form](*paths)


# Forms


class _Titled(BaseModel):
    """A line of corpus.jsonl."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(alias="_id")
    title: Annotated[str, BeforeValidator(lambda title: title or "")] = ""
    text: str


class _Asked(BaseModel):
    """A line of queries.jsonl."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(alias="_id")
    text: str


def beir(folder: Path) -> Collection:
    """BEIR: corpus.jsonl and queries.jsonl, either also gzip-ed, and qrels/<split>.tsv.

    Thakur et al., BEIR, NeurIPS 2021 Datasets and Benchmarks.
    """
    passages = _passages(_either(folder, "corpus.jsonl"))
    queries = {row.id: Query(row.text) for row in _rows(_either(folder, "queries.jsonl"), _Asked)}
    judged = {path.stem: _qrels(path) for path in sorted((folder / "qrels").glob("*.tsv"))}
    if not judged:
        raise DatasetError(f"There is no qrels/<split>.tsv in {folder}.")
    return Collection(folder.resolve().name, passages, queries, judged)


class _Squad(BaseModel):
    """The whole file."""

    class Article(BaseModel):
        class Paragraph(BaseModel):
            class Question(BaseModel):
                id: str
                question: str
                answers: list[object]

            context: str
            qas: list[Question]

        title: str
        paragraphs: list[Paragraph]

    data: list[Article]


def squad2(source: Path) -> Collection:
    """SQuAD 2.0: paragraphs and the questions that they answer; the first half of the articles is dev.

    Rajpurkar, Jia & Liang, ACL 2018.
    """
    articles = _valid(_Squad, _text(source), source).data
    passages, queries = {}, {}
    judged: dict[str, dict[str, Grades]] = {"dev": {}, "test": {}}
    for number, article in enumerate(articles):
        half = judged["dev" if number < len(articles) / 2 else "test"]
        for at, paragraph in enumerate(article.paragraphs):
            key = f"{number}-{at}"
            passages[key] = Passage(article.title.replace("_", " "), paragraph.context)
            for asked in paragraph.qas:
                if asked.answers:
                    queries[asked.id] = Query(asked.question.strip())
                    half[asked.id] = {key: 1}
    return Collection("squad2", passages, queries, judged)


class _ClapNQ(BaseModel):
    """A line of either file."""

    class Source(BaseModel):
        title: str
        sentences: list[str]

    id: str
    input: str
    passages: Annotated[list[Source], Field(min_length=1)]


def clapnq(folder: Path, distractors: Path | None = None) -> Collection:
    """ClapNQ: passages of all questions and of a BEIR corpus file, the answerable questions; odd lines are test.

    Rosenthal et al., 2024, arXiv:2404.02103.
    """
    answerable = _rows(_only(folder, "*_answerable.jsonl"), _ClapNQ)
    rows = [*answerable, *_rows(_only(folder, "*_unanswerable.jsonl"), _ClapNQ)]
    passages = {_key(row): _joined(row.passages[0]) for row in rows} | (_passages(distractors) if distractors else {})
    judged: dict[str, dict[str, Grades]] = {"test": {}, "dev": {}}
    for number, row in enumerate(answerable, 1):
        judged["test" if number % 2 else "dev"][row.id] = {_key(row): 1}
    return Collection("clapnq", passages, {row.id: Query(row.input) for row in answerable}, judged)


class _Conversation(BaseModel):
    """A line of conversations.jsonl.gz; `file` is its number."""

    class Message(BaseModel):
        speaker: str
        text: str

    file: Annotated[str, Field(pattern=r"^\d+\.json$")]
    domain: str
    messages: list[Message]

    @property
    def asked(self) -> list[str]:
        return [message.text.strip() for message in self.messages if message.speaker == "user"]

    @property
    def split(self) -> str:
        return "test" if int(self.file.removesuffix(".json")) % 2 else "dev"


def mtrag(folder: Path) -> Collection:
    """MTRAG (human), one domain: the last question of each turn with those before it; odd conversations are test.

    `folder` is retrieval_tasks/<domain>. Katsis et al., MTRAG, 2025, arXiv:2501.03468.
    """
    domain, root = folder.resolve().name, folder.resolve().parent.parent
    last = {row.id: row.text for row in _rows(folder / f"{domain}_lastturn.jsonl", _Asked)}
    whole = {row.id: row.text for row in _rows(folder / f"{domain}_questions.jsonl", _Asked)}
    queries = {key: _conversed(key, text, whole.get(key, "")) for key, text in last.items()}
    held = [row for row in _rows(root / "conversations.jsonl.gz", _Conversation) if row.domain == domain]
    splits = _splits_of_conversations(queries, held)
    judged: dict[str, dict[str, Grades]] = {"dev": {}, "test": {}}
    for key, grades in _qrels(folder / "qrels" / "dev.tsv").items():
        judged[splits[_conversation(key)]][key] = grades
    return Collection(f"mtrag_{domain}", _passages(root / f"corpus_pooled/{domain}.jsonl.gz"), queries, judged)


class _MultiHop(_Asked):
    """A line of queries.jsonl with the articles that it is about."""

    class Evidence(BaseModel):
        doc: str

    evidence: list[Evidence]


def multihop(folder: Path) -> Collection:
    """MultiHop-RAG: news articles as the file has them, and the queries with evidence; the 1st, 3rd… query is test.

    Tang & Yang, MultiHop-RAG, COLM 2024.
    """
    rows = _rows(folder / "queries.jsonl", _MultiHop)
    judged: dict[str, dict[str, Grades]] = {"test": {}, "dev": {}}
    for number, row in enumerate(rows, 1):
        if row.evidence:
            judged["test" if number % 2 else "dev"][row.id] = {evidence.doc: 1 for evidence in row.evidence}
    queries = {row.id: Query(row.text) for row in rows if row.evidence}
    return Collection("multihop", _passages(folder / "corpus_evidence.jsonl"), queries, judged)


class _Reference(BaseModel):
    """A span of a text that answers."""

    start_index: int
    end_index: int


def chroma(folder: Path) -> Collection:
    """Chroma's chunking evaluation: pieces of its texts; one that holds half of a reference is relevant.

    Smith & Troynikov, Evaluating Chunking Strategies for Retrieval, Chroma technical report, 2024. The test half is
    finance and pubmed.
    """
    texts = {path.stem: _text(path) for path in sorted((folder / "corpora").glob("*.md"))}
    places = {name: list(pairwise(_cuts(text))) for name, text in texts.items()}
    passages = {
        f"{name}-{number}": Passage("", words)
        for name, pieces in places.items()
        for number, (start, end) in enumerate(pieces)
        if (words := texts[name][start:end].strip())
    }
    queries = {}
    judged: dict[str, dict[str, Grades]] = {"dev": {}, "test": {}}
    for number, (question, name, references) in enumerate(_chroma_rows(folder / "questions_df.csv")):
        queries[str(number)] = Query(question)
        judged[split_of(name)][str(number)] = {
            f"{name}-{at}": 1
            for at, place in enumerate(places.get(name, ()))
            if f"{name}-{at}" in passages and any(_holds_half(place, reference) for reference in references)
        }
    return Collection("chroma", passages, queries, judged)


READERS: Mapping[str, Callable[..., Collection]] = {
    "beir": beir,
    "squad2": squad2,
    "clapnq": clapnq,
    "mtrag": mtrag,
    "multihop": multihop,
    "chroma": chroma,
}


# Parts of forms


def _key(row: _ClapNQ) -> str:
    return f"dev-{row.id}"


def _joined(source: _ClapNQ.Source) -> Passage:
    return Passage(source.title, " ".join(" ".join(sentence.split()) for sentence in source.sentences))


def _conversation(key: str) -> str:
    return key.partition("<::>")[0]


def _turn(key: str) -> int:
    """Of a query's id: which of the conversation's questions it is, from 1."""
    number = key.partition("<::>")[2]
    return int(number) if number.isdecimal() else _refuse(f"the id {key!r} is not of the form CONVERSATION<::>TURN")


def _conversed(key: str, last: str, whole: str) -> Query:
    """The last question and those before it, of a text with a line for each; DatasetError where the two differ."""
    *earlier, text = whole.removeprefix(_USER).split(f"\n{_USER}")
    if text != last.removeprefix(_USER) or len(earlier) + 1 != _turn(key):
        _refuse(f"query {key!r} does not end the questions of its conversation")
    return Query(text.strip(), tuple(question.strip() for question in earlier))


def _splits_of_conversations(queries: Mapping[str, Query], held: Sequence[_Conversation]) -> dict[str, str]:
    """Conversation → its split, by its number.

    The queries name conversations by a hash that conversations.jsonl.gz does not have. A conversation is the one of
    its domain in which each of the queries is the user's n-th message, n being the turn that the query's id tells.
    Twice two conversations of a domain begin alike; by all their turns each of the 110 has exactly one match.
    """
    turns: dict[str, list[tuple[int, str]]] = {}
    for key, query in queries.items():
        turns.setdefault(_conversation(key), []).append((_turn(key), query.text))
    return {name: _matching(name, asked, held).split for name, asked in turns.items()}


def _matching(name: str, asked: Sequence[tuple[int, str]], held: Sequence[_Conversation]) -> _Conversation:
    found = [one for one in held if all(one.asked[turn - 1 : turn] == [text] for turn, text in asked)]
    if len(found) != 1:
        _refuse(f"{len(found)} conversations have the questions of {name!r}, not one")
    return found[0]


def _cuts(text: str) -> Iterator[int]:
    """Where a long text is cut: at the last end of a line or a sentence in the second half of each piece."""
    at = 0
    while at < len(text):
        yield at
        end = at + _PIECE
        if end < len(text):
            last = max(text.rfind(stop, at + _PIECE // 2, end) for stop in ("\n", ". ", "? ", "! "))
            end = last + 1 if last > 0 else end
        at = end
    yield len(text)


def _chroma_rows(path: Path) -> Iterator[tuple[str, str, list[_Reference]]]:
    """Question, name of its text, and references."""
    references = TypeAdapter(list[_Reference])
    for number, row in enumerate(csv.DictReader(_text(path).splitlines(keepends=True)), 1):
        try:
            yield row["question"], row["corpus_id"], references.validate_json(row["references"])
        except (KeyError, ValidationError) as error:
            raise DatasetError(f"{path}, question {number}: {_told(error)}") from error


def _holds_half(place: tuple[int, int], reference: _Reference) -> bool:
    shared = min(place[1], reference.end_index) - max(place[0], reference.start_index)
    return shared >= _HALF * (reference.end_index - reference.start_index)


# Files


def _passages(path: Path) -> dict[str, Passage]:
    """The lines of a BEIR corpus; DatasetError where an id is there twice."""
    rows = _rows(path, _Titled)
    passages = {row.id: Passage(row.title, row.text) for row in rows}
    if len(passages) < len(rows):
        _refuse(f"{path}: {len(rows) - len(passages)} passages have the id of another")
    return passages


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    """query-id, corpus-id and score, parted by tabs, below a line of these names."""
    judgements: dict[str, dict[str, int]] = {}
    _, *lines = _text(path).splitlines() or [""]
    for number, line in enumerate(lines, 2):
        query, passage, grade = [*line.split("\t"), "", "", ""][:3]
        if not re.fullmatch(r"-?\d+", grade):
            _refuse(f"{path}:{number}: not query-id, corpus-id and score with tabs between: {line!r}")
        judgements.setdefault(query, {})[passage] = int(grade)
    return judgements


def _rows(path: Path, form: type[_Row]) -> list[_Row]:
    """The lines of a JSON-lines file, each in this form."""
    # not splitlines: JSON may hold U+2028 as it is
    lines = enumerate(_text(path).split("\n"), 1)
    return [_valid(form, line, f"{path}:{number}") for number, line in lines if line.strip()]


def _valid(form: type[_Row], text: str, where: object) -> _Row:
    try:
        return TypeAdapter(form).validate_json(text)
    except ValidationError as error:
        raise DatasetError(f"{where}: {_told(error)}") from error


def _told(error: KeyError | ValidationError) -> str:
    """The first thing that is wrong, and in which field."""
    if isinstance(error, KeyError):
        return f"there is no column {error}"
    first = error.errors()[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


def _either(folder: Path, name: str) -> Path:
    """The file of this name, or the gzip-ed one."""
    plain, packed = folder / name, folder / f"{name}.gz"
    return packed if packed.exists() and not plain.exists() else plain


def _only(folder: Path, pattern: str) -> Path:
    found = [*folder.glob(pattern)]
    if len(found) != 1:
        _refuse(f"{len(found)} files {pattern} in {folder}, one is needed")
    return found[0]


def _text(path: Path) -> str:
    """A file's text with its line ends as they are: references count in them."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _refuse(what: str) -> NoReturn:
    raise DatasetError(f"{what}.")
