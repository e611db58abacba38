"""Values to HTML: a conversation with citation markers, and the cited passages with the cited words highlighted.

Whatever comes from a document, a person or a model passes `_text` (escaped), and every string that leaves this file
has also passed `_safe` (tags, attributes and classes not listed here are dropped), so it takes two mistakes for a
document to put an element on the page. A citation is known on the page by its key, "t1c2": turn 1, citation 2;
`page.js` leads from the marker with `data-cite` to the words with `data-cited`, and back by `data-back`.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import nh3

from rag import Answer, Citation, Claim, Passage, Turn

NOT_SAID = "The documents do not say."
CONFIDENCE = ((0.8, "High confidence"), (0.6, "Fair confidence"), (0.0, "Low confidence"))  # from this probability on
_NO_PASSAGE = '<p class="note">No passage is cited.</p>'

_TAGS = "article bdi button details div h1 h2 h3 header mark p section span summary sup"
_CLEANER = nh3.Cleaner(
    tags=set(_TAGS.split(" ")),
    attributes={
        "button": {"type", "aria-label", "data-cite", "data-back", "data-tip"},
        "div": {"role", "aria-live", "aria-label", "aria-busy"},
        "mark": {"data-cited"},
        "p": {"dir"},
        "span": {"data-tip", "tabindex"},
        "section": {"aria-label"},
    },
    allowed_classes={
        "article": {"source"},
        "button": {"citation", "number"},
        "details": {"earlier"},
        "div": {"conversation", "empty", "turn", "answer", "sources"},
        "h2": {"question"},
        "p": {"claims", "note", "error", "passage", "where", "lead"},
        "span": {"claim", "weak", "unsupported", "verdict", "confidence", "caret", "unseen"},
    },
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that has no answer because of an error; the message is for the person who asked."""

    question: str
    message: str


Entry = Turn | Failure  # one exchange as the page remembers it


def header(title: str, document_count: int | None) -> str:
    """The page's title, and how many documents it answers from where that is known."""
    if document_count is None:
        scope = "your own files"
    else:
        scope = f"{document_count:,} document{'s' if document_count != 1 else ''}"
    return _safe(f"<h1>{_text(title)}</h1><p>Short answers from {scope}, each sentence with its evidence.</p>")


def conversation(history: Sequence[Entry]) -> str:
    """Every exchange in order, none of them still being written."""
    return _conversation(_exchanges(history))


def writing(past: Sequence[Entry], question: str, draft: Answer | None) -> str:
    """What was said so far, then the question with what is written of its answer; None before the first words."""
    words = _text(draft.text) if draft else "Reading the documents"
    understood = _understood(draft) if draft else ""
    body = f'{understood}<p class="claims" dir="auto">{words}<span class="caret"></span></p>'
    return _conversation(_exchanges(past) + _exchange(question, body, busy=True))


def sources(history: Sequence[Entry]) -> str:
    """The passages behind the newest answer, those behind earlier ones folded away."""
    if not history:
        return earlier_sources(())
    return _sources(_source_group(history[-1], len(history)), history[:-1])


def earlier_sources(history: Sequence[Entry]) -> str:
    """The passages behind all these answers folded away, while there is no newer answer yet."""
    return _sources('<p class="note">The passages an answer cites appear here.</p>', history)


def _sources(newest: str, earlier: Sequence[Entry]) -> str:
    folded = [
        f'<details class="earlier"><summary>{_isolated(turn.question)}</summary>{_source_group(turn, number)}</details>'
        for number, turn in enumerate(earlier, start=1)
        if isinstance(turn, Turn)
    ]
    return _safe(f'<div class="sources"><h2>Sources</h2>{newest}{"".join(reversed(folded))}</div>')


def _conversation(exchanges: str) -> str:
    empty = '<div class="empty"><p class="lead">What would you like to know?</p></div>'
    return _safe(
        f'<div class="conversation" role="log" aria-live="polite" aria-label="Conversation">{exchanges or empty}</div>'
    )


def _exchanges(history: Sequence[Entry]) -> str:
    return "".join(_exchange(entry.question, _outcome(entry, number)) for number, entry in enumerate(history, start=1))


def _exchange(question: str, body: str, *, busy: bool = False) -> str:
    state = ' aria-busy="true"' if busy else ""  # screen readers wait for the whole sentence, not for each word
    heading = f'<h2 class="question">{_isolated(question)}</h2>'
    return f'<div class="turn">{heading}<div class="answer"{state}>{body}</div></div>'


def _outcome(entry: Entry, number: int) -> str:
    if isinstance(entry, Failure):
        return f'<p class="error">{_text(entry.message)}</p>'
    return _answer(entry.answer, number)


