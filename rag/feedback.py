"""What people said of answers, a small file each in the index folder; later handed out as lines for a gold set.

A file each, so that two servers never mix what they write, and what cites a removed document can be deleted alone.
"""

import json
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from rag.errors import StoreError
from rag.schema import Answer

Verdict = Literal["right", "wrong", "wrong citation"]
_FOLDER = "feedback"
_LONGEST_NOTE = 2000  # characters


@dataclass(frozen=True, slots=True)
class Feedback:
    """One person's verdict on one answer; `earlier` are the conversation's questions before it, first to last."""

    answer: Answer
    verdict: Verdict
    note: str = ""
    earlier: tuple[str, ...] = ()


def keep(home: Path, feedback: Feedback) -> None:
    """Add one to those that are kept. Raises StoreError where it cannot be written."""
    said = {
        "verdict": feedback.verdict,
        "note": feedback.note[:_LONGEST_NOTE],
        "earlier": feedback.earlier,
        **feedback.answer.to_dict(),
        "passages": [],  # much, and of no use later; so is what was no answer
        "nearest": [],
    }
    path = home / _FOLDER / f"{time.time_ns():020}-{token_hex(4)}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".new").write_text(json.dumps(said))  # in ASCII, so that half a character is no trouble
        path.with_suffix(".new").replace(path)
    except OSError as error:
        raise StoreError(f"The feedback cannot be kept in {path.parent}: {error.strerror}.") from error


def forget(home: Path, document_ids: Collection[str]) -> None:
    """Delete what was said of answers that cite any of these documents: it holds their words."""
    if not document_ids:
        return
    for path, said in _kept(home):
        if any(quote["document_id"] in document_ids for quote in _quotes(said["claims"])):
            path.unlink(missing_ok=True)


def candidates(home: Path) -> Iterator[dict[str, Any]]:
    """What was said as lines for a question set, the last word on each question of a conversation.

    An answer called right is a whole line, with its citations as gold. Of another only the question is taken over: its
    `feedback` says what was wrong, and kind, reference and gold are for a person to fill in.
    """
    last = {(tuple(said["earlier"]), said["question"]): said for _, said in _kept(home)}
    for number, said in enumerate(last.values(), start=1):
        yield _candidate(said, f"feedback-{number:03}")


def _candidate(said: dict[str, Any], name: str) -> dict[str, Any]:
    line = {"id": name, "kind": "", "split": "dev", "question": said["question"], "reference": "", "gold": []}
    if said["earlier"]:
        line["history"] = said["earlier"]
    if said["verdict"] != "right" or said["note"]:
        line["feedback"] = {"verdict": said["verdict"], "note": said["note"], "answer": said["text"]}
    if said["verdict"] != "right":
        return line
    if said["abstained"]:
        return line | {"kind": "unanswerable"}
    kind = "follow_up" if said["earlier"] else "single_fact"
    return line | {"kind": kind, "reference": said["text"], "gold": list(_quotes(said["claims"]))}


def _quotes(claims: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The cited places, each once; those of one claim state the same, so one of them is enough."""
    seen = set()
    for number, claim in enumerate(claims, start=1):
        for citation in claim["citations"]:
            place = {key: citation[key] for key in ("document_id", "start", "end", "quote")}
            if tuple(place.values()) not in seen:
                seen.add(tuple(place.values()))
                yield place | {"part": f"claim {number}"}


def _kept(home: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each file with what it says, oldest first; one that is damaged says nothing."""
    for path in sorted((home / _FOLDER).glob("*.json")):
        with suppress(OSError, ValueError):
            yield path, json.loads(path.read_text())
