"""Questions to review to HTML: escaped, then all that is not listed here is dropped."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import nh3

from rag import Candidate, Quote, Span
from ui.markup import escaped, isolated

PAGE = 25  # questions
LOADING = '<div class="none"><p>Loading</p></div>'

_CLEANER = nh3.Cleaner(
    tags=set("bdi button div h2 li p progress span ul".split()),
    attributes={
        "button": {
            "type",
            "aria-label",
            "aria-pressed",
            "data-act",
            "data-key",
            "data-offset",
            "data-state",
            "disabled",
        }
        | {"data-open", "data-place"},
        "div": {"role", "aria-label", "data-reply", "data-refused"},
        "h2": {"dir"},
        "li": {"data-key", "data-wording"},
        "p": {"dir", "role"},
        "progress": {"value", "max", "aria-label"},
        "ul": {"aria-label"},
    },
    allowed_classes={
        "button": {"plain", "primary", "quote", "whole"},
        "div": {
            "review",
            "tools",
            "states",
            "doing",
            "done",
            "adding",
            "acts",
            "pager",
            "none",
            "facts",
            "decide",
            "whole",
        },
        "h2": {"asked"},
        "li": {"card", "fallen"},
        "p": {"reply", "context", "verdict", "said", "lost", "error", "what", "whole"},
        "span": {"name", "count", "badge", "unseen", "where"},
        "ul": {"cards"},
    },
)
_STATES = {"pending": "To review", "accepted": "Accepted", "rejected": "Rejected"}
_ORIGINS = {"suggested": "Suggested", "feedback": "From an answer", "added": "Added by hand"}
_ACTS = {
    "pending": (("accept", "Accept"), ("edit", "Edit"), ("reject", "Reject")),
    "accepted": (("edit", "Edit"), ("back", "Put back"), ("reject", "Reject")),
    "rejected": (("back", "Put back"), ("accept", "Accept"), ("edit", "Edit")),
}
_NOTHING = {
    "pending": "No questions to review. Suggest some from the documents, or call answers right or wrong in the chat.",
    "accepted": "No question is accepted yet.",
    "rejected": "No question is rejected.",
}


def listing(
    candidates: Sequence[Candidate],
    counts: Mapping[str, int],
    *,
    state: str,
    offset: int,
    editable: bool,
    reply: str = "",
    refused: str = "",
    done: tuple[str, str] = ("", ""),
) -> str:
    """A page of questions with what can be done to each.

    `reply` is the number of what the browser asked for, `refused` why it was not done, and `done` what was, with
    the key of the question.
    """
    cards = "".join(_card(candidate, editable=editable) for candidate in candidates)
    body = f'<ul class="cards" aria-label="{_STATES[state]}">{cards}</ul>' if cards else _none(state)
    said = f'<div class="done" role="status">{_done(*done)}</div>'
    return _safe(
        f'<div class="review" data-reply="{escaped(reply)}" data-refused="{escaped(refused)}">'
        f'<div class="tools">{_states(counts, state)}{_tools(counts, editable=editable)}</div>'
        f'{said}<div class="adding"></div>{body}{_pager(offset, len(candidates), counts[state])}</div>'
    )


def failure(message: str) -> str:
    """Why nothing can be shown."""
    return _safe(f'<p class="error">{escaped(" ".join(message.split()))}</p>')


def progress(is_running: bool, found: int, done: int, total: int) -> str:
    """How the search for questions stands, or what came of it; nothing before the first."""
    if is_running:
        bar = f'<progress aria-label="Documents looked at" value="{done}" max="{total}"></progress>'
        told = f"Looking for questions: {done:,} of {_counted(total, 'document')}, {found:,} found"
        return _safe(f'<div class="doing"><p class="what">{told}</p>{bar}</div>')
    if not total:
        return ""
    left = total - done
    more = f" {_counted(left, 'document')} not looked at yet: suggest again to go on." if left else ""
    told = f"{_counted(found, 'new question')} from {_counted(done, 'document')}.{more}"
    return _safe(f'<div class="doing"><p class="what">{told}</p></div>')


def _done(what: str, key: str) -> str:
    """What was done, and the way back."""
    undo = f'<button type="button" class="plain" data-act="back" data-key="{escaped(key)}">Undo</button>'
    return f"{escaped(what)} {undo if key else ''}" if what else ""


def _none(state: str) -> str:
    return f'<div class="none"><p>{_NOTHING[state]}</p></div>'


def _states(counts: Mapping[str, int], state: str) -> str:
    buttons = (
        f'<button type="button" class="plain" data-state="{each}" aria-pressed="{str(each == state).lower()}">'
        f'{name} <span class="count">{counts[each]:,}</span></button>'
        for each, name in _STATES.items()
    )
    return f'<div class="states" role="group" aria-label="Which questions">{"".join(buttons)}</div>'


def _tools(counts: Mapping[str, int], *, editable: bool) -> str:
    changing = (("suggest", "Suggest questions"), ("add", "Add a question")) if editable else ()
    taking = (("download", "Download accepted"),) if counts["accepted"] else ()
    return "".join(_button(act, name) for act, name in (*changing, *taking))


def _button(act: str, name: str, about: str = "") -> str:
    label = f' aria-label="{name}: {escaped(about)}"' if about else ""
    kind = "primary" if act == "accept" else "plain"
    return f'<button type="button" class="{kind}" data-act="{act}"{label}>{name}</button>'


def _card(candidate: Candidate, *, editable: bool) -> str:
    wording = candidate.wording
    told = json.dumps(asdict(wording))
    acts = "".join(_button(act, name, wording.question) for act, name in _ACTS[candidate.state]) if editable else ""
    earlier = f'<p class="context whole" dir="auto"><span class="name">After</span> {_lines(wording.earlier)}</p>'
    quotes = "".join(map(_quote, wording.quotes, candidate.places))
    return (
        f'<li class="card{"" if candidate.stands else " fallen"}" data-key="{escaped(candidate.key)}"'
        f' data-wording="{escaped(told)}"><h2 class="asked" dir="auto">{isolated(wording.question)}</h2>'
        f"{earlier if wording.earlier else ''}{_reply(candidate)}{quotes}{_remark(candidate)}"
        f'<div class="decide whole"><div class="acts" role="group" aria-label="Decide">{acts}</div>'
        f"{_facts(candidate)}</div></li>"
    )


def _reply(candidate: Candidate) -> str:
    wording = candidate.wording
    if wording.kind == "unanswerable":
        return '<p class="reply whole">The documents do not answer this.</p>'
    if not wording.reference:
        return '<p class="reply whole">No answer yet: edit it.</p>'
    forms = _lines(" + ".join(form) for form in wording.accept)
    short = f'<p class="reply whole" dir="auto"><span class="name">Short forms</span> {forms}</p>' if forms else ""
    return (
        f'<p class="reply whole" dir="auto"><span class="name">Answer</span> {isolated(wording.reference)}</p>{short}'
    )


def _quote(quote: Quote, place: Span | None) -> str:
    """The words, which open their document there; or that they stand in it no more."""
    words, name = isolated(" ".join(quote.words.split())), escaped(quote.document_id)
    where = f'<span class="where">{isolated(quote.document_id)}</span>'
    if place is None:
        told = '<p class="lost whole">These words no longer stand in the document: edit the quote.</p>'
        return f'<button type="button" class="quote whole" data-open="{name}">{words} {where}</button>{told}'
    at = f"{place.start}-{place.end}"
    return f'<button type="button" class="quote whole" data-open="{name}" data-place="{at}">{words} {where}</button>'


def _remark(candidate: Candidate) -> str:
    """What was said of the answer that it comes from, and that answer."""
    verdict, _, answer = candidate.remark.partition("\n")
    said = f'<p class="said" dir="auto"><span class="name">It said</span> {isolated(answer)}</p>' if answer else ""
    return f'<p class="verdict" dir="auto">{isolated(verdict)}</p>{said}' if verdict else ""


def _facts(candidate: Candidate) -> str:
    told = (candidate.wording.kind.replace("_", " "), candidate.wording.split, _ORIGINS[candidate.origin])
    return f'<div class="facts">{"".join(f"<span class=badge>{escaped(fact)}</span>" for fact in told if fact)}</div>'


def _lines(told: Iterable[str]) -> str:
    return "; ".join(map(isolated, told))


def _pager(offset: int, shown: int, total: int) -> str:
    if total <= PAGE:
        return ""
    back, on = offset == 0, offset + PAGE >= total
    return (
        '<div class="pager" role="group" aria-label="Pages">'
        f"{_turn('Previous', max(0, offset - PAGE), disabled=back)}"
        f"<span>{offset + 1:,}–{offset + shown:,} of {total:,}</span>{_turn('Next', offset + PAGE, disabled=on)}</div>"
    )


def _turn(name: str, offset: int, *, disabled: bool) -> str:
    off = ' disabled=""' if disabled else ""
    return f'<button type="button" class="plain" data-offset="{offset}"{off}>{name}</button>'


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _safe(markup: str) -> str:
    return _CLEANER.clean(markup)
