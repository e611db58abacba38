"""This project as a system to be ranked: passages become files that are ingested, and what is retrieved their ids."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import rag
from eval.collection import Passage, Query
from eval.run import Progress

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

NAME = "ours"

_PASSAGES = 10  # retrieved for each document asked for: a long one may be found by many of its passages


class Ours:
    """`rag.ingest` and `rag.Chatbot.retrieve` over an index folder, beside whose files the passages' own are kept."""

    def __init__(
        self,
        settings: rag.Settings,
        *,
        embedder: "BaseEmbedding | None" = None,
        progress: Progress = lambda done, total: None,
    ) -> None:
        self.settings = settings
        self._embedder = embedder
        self._progress = progress
        self._ids: dict[str, str] = {}  # file name → passage id
        self._turns: dict[tuple[str, ...], tuple[rag.Turn, ...]] = {(): ()}
        self._bot: rag.Chatbot | None = None
        self.skipped: tuple[tuple[str, str], ...] = ()  # passages that could not be ingested, with the reason

    def index(self, passages: Mapping[str, Passage]) -> None:
        """Bring the index up to date with the passages; those that it holds already cost nothing."""
        self.close()
        self._ids = {file_name(key): key for key in passages}
        documents = self.settings.home / "documents"
        write({file_name(key): text for key, passage in passages.items() if (text := as_text(passage))}, documents)
        report = rag.ingest(documents, self.settings, progress=self._advance, embedder=self._embedder)
        self.skipped = tuple((self._ids[name], reason) for name, reason in report.skipped)
        self._bot = rag.Chatbot.open(self.settings)

    def search(self, query: Query, k: int) -> Sequence[str]:
        """Documents in the order of their best passage, asked as the next question of the query's conversation."""
        found = self._opened.retrieve(query.text, k=_PASSAGES * k, history=self._history(query.earlier))
        names = dict.fromkeys(passage.span.document_id for passage in found)
        return [self._ids[name] for name in names][:k]

    def close(self) -> None:
        """Let go of the index's files."""
        if self._bot:
            self._bot.close()
            self._bot = None

    def _advance(self, done: int, total: int, _: str) -> None:
        self._progress(done, total)

    @property
    def _opened(self) -> rag.Chatbot:
        if self._bot is None:
            raise ValueError("index() comes before search()")
        return self._bot

    def _history(self, earlier: tuple[str, ...]) -> tuple[rag.Turn, ...]:
        """The conversation so far with the answers given then; each question of it is asked once."""
        if earlier not in self._turns:
            before, question = self._history(earlier[:-1]), earlier[-1]
            self._turns[earlier] = (*before, rag.Turn(question, self._opened.ask(question, before)))
        return self._turns[earlier]


@contextmanager
def opened(
    home: Path | None, *, embedder: "BaseEmbedding | None" = None, progress: Progress = lambda done, total: None
) -> Iterator[Ours]:
    """Our system with its index at `home`, which stays, or in a folder that is thrown away."""
    with TemporaryDirectory() if home is None else nullcontext(home) as folder:
        ours = Ours(rag.Settings(home=Path(folder)), embedder=embedder, progress=progress)
        try:
            yield ours
        finally:
            ours.close()


def file_name(key: str) -> str:
    """A name for a passage's file: of the id's hash, because ids hold slashes, differ by case only, or are too long.

    A readable name would be searched as the title of a passage that has none.
    """
    return f"{hashlib.sha256(key.encode(errors='replace')).hexdigest()[:32]}.txt"


def as_text(passage: Passage) -> str:
    """Title, an empty line, and the text as one paragraph; empty for a passage without words."""
    parts = (" ".join(part.split()) for part in (passage.title, passage.text))
    return "".join(f"{part}\n\n" for part in parts if part)[:-1]


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Make the folder hold these files and no others; a file that is as it should be is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path, data = folder / name, text.encode(errors="replace")
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
