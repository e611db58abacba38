"""One writer at a time across processes: a lock that the operating system takes back from a process that dies."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import StoreError, StoreLockedError


@contextmanager
def reported(home: Path) -> Iterator[None]:
    """Failures of the disk and of SQLite as a StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"Cannot write to {home}: {error.strerror or error}. Check its space and rights.") from error
    except sqlite3.Error as error:
        raise StoreError(f"Cannot write to {home}: {error}. Check its space and rights.") from error


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
    with reported(home), locked(home):
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
