"""A folder of broken and malicious files → what becomes of each under the limits of an ingest.

    python -m eval hostile FOLDER

Every file is read in a process of its own, as `rag ingest` reads it. It is well if each is read or refused with a
reason; a file that ends its process, takes too much time or memory, or does what no document may, is held back by the
limits and not by its loader.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from rich.console import Console
from rich.progress import track

from rag.errors import ConfigError, LoadError
from rag.load import SUFFIXES, Loaded
from rag.load.process import Readers
from rag.settings import Settings

Outcome: TypeAlias = Literal["read", "refused", "of no format that is read", "too slow", "too much memory", "crashed"]

HELD_BACK: tuple[Outcome, ...] = ("too slow", "too much memory", "crashed")
_OUTCOMES: tuple[Outcome, ...] = ("read", "refused", "of no format that is read", *HELD_BACK)
_LIMITS: Mapping[Outcome, re.Pattern[str]] = {  # in the words of `rag.load.process` and `rag.load.child`
    "too slow": re.compile(r"reading it took more than [\d.]+ s;"),
    "too much memory": re.compile(r"reading it takes more than \d+ MB;"),
    "crashed": re.compile(r"it ended the process that read it|is not for the process that reads files"),
}


def print_hostile(folder: Path, console: Console, settings: Settings | None = None) -> bool:
    """Print how many files were read, refused or held back, and each that was refused with its reason.

    False if one was held back. Raises ConfigError for a folder without files, and where files are read in this process.
    """
    settings = settings or Settings()
    if settings.load_processes == 0:
        raise ConfigError("RAG_LOAD_PROCESSES=0 reads files in this process, which such a file may end. Leave it out.")
    found = dict(outcomes(folder, settings))
    if not found:
        raise ConfigError(f"No files in {folder}.")
    counts = Counter(outcome for outcome, _ in found.values())
    for outcome in _OUTCOMES:
        console.print(f"{outcome}: {counts[outcome]}", markup=False, highlight=False)
    for name, (outcome, reason) in found.items():
        if outcome not in ("read", "of no format that is read"):
            console.print(f"{outcome}: {name}: {reason}", markup=False, highlight=False, soft_wrap=True)
    return not any(counts[outcome] for outcome in HELD_BACK)


def outcomes(folder: Path, settings: Settings) -> Iterator[tuple[str, tuple[Outcome, str]]]:
    """Each file of a folder, by its path in it, with what became of it and why; the reason is empty if it was read."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with Readers(settings) as readers:
        read = readers.ahead(files, lambda path: (path, _name(path, folder)))
        for path, loaded in track(read, "Reading", len(files), console=Console(stderr=True), transient=True):
            yield _name(path, folder), _outcome(path, loaded)


def _outcome(path: Path, loaded: Loaded | LoadError) -> tuple[Outcome, str]:
    if isinstance(loaded, Loaded):
        return "read", ""
    reason = str(loaded)
    for outcome, words in _LIMITS.items():
        if words.search(reason):
            return outcome, reason
    is_read = path.suffix.lower() in SUFFIXES
    return "refused" if is_read else "of no format that is read", reason


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
