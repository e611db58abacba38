"""The JSON of a ranking → a page for the browser: figures, what changed since an earlier run, and the worst queries."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from eval import report
from eval.page import both, day, heads, row, table, whole
from eval.run import Run

_WORST = 50  # queries shown
_FOUND = 5  # passages shown of each ranking
_BY = "ndcg@10"


def page(run: Run, baseline: Run | None = None) -> str:
    """The report of a ranking as HTML, made from its JSON alone; what changed where an earlier run is given."""
    sections = [_head(run), _figures(run), _changes(run, baseline) if baseline else "", _worst(run)]
    return whole(f"Ranking of {run['collection']}, {day(run)}", sections)


def _head(run: Run) -> str:
    told = f"{report.heading(run)}, {day(run)}. Ranges are 95 % intervals, drawn with seed {run['seed']}."
    return f"<header><h1>Ranking</h1><p>{escape(told)}</p></header>"


def _figures(run: Run) -> str:
    names = list(next(iter(run["systems"].values()))["figures"])
    rows = ([name, *(both(system["figures"][one]) for one in names)] for name, system in run["systems"].items())
    return f"<section><h2>Figures</h2>{table(heads(['', *names]), _rows(rows))}</section>"


def _changes(run: Run, baseline: Run) -> str:
    changes = report.ranking_changes(run, baseline)
    rows = (
        [
            one.name,
            report.rounded(one.before, 3),
            report.rounded(one.now, 3),
            f"{one.now - one.before:+.3f} <small>{one.low:+.3f} to {one.high:+.3f}</small>",
        ]
        for one in changes
    )
    told = f"Over the {changes[0].queries} queries that the run of {day(baseline)} asked too."
    body = table(heads(["", "before", "now", "change"]), _rows(rows))
    return f"<section><h2>What changed</h2><p>{escape(told)}</p>{body}</section>"


def _worst(run: Run) -> str:
    """The queries that were ranked worst, each with what was to be found and what was."""
    ranked = report.queries_of(run)
    worst = sorted(ranked, key=lambda key: ranked[key]["scores"][_BY])[:_WORST]
    told = f"The {len(worst)} with the lowest {_BY}, of {len(ranked)}."
    body = "".join(_query(run, key, ranked[key]) for key in worst)
    return f"<section><h2>Worst queries</h2><p>{escape(told)}</p>{body}</section>"


def _query(run: Run, key: str, ranked: Mapping[str, Any]) -> str:
    asked, ranking = run["queries"][key], ranked["ranking"]
    wanted = [passage for passage, grade in asked["relevant"].items() if grade > 0]
    rows = [[_place(ranking, passage), escape(run["titles"][passage]), "yes"] for passage in wanted]
    rows += [
        [_place(ranking, passage), escape(run["titles"][passage]), ""]
        for passage in ranking[:_FOUND]
        if passage not in wanted
    ]
    score = report.rounded(ranked["scores"][_BY], 3)
    summary = f'<span class="question">{escape(asked["query"])}</span> <small>{_BY} {score}</small>'
    body = table(heads(["rank", "passage", "relevant"]), _rows(rows))
    return f'<details class="asked"><summary>{summary}</summary>{body}</details>'


def _place(ranking: Sequence[str], passage: str) -> str:
    return str(ranking.index(passage) + 1) if passage in ranking else "not found"


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "".join(map(row, rows))
