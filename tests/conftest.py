"""Fixtures that every test may use; all of them offline."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as examples

import rag
from rag import Chatbot, Settings

CORPUS = Path(__file__).parent.parent / "corpus" / "documents"

# A few of the corpus's documents, one of each format, for tests that need real answers.
SAMPLE = (
    "blinken-beijing-preview.md",
    "cuba-first-report.txt",
    "cuba-listening-post.md",
    "shangri-la-refusal.html",
    "fentanyl-precursors.pdf",
    "military-channels.docx",
    "visits-2023.csv",
)

examples.register_profile("busy", deadline=None)  # two busy cores miss the default of 200 ms
examples.load_profile("busy")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see the defaults, whatever RAG_ variables the person who runs them has set.

    But they read files without the half second of starting a process for it; what tests that says so.
    """
    for name in os.environ:
        if name.startswith("RAG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RAG_LOAD_PROCESSES", "0")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings for an index of the test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="session")
def sample_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an index over a few real documents, built once; tests only read it."""
    from tests.fakes import LightEmbedding

    place = tmp_path_factory.mktemp("sample")
    folder = place / "documents"
    folder.mkdir()
    for name in SAMPLE:
        (folder / name).write_bytes((CORPUS / name).read_bytes())
    settings = Settings(home=place / "home", corpus=folder)
    rag.ingest(folder, settings, embedder=LightEmbedding())
    return settings


@pytest.fixture(scope="session")
def bot(sample_settings: Settings) -> Iterator[Chatbot]:
    """A chatbot over the sample, with the packaged model and no language model."""
    chatbot = Chatbot.open(sample_settings)
    yield chatbot
    chatbot.close()
