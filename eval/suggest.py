"""Questions that the documents suggest as entries of a question set: a first draft, for a person to read."""

from collections.abc import Iterable

import rag
from eval.dataset import Entry
from rag import suggest as rules


def suggest(documents: Iterable[rag.SourceDocument]) -> list[Entry]:
    """The questions of `rag.suggest` with their gold; every third is for `test`."""
    read = {document.document_id: document for document in documents}
    return [
        _entry(number, suggestion, read[suggestion.span.document_id])
        for number, suggestion in enumerate(rules.suggest(read.values()), 1)
    ]


def _entry(number: int, suggestion: rules.Suggestion, document: rag.SourceDocument) -> Entry:
    start, end = suggestion.span.start, suggestion.span.end
    place = {"document_id": document.document_id, "start": start, "end": end, "quote": document.text[start:end]}
    return {
        "id": f"suggested-{number:03}",
        "kind": suggestion.kind,
        "split": "test" if number % 3 == 0 else "dev",
        "question": suggestion.question,
        "reference": suggestion.answer,
        "gold": [place],
    }
