"""The process that writes the index for the page: jobs in, what becomes of each file out, one JSON value a line.

It ends when its input does, so also when whoever started it was killed; an ingest may be killed at any moment.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from rag.errors import RagError, StoreLockedError
from rag.settings import Settings

if TYPE_CHECKING:
    from queue import SimpleQueue

    from llama_index.core.base.embeddings.base import BaseEmbedding

_LOWER = 10  # niceness: whoever asks meanwhile goes first

Tell = Callable[[dict[str, Any]], None]


def main() -> None:
    """Work with the embedder that the settings name, kept from job to job once there was something to embed."""
    from rag.models.at_first_text import AtFirstText

    work(AtFirstText)


def work(embedder: "Callable[[Settings], BaseEmbedding]") -> None:
    """Do each job that comes on stdin until there are no more; the first line is the settings."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print
    _step_back()
    jobs = _listen()
    settings = Settings(**json.loads(jobs.get()))

    def tell(said: dict[str, Any]) -> None:
        print(json.dumps(said), file=replies, flush=True)

    model = embedder(settings)
    while True:
        job = json.loads(jobs.get())
        try:
            tell({"done": _do(job, settings, model, tell)})
        except StoreLockedError as error:
            tell({"locked": str(error)})
        except (RagError, OSError) as error:
            tell({"failed": " ".join(str(error).split())})


def _do(job: dict[str, Any], settings: Settings, embedder: "BaseEmbedding", tell: Tell) -> int:
    """Do one job; how many files of the folders were as they are in the index."""
    from rag.ingest import remove, reread, sync, take_in

    kind, names, uploads = job["kind"], job["names"], Path(job["uploads"])
    options: dict[str, Any] = {
        "progress": lambda done, total, name: tell({"progress": [done, total, name]}),
        "heard": lambda name, what, about: tell({"file": [name, what, about]}),
        "embedder": embedder,
    }
    if kind == "add":
        return take_in(names, uploads, settings, **options).unchanged
    if kind == "reread":
        return reread(names, settings, **options).unchanged
    if kind == "sync":
        return sync(settings, **options).unchanged
    for name in remove(names, settings, deleting=uploads):
        tell({"file": [name, "removed", ""]})
    return 0


def _listen() -> "SimpleQueue[str]":
    """The lines of stdin as they come; at its end this process ends, whatever it is doing."""
    from queue import SimpleQueue

    lines = SimpleQueue[str]()

    def pass_on() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    Thread(target=pass_on, daemon=True).start()
    return lines


def _step_back() -> None:
    if hasattr(os, "setpriority"):  # on Windows whoever starts it says so
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), _LOWER))


if __name__ == "__main__":
    main()
