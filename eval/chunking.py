"""Texts with gold spans → how much of the gold each way of cutting finds, at the same number of tokens retrieved.

    python -m eval chunking FOLDER --split dev

FOLDER is the set of Smith & Troynikov, Evaluating Chunking Strategies for Retrieval, Chroma technical report, 2024:
corpora/*.md and questions_df.csv with character spans. `test` is finance and pubmed, `dev` the rest; the texts of a
split are searched together. Texts are normalised first and the references found in them again, nearest to their place.

Chunks are ranked by the cosine of the index's embedder and taken best first until the budget of tokens is used; the
last is cut off where it ends, as a prompt would be, so every way retrieves as many tokens (of the embedder; those of
two overlapping chunks count twice, because a reader is given both). Each way embeds what it does for its users by
default: our Chunker the heading path (the texts have no title) and the text, the others the text. The embedder
reads 256 tokens of a chunk.
"""

import csv
import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, MetadataMode
from numpy.typing import NDArray
from rich.console import Console

import rag
from eval import metrics
from eval.dataset import DatasetError
from rag.chunk import Chunker
from rag.load.normalise import normalise
from rag.models.embed import document_embedder, token_starts

TEST = frozenset({"finance", "pubmed"})
BUDGETS = (200, 400, 800)  # tokens retrieved

