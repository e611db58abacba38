"""What `import rag` gives, name by name: a program written for it goes on working."""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rag
from rag import Chatbot, Scope, Settings

PUBLIC = [
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


def parameters(function: Callable[..., Any]) -> str:
    """A function's parameters with their defaults, without their types."""
    found = inspect.signature(function)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=found.empty))


def test_the_public_names_are_these() -> None:
    """A new one needs its line in the README; one that goes needs a line in the CHANGELOG."""
    assert sorted(rag.__all__) == PUBLIC
    assert dir(rag) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_under_its_own_name(name: str) -> None:
    """Fetched when it is first used, it is the thing itself, with a docstring."""
    value = getattr(rag, name)

    assert value.__name__ == name
    assert value.__doc__


def test_another_name_is_an_attribute_error() -> None:
    """A misspelt name is told as Python tells it."""
    with pytest.raises(AttributeError, match="module 'rag' has no attribute 'Chatbott'"):
        rag.Chatbott  # noqa: B018  # the access is what is tested


def test_ingest_stays_the_function() -> None:
    """Importing the file of the same name does not put the module in its place."""
    importlib.import_module("rag.ingest")

    assert inspect.isfunction(rag.ingest)


@pytest.mark.parametrize(
    ("function", "documented"),
    [
        (rag.ingest, "(folder_or_file, settings=None, *, progress=None, embedder=None)"),
        (Chatbot.open, "(settings=None)"),
        (Chatbot.close, "(self)"),
        (Chatbot.retrieve, f"(self, question, k=10, *, history=(), scope={Scope()})"),
        (Chatbot.ask, f"(self, question, history=(), *, scope={Scope()})"),
        (Chatbot.stream, f"(self, question, history=(), *, scope={Scope()})"),
        (Chatbot.explain, f"(self, question, history=(), *, scope={Scope()})"),
        (Chatbot.document, "(self, document_id)"),
        (Chatbot.boxes, "(self, span)"),
        (Chatbot.documents, "(self)"),
    ],
)
def test_a_call_as_documented_goes_on_working(function: Callable[..., Any], documented: str) -> None:
    """Names, order and defaults of the parameters are these."""
    assert parameters(function) == documented


def test_settings_need_nothing_and_take_paths_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rag.Settings()` and `rag.Settings(home=".rag")` are settings."""
    monkeypatch.chdir(tmp_path)  # where no rag.toml stands

    assert Settings().home == Settings(home=".rag").home == Path(".rag")  # type: ignore[arg-type]  # pydantic converts


def test_one_except_clause_catches_all_errors() -> None:
    """Every error that the package raises on purpose is a RagError."""
    errors = vars(importlib.import_module("rag.errors")).values()

    assert all(issubclass(error, rag.RagError) for error in errors if isinstance(error, type))
