"""The documents as a page keeps them: listed, and added, removed and read again by one process that works apart.

Answers keep coming meanwhile. The process (`rag.worker`) is started for the first job, kept while there is work, as
importing torch takes 10 s, and ended after some idle minutes, by `cancel`, and by the end of this one.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path, PurePath
from queue import Empty, SimpleQueue
from threading import Event, Lock, RLock, Thread
from typing import IO, Any, Literal
from uuid import uuid4

from rag.errors import LoadError
from rag.index.catalog import Catalog, Listed
from rag.review import Review
from rag.schema import Scope
from rag.settings import Settings

Kind = Literal["add", "sync", "reread", "remove"]
State = Literal["waiting", "starting", "running", "done", "cancelled", "failed"]
Status = Literal["current", "changed", "missing"]
_ENDED: tuple[State, ...] = ("done", "cancelled", "failed")

_COMMAND = (  # with -P: no file of the folder that the server was started in is taken for a module
    *(sys.executable, "-P", "-c"),
    "import sys; sys.path.append(sys.argv[1]); from rag.worker import main; main()",
    str(Path(__file__).parents[1]),
)
_IDLE = 300.0  # seconds
_PAUSE = 2.0  # seconds between tries while another process is writing
_PATIENCE = 600.0  # seconds
_TOLD = 200  # outcomes of a job that are kept one by one; all are counted
_REMEMBERED = 20  # jobs
_LONGEST_NAME = 180  # bytes: file systems take 255
_JOINERS = "\u200c\u200d"  # invisible, and a part of words in Persian and Hindi
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10))}


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document without its text. `status` is how its file compares with what was read of it."""

    document_id: str
    title: str
    type: str  # the suffix, in lower case and without its dot
    bytes: int | None
    chunks: int
    date: str | None  # of the document, ISO 8601
    read: datetime | None  # when it was
    status: Status
    uploaded: bool  # else it belongs to a folder, which brings it back after it was removed


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that the last ingest of its folder could not read, and why."""

    document_id: str
    reason: str
    uploaded: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: added, changed, moved, removed, already there or skipped; from where, or why."""

    name: str
    what: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """Some work on the documents as it stands now. `message` says why it failed or what it waits for."""

    number: int
    kind: Kind
    state: State
    done: int  # files
    total: int  # 0 while that is not known
    name: str  # the file that was finished last
    outcomes: tuple[Outcome, ...]  # the newest ones, at most 200
    counts: Mapping[str, int]  # of all outcomes
    message: str
    ended: datetime | None

    @property
    def finished(self) -> bool:
        """True if nothing more will become of it."""
        return self.state in _ENDED


