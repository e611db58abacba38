"""No packet leaves the machine: files are read, embedded, asked about and served without a call to anybody else.

It is watched by an audit hook, which hears of every look-up and connection of the interpreter, whoever makes it and
however early it was imported; what compiled code does by itself it does not hear. Nothing tells the libraries to stay
offline.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CORPUS

EVENTS = (
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
)
HERE = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None)
ELSEWHERE = ("192.0.2.1", 9)  # an address that belongs to nobody
QUESTION = "When was the Chinese facility in Cuba upgraded?"


@contextmanager
def watched() -> Iterator[list[str]]:
    """The calls to other machines while the block lasts; each of them is refused."""
    calls: list[str] = []
    watching = True

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching or event not in EVENTS:
            return
        address = arguments[1] if event in EVENTS[:3] else arguments[0]
        host = address[0] if isinstance(address, tuple) else address
        local = isinstance(address, str | bytes) and event in EVENTS[:3]  # a socket file
        if not local and host not in HERE:
            calls.append(f"{event} {address!r}")
            raise ConnectionRefusedError(f"no other machine is to be called: {address!r}")

    sys.addaudithook(hear)  # it cannot be taken away again, hence `watching`
    yield calls
    watching = False


def work(folder: Path, home: Path) -> None:
    """Ingest with the packaged model, ask on the command line's way, and serve page and interface."""
    from fastapi.testclient import TestClient

    import rag
    from rag.api import application
    from ui.app import build, mount

    settings = rag.Settings(home=home)
    report = rag.ingest(folder, settings)
    assert len(report.added) == 2, report
    bot = rag.Chatbot.open(settings)
    assert not bot.ask(QUESTION).abstained
    page = build(bot, rag.Library(settings))
    with TestClient(mount(application(bot), bot, page)) as client:
        assert client.get("/").status_code == 200
        assert client.post("/api/ask", json={"question": QUESTION}).json()["claims"]
    bot.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=5)  # what a library would tell its makers, it tells from a thread


def main(folder: Path, home: Path) -> None:
    """Print the calls to others made by the work, and by a control that does make some."""
    import socket

    with watched() as calls:
        work(folder, home)
    with watched() as control:
        for call in (socket.create_connection, socket.socket(type=socket.SOCK_DGRAM).connect):
            try:
                call(ELSEWHERE)
            except OSError:
                continue
    print(json.dumps([calls, control]))  # noqa: T201  # read by the test


@pytest.mark.slow
def test_no_packet_leaves_the_machine(tmp_path: Path) -> None:
    """Ingest, question, page and interface call nobody; the same watch does hear of calls that are made."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in ("cuba-listening-post.md", "cuba-first-report.txt"):
        (folder / name).write_bytes((CORPUS / name).read_bytes())
    silent = {name: value for name, value in os.environ.items() if "OFFLINE" not in name and "TELEMETRY" not in name}
    program = (
        "import sys; from pathlib import Path; from tests.test_offline import main; main(*map(Path, sys.argv[1:]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(tmp_path / "home")],
        cwd=Path(__file__).parent.parent,
        env={**silent, "HF_HOME": str(tmp_path / "hub"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    calls, control = json.loads(done.stdout.splitlines()[-1])
    assert calls == []
    assert len(control) >= 2
