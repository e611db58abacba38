"""The JSON of a run → tables for the terminal, alone or beside an earlier run."""

import json
from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.table import Table

import rag
from eval import metrics, ranking
from eval.ours import NAME
from eval.run import SCHEMA_VERSION

Run: TypeAlias = Mapping[str, Any]  # what `Results.to_dict` wrote
Scores: TypeAlias = Mapping[str, float | None]  # metric → score of one question, None where undefined

_BY_KIND = ("recall@5", "containment", "citation_recall")  # what fits a terminal; the JSON has all
_NOTHING = "–"


class ReportError(rag.RagError):
    """A file that does not hold the results of an evaluation."""


def load(path: Path) -> Run:
    """The results in a JSON file; ReportError when it holds something else."""
    return _load(path, "records", SCHEMA_VERSION)


def load_ranking(path: Path) -> Run:
    """The results of one collection in a JSON file; ReportError when it holds something else."""
    return _load(path, "systems", ranking.SCHEMA_VERSION)


def _load(path: Path, part: str, version: int) -> Run:
    """The JSON of a version, if it has the part that tells what was run."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} holds no results of an evaluation: {error}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != version:
        raise ReportError(f"{path} has schema {schema}, this version reads {version}. Run the evaluation again.")
    if part not in found:
        raise ReportError(f"{path} holds results of another kind: it has no {part}.")
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
    return _changes(f"Against {baseline['date']}, {len(pairs)} questions", pairs)


def rankings(run: Run) -> Table:
    """Each system's figures on a collection with their 95 % intervals."""
    (metric_names, *_) = (one["figures"] for one in run["systems"].values())
    table = _table(_heading(run), "system", *map(_label, metric_names))
    for name, system in run["systems"].items():
        table.add_row(name, *(_cell(figure, 3) for figure in system["figures"].values()))
    return table


def ranking_comparison(run: Run, baseline: Run) -> Table:
    """As `comparison`, of the first system of either run, over the queries of both."""
    if run["collection"] != baseline["collection"]:
        raise ReportError(f"The earlier run is of {baseline['collection']}, this one of {run['collection']}.")
    before, now = _first(baseline), _first(run)
    pairs = [(before[key]["scores"], now[key]["scores"]) for key in now if key in before]
    return _changes(f"Against {baseline['date']}, {len(pairs)} queries", pairs)


def markdown(run: Run) -> str:
    """The figures as a table in Markdown; the last line is what ours has over the best other, figure by figure."""
    names = list(next(iter(run["systems"].values()))["figures"])
    rows = [[name, *(_cell(system["figures"][one], 3) for one in names)] for name, system in run["systems"].items()]
    if NAME in run["systems"] and not all(name.startswith(NAME) for name in run["systems"]):
        rows.append([f"**{NAME} less the best other**", *(_lead(run, name) for name in names)])
    lines = [["system", *map(_label, names)], ["---"] * (1 + len(names)), *rows]
    return "\n".join([f"### {_heading(run)}", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def _lead(run: Run, name: str) -> str:
    """Ours less the other system that is best by a figure, with the interval of the queries drawn in pairs."""
    others = {key: system for key, system in run["systems"].items() if not key.startswith(NAME)}
    best = max(others, key=lambda key: others[key]["figures"][name]["mean"])
    scores = (run["systems"][key]["queries"].values() for key in (best, NAME))
    before, now = ([query["scores"][name] for query in queries] for queries in scores)
    change = metrics.mean(now) - metrics.mean(before)
    return f"{_signed(change, *metrics.change_interval(before, now))} to {best}"


def _changes(title: str, pairs: Sequence[tuple[Scores, Scores]]) -> Table:
    table = _table(title, "figure", "before", "now", "change")
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


def _heading(run: Run) -> str:
    queries = len(next(iter(run["systems"].values()))["queries"])
    return f"{run['collection']}, {run['split']}: {queries} queries, {run['passages']} passages"


def _first(run: Run) -> Mapping[str, Any]:
    """The queries of the only system of a run, or of its first."""
    queries: Mapping[str, Any] = next(iter(run["systems"].values()))["queries"]
    return queries


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


def _cell(figure: Mapping[str, float | None], digits: int = 2) -> str:
    if figure["mean"] is None:
        return _NOTHING
    mean = f"{figure['mean']:.{digits}f}"
    if figure["low"] is None or figure["high"] is None:
        return mean
    return f"{mean} ({figure['low']:.{digits}f}–{figure['high']:.{digits}f})"


def _plain(value: float) -> str:
    return _NOTHING if isnan(value) else f"{value:.3f}"


def _signed(mean: float, low: float, high: float) -> str:
    if isnan(mean):
        return _NOTHING
    return f"{mean:+.3f}" if isnan(low) else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
