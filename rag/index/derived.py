"""Where a derived index lives: numbered folders, of which a record names the one that is in use.

    <home>/chroma.reached    JSON: catalog, revision and folder, with size, time and hash of each file
    <home>/chroma/7/         the folder in use
    <home>/chroma/8/         one being written, not in use before its record is

A folder in use is never written to, so readers are never in a writer's way and a kill leaves nothing half written. Its
files are compared with their record before they are opened: over damaged ones hnswlib ends the process (Chroma 1.5.9).
"""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

# bytes: 0.1 s; beyond that a file of the same size and time is taken to be the same; for Chroma's SQLite file the size
# will do: whoever opens it writes to it, and to compare its rows took .3 s of every opening at 100,000 chunks
_ALWAYS_HASHED = 64 * 2**20


class UnwritableError(Exception):
    """A derived index could not be written anew; its text is what Chroma or Tantivy said."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What a derived index holds: the catalog and revision it was made from, its folder, and its files."""

    catalog_id: str
    revision: int
    folder: int
    files: dict[str, tuple[int, int, str]]  # name → bytes, nanoseconds, BLAKE2b

    @property
    def version(self) -> tuple[int, int]:
        """What changes when it must be opened again."""
        return self.revision, self.folder


class Derived:
    """The folders of one derived index."""

    def __init__(self, home: Path, name: str) -> None:
        self.name = name
        self._record = home / f"{name}.reached"
        self._folders = home / name

    def reached(self) -> Reached | None:
        """What is in use; None when nothing is, or the record cannot be read."""
        try:
            found = json.loads(self._record.read_text(encoding="utf-8"))
            files = {name: (int(size), int(time), str(sha)) for name, (size, time, sha) in found["files"].items()}
            return Reached(str(found["catalog_id"]), int(found["revision"]), int(found["folder"]), files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def path(self, reached: Reached) -> Path:
        """The folder in use."""
        return self._folders / str(reached.folder)

    def intact(self, reached: Reached) -> bool:
        """True if every file is there as it was recorded."""
        folder = self.path(reached)
        closely = sum(size for size, _, _ in reached.files.values()) <= _ALWAYS_HASHED
        try:
            return folder.is_dir() and all(
                _same(folder / name, *recorded, closely=closely) for name, recorded in reached.files.items()
            )
        except OSError:
            return False

    def empty(self) -> Path:
        """A new folder, to be filled and published."""
        taken = [int(path.name) for path in self._numbered()]
        reached = self.reached()
        folder = self._folders / str(max([*taken, reached.folder if reached else 0], default=0) + 1)
        folder.mkdir(parents=True)
        return folder

    def copy(self, reached: Reached, target: Path | None = None) -> Path:
        """A new folder, or another, with what is in the one in use.

        Readers may have its SQLite file open, and write to it.
        """
        source, target = self.path(reached), target or self.empty()
        for path in _files(source):
            copied = target / path.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            if _is_database(path):
                _copy_database(path, copied)
            else:
                shutil.copy2(path, copied)
        return target

    def publish(self, folder: Path, *, catalog_id: str, revision: int) -> None:
        """Put a folder in use, and delete the others."""
        files = {path.relative_to(folder).as_posix(): _recorded(path) for path in _files(folder) if _stays(path)}
        record = asdict(Reached(catalog_id, revision, int(folder.name), files))
        temporary = self._record.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._record)
        self.sweep()

    def sweep(self) -> None:
        """Delete every folder but the one in use."""
        reached = self.reached()
        for path in self._numbered():
            if reached is None or int(path.name) != reached.folder:
                shutil.rmtree(path, ignore_errors=True)  # Windows keeps what a reader has open; the next time, then

    def _numbered(self) -> list[Path]:
        if not self._folders.is_dir():
            return []
        return [path for path in self._folders.iterdir() if path.name.isdecimal()]


def _files(folder: Path) -> Iterator[Path]:
    """All files but the locks and logs that an open index keeps beside them."""
    passing = (".lock", "-wal", "-shm", "-journal")
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(passing))


def _stays(path: Path) -> bool:
    """False for the files of a Chroma graph that was never saved: they say nothing, and opening writes them (1.5.9)."""
    return path.suffix != ".bin" or (path.parent / "index_metadata.pickle").exists()


def _recorded(path: Path) -> tuple[int, int, str]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, _hash(path)


def _same(path: Path, size: int, modified: int, sha: str, *, closely: bool) -> bool:
    stat, database = path.stat(), _is_database(path)
    listed = stat.st_size == size and (stat.st_mtime_ns == modified or database)
    if listed and not closely:
        return True
    return (stat.st_size == size or database) and _hash(path) == sha


def _is_database(path: Path) -> bool:
    """True for Chroma's SQLite file: whoever opens it is counted there (1.5.9), so only its rows are compared."""
    return path.suffix == ".sqlite3"


def _hash(path: Path) -> str:
    if _is_database(path):
        return _hash_of_rows(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, hashlib.blake2b).hexdigest()


def _hash_of_rows(path: Path) -> str:
    total = hashlib.blake2b()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
            tables = [
                name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            for table in tables:
                if table != "acquire_write":
                    total.update(repr(table).encode())
                    for row in db.execute(f'SELECT * FROM "{table}"'):
                        total.update(repr(row).encode())
    except sqlite3.Error as error:
        return f"unreadable: {error}"
    return total.hexdigest()


def _copy_database(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
