"""What an evaluation has asked so far, on disk: after a kill the next run of the same goes on from there."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import rag
from eval.dataset import Entry, Question
from eval.run import packages


class Journal:
    """Records as they come, one JSON line each, below a line that names the run; those of another run are dropped."""

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self.records = _read(path, run)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(one, ensure_ascii=False) for one in ({"run": run}, *self.records.values())]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="backslashreplace")

    def keep(self, record: Entry) -> None:
        """Write one more record; it is on disk when this returns, short of a failure of the machine."""
        with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Delete the file: what it held is written elsewhere."""
        self._path.unlink()


def name_of(questions: Sequence[Question], settings: rag.Settings) -> str:
    """Names a run: the same questions, settings, packages and index, told by its catalog's size and time of change."""
    files = [settings.home / name for name in ("catalog.db", "catalog.db-wal", "calibration.json")]
    index = [(found.st_size, found.st_mtime_ns) for found in (file.stat() for file in files if file.exists())]
    about = [settings.model_dump_json(exclude={"llm_key"}), settings.fingerprint, packages(), index]
    return hashlib.sha256(json.dumps([*about, *map(asdict, questions)]).encode()).hexdigest()[:16]


def _read(path: Path, run: str) -> dict[str, Entry]:
    """The records of a run by question id; none where the file is of another. A line cut off by the kill is none."""
    try:
        first, *lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return {}
    if first != json.dumps({"run": run}):
        return {}
    whole = (json.loads(line) for line in lines[:-1])  # the last is empty, or not ended
    return {record["id"]: record for record in whole}
