"""The process that files are read in: paths in, JSON out, and as little else as a process can do.

A parser that is led astray by a file finds no network, no other program, no file to write but in a folder of its own,
and no more memory or time than it was given. Python's audit hooks see what Python code does; what a library does in
C goes past them, and none of those used here opens connections by itself.
"""

import base64
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from rag.errors import LoadError
from rag.load import load
from rag.load.boxes import boxes
from rag.load.ocr import recogniser
from rag.load.pictures import picture, sizes

_PROGRAMS = frozenset({"soffice", "tesseract"})  # old Office formats, and pages that are pictures
_STARTING = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.spawn", "os.startfile"})
_CHANGING = frozenset(
    "os.chmod os.chown os.link os.mkdir os.remove os.rename os.rmdir os.symlink os.truncate os.utime shutil.chown"
    " shutil.copyfile shutil.copymode shutil.copystat shutil.copytree shutil.make_archive shutil.move shutil.rmtree"
    " shutil.unpack_archive".split()
)
_HARMLESS = frozenset({"socket.__new__", "socket.gethostname"})  # urllib3 makes one when it is imported
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_LARGEST_FILE = 500 * 2**20  # bytes that it may write: what is unpacked of an archive


def main() -> None:
    """Answer each request on stdin until there is none left."""
    folder, megabytes, seconds = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # parsers print
    sys.dont_write_bytecode = True
    os.chdir(folder)  # where names without a folder, as of what is in a temporary one, belong
    allow = _limited(megabytes)
    sys.addaudithook(_guard(os.path.realpath(folder)))
    print("{}", file=replies, flush=True)
    try:
        for line in sys.stdin:
            allow(seconds)
            reply = _reply(json.loads(line), megabytes)
            is_grown = _resident() > megabytes * 2**20 / 2  # what a library keeps would count against the next file
            is_last = is_grown or "memory" in reply
            print(json.dumps(reply | {"last": is_last}), file=replies, flush=True)
            if is_last:
                return
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # for an ingest that was killed and cannot


def _reply(request: dict[str, Any], megabytes: int) -> dict[str, Any]:
    try:
        if "start" in request:
            text, page_starts, start, end = (request[name] for name in ("text", "page_starts", "start", "end"))
            found = boxes(Path(request["path"]), text, page_starts, start, end, recogniser())
            return {"boxes": [astuple(box) for box in found]}
        if "sizes" in request:
            return {"sizes": sizes(Path(request["path"]))}
        if "page" in request:
            drawn = picture(Path(request["path"]), request["page"], request["width"])
            return {"picture": base64.b64encode(drawn).decode()}
        loaded = load(Path(request["path"]), request["document_id"])
        return {"document": asdict(loaded.document), "named": loaded.named, "notes": loaded.notes}
    except LoadError as error:
        return {"error": str(error)}
    except MemoryError:
        told = f"reading it takes more than {megabytes} MB; split it, or allow more: RAG_LOAD_MEMORY"
        return {"error": told, "memory": megabytes}


def _limited(megabytes: int) -> Callable[[float], None]:
    """Set the limits of this process; a function that allows so many seconds for one more file."""
    try:
        import resource
    except ImportError:  # Windows has none; the time is watched by whoever asks
        return lambda seconds: None

    def limit(kind: int, most: float) -> None:
        hard = resource.getrlimit(kind)[1]
        most = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(kind, (most, hard))

    limit(resource.RLIMIT_AS, megabytes * 2**20)
    limit(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    limit(resource.RLIMIT_CORE, 0)

    def allow(seconds: float) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        # an ingest that was killed cannot end it when the time is up
        limit(resource.RLIMIT_CPU, usage.ru_utime + usage.ru_stime + 2 * seconds + 1)

    return allow


def _resident() -> int:
    """Bytes that this process has in memory; 0 where the system does not tell.

    ru_maxrss begins with that of the process which started this one (Linux): beside torch that is a gigabyte.
    """
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _guard(folder: str) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that allows reading, writing below one folder, and the programs that read for us."""

    def inside(path: object) -> bool:
        if isinstance(path, int) or path is None:
            return True
        place = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]  # whatever it is, it names a file
        return place in (os.devnull, folder) or place.startswith(folder + os.sep)  # tempfile opens the folder itself

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            is_allowed = not (arguments[2] or 0) & _WRITING or inside(arguments[0])
        elif event == "subprocess.Popen":
            is_allowed = Path(os.fsdecode(arguments[0] or arguments[1][0])).stem in _PROGRAMS
        elif event in _CHANGING:
            is_allowed = all(inside(path) for path in arguments[:2] if isinstance(path, (str, bytes, os.PathLike)))
        else:
            is_allowed = event not in _STARTING and (not event.startswith("socket.") or event in _HARMLESS)
        if not is_allowed:
            raise PermissionError(f"{event} is not for the process that reads files")

    return check
