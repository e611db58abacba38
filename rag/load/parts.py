"""Members of an archive and attachments of a mail → one text, each part under its name as a heading."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.normalise import join_pages

Read = Callable[[Path], Extract]

_DEEPEST = 3  # files inside one another: mail in an archive in an archive; a zip that holds itself never ends
_MOST_PARTS = 1000  # of one file, all levels together: more belong in a folder, where each is a document of its own
_MOST_BYTES = 500 * 2**20  # unpacked, all levels together: a bomb has more, and an honest file of 200 MiB seldom
_MOST_TEXT = 40_000_000  # characters: of a file that says more nothing would be kept
_LONGEST_NOTE = 200  # characters
_LONGEST_NAME_IN_NOTE = 40
_LONGEST_REASON = 100
_LONGEST_NAME = 200  # characters
_HEADING = re.compile(r"^(?=#{1,5} )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A name as its container gives it, and the bytes; asking for them raises LoadError where they cannot be had."""

    name: str
    content: Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Parts:
    """The texts of the parts that were read, each under its heading; their extracts; notes on the others."""

    texts: tuple[str, ...]
    extracts: tuple[Extract, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Room:
    """What the outermost file may still unpack."""

    depth: int = 0
    parts: int = _MOST_PARTS
    size: int = _MOST_BYTES
    text: int = _MOST_TEXT

    def admit(self) -> None:
        if self.depth > _DEEPEST:
            raise LoadError(f"it lies more than {_DEEPEST} files deep; unpack the file")
        if self.parts == 0:
            raise LoadError(f"{_MOST_PARTS} parts before it were read; unpack the file")
        self.parts -= 1

    def take(self, size: int) -> None:
        if size > self.size:
            raise LoadError(f"the file unpacks to more than {_MOST_BYTES / 2**20:.0f} MiB; unpack it")
        self.size -= size

    def keep(self, text: int) -> None:
        if text > self.text:
            raise LoadError(f"the file holds more than {_MOST_TEXT:,} characters; unpack it")
        self.text -= text


# A container calls the reader of another, which is the same function for a file on disk: only the context links them.
_ROOM: ContextVar[_Room | None] = ContextVar("_ROOM", default=None)


def read_parts(parts: Iterable[Part], read: Read, kind: str) -> Parts:
    """All that can be read of the parts; `kind` is what a note calls one: a member, an attachment."""
    texts, extracts, notes, refused = [], [], [], []
    with _room() as room, TemporaryDirectory(prefix="rag-") as folder:
        for part in parts:
            name = clean_name(part.name)
            try:
                extract = _extract(part, read, room, Path(folder) / f"1{_suffix(name)}")
            except LoadError as error:
                refused.append((name, str(error).partition(";")[0]))
                continue
            texts.append(f"# {name}\n\n{_deeper(extract.text)}")
            extracts.append(extract)
            notes += [_cut(f"{_short_name(name)}: {note}", _LONGEST_NOTE) for note in extract.notes]
    if refused:
        notes.insert(0, _not_read(refused, kind))
    return Parts(tuple(texts), tuple(extracts), tuple(notes))


def clean_name(name: str) -> str:
    """A name to show: folders and file without roots, drives, dots, controls or line ends; only words, never a path."""
    steps = (" ".join(step.split()) for step in re.split(r"[/\\]", name))
    shown = [step for step in steps if step not in ("", ".", "..") and not re.fullmatch("[A-Za-z]:", step)]
    return "/".join(shown)[-_LONGEST_NAME:] or "without a name"


@contextmanager
def _room() -> Iterator[_Room]:
    room = _ROOM.get() or _Room()
    token = _ROOM.set(room)
    room.depth += 1
    try:
        yield room
    finally:
        room.depth -= 1
        _ROOM.reset(token)


def _extract(part: Part, read: Read, room: _Room, path: Path) -> Extract:
    """What one part says; its file is gone again afterwards."""
    room.admit()
    try:
        with path.open("wb") as file:
            for piece in part.content():
                room.take(len(piece))
                file.write(piece)
        extract = read(path)
    finally:
        path.unlink(missing_ok=True)
    text = "".join(extract.text)
    if not text.strip():
        raise LoadError("it holds no text")
    room.keep(len(text))
    return extract


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[\w-]{1,20}", suffix, re.ASCII) else ""


def _deeper(text: str | tuple[str, ...]) -> str:
    """A part's text, its pages joined, with its headings one level below that of its name."""
    return _HEADING.sub("#", text if isinstance(text, str) else join_pages(text)[0])


def _not_read(refused: Sequence[tuple[str, str]], kind: str) -> str:
    """How many parts were not read, and the first of them with the reason, as many as a note has room for."""
    were = f"{kind} was" if len(refused) == 1 else f"{kind}s were"
    note = f"{len(refused)} {were} not read: "
    named = [f"{_short_name(name)} ({_cut(reason, _LONGEST_REASON)})" for name, reason in refused]
    ends = accumulate(len(words) + 2 for words in named)
    most = _LONGEST_NOTE - len(note) - len(f" and {len(refused)} more")
    shown = [words for words, end in zip(named, ends, strict=True) if end - 2 <= most]
    more = f" and {len(refused) - len(shown)} more" if len(shown) < len(refused) else ""
    return note + ", ".join(shown) + more


def _short_name(name: str) -> str:
    """A name with its end, which tells its kind."""
    room = _LONGEST_NAME_IN_NOTE
    return name if len(name) <= room else f"{name[: room - 13]}…{name[-12:]}"


def _cut(words: str, most: int) -> str:
    """The first words, as many as there is room for."""
    return words if len(words) <= most else words[: most - 1].rsplit(" ", 1)[0].rstrip(" ,(") + "…"
