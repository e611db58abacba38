"""The JSON of a run → tables for the terminal, alone or beside an earlier run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any, TypeAlias, get_args

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

import rag
from eval import difference, metrics, ranking
from eval.difference import Change, Comparison, Difference, Why
from eval.ours import NAME
from eval.run import SCHEMA_VERSION, Run

Scores: TypeAlias = Mapping[str, float | None]  # metric → score of one question, None where undefined

_BY_KIND = ("recall@5", "containment", "citation_recall")  # what fits a terminal; the JSON has all
_NOTHING = "–"
_LARGE = 100  # from which a figure has no digits after its point
SPENT = ("tokens_read", "tokens_written", "cost_of_1000")


@dataclass(frozen=True, slots=True)
class RankingChange:
    """A figure before and now over so many queries of both runs, with the 95 % interval of its change."""

    name: str
    queries: int
    before: float
    now: float
    low: float
    high: float


class ReportError(rag.RagError):
    """A file that does not hold the results of an evaluation."""


def load(path: Path) -> Run:
    """The results in a JSON file, or in the run.json of a folder; ReportError when it holds something else."""
    return _load(_json_of(path), "records", SCHEMA_VERSION)


def load_ranking(path: Path) -> Run:
    """The results of one collection, as `load` finds them."""
    return _load(_json_of(path), "systems", ranking.SCHEMA_VERSION)


def _json_of(path: Path) -> Path:
    return path / "run.json" if path.is_dir() else path


def _load(path: Path, part: str, version: int) -> Run:
    """The JSON of a version, if it has the part that tells what was run."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} holds no results of an evaluation: {error}") from error
    if not isinstance(found, dict) or part not in found:
        raise ReportError(f"{path} holds results of another kind: it has no {part}.")
    if found.get("schema") != version:
        raise ReportError(
            f"{path} has schema {found.get('schema')}, this version reads {version}. Run the evaluation again."
        )
    run: Run = found
    return run


def overall(run: Run) -> Table:
    """Every figure with its 95 % interval, a column for each split."""
    shown = splits(run)
    table = _table(f"{asked(run)}, {run['date']}", "figure", *shown)
    groups = [run["figures"][split]["all"] for split in shown]
    for name in groups[0]:
        if name != "seconds":
            table.add_row(label_in(run, name), *(_cell(group[name]) for group in groups))
    for name in ("median", "p95"):
        table.add_row(f"seconds, {name}", *(_cell(latency(group, name)) for group in groups))
    return table


def asked(run: Run) -> str:
    """How many questions, and what they were drawn from if they are a sample."""
    drawn_from = run.get("drawn_from")
    told = f"{len(run['records'])} questions"
    return f"{told} drawn from {drawn_from} with seed {run['seed']}" if drawn_from else told


def label_in(run: Run, name: str) -> str:
    """What a table calls a figure: also whether tokens, and what is computed of them, are estimated."""
    estimated = name in SPENT and any(record["answer"].get("tokens_are") == "estimated" for record in run["records"])
    return _label(name) + (", estimated" if estimated else "")


def rounded(value: float, digits: int) -> str:
    """A figure with so many digits after the point; none from a hundred on."""
    return f"{value:.{digits}f}" if abs(value) < _LARGE else f"{value:,.0f}"


def latency(group: Mapping[str, Mapping[str, float | None]], name: str) -> dict[str, float | None]:
    """The median or the 95th percentile of the seconds as a figure with its interval."""
    seconds = group["seconds"]
    return {"mean": seconds[name], "low": seconds[f"{name}_low"], "high": seconds[f"{name}_high"]}


def by_type(run: Run) -> Table:
    """The main figures for each type of document, all splits together."""
    table = _table("By type of document", "type", "n", *map(_label, _BY_KIND), "abstained")
    for suffix, group in run["types"].items():
        figures = (*(group[name] for name in _BY_KIND), group["wrong_abstention"])
        cells = (_cell(figure).replace(" ", "\n") for figure in figures)
        table.add_row(suffix, str(group["seconds"]["n"]), *cells)
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


def comparison(compared: Comparison) -> Table:
    """Each figure before and now over the questions of both runs, the change, and the chance of it; bold if it is none.

    The p-value is that of a paired randomisation test beside those of all other figures.
    """
    title = f"Against {compared.before['date']}, {compared.questions} questions"
    table = _table(title, "figure", "before", "now", "change", "p")
    for change in compared.changes:
        told = _signed(change.difference, change.low, change.high)
        style = "bold" if change.significant else ""
        cells = (_label(change.name), _plain(change.before), _plain(change.now), told, _chance(change))
        table.add_row(*cells, style=style)
    return table


def differences(compared: Comparison) -> Table:
    """How many answers changed by what it comes from, and how many of them for the better and for the worse."""
    changed = compared.differences
    table = _table(f"Changed answers: {len(changed)}", "because of", "n", "better", "worse")
    for why in get_args(Why):
        because = [one for one in changed if one.why == why]
        better = sum(one.better for one in because)
        table.add_row(why, str(len(because)), str(better), str(sum(one.worse for one in because)))
    return table


def told(one: Difference) -> Iterator[Text]:
    """A question that was answered in another way, in three lines."""
    outcomes = f"{difference.outcome(one.before)} → {difference.outcome(one.now)}"
    style = "green" if one.better else "red" if one.worse else "bold"
    yield Text(f"{one.now['id']}: {outcomes}; {', '.join(one.what)}, because of {one.why}", style)
    yield Text(f"  {one.now['question']}")
    for label, record in (("before", one.before), ("now", one.now)):
        answer = record["answer"]
        cited = dict.fromkeys(each["document_id"] for claim in answer["claims"] for each in claim["citations"])
        yield Text(f"  {label} ({answer['confidence']:.2f}): {answer['text']} {', '.join(cited)}".rstrip(), "dim")