class Library:
    """The documents at `settings.home`; one may be shared by all sessions and threads of a server.

    `command` runs `rag.worker`, which another may stand in for.
    """

    def __init__(self, settings: Settings, *, command: Sequence[str] = _COMMAND, idle: float = _IDLE) -> None:
        self.uploads = settings.home.resolve() / "uploads"
        self._settings = settings
        self._idle = idle
        self._lock = RLock()
        self._taking = Lock()  # one session after another finds names for its files, while the others read lists
        self._opened: Catalog | None = None
        self._worker = _Worker(command, settings)
        self.review = Review(settings, self._catalog)
        self._tasks: list[_Task] = []
        self._waiting = SimpleQueue[_Task | None]()
        self._interrupted = Event()
        self._thread: Thread | None = None

    @property
    def editable(self) -> bool:
        """Whether a page may add and remove: the setting of that name."""
        return self._settings.editable

    @property
    def largest(self) -> int:
        """Bytes of a file that is taken in, at most."""
        return self._settings.upload_megabytes * 2**20

    # What there is

    def documents(
        self, search: str = "", kind: str = "", order: str = "name", offset: int = 0, limit: int = 50
    ) -> tuple[tuple[ListedDocument, ...], int]:
        """Some of the documents whose name or title has all words of `search`, and how many there are.

        `kind` is a type such as pdf; `order` is name, title, type, size, date or newest.
        """
        catalog = self._catalog()
        if catalog is None:
            return (), 0
        rows, total = catalog.listed(search, kind, order=order, offset=offset, limit=limit)
        return tuple(map(self._listed, rows)), total

    def count(self) -> tuple[int, int]:
        """(documents, chunks)."""
        catalog = self._catalog()
        return catalog.count() if catalog else (0, 0)

    @property
    def revision(self) -> int:
        """Another number after every change of a document; 0 where there is no index yet."""
        catalog = self._catalog()
        return catalog.revision if catalog else 0

    def types(self) -> dict[str, int]:
        """Type → how many documents are of it; what is another name for a type counts with it."""
        catalog = self._catalog()
        found = Counter[str]()
        for suffix, number in sorted(catalog.types().items() if catalog else ()):
            same = (kind for kind in found if Scope(types=(kind,)).holds(f".{suffix}", None))
            found[next(same, suffix.lower())] += number
        return dict(sorted(found.items()))

    def skipped(self) -> tuple[SkippedFile, ...]:
        """The files that the last ingest of each folder could not read, by name."""
        catalog = self._catalog()
        files = catalog.skipped() if catalog else ()
        return tuple(SkippedFile(file.document_id, file.reason, self._is_uploaded(file.path)) for file in files)

    # What is to be done

    def add(self, files: Iterable[tuple[str, Path]]) -> Job:
        """Copy files, each with the name it is to have, to the uploads and read them; what is no use is told at once.

        No other file is overwritten: one of the same name and other content becomes "name (2).pdf".
        """
        task = _Task("add", [])
        with self._taking:
            for name, path in files:
                taken = self._take(name, path)
                if isinstance(taken, Outcome):
                    task.tell(taken)
                else:
                    task.names.append(taken)
        return self._submit(task)

    def sync(self) -> Job:
        """Bring all folders that were ingested before up to date."""
        return self._submit(_Task("sync", []))

    def reread(self, document_ids: Iterable[str]) -> Job:
        """Read documents again, or files that could not be read, although they have not changed."""
        return self._submit(_Task("reread", list(document_ids)))

    def remove(self, document_ids: Iterable[str]) -> Job:
        """Take documents out of the index. Uploaded files are deleted; the next sync brings those of folders back."""
        return self._submit(_Task("remove", list(document_ids)))

    def jobs(self) -> tuple[Job, ...]:
        """The latest jobs, oldest first."""
        with self._lock:
            return tuple(task.job() for task in self._tasks)

    def cancel(self) -> None:
        """Stop what is being done and what waits. What is done is kept; uploads that were not read yet are deleted."""
        with self._lock:
            stopped = [task for task in self._tasks if task.state not in _ENDED]
            for task in stopped:
                task.end("cancelled")
            self._interrupted.set()
            self._worker.kill()
            self._forget([name for task in stopped if task.kind == "add" for name in task.names])

    def close(self) -> None:
        """Cancel what is left to do, end the process and let go of the catalog."""
        self.cancel()
        self.review.close()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        with self._lock:
            self._worker.end()
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _catalog(self) -> Catalog | None:
        """The catalog, whatever settings it was built with; None where there is none yet."""
        path = self._settings.home / "catalog.db"
        with self._lock:
            if self._opened is None and path.exists():
                self._opened = Catalog.open(path)
            return self._opened

    def _listed(self, row: Listed) -> ListedDocument:
        status, size = _compared(row)
        return ListedDocument(
            row.document_id,
            row.title,
            PurePath(row.document_id).suffix[1:].lower(),
            size,
            row.chunks,
            row.date,
            None if row.read is None else datetime.fromtimestamp(row.read, UTC),
            status,
            self._is_uploaded(row.path),
        )

    def _is_uploaded(self, path: Path) -> bool:
        return path.parent == self.uploads

    def _take(self, name: str, path: Path) -> str | Outcome:
        """Keep a file; the name that it got, or why it is not kept."""
        name = safe_name(name)
        try:
            self._expect_useful(name, path)
            with path.open("rb") as file:
                sha256 = file_digest(file, "sha256").hexdigest()
            if same := self._same(sha256, PurePath(name).suffix):
                return Outcome(name, "already there", same if PurePath(same).name != name else "")
            return self._keep(name, path, sha256)
        except (LoadError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return Outcome(name, "skipped", reason)

    def _expect_useful(self, name: str, path: Path) -> None:
        from rag.load import SUFFIXES

        suffix = PurePath(name).suffix.lower()
        if suffix not in SUFFIXES:
            raise LoadError(f"{suffix or 'a name without a suffix'} is not a format that is read")
        if (size := path.stat().st_size) > self.largest:
            raise LoadError(
                f"it has {size / 2**20:,.0f} MB and at most {self._settings.upload_megabytes:,} are taken; split it"
            )

    def _same(self, sha256: str, suffix: str) -> str:
        """A document that was read from the same bytes; empty where there is none."""
        catalog = self._catalog()
        found = catalog.with_content(sha256) if catalog else []
        return next((id_ for id_ in found if PurePath(id_).suffix.lower() == suffix.lower()), "")

    def _keep(self, name: str, path: Path, sha256: str) -> str:
        self.uploads.mkdir(parents=True, exist_ok=True)
        stem, suffix = PurePath(name).stem, PurePath(name).suffix
        place, number = self.uploads / name, 1
        while place.exists():
            with place.open("rb") as file:
                if file_digest(file, "sha256").hexdigest() == sha256:
                    return place.name  # not in the index: it could not be read, or was taken out of it
            number += 1
            place = self.uploads / f"{stem} ({number}){suffix}"
        unfinished = self.uploads / f".{uuid4().hex}"  # a name that no ingest reads
        try:
            shutil.copyfile(path, unfinished)
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
        return place.name

    def _forget(self, names: Sequence[str]) -> None:
        """Delete those uploads that are in no index yet."""
        catalog = self._catalog()
        roots = catalog.roots() if catalog else []
        known = {
            id_.removeprefix(root.prefix)
            for root in roots
            if catalog and root.path == self.uploads
            for id_ in catalog.known(root)
        }
        for name in set(names) - known:
            (self.uploads / name).unlink(missing_ok=True)

    def _submit(self, task: "_Task") -> Job:
        with self._lock:
            task.number = self._tasks[-1].number + 1 if self._tasks else 1
            finished = [old for old in self._tasks if old.state in _ENDED]
            self._tasks = [old for old in self._tasks if old not in finished[:-_REMEMBERED]] + [task]
            if not task.names and task.kind != "sync":
                task.end("done")
                return task.job()
            task.total = len(task.names)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="library", daemon=True)
                self._thread.start()
            self._waiting.put(task)
            return task.job()

    def _work(self) -> None:
        """Do what waits, one after another, until `close`."""
        while True:
            try:
                task = self._waiting.get(timeout=self._idle if self._worker.alive else None)
            except Empty:
                self._worker.end()
                continue
            if task is None:
                return
            with self._lock:
                if task.state != "waiting":
                    continue
                task.state = "starting"
                self._interrupted.clear()
            self._do(task)

    def _do(self, task: "_Task") -> None:
        request = {"kind": task.kind, "names": task.names, "uploads": str(self.uploads)}
        for _ in range(int(_PATIENCE / _PAUSE)):
            for said in self._ask(task, request):
                with self._lock:
                    if task.state != "cancelled":
                        task.hear(said)
            if task.state in _ENDED or self._interrupted.wait(_PAUSE):
                return
        with self._lock:
            task.end("failed")

    def _ask(self, task: "_Task", request: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        with self._lock:
            if task.state == "cancelled":
                return
            self._worker.send(request)
        yield from self._worker.replies()


@dataclass(slots=True)
class _Task:
    """A job while it changes."""

    kind: Kind
    names: list[str]  # of uploads, or ids of documents
    number: int = 0
    state: State = "waiting"
    done: int = 0
    total: int = 0
    name: str = ""
    message: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    ended: datetime | None = None

    def job(self) -> Job:
        told = tuple(self.outcomes)
        counts = dict(self.counts)
        return Job(
            self.number,
            self.kind,
            self.state,
            self.done,
            self.total,
            self.name,
            told,
            counts,
            self.message,
            self.ended,
        )

    def end(self, state: State) -> None:
        self.state, self.ended = state, datetime.now(UTC)

    def tell(self, outcome: Outcome) -> None:
        self.outcomes = [*self.outcomes, outcome][-_TOLD:]
        self.counts[outcome.what] += 1

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take in what the worker says."""
        match said:
            case {"file": [name, what, about]}:
                self.state, self.message = "running", ""
                self.tell(Outcome(name, what, about))
            case {"progress": [done, total, name]}:
                self.state, self.message = "running", ""
                self.done, self.total, self.name = done, total, name
            case {"locked": why}:
                self.message = why
            case {"failed": why}:
                self.message = why
                self.end("failed")
            case {"done": unchanged}:
                self.done, self.message = self.total, ""
                self.counts["unchanged"] += unchanged
                self.end("done")


class _Worker:
    """The process that writes; started when it is sent something, and anew after it has ended."""

    def __init__(self, command: Sequence[str], settings: Settings) -> None:
        self._command = list(command)
        self._settings = settings.model_copy(update={"home": settings.home.resolve()})
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, request: Mapping[str, object]) -> None:
        if not self.alive:
            self._start()
        self._write(json.dumps(request))

    def replies(self) -> Iterator[dict[str, Any]]:
        """What it says to a request; at last that it is done, cannot begin, or failed, as by its end."""
        process = self._process
        assert process is not None and process.stdout is not None
        for line in process.stdout:
            said: dict[str, Any] = json.loads(line)
            yield said
            if said.keys() & {"done", "locked", "failed"}:
                return
        yield {"failed": f"The process that reads documents has ended ({self._said()}). What was done is kept."}

    def kill(self) -> None:
        """End it at once, whoever reads its replies."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """Kill it and close what led to it; for the thread that reads its replies."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._errors) if self._process else ():
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._process = self._errors = None

    def _start(self) -> None:
        self.end()
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # until `end`
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the server, which ends it
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),  # Windows
        )
        self._write(self._settings.model_dump_json(exclude={"llm_key"}))

    def _write(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        with suppress(OSError):  # it has just ended, which the replies say
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _said(self) -> str:
        """The last line that it wrote of what went wrong, or its status."""
        assert self._errors is not None and self._process is not None
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else f"status {self._process.wait()}"


def safe_name(name: str) -> str:
    """A file's name as every system takes it: no path, no control or direction characters, no leading dot."""
    name = unicodedata.normalize("NFC", name.encode(errors="replace").decode()).replace("\\", "/").rpartition("/")[2]
    name = "".join(
        "_" if character in '<>:"|?*' else " " if character.isspace() else character
        for character in name
        if character.isspace() or character in _JOINERS or unicodedata.category(character)[0] != "C"
    )
    name = " ".join(name.split()).lstrip(".~$ ").rstrip(". ")
    stem, suffix = PurePath(name).stem, PurePath(name).suffix[:20]
    while len(f"{stem}{suffix}".encode()) > _LONGEST_NAME:
        stem = stem[:-1]
    name = f"{stem.rstrip()}{suffix}" or "document"
    return f"_{name}" if name.partition(".")[0].rstrip().upper() in _RESERVED else name


def _compared(row: Listed) -> tuple[Status, int | None]:
    """How the file is listed now beside what was read of it, and its size as far as it is known."""
    try:
        stat = row.path.stat()
    except OSError:
        return "missing", row.stamp.size or None
    modified = stat.st_mtime_ns + stat.st_ctime_ns
    is_changed = row.stamp.size and (stat.st_size != row.stamp.size or row.stamp.modified not in (0, modified))
    return "changed" if is_changed else "current", stat.st_size
