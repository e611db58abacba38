"""Questions that the documents suggest as entries of a question set: a first draft, for a person to read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import rag
from eval.dataset import Entry
from eval.metrics import SEED
from eval.run import Progress
from rag import suggest as rules
from rag.models.llm import language_model, replies

_TRIES = 4  # for each question that is wanted: a model that mostly writes none is not asked about every sentence
_PATIENCE = 30  # sentences without one question: SmolLM2-135M writes none about as many


@dataclass
class Written:
    """What a language model has written so far: entries, and how often something else for which reason."""

    entries: list[Entry] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        reasons = "; ".join(f"{reason}: {count}" for reason, count in self.dropped.most_common())
        asked = len(self.entries) + self.dropped.total()
        return f"asked about {asked} sentences, dropped {self.dropped.total()}" + (f" ({reasons})" if reasons else "")


def suggest(documents: Iterable[rag.SourceDocument]) -> list[Entry]:
    """The questions of `rag.suggest` with their gold; every third is for `test`."""
    read = {document.document_id: document for document in documents}
    return [
        _entry(number, suggestion, read[suggestion.span.document_id])
        for number, suggestion in enumerate(rules.suggest(read.values()), 1)
    ]


def write(
    ids: Sequence[str],
    document: Callable[[str], rag.SourceDocument],
    settings: rag.Settings,
    *,
    most: int,
    written: Written,
    progress: Progress = lambda done, total: None,
) -> None:
    """Fill `written` with at most so many questions of the settings' language model, as they come.

    It is asked about four times as many sentences at most, and about 30 if it writes none of these. Raises ConfigError
    and ModelError as `rag.models.llm` does.
    """
    chosen = Random(SEED).sample(list(ids), min(len(ids), _TRIES * most))
    documents = {name: document(name) for name in chosen}
    found = rules.written(documents.values(), _asking(settings), seed=SEED)
    for tried, suggestion in enumerate(found, 1):
        if isinstance(suggestion, rules.Suggestion):
            number = len(written.entries) + 1
            written.entries.append(_entry(number, suggestion, documents[suggestion.span.document_id]))
        else:
            written.dropped[suggestion] += 1
        progress(len(written.entries), most)
        if len(written.entries) == most or tried == _TRIES * most or (tried == _PATIENCE and not written.entries):
            return


def _asking(settings: rag.Settings) -> rules.Write:
    llm = language_model(settings)

    def asking(system: str, user: str) -> Iterator[str]:
        return replies(llm, system, user, reply=settings.llm_reply, timeout=settings.llm_timeout)

    return asking


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
