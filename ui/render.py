"""Values to HTML: a conversation with citation markers, and the cited passages with the cited words highlighted.

Whatever comes from a document, a person or a model passes `escaped` (escaped), and every string that leaves this file
has also passed `safe` (tags, attributes and classes not listed here are dropped), so it takes two mistakes for a
document to put an element on the page. A citation is known on the page by its key, "t1c2": turn 1, citation 2;
`page.js` leads from the marker with `data-cite` to the words in the source pane, and back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag import Answer, Citation, Claim, Passage, Span, Turn
from ui import document
from ui.markup import escaped, isolated, safe

NOT_SAID = "The documents do not say."
NEAREST = "The nearest they do say:"
CONFIDENCE = ((0.8, "High confidence"), (0.6, "Fair confidence"), (0.0, "Low confidence"))  # from this probability on
VERDICTS = ("right", "wrong", "wrong citation")
_OF_ANSWERS = (
    ("copy", "Copy"),
    ("link", "Copy link"),
    ("why", "Why this answer"),
    *((verdict, verdict.capitalize()) for verdict in VERDICTS),
)
_OF_THE_LAST = (("again", "Ask again"), ("edit", "Edit question"))
_NO_PASSAGE = '<p class="note">No passage is cited.</p>'


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that has no answer because of an error or a stop; the message is for the person who asked."""

    question: str
    message: str


Entry = Turn | Failure  # one exchange as the page remembers it


def header(title: str) -> str:
    """The page's title and what it is for."""
    return safe(f"<h1>{escaped(title)}</h1><p>Short answers from your own files, each sentence with its evidence.</p>")


def facts(known: Mapping[str, str]) -> str:
    """What is known of the index, name by name."""
    rows = "".join(f"<tr><th>{escaped(name)}</th><td>{isolated(value)}</td></tr>" for name, value in known.items())
    return safe(f"<table><tbody>{rows}</tbody></table>")


def questions(name: str, asked: Sequence[str]) -> str:
    """Questions to be asked at a click; nothing where there is none."""
    buttons = "".join(
        f'<button type="button" data-ask="{escaped(question)}">{isolated(question)}</button>' for question in asked
    )
    return safe(f'{note(name)}<div class="suggestions">{buttons}</div>') if buttons else ""


def note(words: str) -> str:
    """A line in small letters."""
    return safe(f'<p class="note">{escaped(words)}</p>')


def conversation(history: Sequence[Entry]) -> str:
    """Every exchange in order, none of them still being written."""
    return _conversation(_exchanges(history))


def writing(past: Sequence[Entry], question: str, draft: Answer | None) -> str:
    """What was said so far, then the question with what is written of its answer; None before the first words."""
    words = escaped(draft.text) if draft else "Reading the documents"
    understood = _understood(draft) if draft else ""
    body = f'{understood}<p class="claims" dir="auto">{words}<span class="caret"></span></p>'
    return _conversation(_exchanges(past) + _exchange(question, body, len(past) + 1, busy=True))


def sources(history: Sequence[Entry]) -> str:
    """The passages behind the newest answer, those behind earlier ones folded away."""
    if not history:
        return earlier_sources(())
    return _sources(_source_group(history[-1], len(history)), history[:-1])


def earlier_sources(history: Sequence[Entry]) -> str:
    """The passages behind all these answers folded away, while there is no newer answer yet."""
    return _sources('<p class="note">The passages an answer cites appear here.</p>', history)


def problem(words: str) -> str:
    """One line that says what went wrong."""
    return safe(f'<p class="error">{escaped(" ".join(words.split()))}</p>')


def _sources(newest: str, earlier: Sequence[Entry]) -> str:
    folded = [
        f'<details class="earlier"><summary>{isolated(turn.question)}</summary>{_source_group(turn, number)}</details>'
        for number, turn in enumerate(earlier, start=1)
        if isinstance(turn, Turn)
    ]
    return safe(f'<div class="sources"><h2>Sources</h2>{newest}{"".join(reversed(folded))}</div>')


def _conversation(exchanges: str) -> str:
    empty = '<div class="empty"><p class="lead">What would you like to know?</p></div>'
    return safe(
        f'<div class="conversation" role="log" aria-live="polite" aria-label="Conversation">{exchanges or empty}</div>'
    )


