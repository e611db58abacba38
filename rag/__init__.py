"""Ask questions of a folder of documents; every sentence of an answer shows the exact words it stands on.

    report = rag.ingest("corpus/documents")
    answer = rag.Chatbot.open().ask("Who may enter the archive?")

Importing this loads nothing heavy: names are fetched from their modules when they are first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.chat import Chatbot
    from rag.errors import RagError
    from rag.feedback import Feedback
    from rag.ingest import ingest
    from rag.library import Job, Library, ListedDocument, Outcome, SkippedFile
    from rag.review import Candidate, Quote, Review, Wording
    from rag.schema import (
        Answer,
        Box,
        Citation,
        Claim,
        Evidence,
        Exchange,
        IngestReport,
        Passage,
        Scope,
        SourceDocument,
        Span,
        Trace,
        Turn,
        Weighed,
    )
    from rag.settings import Settings

__all__ = [
    "Answer",
    "Box",
    "Candidate",
    "Chatbot",
    "Citation",
    "Claim",
    "Evidence",
    "Exchange",
    "Feedback",
    "IngestReport",
    "Job",
    "Library",
    "ListedDocument",
    "Outcome",
    "Passage",
    "Quote",
    "RagError",
    "Review",
    "Scope",
    "Settings",
    "SkippedFile",
    "SourceDocument",
    "Span",
    "Trace",
    "Turn",
    "Weighed",
    "Wording",
    "ingest",
]

_HOME = {
    "Chatbot": "chat",
    "Feedback": "feedback",
    "RagError": "errors",
    "Settings": "settings",
    "ingest": "ingest",
    **dict.fromkeys(("Job", "Library", "ListedDocument", "Outcome", "SkippedFile"), "library"),
    **dict.fromkeys(("Candidate", "Quote", "Review", "Wording"), "review"),
}


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        """Keep `rag.ingest` the function: importing the file of the same name would put the module in its place."""
        if not (name == "ingest" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    value = getattr(import_module(f"rag.{_HOME.get(name, 'schema')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
