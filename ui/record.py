"""A conversation as the browser keeps it, and as a person takes it along: JSON and Markdown."""

import json
from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from rag import Answer, Claim, Passage, Turn
from ui.render import NEAREST

_TURNS = TypeAdapter(tuple[Turn, ...])
_MOST = 2_000_000  # characters that a browser may hand back: some hundred answers


def dump(history: Sequence[object]) -> str:
    """The turns that were answered as JSON text with their Markdown; empty where there is none."""
    turns = tuple(Turn(turn.question, _slim(turn.answer)) for turn in history if isinstance(turn, Turn))
    if not turns:
        return ""
    text = json.dumps({"turns": _TURNS.dump_python(turns, mode="json"), "markdown": markdown(turns)})
    return text.replace("<", "\\u003c")  # so that no reader of it takes it for HTML


def load(text: str) -> tuple[Turn, ...]:
    """The turns of a conversation that the browser kept; none where it is not one that this version wrote."""
    if len(text) > _MOST:
        return ()
    try:
        return _TURNS.validate_json(text)
    except ValidationError:
        return ()


def markdown(turns: Sequence[Turn]) -> str:
    """Question and answer with numbered quotes below; what stands in documents stays text."""
    return "\n".join(_exchange(turn) for turn in turns)


def _exchange(turn: Turn) -> str:
    answer = turn.answer
    lines = [_plain(" ".join(map(_told, line))) for line in answer.lines] or [_plain(answer.text)]
    quotes = [
        f"- \\[{citation.marker}\\] “{_plain(citation.quote)}” "
        f"({_plain(citation.span.document_id)}{f', page {citation.page}' if citation.page else ''})"
        for citation in (*answer.citations, *answer.nearest)
    ]
    lines += [_plain(f"{NEAREST} “{citation.quote}” [{citation.marker}]") for citation in answer.nearest]
    remark = ["", _plain(answer.remark)] if answer.remark else []
    return "\n".join([f"## {_plain(turn.question)}", "", "  \n".join(lines), *remark, "", *quotes, ""])


def _told(claim: Claim) -> str:
    markers = "".join(f"[{citation.marker}]" for citation in claim.citations)
    return claim.text + markers + ("" if claim.verdict == "supported" else f" ({claim.verdict})")


def _plain(words: str) -> str:
    """On one line, with nothing that Markdown would take for a tag, a link or an image."""
    line = " ".join(words.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in line)


def _slim(answer: Answer) -> Answer:
    """Without the passages that are not shown: they are most of its size."""
    shown = [passage for passage in answer.passages if answer.abstained or _is_cited(passage, answer)]
    return replace(answer, passages=tuple(shown))


def _is_cited(passage: Passage, answer: Answer) -> bool:
    return any(citation.span.overlaps(passage.span) for citation in answer.citations)