def _exchanges(history: Sequence[Entry]) -> str:
    return "".join(
        _exchange(entry.question, _outcome(entry, number) + _actions(entry, is_last=number == len(history)), number)
        for number, entry in enumerate(history, start=1)
    )


def _exchange(question: str, body: str, number: int, *, busy: bool = False) -> str:
    state = ' aria-busy="true"' if busy else ""  # screen readers wait for the whole sentence, not for each word
    heading = f'<h2 class="question">{isolated(question)}</h2>'
    return f'<div class="turn" data-turn="{number}">{heading}<div class="answer"{state}>{body}</div></div>'


def _actions(entry: Entry, *, is_last: bool) -> str:
    """What can be done with an answer; the last question can be put again or in other words."""
    chosen = [*(_OF_ANSWERS if isinstance(entry, Turn) else ()), *(_OF_THE_LAST if is_last else ())]
    buttons = "".join(_action(*names) for names in chosen)
    return f'<div class="actions" role="group" aria-label="This answer">{buttons}</div>' if chosen else ""


def _action(act: str, name: str) -> str:
    pressed = ' aria-pressed="false"' if act in VERDICTS else ""
    return f'<button type="button" data-act="{act}"{pressed}>{name}</button>'


def _outcome(entry: Entry, number: int) -> str:
    if isinstance(entry, Failure):
        return f'<p class="error">{escaped(entry.message)}</p>'
    return _answer(entry.answer, number)


def _answer(answer: Answer, turn: int) -> str:
    if answer.abstained:
        words = escaped(answer.text or NOT_SAID)
        note = "The nearest passages are listed under Sources." if answer.passages else ""
    elif answer.claims:
        words = _claims(answer, turn)
        note = _confidence(answer)
    else:  # a draft: nothing was checked
        words = escaped(answer.text)
        note = "Stopped before it was checked against the documents."
    remark = f'<p class="note">{escaped(answer.remark)}</p>' if answer.remark else ""
    near = "".join(_near(citation, answer, turn) for citation in answer.nearest)
    return f'{_understood(answer)}<p class="claims" dir="auto">{words}</p>{near}{remark}<p class="note">{note}</p>'


def _near(citation: Citation, answer: Answer, turn: int) -> str:
    """What comes nearest to an answer, for whoever asked to judge."""
    quote = isolated(f"“{' '.join(citation.quote.split())}”")
    return f'<p class="note">{NEAREST} {quote}{_marker(citation, answer.passages, turn)}</p>'


def _understood(answer: Answer) -> str:
    """What was looked up, where that is not what was asked."""
    return f'<p class="note">Understood as: {isolated(answer.asked)}</p>' if answer.reworded else ""


def _claims(answer: Answer, turn: int) -> str:
    lines = (" ".join(_claim(claim, answer.passages, turn) for claim in line) for line in answer.lines)
    return "<br>".join(lines)


def _claim(claim: Claim, passages: Sequence[Passage], turn: int) -> str:
    markers = "".join(_marker(citation, passages, turn) for citation in claim.citations)
    if claim.verdict == "supported":
        return f'<span class="claim">{_emphasised(claim)}</span>{markers}'
    label = "weakly supported" if claim.verdict == "weak" else "not supported by the documents"
    words = f'<span class="claim {claim.verdict}">{_emphasised(claim)}</span>'
    return f'{words}{markers} <span class="verdict {claim.verdict}">{label}</span>'


def _emphasised(claim: Claim) -> str:
    """The sentence with the words bold that answer by themselves."""
    if claim.marked is None:
        return escaped(claim.text)
    start, end = claim.marked
    before, words, after = (escaped(part) for part in (claim.text[:start], claim.text[start:end], claim.text[end:]))
    return f"{before}<b>{words}</b>{after}"


def _marker(citation: Citation, passages: Sequence[Passage], turn: int) -> str:
    title = _title(citation, passages)
    date = _passage_of(citation, passages).date
    tip = escaped(f"“{' '.join(citation.quote.split())}” {title}{_page(citation.page)}{f', {date}' if date else ''}")
    name = escaped(f"Citation {citation.marker}: {title}")
    return (
        f'<sup><button type="button" class="citation" {_placed(citation, turn)} data-tip="{tip}" aria-label="{name}">'
        f"{citation.marker}</button></sup>"
    )


