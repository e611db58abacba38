"""Why an answer is what it is, as a person can read it: looked up, found, weighed, decided, written and checked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag import Claim, Evidence, Exchange, Passage, Trace, Turn
from ui.markup import escaped, isolated, safe

_MOST_SHOWN = 240  # characters of a passage
_NOT_KEPT = (
    '<p class="note">This answer is from before the page was opened: it was looked up again. What a language model was'
    " sent and said for it is not kept.</p>"
)


@dataclass(frozen=True, slots=True)
class Traced(Turn):
    """A turn with all that its answer came from. The browser keeps it as a turn alone: this is many times as long."""

    trace: Trace


def trace(told: Trace, *, is_kept: bool = True) -> str:
    """The steps from question to answer, each on a line that opens; not `is_kept`: what was looked up again."""
    evidence = told.evidence
    steps = [
        "<h2>Why this answer</h2>" + ("" if is_kept else _NOT_KEPT),
        f"<h3>1. What was looked up</h3>{_asked(told)}",
        _step(f"2. Passages found: {len(evidence.passages)}", _passages(evidence.passages)),
        _step(f"3. Sentences weighed: {len(evidence.sentences)}", _sentences(told)),
        f"<h3>4. Decision</h3>{_decision(told)}",
        _step(f"5. Requests to a language model: {len(told.exchanges)}", _exchanges(told.exchanges)),
        _step(f"6. Sentences checked: {_counts(told.claims)}", _claims(told.claims)),
    ]
    return safe(f'<div class="trace">{"".join(steps)}</div>')


def _step(name: str, body: str) -> str:
    """A step that opens to a click; one without a body is its name alone."""
    heading = f"<h3>{name}</h3>"
    return f"<details><summary>{heading}</summary>{body}</details>" if body else heading


def _asked(told: Trace) -> str:
    meant = f"<p>{isolated(told.evidence.question)}</p>"
    original = f'<p class="note">The question was: {isolated(told.answer.question)}</p>'
    return meant + original if told.answer.reworded else meant


def _decision(told: Trace) -> str:
    decided = "It answered" if not told.answer.abstained else "It did not answer"
    return (
        f"<p>The documents answer this with a probability of {told.evidence.confidence:.2f}; below "
        f"{told.threshold:.2f} the question is declined. {decided}.</p>{_facts(told.evidence)}"
    )


def _passages(passages: Sequence[Passage]) -> str:
    rows = [
        (f"<b>{isolated(passage.title)}</b><br>{isolated(_short(passage.text))}", f"{passage.score:.2f}")
        for passage in passages
    ]
    return _table(("Passage", "Score"), rows)


def _sentences(told: Trace) -> str:
    cited = {citation.span for citation in told.answer.citations}
    rows = [
        (isolated(_short(sentence.text)), f"{sentence.score:+.2f}", "yes" if sentence.span in cited else "")
        for sentence in told.evidence.sentences
    ]
    return _table(("Sentence", "Log-odds", "Cited"), rows)


def _facts(evidence: Evidence) -> str:
    rows = [(escaped(name.replace("_", " ")), f"{value:.2f}") for name, value in evidence.facts.items()]
    table = _table(("What the probability is computed from", "Value"), rows)
    return f"<details><summary>How sure it is</summary>{table}</details>" if rows else ""


def _exchanges(exchanges: Sequence[Exchange]) -> str:
    """What was sent and said, word for word."""
    return "".join(_exchange(number, exchange) for number, exchange in enumerate(exchanges, 1))


def _exchange(number: int, exchange: Exchange) -> str:
    said = [
        ("Instructions", exchange.system),
        ("Sent", exchange.user),
        ("Said", exchange.reply),
        ("Failed", exchange.failure),
    ]
    parts = "".join(f'<h5>{name}</h5><pre dir="auto">{isolated(words)}</pre>' for name, words in said if words)
    return f"<h4>Request {number}</h4>{parts}"


def _counts(claims: Sequence[Claim]) -> str:
    """`2 supported, 1 unsupported`, or 0."""
    counted = Counter(claim.verdict for claim in claims)
    return ", ".join(f"{count} {verdict}" for verdict, count in counted.items()) or "0"


def _claims(claims: Sequence[Claim]) -> str:
    rows = [(_claim(claim), ", ".join(str(one.marker) for one in claim.citations), claim.verdict) for claim in claims]
    return _table(("Sentence", "Citations", "Verdict"), rows)


def _claim(claim: Claim) -> str:
    """The sentence, what decided its verdict, and the words that it was put to."""
    check = [f"Decided by: {escaped(claim.check)}"] if claim.check else []
    quotes = [f"{one.marker}: “{isolated(_short(one.quote))}”" for one in claim.citations]
    return "<br>".join([isolated(_short(claim.text)), *check, *quotes])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already; nothing without rows."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>" if rows else ""


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"