def _answer(answer: Answer, turn: int) -> str:
    if answer.abstained:
        words = _text(answer.text or NOT_SAID)
        note = "The nearest passages are listed under Sources." if answer.passages else ""
    elif answer.claims:
        words = " ".join(_claim(claim, answer.passages, turn) for claim in answer.claims)
        note = _confidence(answer)
    else:  # a draft: nothing was checked
        words = _text(answer.text)
        note = "Stopped before it was checked against the documents."
    return f'{_understood(answer)}<p class="claims" dir="auto">{words}</p><p class="note">{note}</p>'


def _understood(answer: Answer) -> str:
    """What was looked up, where that is not what was asked."""
    return f'<p class="note">Understood as: {_isolated(answer.asked)}</p>' if answer.reworded else ""


def _claim(claim: Claim, passages: Sequence[Passage], turn: int) -> str:
    markers = "".join(_marker(citation, passages, turn) for citation in claim.citations)
    if claim.verdict == "supported":
        return f'<span class="claim">{_text(claim.text)}</span>{markers}'
    label = "weakly supported" if claim.verdict == "weak" else "not supported by the documents"
    words = f'<span class="claim {claim.verdict}">{_text(claim.text)}</span>'
    return f'{words}{markers} <span class="verdict {claim.verdict}">{label}</span>'


def _marker(citation: Citation, passages: Sequence[Passage], turn: int) -> str:
    title = _title(citation, passages)
    tip = _text(f"“{' '.join(citation.quote.split())}” {title}{_page(citation.page)}")
    name = _text(f"Citation {citation.marker}: {title}")
    key = _key(turn, citation)
    return (
        f'<sup><button type="button" class="citation" data-cite="{key}" data-tip="{tip}" aria-label="{name}">'
        f"{citation.marker}</button></sup>"
    )


def _confidence(answer: Answer) -> str:
    words = next(words for least, words in CONFIDENCE if answer.confidence >= least)
    tip = f"The documents answer this with a probability of about {answer.confidence:.0%}."
    return f'<span class="confidence" tabindex="0" data-tip="{tip}">{words}<span class="unseen">. {tip}</span></span>'


def _source_group(entry: Entry, number: int) -> str:
    if isinstance(entry, Failure):
        return _NO_PASSAGE
    answer = entry.answer
    if answer.abstained:
        title, cards = "Nearest passages", [_card(passage, (), number) for passage in answer.passages]
    else:
        title, cards = "Cited passages", [_card(passage, cited, number) for passage, cited in _cited_passages(answer)]
    heading = "<h3>Nearest passages</h3>" if answer.abstained else ""
    return f'<section aria-label="{title}">{heading}{"".join(cards)}</section>' if cards else _NO_PASSAGE


def _cited_passages(answer: Answer) -> list[tuple[Passage, list[Citation]]]:
    """Each passage that is cited with its citations, in the order of their markers."""
    groups: dict[Passage, list[Citation]] = {}
    for citation in answer.citations:
        groups.setdefault(_passage_of(citation, answer.passages), []).append(citation)
    return list(groups.items())


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
    title = _isolated(passage.title or passage.span.document_id)
    pages = {citation.page: _page(citation.page) for citation in citations} or {passage.page: _page(passage.page)}
    about = "".join(f", {_isolated(fact)}" for fact in (passage.date, passage.author, passage.source) if fact)
    where = _isolated(passage.span.document_id) + "".join(pages.values()) + about
    return (
        f'<article class="source"><header>{numbers}<h3>{title}</h3></header><p class="where">{where}</p>'
        f'<p class="passage" dir="auto">{_highlighted(passage, citations, turn)}</p></article>'
    )


def _number(citation: Citation, turn: int) -> str:
    name = f"Back to citation {citation.marker} in the answer"
    key = _key(turn, citation)
    return f'<button type="button" class="number" data-back="{key}" aria-label="{name}">{citation.marker}</button>'


def _highlighted(passage: Passage, citations: Sequence[Citation], turn: int) -> str:
    """The passage's text with exactly the cited characters in <mark>, cut wherever a citation begins or ends."""
    offset = passage.span.start
    places = [
        (citation.span.start - offset, citation.span.end - offset, _key(turn, citation)) for citation in citations
    ]
    cuts = sorted({0, len(passage.text), *(cut for start, end, _ in places for cut in (start, end))})
    pieces = []
    for start, end in pairwise(cuts):
        keys = " ".join(key for first, last, key in places if first <= start and end <= last)
        words = _text(passage.text[start:end])
        pieces.append(f'<mark data-cited="{keys}">{words}</mark>' if keys else words)
    return "".join(pieces)


def _key(turn: int, citation: Citation) -> str:
    return f"t{turn}c{citation.marker}"


def _page(page: int | None) -> str:
    return "" if page is None else f", page {page}"


def _isolated(words: str) -> str:
    """Escaped, and unable to turn round the words beside it with right-to-left marks."""
    return f"<bdi>{_text(words)}</bdi>"


def _text(words: str) -> str:
    """Escaped for content and attributes; half characters, which cannot be sent to a browser, become "?"."""
    return html.escape(words.encode(errors="replace").decode())


def _safe(markup: str) -> str:
    return _CLEANER.clean(markup)