def _placed(citation: Citation, turn: int) -> str:
    """The attributes that lead to a citation's words."""
    span = citation.span
    return f'data-cite="{_key(turn, citation)}" {_opening(span)}'


def _opening(span: Span) -> str:
    return f'data-document="{escaped(span.document_id)}" data-place="{span.start}-{span.end}"'


def _confidence(answer: Answer) -> str:
    words = next(words for least, words in CONFIDENCE if answer.confidence >= least)
    tip = f"The documents answer this with a probability of about {answer.confidence:.0%}."
    return f'<span class="confidence" tabindex="0" data-tip="{tip}">{words}<span class="unseen">. {tip}</span></span>'


def _source_group(entry: Entry, number: int) -> str:
    if isinstance(entry, Failure):
        return _NO_PASSAGE
    answer = entry.answer
    if answer.abstained:
        title, near = "Nearest passages", _holding(answer.nearest, answer.passages)
        cards = [_card(passage, near.get(passage, ()), number) for passage in answer.passages]
    else:
        title, near = "Cited passages", _holding(answer.citations, answer.passages)
        cards = [_card(passage, cited, number) for passage, cited in near.items()]
    heading = "<h3>Nearest passages</h3>" if answer.abstained else ""
    return f'<section aria-label="{title}">{heading}{"".join(cards)}</section>' if cards else _NO_PASSAGE


def _holding(citations: Iterable[Citation], passages: Sequence[Passage]) -> dict[Passage, list[Citation]]:
    """Each passage that holds some of the citations with these, in the order of their markers."""
    groups: dict[Passage, list[Citation]] = {}
    for citation in citations:
        groups.setdefault(_passage_of(citation, passages), []).append(citation)
    return groups


def _passage_of(citation: Citation, passages: Sequence[Passage]) -> Passage:
    """The passage that holds the cited words; the words alone where none does."""
    for passage in passages:
        if _words_in(passage, citation) == citation.quote:
            return passage
    return Passage(citation.span, citation.quote, _title(citation, passages), 0.0, citation.page)


def _words_in(passage: Passage, citation: Citation) -> str | None:
    here, there = passage.span, citation.span
    if here.document_id != there.document_id or there.start < here.start:
        return None
    return passage.text[there.start - here.start : there.end - here.start]


def _title(citation: Citation, passages: Sequence[Passage]) -> str:
    titles = (passage.title for passage in passages if passage.span.document_id == citation.span.document_id)
    return next(titles, "") or citation.span.document_id


def _card(passage: Passage, citations: Sequence[Citation], turn: int) -> str:
    numbers = "".join(_number(citation, turn) for citation in citations)
    title = isolated(passage.title or passage.span.document_id)
    opening = f'<button type="button" class="open" {_opening(passage.span)}>{title}</button>'
    pages = {citation.page: _page(citation.page) for citation in citations} or {passage.page: _page(passage.page)}
    about = "".join(f", {isolated(fact)}" for fact in (passage.date, passage.author, passage.source) if fact)
    where = isolated(passage.span.document_id) + "".join(pages.values()) + about
    return (
        f'<article class="source"><header>{numbers}<h3>{opening}</h3></header><p class="where">{where}</p>'
        f'<div class="passage reading">{_highlighted(passage, citations, turn)}</div></article>'
    )


def _number(citation: Citation, turn: int) -> str:
    name = f"Open the source at citation {citation.marker}"
    return (
        f'<button type="button" class="number" {_placed(citation, turn)} aria-label="{name}">{citation.marker}</button>'
    )


def _highlighted(passage: Passage, citations: Sequence[Citation], turn: int) -> str:
    """The passage as its document shows it, with exactly the cited characters in <mark>."""
    offset = passage.span.start
    marks = [(citation.span.start - offset, citation.span.end - offset, _key(turn, citation)) for citation in citations]
    return document.excerpt(passage.span.document_id, passage.text, marks)


def _key(turn: int, citation: Citation) -> str:
    return f"t{turn}c{citation.marker}"


def _page(page: int | None) -> str:
    return "" if page is None else f", page {page}"
