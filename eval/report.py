"""The JSON of a run → tables for the terminal, alone or beside an earlier run."""

import json
from collections.abc import Mapping
from math import isnan, nan
from pathlib import Path
from typing import Any, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.table import Table

import rag
from eval import metrics
from eval.run import SCHEMA_VERSION

Run: TypeAlias = Mapping[str, Any]  # what `Results.to_dict` wrote
Scores: TypeAlias = Mapping[str, float | None]  # metric → score of one question, None where undefined

_BY_KIND = ("recall@5", "containment", "citation_recall")  # what fits a terminal; the JSON has all
_NOTHING = "–"


class ReportError(rag.RagError):
    """A file that does not hold the results of an evaluation."""


def load(path: Path) -> Run:
    """The results in a JSON file; ReportError when it holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} holds no results of an evaluation: {error}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA_VERSION:
        raise ReportError(f"{path} has schema {schema}, this version reads {SCHEMA_VERSION}. Run the evaluation again.")
    run: Run = found
    return run


def overall(run: Run) -> Table:
    """Every figure with its 95 % interval, a column for each split."""
    splits = _splits(run)
    table = _table(f"{len(run['records'])} questions, {run['date']}", "figure", *splits)
    groups = [run["figures"][split]["all"] for split in splits]
    for name in groups[0]:
        if name != "seconds":
            table.add_row(_label(name), *(_cell(group[name]) for group in groups))
    for name in ("median", "p95"):
        table.add_row(f"seconds, {name}", *(f"{group['seconds'][name]:.2f}" for group in groups))
    return table


def by_kind(run: Run) -> Table:
    """The main figures for each kind of question, all splits together; `abstained` is right for unanswerable only."""
    table = _table("By kind of question", "kind", "n", *map(_label, _BY_KIND), "abstained")
    for kind, group in run["figures"]["all"].items():
        if kind != "all":
            abstained = group["abstention_recall" if kind == "unanswerable" else "wrong_abstention"]
            figures = (*(group[name] for name in _BY_KIND), abstained)
            table.add_row(
                _label(kind), str(group["seconds"]["n"]), *(_cell(figure).replace(" ", "\n") for figure in figures)
            )
    return table


def comparison(run: Run, baseline: Run) -> Table:
    """Each figure before and now over the questions of both runs, and the change; bold where it is not chance.

    "Not chance" is a 95 % interval of the change without 0.
    """
    pairs = _pairs(run, baseline)
    table = _table(f"Against {baseline['date']}, {len(pairs)} questions", "figure", "before", "now", "change")
    for name in pairs[0][1] if pairs else ():
        before, now = ([_score(scores.get(name)) for scores in side] for side in zip(*pairs, strict=True))
        first, second = metrics.mean(before), metrics.mean(now)
        low, high = metrics.change_interval(before, now)
        style = "bold" if low > 0 or high < 0 else ""
        table.add_row(_label(name), _plain(first), _plain(second), _signed(second - first, low, high), style=style)
    return table


def _table(title: str, *headers: str) -> Table:
    """An empty table that fits 80 columns."""
    return Table(*headers, title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)


def _splits(run: Run) -> list[str]:
    """The splits worth a column: all of them and their sum, or the only one."""
    named = [split for split in run["figures"] if split != "all"]
    return named if len(named) == 1 else ["all", *named]


def _pairs(run: Run, baseline: Run) -> list[tuple[Scores, Scores]]:
    """(scores before, scores now) of each question that both runs asked in the same words."""
    earlier = {(record["id"], record["question"]): record["scores"] for record in baseline["records"]}
    keyed = (((record["id"], record["question"]), record["scores"]) for record in run["records"])
    return [(earlier[key], scores) for key, scores in keyed if key in earlier]


def _score(value: float | None) -> float:
    """JSON's null is an undefined score."""
    return nan if value is None else value


def _label(name: str) -> str:
    return name.replace("_", " ")


def _cell(figure: Mapping[str, float | None]) -> str:
    if figure["mean"] is None:
        return _NOTHING
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['mean']:.2f}"
    return f"{figure['mean']:.2f} ({figure['low']:.2f}–{figure['high']:.2f})"


def _plain(value: float) -> str:
    return _NOTHING if isnan(value) else f"{value:.3f}"


def _signed(mean: float, low: float, high: float) -> str:
    if isnan(mean):
        return _NOTHING
    return f"{mean:+.3f}" if isnan(low) else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
