"""The JSON of a run → a page for the browser: one file that asks nothing of any network, alone or beside another run.

The tables and plots are written here; the questions are data that `report.js` makes into elements, text as text, so
that no document and no question can be more than that. Whatever is written here is escaped.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from eval import difference, plots, report
from eval.calibration import reliability, risk_coverage
from eval.dataset import Entry
from eval.difference import Change, Comparison
from eval.run import Run, decisions

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_TILES = ("containment", "recall@5", "citation_precision", "citation_recall", "abstention_f1", "auroc")
_BY_GROUP = ("recall@5", "ndcg@10", "containment", "token_f1", "citation_precision", "citation_recall")

_SHOWN = ("id", "kind", "split", "types", "question", "history", "reference", "gold", "answer", "scores", "seconds")

_GROUPS: Mapping[str, Sequence[str]] = {
    "Finding": ("recall@1", "recall@5", "recall@10", "precision@5", "mrr@10", "map@10", "ndcg@10"),
    "Answering": ("containment", "exact_match", "token_f1", "rouge_l"),
    "Citing": (
        "citation_precision",
        "citation_recall",
        "citation_char_precision",
        "citation_char_recall",
        "claim_precision",
        "claim_recall",
    ),
    "Declining": ("abstention_precision", "abstention_recall", "abstention_f1", "wrong_abstention"),
    "Confidence": ("auroc", "calibration_error", "brier", "risk_area"),
    "What the language model took": report.SPENT,
}


def page(run: Run, compared: Comparison | None = None) -> str:
    """The report of a run as HTML; with what changed in it since an earlier one, where it was compared."""
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    sections = [_head(run, compared), _tiles(run), _plots(run)]
    if compared:
        sections.append(_changes(compared))
    sections += [_figures(run), _by_kind(run), _by_type(run), _QUESTIONS, _made_with(run)]
    data = f'<script type="application/json" id="data">{_data(run, compared)}</script>'
    return whole(_title(run), sections, f"{data}\n<script>\n{script}</script>\n")


def whole(title: str, sections: Sequence[str], scripts: str = "") -> str:
    """A page of sections that asks nothing of any network, in the look of all reports."""
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + f"\n</main>\n{scripts}</body>\n</html>\n"
    )


_QUESTIONS = """<section id="questions"><h2>Questions</h2>
<form id="filter" role="search">
<label class="wide"><span>Search</span>
<input type="search" name="words" placeholder="Question, answer, document, id"></label>
<label><span>How it went</span><select name="outcome"><option value="">all</option></select></label>
<label><span>Kind</span><select name="kind"><option value="">all</option></select></label>
<label><span>Split</span><select name="split"><option value="">all</option></select></label>
<label><span>Document type</span><select name="type"><option value="">all</option></select></label>
<label hidden><span>Beside the earlier run</span><select name="change"><option value="">all</option></select></label>
</form>
<p id="count" role="status"></p>
<noscript>The questions are shown by a script of this file, which this browser does not run.</noscript>
<div id="list"></div></section>"""


def _title(run: Run) -> str:
    return f"Evaluation of {len(run['records'])} questions, {day(run)}"


def day(run: Run) -> str:
    """When it was run, to the minute."""
    return str(run["date"]).replace("T", " ")[:16]


def _head(run: Run, compared: Comparison | None) -> str:
    against = f", beside the run of {day(compared.before)}" if compared else ""
    return (
        f"<header><h1>Evaluation</h1><p>{report.asked(run)}, {escape(day(run) + against)}. "
        "Ranges are 95 % intervals: asked of other questions of the same sort, a figure would be expected in them.</p>"
        "</header>"
    )


def _tiles(run: Run) -> str:
    group = run["figures"]["all"]["all"]
    shown = [(_label(name), group[name]) for name in _TILES]
    shown.append(("seconds, median", report.latency(group, "median")))
    tiles = "".join(
        f"<div><dt>{escape(label)}</dt><dd><b>{_plain(one['mean'], 2)}</b> <span>{_range(one, 2)}</span></dd></div>"
        for label, one in shown
    )
    return f'<dl class="tiles">{tiles}</dl>'


def _plots(run: Run) -> str:
    decided = decisions(run["records"])
    drawn = (
        ("Does the confidence say what it should?", "On the line it does.", plots.reliability([*reliability(decided)])),
        (
            "What does declining more buy?",
            "Answering the surest questions first; an unanswerable one that is answered is wrong.",
            plots.risk_coverage(risk_coverage(decided), _in_use(run)),
        ),
        ("How long does an answer take?", "", plots.latency([record["seconds"] for record in run["records"]])),
    )
    figures = "".join(
        f"<figure><figcaption><b>{escape(title)}</b> {escape(told)}</figcaption>{svg}</figure>"
        for title, told, svg in drawn
    )
    return f'<section class="plots">{figures}</section>'


def _in_use(run: Run) -> tuple[float, float] | None:
    """Share of questions answered, and share of these answered wrongly."""
    answered = [record for record in run["records"] if not record["answer"]["abstained"]]
    if not answered:
        return None
    return len(answered) / len(run["records"]), sum(record["wrong"] for record in answered) / len(answered)


def _changes(compared: Comparison) -> str:
    rows = [
        (
            _mark(change),
            [
                _label(change.name),
                _plain(change.before, 3),
                _plain(change.now, 3),
                _signed(change),
                _plain(change.p, 4),
            ],
        )
        for change in compared.changes
    ]
    told = (
        f"Over the {compared.questions} questions that both runs asked in the same words. p is the chance of so large "
        "a change if nothing had changed, beside that of all other figures (paired randomisation test, Holm); "
        f"coloured below {difference.SIGNIFICANT:g}."
    )
    body = "".join(row(cells, mark) for mark, cells in rows)
    head = heads(["", "before", "now", "change", "p"])
    settings = _settings_changed(compared.before["settings"], compared.now["settings"])
    return f"<section><h2>What changed</h2><p>{escape(told)}</p>{settings}{table(head, body)}</section>"


def _settings_changed(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    changed = [
        f"<li><code>{escape(name)}</code>: {escape(str(before.get(name)))} → {escape(str(now.get(name)))}</li>"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    return f"<ul>{''.join(changed)}</ul>" if changed else "<p>The settings are the same.</p>"


def _figures(run: Run) -> str:
    splits = report.splits(run)
    groups = [run["figures"][split]["all"] for split in splits]
    body = ""
    for title, every in _GROUPS.items():
        names = [name for name in every if name in groups[0]]  # what it took only where a model was asked
        if not names:
            continue
        body += f'<tr class="group"><th colspan="{len(splits) + 1}">{title}</th></tr>'
        body += "".join(row([report.label_in(run, name), *(both(one[name]) for one in groups)]) for name in names)
    body += f'<tr class="group"><th colspan="{len(splits) + 1}">Seconds</th></tr>'
    for name in ("median", "p95"):
        body += row([name, *(both(report.latency(group, name)) for group in groups)])
    columns = ["", *(f"{split} ({group['seconds']['n']})" for split, group in zip(splits, groups, strict=True))]
    return f"<section><h2>Figures</h2>{table(heads(columns), body)}</section>"


def _by_kind(run: Run) -> str:
    groups = {kind: group for kind, group in run["figures"]["all"].items() if kind != "all"}
    return f"<section><h2>By kind of question</h2>{_by_group(groups)}</section>"


def _by_type(run: Run) -> str:
    return f"<section><h2>By type of document</h2>{_by_group(run['types'])}</section>" if run["types"] else ""


def _by_group(groups: Mapping[str, Mapping[str, Any]]) -> str:
    rows = "".join(
        row([_label(name), str(group["seconds"]["n"]), *map(both, _shown(group))]) for name, group in groups.items()
    )
    return table(heads(["", "n", *map(_label, _BY_GROUP), "declined"]), rows)


def _shown(group: Mapping[str, Any]) -> Iterable[Mapping[str, float | None]]:
    wrongly, rightly = group["wrong_abstention"], group["abstention_recall"]
    return [*(group[name] for name in _BY_GROUP), rightly if wrongly["mean"] is None else wrongly]


def _made_with(run: Run) -> str:
    about = {"fingerprint": run["fingerprint"], "seed": run["seed"], **run["machine"], **run["packages"]}
    rows = "".join(
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
        for part in (run["settings"], about)
        for name, value in part.items()
    )
    return f"<section><details><summary>Settings, machine and versions</summary>{table('', rows)}</details></section>"


def table(head: str, body: str) -> str:
    """A table of rows that are markup."""
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def heads(names: Sequence[str]) -> str:
    """The row above a table."""
    return f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in names)}</tr>"


def row(cells: Sequence[str], mark: str = "") -> str:
    """The first cell names the row; the others may hold the markup of `both` and are escaped by whoever made them."""
    first, *others = cells
    told = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr class="{mark}"><th>{escape(first)}</th>{told}</tr>'


def both(figure: Mapping[str, float | None]) -> str:
    """A figure with its interval, as markup."""
    return f"{_plain(figure['mean'], 3)} <small>{_range(figure, 3)}</small>"


def _range(figure: Mapping[str, float | None], digits: int) -> str:
    if figure["low"] is None or figure["high"] is None:
        return ""
    return f"{report.rounded(figure['low'], digits)}–{report.rounded(figure['high'], digits)}"


def _plain(value: float | None, digits: int) -> str:
    return "–" if value is None or value != value else report.rounded(value, digits)


def _signed(change: Change) -> str:
    if change.difference != change.difference:
        return "–"
    interval = "" if change.low != change.low else f" <small>{change.low:+.3f} to {change.high:+.3f}</small>"
    return f"{change.difference:+.3f}{interval}"


def _mark(change: Change) -> str:
    return ("worse" if change.worse else "better") if change.significant else ""


def _label(name: str) -> str:
    return name.replace("_", " ")


def _data(run: Run, compared: Comparison | None) -> str:
    """What the script shows, as JSON in which nothing can end the element that it stands in."""
    texts: dict[str, str] = {}
    changed = {
        one.now["id"]: {"what": one.what, "why": one.why, "before": _slim(one.before, texts)}
        for one in (compared.differences if compared else ())
    }
    records = [_slim(record, texts) for record in run["records"]]
    told = {"records": records, "texts": texts, "changed": changed, "compared": compared is not None}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _slim(record: Entry, texts: dict[str, str]) -> Entry:
    """What the script shows of a record; the text of each passage is kept once in `texts`, by its place."""
    trace = record["evidence"]
    for passage in trace["passages"]:
        texts[_place(passage)] = passage["text"]
    passages = [{key: passage[key] for key in passage if key != "text"} for passage in trace["passages"]]
    return {
        **{key: record[key] for key in _SHOWN},
        "outcome": difference.outcome(record),
        "trace": {"passages": passages, "sentences": trace["sentences"], "facts": trace["facts"]},
    }


def _place(passage: Entry) -> str:
    return f"{passage['document_id']}:{passage['start']}-{passage['end']}"
