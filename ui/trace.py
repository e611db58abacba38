"""Why an answer is what it is, as a person can read it: what was looked up, found, weighed and decided."""

from collections.abc import Sequence

from rag import Answer, Evidence, Passage, Weighed
from ui.markup import escaped, isolated, safe

_MOST_SENTENCES = 8
_MOST_SHOWN = 240  # characters of a passage


def trace(evidence: Evidence, answer: Answer, *, threshold: float) -> str:
    """The steps from question to answer; probability and threshold lie in [0, 1]."""
    decided = "It answered" if not answer.abstained else "It did not answer"
    steps = [
        "<h2>Why this answer</h2>",
        f"<h3>1. What was looked up</h3><p>{isolated(evidence.question)}</p>",
        f"<h3>2. Passages found</h3>{_passages(evidence.passages)}",
        f"<h3>3. Sentences weighed</h3>{_sentences(evidence.sentences, answer)}",
        f"<h3>4. Decision</h3><p>The documents answer this with a probability of {evidence.confidence:.2f}; below "
        f"{threshold:.2f} the question is declined. {decided}.</p>{_facts(evidence)}",
        f"<h3>5. Sentences checked</h3>{_claims(answer)}",
    ]
    return safe(f'<div class="trace">{"".join(steps)}</div>')


def _passages(passages: Sequence[Passage]) -> str:
    rows = [
        (f"<b>{isolated(passage.title)}</b><br>{isolated(_short(passage.text))}", f"{passage.score:.2f}")
        for passage in passages
    ]
    return _table(("Passage", "Score"), rows) if rows else "<p>None.</p>"


def _sentences(sentences: Sequence[Weighed], answer: Answer) -> str:
    cited = {citation.span for citation in answer.citations}
    rows = [
        (isolated(_short(sentence.text)), f"{sentence.score:+.2f}", "yes" if sentence.span in cited else "")
        for sentence in sentences[:_MOST_SENTENCES]
    ]
    return _table(("Sentence", "Log-odds", "Cited"), rows) if rows else "<p>None.</p>"


def _facts(evidence: Evidence) -> str:
    rows = [(escaped(name.replace("_", " ")), f"{value:.2f}") for name, value in evidence.facts.items()]
    return _table(("What the probability is computed from", "Value"), rows) if rows else ""


def _claims(answer: Answer) -> str:
    rows = [
        (isolated(_short(claim.text)), ", ".join(str(one.marker) for one in claim.citations), escaped(claim.verdict))
        for claim in answer.claims
    ]
    return _table(("Sentence", "Citations", "Verdict"), rows) if rows else "<p>None.</p>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"
