"""One writer at a time across processes, by a lock that the operating system takes back from a process that dies.

<home>/reserve    a megabyte that is given up when the disk is full: to open SQLite and Chroma takes some space too,
                  and the index is to answer all the same
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import StoreError, StoreLockedError
from rag.index.derived import Derived, UnwritableError

_WRITE_ERRORS = (OSError, sqlite3.Error, UnwritableError)

_RESERVE = 2**20  # bytes


@contextmanager
def reported(home: Path) -> Iterator[None]:
    """Failures of the disk and of SQLite as a StoreError."""
    try:
        yield
    except _WRITE_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise StoreError(f"Cannot write to {home}: {reason}. Check its space and rights.") from error


@contextmanager
def cleared(home: Path) -> Iterator[None]:
    """After a failure the reserve is given up and unfinished indexes go. Needs the lock: they may be another's."""
    try:
        yield
    except _WRITE_ERRORS:
        with suppress(OSError):
            (home / "reserve").unlink(missing_ok=True)
            for name in ("chroma", "lexical"):
                Derived(home, name).sweep()
        raise


def keep_reserve(home: Path) -> None:
    """Set the space aside, if it is not; OSError where there is none, so that nothing is begun on a full disk."""
    path = home / "reserve"
    if not path.exists() or path.stat().st_size < _RESERVE:
        path.write_bytes(bytes(_RESERVE))


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """The writer's lock, held. Raises StoreLockedError, at once, when another process has it."""
    lock = FileLock(home / "writer.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreLockedError(
            f"Another process ({holder(home)}) is writing to {home}. Wait until it is done."
        ) from error
    pid = home / "writer.pid"
    try:
        pid.write_text(str(os.getpid()))
        yield
    finally:
        pid.unlink(missing_ok=True)
        lock.release()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Nobody else is writing to the index; StoreLockedError if somebody is. Nobody can where it is read-only."""
    if not os.access(home, os.W_OK):
        yield
        return
    with reported(home), locked(home), cleared(home):
        yield


@contextmanager
def unless_locked(home: Path) -> Iterator[bool]:
    """True while this process holds the writer's lock; False, at once, when another one does or none may write."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(home))
            free = True
        except (StoreLockedError, OSError):
            free = False
        yield free


def holder(home: Path) -> str:
    """The process that is writing, as far as it is known."""
    try:
        return (home / "writer.pid").read_text() or "unknown"
    except OSError:
        return "unknown"
