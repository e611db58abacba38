"""Documents, jobs and what could not be read to HTML: escaped, then all that is not listed here is dropped."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import nh3

from rag import Job, ListedDocument, Outcome, SkippedFile
from ui.markup import escaped, isolated

PAGE = 50  # documents
LOADING = '<div class="none"><p>Loading</p></div>'
_RECENT = timedelta(minutes=5)  # so long it is shown what came of the last job
_NAMED = 20  # files that could not be read for one reason that are named

_CLEANER = nh3.Cleaner(
    tags=set("bdi button caption div h2 input li p progress span strong table tbody td th thead time tr ul".split()),
    attributes={
        "button": {"type", "aria-label", "data-open", "data-order", "data-offset", "data-act", "data-id", "disabled"},
        "div": {"role", "aria-label", "hidden"},
        "input": {"type", "aria-label", "data-id", "data-all"},
        "p": {"dir"},
        "progress": {"value", "max", "aria-label"},
        "td": {"data-label"},
        "th": {"scope", "aria-sort"},
        "time": {"datetime"},
        "tr": {"data-uploaded"},
        "ul": {"tabindex", "aria-label"},
    },
    allowed_classes={
        "button": {"title", "plain", "danger", "sort"},
        "caption": {"unseen"},
        "div": {"listing", "bar", "pager", "job", "none", "asking", "unread", "unseen"},
        "li": {"added", "changed", "skipped", "removed", "moved", "there"},
        "p": {"where", "note", "error", "what"},
        "span": {"badge", "status", "current", "changed", "missing", "unseen", "reason", "asked"},
        "td": {"pick", "document", "figure", "date"},
        "th": {"pick", "figure"},
        "ul": {"outcomes", "files"},
    },
)
_COLUMNS = (  # heading, order, class
    ("Document", "title", ""),
    ("Type", "type", ""),
    ("Size", "size", "figure"),
    ("Chunks", "", "figure"),
    ("Date", "date", ""),
    ("Read", "newest", ""),
    ("Status", "", ""),
)
_STATUS = {"current": "Ready", "changed": "Changed since", "missing": "File is gone"}
_DESCENDING = ("size", "date", "newest")
_DOING = {"add": "Reading", "sync": "Updating from folders", "reread": "Reading again", "remove": "Removing"}
_DONE = {"add": "Added", "sync": "Updated from folders", "reread": "Read again", "remove": "Removed"}


def summary(documents: int, chunks: int) -> str:
    """How much there is."""
    return _safe(f"<p><strong>{_counted(documents, 'document')}</strong> in {_counted(chunks, 'chunk')}</p>")


def listing(
    documents: Sequence[ListedDocument], total: int, *, offset: int, order: str, editable: bool, everything: int
) -> str:
    """A page of documents with what can be done to them, or what to do where there are none."""
    if not documents:
        return _safe(f'<div class="none"><p>{_nothing(everything, editable=editable)}</p></div>')
    pick = '<th scope="col" class="pick"><input type="checkbox" data-all="1" aria-label="Select all of this page"></th>'
    heads = (pick if editable else "") + "".join(_head(*column, order=order) for column in _COLUMNS)
    rows = "".join(_row(document, editable=editable) for document in documents)
    caption = '<caption class="unseen">Documents</caption>'
    table = f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    bar, pager = _bar() if editable else "", _pager(offset, len(documents), total)
    return _safe(f'<div class="listing">{bar}{table}{pager}</div>')


def jobs(all_jobs: Sequence[Job]) -> str:
    """What is being done and waits, or what came of the last thing that was; first in a line for who hears the page.

    That line changes with what is done, not with every file.
    """
    shown = [job for job in all_jobs if not job.finished] or [job for job in all_jobs[-1:] if _is_recent(job)]
    heard = " ".join(f"{_said(job, each=False)} {_counts(job.counts) if job.finished else ''}" for job in shown[:1])
    return _safe(f'<div role="status" class="unseen">{escaped(heard)}</div>{"".join(map(_job, shown))}')


def failure(message: str) -> str:
    """Why nothing can be shown."""
    return _safe(f'<p class="error">{escaped(" ".join(message.split()))}</p>')


def skipped(files: Sequence[SkippedFile], *, editable: bool) -> str:
    """What could not be read, by reason; uploads can be deleted."""
    if not files:
        return ""
    reasons: dict[str, list[SkippedFile]] = {}
    for file in files:
        reasons.setdefault(file.reason, []).append(file)
    groups = "".join(_group(reason, group, editable=editable) for reason, group in reasons.items())
    return _safe(f'<div class="unread"><h2>Could not be read ({len(files):,})</h2>{groups}</div>')


def _nothing(everything: int, *, editable: bool) -> str:
    if everything:
        return "No document matches."
    return "No documents yet. Add the first ones above." if editable else "No documents yet."


def _head(name: str, order_of: str, kind: str, *, order: str) -> str:
    if not order_of:
        return f'<th scope="col" class="{kind}">{name}</th>'
    current = order == order_of or (order_of == "title" and order == "name")
    direction = "descending" if order_of in _DESCENDING else "ascending"
    sorted_by = f' aria-sort="{direction}"' if current else ""
    button = f'<button type="button" class="sort" data-order="{order_of}">{name}</button>'
    return f'<th scope="col" class="{kind}"{sorted_by}>{button}</th>'


def _row(document: ListedDocument, *, editable: bool) -> str:
    id_, title = escaped(document.document_id), document.title or document.document_id
    box = f'<td class="pick"><input type="checkbox" data-id="{id_}" aria-label="Select {escaped(title)}"></td>'
    where = f'<p class="where">{isolated(document.document_id)}</p>'
    opening = f'<button type="button" class="title" data-open="{id_}">{isolated(title)}</button>'
    facts = (
        ("", "", f'<span class="badge">{escaped(document.type)}</span>'),
        ("figure", "Size", _bytes(document.bytes)),
        ("figure", "Chunks", f"{document.chunks:,}"),
        ("date", "Date", escaped(document.date or "–")),
        ("date", "Read", f"{document.read.astimezone():%Y-%m-%d %H:%M}" if document.read else "–"),
        ("", "", f'<span class="status {document.status}">{_STATUS[document.status]}</span>'),
    )
    cells = "".join(f'<td class="{kind}" data-label="{label}">{value}</td>' for kind, label, value in facts)
    uploaded = ' data-uploaded="1"' if document.uploaded else ""
    return f'<tr{uploaded}>{box if editable else ""}<td class="document">{opening}{where}</td>{cells}</tr>'


def _bar() -> str:
    """What can be done to the chosen ones; the script fills it in and shows it when there are some."""
    return (
        '<div class="bar" role="group" aria-label="Chosen documents" hidden>'
        '<span class="asked"></span>'
        '<button type="button" class="plain" data-act="reread">Read again</button>'
        '<button type="button" class="danger" data-act="ask">Remove</button></div>'
        '<div class="bar asking" role="group" aria-label="Remove documents" hidden>'
        '<span class="asked"></span>'
        '<button type="button" class="plain" data-act="keep">Keep</button>'
        '<button type="button" class="danger" data-act="remove">Remove</button></div>'
    )


def _pager(offset: int, shown: int, total: int) -> str:
    told = f"{offset + 1:,}–{offset + shown:,} of {total:,}"
    if total <= PAGE:
        return ""
    earlier, later = max(0, offset - PAGE), offset + PAGE
    back = f'<button type="button" class="plain" data-offset="{earlier}"{_disabled(offset == 0)}>Previous</button>'
    on = f'<button type="button" class="plain" data-offset="{later}"{_disabled(later >= total)}>Next</button>'
    return f'<div class="pager" role="group" aria-label="Pages">{back}<span>{told}</span>{on}</div>'


def _disabled(yes: bool) -> str:
    return ' disabled=""' if yes else ""


def _job(job: Job) -> str:
    bar = "" if job.finished else f"<progress {_measure(job)}></progress>"
    outcomes = "".join(map(_outcome, reversed(job.outcomes)))
    listed = f'<ul class="outcomes" tabindex="0" aria-label="Files">{outcomes}</ul>' if outcomes else ""
    error = f'<p class="error">{escaped(job.message)}</p>' if job.message else ""
    counts = f'<p class="note">{_counts(job.counts)}</p>' if job.counts else ""
    return f'<div class="job"><p class="what">{escaped(_said(job))}</p>{bar}{error}{counts}{listed}</div>'


def _is_recent(job: Job) -> bool:
    return job.ended is not None and datetime.now(UTC) - job.ended < _RECENT


def _measure(job: Job) -> str:
    name = f'aria-label="{_DOING[job.kind]}"'
    return f'{name} value="{job.done}" max="{job.total}"' if job.state == "running" and job.total else name


def _said(job: Job, *, each: bool = True) -> str:
    """How it stands; with `each`, file by file."""
    if job.state == "waiting":
        return f"Waiting: {_DOING[job.kind].lower()}{_of_files(job)}"
    if job.state == "starting":
        return f"Getting ready: {_DOING[job.kind].lower()}{_of_files(job)}"
    if job.state == "running":
        return f"{_DOING[job.kind]}, {job.done:,} of {job.total:,}" if each and job.total else _DOING[job.kind]
    if job.state == "cancelled":
        return "Cancelled. What was read until then is kept."
    if job.state == "failed":
        return "That did not work."
    if job.kind == "add" and not job.counts.get("added", 0):
        return "Nothing was added."
    return _DONE[job.kind] if any(job.counts.get(what) for what in _WHAT) else "Nothing had changed."


def _of_files(job: Job) -> str:
    return f" {_counted(job.total, 'file')}" if job.total else ""


_WHAT = ("added", "changed", "moved", "removed", "already there", "skipped")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[what]:,} {what}" for what in _WHAT if counts.get(what))


def _outcome(outcome: Outcome) -> str:
    kind = "there" if outcome.what == "already there" else outcome.what
    about = f' <span class="reason">{isolated(outcome.about)}</span>' if outcome.about else ""
    return f'<li class="{kind}"><span class="status">{outcome.what}</span> {isolated(outcome.name)}{about}</li>'


def _group(reason: str, files: Sequence[SkippedFile], *, editable: bool) -> str:
    names = "".join(_unread(file, editable=editable) for file in files[:_NAMED])
    more = f"<li>and {len(files) - _NAMED:,} more</li>" if len(files) > _NAMED else ""
    return f'<p class="what" dir="auto">{escaped(_sentence(reason))}</p><ul class="files">{names}{more}</ul>'


def _unread(file: SkippedFile, *, editable: bool) -> str:
    name = escaped(file.document_id)
    button = f'<button type="button" class="plain" data-act="delete" data-id="{name}" aria-label="Delete {name}">'
    deletable = f"{button}Delete</button>" if editable and file.uploaded else ""
    return f"<li>{isolated(file.document_id)}{deletable}</li>"


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _bytes(size: int | None) -> str:
    if size is None:
        return "–"
    for unit in ("bytes", "KB", "MB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024  # type: ignore[assignment]
    return f"{size:.1f} GB"


def _safe(markup: str) -> str:
    return _CLEANER.clean(markup)