TokenStarts = Callable[[str], Sequence[int]]
Piece = tuple[int, int, str]  # first character, last excluded, and the words that are embedded
Cut = Callable[[str], Sequence[Piece]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A normalised text, and the first character of each of its tokens."""

    name: str
    text: str
    tokens: Sequence[int]

    def span(self, start: int, end: int) -> range:
        """The tokens that begin between two characters."""
        return range(bisect_left(self.tokens, start), bisect_left(self.tokens, end))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the places (in characters) of a corpus that answer it."""

    question: str
    corpus: str
    gold: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One question's figures at one budget, all in tokens."""

    recall: float
    precision: float
    iou: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A way of cutting: how many chunks, of how many tokens on average, and budget → a score for each question."""

    chunks: int
    tokens: float
    scores: Mapping[int, tuple[Score, ...]]


def print_chunking(folder: Path, split: Literal["dev", "test", "all"], console: Console) -> None:
    """Print each way's figures, and ours of the default size less each other's, with 95 % intervals over questions."""
    settings = rag.Settings()
    starts = token_starts(settings)
    corpora = read_corpora(folder, split, starts)
    asked = read_questions(folder, corpora)
    embedder = document_embedder(settings)
    questions = embedded(embedder, [question.question for question in asked])
    progress = Console(stderr=True)
    outcomes = {}
    for name, cut in ways(starts, settings.chunk_size).items():
        progress.print(name)
        outcomes[name] = outcome(cut, corpora, asked, questions, embedder)
    for line in _report(outcomes, asked):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def ways(starts: TokenStarts, size: int) -> dict[str, Cut]:
    """What is compared; the first is ours at the size of the settings."""
    ours = {f"ours {tokens}": _ours(tokens, starts) for tokens in dict.fromkeys((size, 160, 100))}
    theirs = {
        f"SentenceSplitter {tokens}/{overlap}": _sentence_splitter(tokens, overlap)
        for tokens, overlap in ((1024, 200), (256, 0), (160, 20))
    }
    fixed = {f"fixed {tokens}": _fixed(tokens, starts) for tokens in (160, 100)}
    return ours | theirs | fixed


def read_corpora(folder: Path, split: str, starts: TokenStarts) -> dict[str, Corpus]:
    """The texts of a split, normalised."""
    paths = [path for path in sorted((folder / "corpora").glob("*.*")) if split in ("all", split_of(path.stem))]
    if not paths:
        raise DatasetError(f"There are no texts of split {split} in {folder / 'corpora'}.")
    texts = {path.stem: normalise(path.read_text(encoding="utf-8")) for path in paths}
    return {name: Corpus(name, text, starts(text)) for name, text in texts.items()}


def split_of(corpus: str) -> str:
    """The half that a corpus belongs to."""
    return "test" if corpus in TEST else "dev"


def read_questions(folder: Path, corpora: Mapping[str, Corpus]) -> list[Asked]:
    """The questions on these corpora, with their gold in the normalised texts."""
    raw = {name: next((folder / "corpora").glob(f"{name}.*")).read_text(encoding="utf-8") for name in corpora}
    with (folder / "questions_df.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus_id"] in corpora]
    return [
        Asked(
            row["question"],
            row["corpus_id"],
            tuple(
                place(corpora[row["corpus_id"]].text, reference, raw[row["corpus_id"]])
                for reference in json.loads(row["references"])
            ),
        )
        for row in rows
    ]


def place(text: str, reference: Mapping[str, str | int], raw: str) -> tuple[int, int]:
    """Where a reference into the raw text stands in the normalised one; DatasetError where it does not."""
    words = normalise(str(reference["content"])).strip()
    near = int(len(text) * int(reference["start_index"]) / len(raw))
    found = list(_occurrences(text, words))
    if not found:
        raise DatasetError(f"A reference is not in its text any more: {words[:80]}")
    start = min(found, key=lambda at: abs(at - near))
    return start, start + len(words)


def embedded(embedder: BaseEmbedding, texts: Sequence[str]) -> NDArray[np.float64]:
    """Unit vectors, shape (texts, dim)."""
    return np.array(embedder.get_text_embedding_batch(list(texts)))


def outcome(
    cut: Cut,
    corpora: Mapping[str, Corpus],
    asked: Sequence[Asked],
    questions: NDArray[np.float64],
    embedder: BaseEmbedding,
) -> Outcome:
    """Cut, embed, rank for the vectors of the questions, and score at each budget."""
    pieces = [(corpus, piece) for corpus in corpora.values() for piece in cut(corpus.text)]
    chunks = [(corpus.name, corpus.span(start, end)) for corpus, (start, end, _) in pieces]
    vectors = embedded(embedder, [words for _, (_, _, words) in pieces])
    ranked = np.argsort(-(questions @ vectors.T), axis=1, kind="stable")
    scores = {
        budget: tuple(
            score([chunks[at] for at in ranking], gold_tokens(question, corpora), budget)
            for question, ranking in zip(asked, ranked, strict=True)
        )
        for budget in BUDGETS
    }
    return Outcome(len(chunks), sum(len(tokens) for _, tokens in chunks) / len(chunks), scores)


def gold_tokens(question: Asked, corpora: Mapping[str, Corpus]) -> set[tuple[str, int]]:
    """(corpus, token) of everything that answers a question."""
    corpus = corpora[question.corpus]
    return {(corpus.name, token) for span in question.gold for token in corpus.span(*span)}


def score(ranking: Sequence[tuple[str, range]], gold: set[tuple[str, int]], budget: int) -> Score:
    """The first `budget` tokens of ranked chunks against gold: recall, precision, and shared / (either or both).

    The report's three figures; a token that is retrieved twice is found once, and is retrieved twice.
    """
    found = set[tuple[str, int]]()
    used = 0
    for corpus, tokens in ranking:
        taken = tokens[: budget - used]
        used += len(taken)
        found.update((corpus, token) for token in taken)
        if used == budget:
            break
    shared = len(found & gold)
    return Score(shared / len(gold), shared / used, shared / (len(gold) + used - shared))


def _ours(size: int, starts: TokenStarts) -> Cut:
    chunker = Chunker(size=size, token_starts=starts)

    def cut(text: str) -> list[Piece]:
        nodes = chunker([Document(text=text, metadata={"title": "", "named": True})])
        return [
            (node.start_char_idx or 0, node.end_char_idx or 0, node.get_content(MetadataMode.EMBED)) for node in nodes
        ]

    return cut


def _sentence_splitter(size: int, overlap: int) -> Cut:
    """Its own offsets are those of the first such text in the document, so each chunk is looked for by the last one."""
    splitter = SentenceSplitter(chunk_size=size, chunk_overlap=overlap)

    def cut(text: str) -> list[Piece]:
        pieces: list[Piece] = []
        begin, end = 0, 0
        for node in splitter([Document(text=text)]):
            content = node.get_content(MetadataMode.EMBED)
            spaces = len(text) - end - len(text[end:].lstrip())
            start = text.rindex(content, begin, end + spaces + len(content))
            begin, end = start + 1, start + len(content)
            pieces.append((start, end, content))
        return pieces

    return cut


def _fixed(size: int, starts: TokenStarts) -> Cut:
    def cut(text: str) -> list[Piece]:
        bounds = [*starts(text)[::size], len(text)]
        return [(start, end, text[start:end]) for start, end in pairwise(bounds)]

    return cut


def _occurrences(text: str, words: str) -> Iterator[int]:
    at = text.find(words)
    while at >= 0:
        yield at
        at = text.find(words, at + 1)


def _report(outcomes: Mapping[str, Outcome], asked: Sequence[Asked]) -> Iterator[str]:
    ours = next(iter(outcomes))
    names = sorted({question.corpus for question in asked})
    groups = {"all": set(names)} | {name: {name} for name in names if len(names) > 1}
    for group, members in groups.items():
        chosen = np.array([question.corpus in members for question in asked])
        yield f"\n{group}: {chosen.sum()} questions"
        for budget in BUDGETS:
            yield f"{budget} tokens{'':20}recall (95 %)         change to {ours:19} precision   IoU"
            base = _figures(outcomes[ours], budget, chosen)
            for name, result in outcomes.items():
                yield f"  {name:27}{_row(_figures(result, budget, chosen), base)}"
    for name, result in outcomes.items():
        yield f"{name}: {result.chunks} chunks of {result.tokens:.0f} tokens on average"


def _figures(result: Outcome, budget: int, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shape (3, questions): recall, precision, IoU."""
    rows = [(each.recall, each.precision, each.iou) for each in result.scores[budget]]
    figures: NDArray[np.float64] = np.array(rows)[chosen].T
    return figures


def _row(figures: NDArray[np.float64], base: NDArray[np.float64]) -> str:
    recall, precision, iou = figures
    low, high = metrics.interval(recall.tolist())
    change = recall.mean() - base[0].mean()
    less, more = metrics.change_interval(base[0].tolist(), recall.tolist())
    told = f"{change:+.3f} ({less:+.3f} to {more:+.3f})" if change or less or more else ""
    return f"{recall.mean():.3f} ({low:.3f}–{high:.3f})  {told:30}{precision.mean():9.3f}{iou.mean():8.3f}"
