"""Files looked into again, for people who check what they were told: in processes that wait a while for the next look.

Starting a process takes 0.7 s, finding a span's boxes in one that runs 0.03 s, making a picture 0.06 s.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.load.pictures import Size
from rag.load.process import Loader
from rag.schema import Box, SourceDocument
from rag.settings import Settings

_PROCESSES = 2  # the second is started when the first is busy: a file that takes long keeps nobody else waiting
_IDLE = 60.0  # seconds after which they are ended
_PATIENCE = 20.0  # seconds for one look, at most; an ingest may take longer over a file
_SETTLED = 2 * 10**9  # nanoseconds: a file that has just been written may change again within one tick of its times
_MOST_KNOWN = 1000  # files whose hash is remembered


class Viewer:
    """Finds boxes and makes pictures of pages within the limits of an ingest. Safe to share between threads."""

    def __init__(self, settings: Settings, *, idle: float = _IDLE) -> None:
        limited = settings.model_copy(update={"load_seconds": min(settings.load_seconds, _PATIENCE)})
        self._free = [Loader(limited) for _ in range(_PROCESSES)]
        self._changed = threading.Condition()
        self._idle = idle
        self._rest = threading.Timer(idle, self._end)
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}
        self._closed = False

    def holds(self, path: Path, sha256: str) -> bool:
        """True if a file is there and has this content; it is read again only when it is listed otherwise."""
        try:
            stat = path.stat()
            listed = (stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
            known = self._known.get(path)
            if known is None or known[0] != listed:
                with path.open("rb") as file:
                    known = listed, hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return False
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        if time.time_ns() - max(listed[2:]) > _SETTLED:
            self._known[path] = known
        return known[1] == sha256

    def boxes(self, path: Path, document: SourceDocument, start: int, end: int) -> tuple[Box, ...]:
        """As `rag.load.boxes.boxes`; LoadError also for a file that takes too much time or memory."""
        with self._loader() as loader:
            return loader.boxes(path, document, start, end)

    def sizes(self, path: Path) -> tuple[Size, ...]:
        """As `rag.load.pictures.sizes`; LoadError as for `boxes`."""
        with self._loader() as loader:
            return loader.sizes(path)

    def picture(self, path: Path, page: int, width: int) -> bytes:
        """As `rag.load.pictures.picture`; LoadError as for `boxes`."""
        with self._loader() as loader:
            return loader.picture(path, page, width)

    def close(self) -> None:
        """End the processes; one that is busy ends after its file."""
        self._closed = True
        self._end()

    @contextmanager
    def _loader(self) -> Iterator[Loader]:
        with self._changed:
            self._changed.wait_for(lambda: self._free)
            loader = self._free.pop()  # the one used last, whose process runs
        try:
            yield loader
        finally:
            with self._changed:
                self._free.append(loader)
                self._changed.notify()
                self._rest.cancel()
                self._rest = threading.Timer(self._idle, self._end)
                self._rest.daemon = True
                self._rest.start()
            if self._closed:
                self._end()

    def _end(self) -> None:
        with self._changed:
            self._rest.cancel()
            for loader in self._free:
                loader.close()
