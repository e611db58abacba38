"""A system over a collection → how well it ranks passages, query by query, so that two runs compare in pairs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf, log2, nan
from textwrap import shorten
from time import perf_counter
from typing import Any, Protocol

from eval import metrics
from eval.collection import Collection, Grades, Judgements, Passage, Query
from eval.run import Progress, figure, machine, packages

SCHEMA_VERSION = 1  # raise when a reader of the old JSON would misread the new
DEPTH = 10  # passages ranked for each query
_TITLE = 100  # characters


class System(Protocol):
    """Something that is given passages and ranks them for a query."""

    def index(self, passages: Mapping[str, Passage]) -> None:
        """Take in all passages, before any search."""

    def search(self, query: Query, k: int) -> Sequence[str]:
        """The ids of the `k` best passages, best first, each once."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a system ranked for each query with its scores, and the seconds of indexing and of each search."""

    rankings: Mapping[str, Sequence[str]]
    scores: Mapping[str, Mapping[str, float]]
    indexing: float
    searching: Mapping[str, float]

    def to_dict(self, *, seed: int = metrics.SEED) -> dict[str, Any]:
        """As plain JSON values: the figures, and each query."""
        rows = list(self.scores.values())
        return {
            "figures": {name: figure([row[name] for row in rows], seed=seed) for name in rows[0]},
            "seconds": {"indexing": round(self.indexing, 1), "search": _median(list(self.searching.values()))},
            "queries": {
                key: {"scores": dict(scores), "ranking": list(self.rankings[key])}
                for key, scores in self.scores.items()
            },
        }


def run(system: System, collection: Collection, split: str, *, progress: Progress = lambda done, total: None) -> Ranked:
    """Index the passages, search for every query that is judged in the split, and score what comes back."""
    judgements = collection.judgements(split)
    begin = perf_counter()
    system.index(collection.passages)
    indexing = perf_counter() - begin
    rankings, searching = {}, {}
    for done, key in enumerate(judgements, 1):
        begin = perf_counter()
        rankings[key] = tuple(system.search(collection.queries[key], DEPTH))
        searching[key] = perf_counter() - begin
        progress(done, len(judgements))
    scores = {key: score(rankings[key], grades) for key, grades in judgements.items()}
    return Ranked(rankings, scores, indexing, searching)


def results(
    collection: Collection, split: str, systems: Mapping[str, Ranked], *, seed: int = metrics.SEED
) -> dict[str, Any]:
    """What was run on one collection, as plain JSON values: figures, rankings, and what a reader must know of both."""
    judgements = collection.judgements(split)
    return {
        "schema": SCHEMA_VERSION,
        "kind": "ranking",
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seed": seed,
        "machine": machine(),
        "packages": packages(),
        "collection": collection.name,
        "split": split,
        "passages": len(collection.passages),
        "systems": {name: ranked.to_dict(seed=seed) for name, ranked in systems.items()},
        "queries": {
            key: {"query": collection.queries[key].text, "relevant": dict(grades)} for key, grades in judgements.items()
        },
        "titles": _titles(collection, judgements, systems.values()),
    }


def _titles(collection: Collection, judgements: Judgements, systems: Iterable[Ranked]) -> dict[str, str]:
    """What to call each passage that is relevant or was ranked: its title, or how it begins."""
    ranked = (passage for system in systems for ranking in system.rankings.values() for passage in ranking)
    judged = (passage for grades in judgements.values() for passage in grades)
    shown = dict.fromkeys([*judged, *ranked])
    return {key: shorten(collection.passages[key].whole.partition("\n")[0], _TITLE, placeholder="…") for key in shown}


def score(ranking: Sequence[str], grades: Grades) -> dict[str, float]:
    """The metrics of one query."""
    return {
        "ndcg@10": ndcg_at(ranking, grades, 10),
        "recall@5": recall_at(ranking, grades, 5),
        "recall@10": recall_at(ranking, grades, 10),
    }


def ndcg_at(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """nDCG@k: sum of grade / log2(1 + rank) over the first k passages, over the same sum for the best order there is.

    Järvelin & Kekäläinen, TOIS 2002, with the grade itself as gain, as trec_eval and BEIR have it; nan without a
    relevant passage.
    """
    best = _gained(sorted(grades.values(), reverse=True)[:k])
    return _gained([grades.get(passage, 0) for passage in ranking[:k]]) / best if best else nan


def recall_at(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """Recall@k: relevant passages among the first k / relevant passages; nan without one."""
    ranks = {passage: rank for rank, passage in enumerate(ranking, 1)}
    return metrics.recall_at([ranks.get(passage, inf) for passage, grade in grades.items() if grade > 0], k)


def _gained(grades: Sequence[int]) -> float:
    return sum(max(grade, 0) / log2(1 + rank) for rank, grade in enumerate(grades, 1))


def _median(seconds: Sequence[float]) -> float:
    return round(metrics.percentile(seconds, 0.5), 4)