def judged(found: Mapping[str, Any], told: str) -> Table:
    """The means of a judge with their 95 % intervals, and of how many questions each is."""
    table = _table(f"{told}, judged by {found['judge']}", "ragas", "mean", "n")
    for name, one in found["figures"].items():
        table.add_row(_label(name), _cell(one, 3), str(one["n"]))
    return table


def rankings(run: Run) -> Table:
    """Each system's figures on a collection with their 95 % intervals."""
    (metric_names, *_) = (one["figures"] for one in run["systems"].values())
    table = _table(heading(run), "system", *map(_label, metric_names))
    for name, system in run["systems"].items():
        table.add_row(name, *(_cell(figure, 3) for figure in system["figures"].values()))
    return table


def ranking_comparison(run: Run, baseline: Run) -> Table:
    """As `comparison`, of the first system of either run, over the queries of both."""
    changes = ranking_changes(run, baseline)
    table = _table(f"Against {baseline['date']}, {changes[0].queries} queries", "figure", "before", "now", "change")
    for one in changes:
        told = _signed(one.now - one.before, one.low, one.high)
        style = "bold" if one.low > 0 or one.high < 0 else ""
        table.add_row(_label(one.name), _plain(one.before), _plain(one.now), told, style=style)
    return table


def ranking_changes(run: Run, baseline: Run) -> list[RankingChange]:
    """What changed in each figure of the first system of either run; ReportError for runs that share no query."""
    if run["collection"] != baseline["collection"]:
        raise ReportError(f"The earlier run is of {baseline['collection']}, this one of {run['collection']}.")
    before, now = queries_of(baseline), queries_of(run)
    both = [key for key in now if key in before]
    if not both:
        raise ReportError("The earlier run has none of these queries.")
    sides = [[queries[key]["scores"] for key in both] for queries in (before, now)]
    return [_ranking_change(name, sides[0], sides[1], run["seed"]) for name in sides[1][0]]


def _ranking_change(name: str, before: Sequence[Scores], now: Sequence[Scores], seed: int) -> RankingChange:
    first, second = ([_score(scores.get(name)) for scores in side] for side in (before, now))
    interval = metrics.change_interval(first, second, seed=seed)
    return RankingChange(name, len(now), metrics.mean(first), metrics.mean(second), *interval)


def markdown(run: Run) -> str:
    """The figures as a table in Markdown; the last line is what ours has over the best other, figure by figure."""
    names = list(next(iter(run["systems"].values()))["figures"])
    rows = [[name, *(_cell(system["figures"][one], 3) for one in names)] for name, system in run["systems"].items()]
    if NAME in run["systems"] and not all(name.startswith(NAME) for name in run["systems"]):
        rows.append([f"**{NAME} less the best other**", *(_lead(run, name) for name in names)])
    lines = [["system", *map(_label, names)], ["---"] * (1 + len(names)), *rows]
    return "\n".join([f"### {heading(run)}", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def _lead(run: Run, name: str) -> str:
    """Ours less the other system that is best by a figure, with the interval of the queries drawn in pairs."""
    others = {key: system for key, system in run["systems"].items() if not key.startswith(NAME)}
    best = max(others, key=lambda key: others[key]["figures"][name]["mean"])
    scores = (run["systems"][key]["queries"].values() for key in (best, NAME))
    before, now = ([query["scores"][name] for query in queries] for queries in scores)
    change = metrics.mean(now) - metrics.mean(before)
    return f"{_signed(change, *metrics.change_interval(before, now, seed=run['seed']))} to {best}"


def _table(title: str, *headers: str) -> Table:
    """An empty table that fits 80 columns."""
    return Table(*headers, title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)


def heading(run: Run) -> str:
    """Which queries of what were ranked."""
    queries, drawn_from = len(next(iter(run["systems"].values()))["queries"]), run.get("drawn_from")
    drawn = f" drawn from {drawn_from} with seed {run['seed']}" if drawn_from else ""
    return f"{run['collection']}, {run['split']}: {queries} queries{drawn}, {run['passages']} passages"


def queries_of(run: Run) -> Mapping[str, Any]:
    """The queries of the only system of a run, or of its first."""
    queries: Mapping[str, Any] = next(iter(run["systems"].values()))["queries"]
    return queries


def splits(run: Run) -> list[str]:
    """The splits worth a column: all of them and their sum, or the only one."""
    named = [split for split in run["figures"] if split != "all"]
    return named if len(named) == 1 else ["all", *named]


def _score(value: float | None) -> float:
    """JSON's null is an undefined score."""
    return nan if value is None else value


def _label(name: str) -> str:
    return name.replace("_", " ")


def _cell(figure: Mapping[str, float | None], digits: int = 2) -> str:
    if figure["mean"] is None:
        return _NOTHING
    mean = rounded(figure["mean"], digits)
    if figure["low"] is None or figure["high"] is None:
        return mean
    return f"{mean} ({rounded(figure['low'], digits)}–{rounded(figure['high'], digits)})"


def _chance(change: Change) -> str:
    return _NOTHING if isnan(change.p) else f"{change.p:.3f}"


def _plain(value: float) -> str:
    return _NOTHING if isnan(value) else rounded(value, 3)


def _signed(mean: float, low: float, high: float) -> str:
    if isnan(mean):
        return _NOTHING
    return f"{mean:+.3f}" if isnan(low) else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
