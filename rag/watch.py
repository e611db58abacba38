"""Folders that change → ingests of them, in a process of its own so that answers keep coming meanwhile."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from watchfiles import Change, watch

_PAUSE = 5.0  # seconds before another try while somebody else is writing
_STEP = 0.2  # seconds between looks at whether to stop


def follow(folders: Sequence[Path], home: Path, *, stop: Event, tell: Callable[[str], None]) -> None:
    """Ingest the folders now and after every change, until `stop` is set; `tell` hears what an ingest could not do."""

    def counts(_: Change, changed: str) -> bool:
        path = Path(changed)
        return not (path.is_relative_to(home.resolve()) or path.name.startswith((".", "~$")))

    first = True  # once the watch has begun: what changes during an ingest is heard of after it
    looks = watch(
        *folders, watch_filter=counts, stop_event=stop, raise_interrupt=False, rust_timeout=500, yield_on_timeout=True
    )
    for changes in looks:
        if first or changes:
            first = False
            _ingest(folders, home, stop, tell)


def _ingest(folders: Sequence[Path], home: Path, stop: Event, tell: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "rag", "ingest", *map(str, folders), "--home", str(home), "--json"]
    while not stop.is_set():
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                if stop.wait(_STEP):
                    process.terminate()  # what is done is kept
            said = process.stderr.read().strip() if process.stderr else ""
        if process.returncode == 0 or stop.is_set():
            return
        tell(said.splitlines()[-1] if said else f"An ingest ended with status {process.returncode}.")
        if "Another process" not in said:
            return
        stop.wait(_PAUSE)
