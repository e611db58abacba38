"""Files read in processes of their own, ahead of whoever embeds them: a file that ends one costs itself only.

A process gets paths, one a line, and gives back JSON; `rag.load.child` is what runs in it. Its limits are settings.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Self, TypeVar

from rag.errors import ConfigError, LoadError
from rag.load import Loaded, load
from rag.load.ocr import recogniser
from rag.load.pictures import Size
from rag.schema import Box, SourceDocument
from rag.settings import Settings

_AHEAD = 32  # files: enough to be read while a batch of some hundred thousand characters is embedded
_LONG = 2.0  # seconds: a file that takes longer is overtaken by others
_STARTING = 60.0  # seconds
_SCANNED = 10  # times as long for a PDF where its pages may be read by OCR: 5 s each
_CHILD = "import sys; sys.path.append(sys.argv[1]); from rag.load.child import main; main()"  # with -P: no file of the
# folder that the command was given in is taken for a module

_File = TypeVar("_File")


class Readers:
    """Reads files in `settings.load_processes` processes, or in this one if that is 0."""

    def __init__(self, settings: Settings) -> None:
        self._loaders = [Loader(settings) for _ in range(settings.load_processes)]
        self._idle: SimpleQueue[Loader] = SimpleQueue()
        for loader in self._loaders:
            self._idle.put(loader)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for loader in self._loaders:
            loader.close()

    def ahead(
        self, files: Iterable[_File], place: Callable[[_File], tuple[Path, str]]
    ) -> "Generator[tuple[_File, Loaded | LoadError]]":
        """Each file with what it says or why it cannot be read; `place` gives its path and document id.

        They come in order, but one that takes long lets others pass.
        """
        if not self._loaders:
            yield from ((file, _outcome(load, *place(file))) for file in files)
            return
        waiting: list[tuple[_File, Future[Loaded | LoadError]]] = []
        threads = ThreadPoolExecutor(len(self._loaders))
        try:
            for file in files:
                waiting.append((file, threads.submit(self._load, *place(file))))
                if len(waiting) > _AHEAD:
                    yield _next(waiting)
            while waiting:
                yield _next(waiting)
        finally:
            for _, future in waiting:
                future.cancel()
            if waiting:  # whoever wanted them has gone
                self.close()
            threads.shutdown()

    def _load(self, path: Path, document_id: str) -> Loaded | LoadError:
        loader = self._idle.get()
        try:
            return _outcome(loader.load, path, document_id)
        finally:
            self._idle.put(loader)


class Loader:
    """Reads files in one process, which is started when it is first needed, and anew after it had to be ended."""

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.load_seconds
        self._megabytes = settings.load_memory
        self._process: subprocess.Popen[str] | None = None
        self._replies: SimpleQueue[str | None] = SimpleQueue()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def load(self, path: Path, document_id: str) -> Loaded:
        """As `rag.load.load`; LoadError also for a file that takes too much time or memory, or ends its process."""
        reply = self._ask(path, self._reading(path), document_id=document_id)
        facts = reply["document"]
        document = SourceDocument(**facts | {"page_starts": tuple(facts["page_starts"])})
        return Loaded(document, reply["named"], tuple(reply["notes"]))

    def boxes(self, path: Path, document: SourceDocument, start: int, end: int) -> tuple[Box, ...]:
        """As `rag.load.boxes.boxes`; LoadError as for `load`."""
        about = {"text": document.text, "page_starts": document.page_starts}
        reply = self._ask(path, self._reading(path), start=start, end=end, **about)
        return tuple(Box(*box) for box in reply["boxes"])

    def sizes(self, path: Path) -> tuple[Size, ...]:
        """As `rag.load.pictures.sizes`; LoadError as for `load`."""
        return tuple((width, height) for width, height in self._ask(path, self._seconds, sizes=True)["sizes"])

    def picture(self, path: Path, page: int, width: int) -> bytes:
        """As `rag.load.pictures.picture`; LoadError as for `load`."""
        return base64.b64decode(self._ask(path, self._seconds, page=page, width=width)["picture"])

    def close(self) -> None:
        """End the process, and delete what it may have left."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):  # what it was never told
                        stream.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _reading(self, path: Path) -> float:
        """Seconds for all pages of a file."""
        may_be_scanned = path.suffix.lower() == ".pdf" and recogniser() is not None
        return self._seconds * (_SCANNED if may_be_scanned else 1)

    def _ask(self, path: Path, seconds: float, **request: object) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._start()
        self._send({"path": str(path.absolute()), **request})
        reply = self._reply(seconds)
        if reply["last"]:
            self.close()
        if "error" in reply:
            raise LoadError(reply["error"])
        return reply

    def _start(self) -> None:
        self.close()
        self._folder = tempfile.TemporaryDirectory(prefix="rag-", ignore_cleanup_errors=True)
        home = str(Path(__file__).parents[2])
        limits = [self._folder.name, str(self._megabytes), str(self._seconds)]
        with Path(self._folder.name, "errors").open("w+", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CHILD, home, *limits],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env=os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder.name),
                start_new_session=True,  # Ctrl-C is for the ingest; and what it starts is ended with it
            )
            self._replies = SimpleQueue()
            Thread(target=_pass_on, args=(self._process.stdout, self._replies), daemon=True).start()
            try:
                self._reply(_STARTING)
            except LoadError as error:
                errors.seek(0)
                said = (errors.read().strip().splitlines() or [str(error)])[-1]
                raise ConfigError(
                    f"Cannot start the process that reads files ({said}). RAG_LOAD_PROCESSES=0 reads them without it."
                ) from error

    def _send(self, request: dict[str, object]) -> None:
        assert self._process is not None and self._process.stdin is not None
        with suppress(OSError):  # it has just ended, which the reply says
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _reply(self, seconds: float) -> dict[str, Any]:
        """What the process says, if it does within this time; else it is ended."""
        assert self._process is not None
        try:
            line = self._replies.get(timeout=seconds)
        except Empty:
            self.close()
            raise LoadError(
                f"reading it took more than {seconds:g} s; split it, or allow more: RAG_LOAD_SECONDS"
            ) from None
        if line is not None:
            reply: dict[str, Any] = json.loads(line)
            return reply
        code = self._process.wait()
        self.close()
        raise LoadError(f"it ended the process that read it ({_ending(code)}); it is damaged or made to do that")


def _outcome(read: Callable[[Path, str], Loaded], path: Path, document_id: str) -> Loaded | LoadError:
    try:
        return read(path, document_id)
    except LoadError as error:
        return error


def _next(waiting: "list[tuple[_File, Future[Loaded | LoadError]]]") -> "tuple[_File, Loaded | LoadError]":
    """Take out the first, or where that is not read yet, the first that is."""
    wait([waiting[0][1]], timeout=_LONG)
    wait([future for _, future in waiting], return_when=FIRST_COMPLETED)
    at = next(at for at, (_, future) in enumerate(waiting) if future.done())
    file, future = waiting.pop(at)
    return file, future.result()


def _pass_on(lines: Iterable[str] | None, replies: "SimpleQueue[str | None]") -> None:
    with suppress(OSError, ValueError):  # closed by whoever ended the process
        for line in lines or ():
            replies.put(line)
    replies.put(None)


def _kill(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.wait()


def _ending(code: int) -> str:
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"status {code}"
