"""A run is put to ragas: its rows without ragas and without a judge, its metrics by whichever judge is set."""

import io
import json
import socket
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import eval
import rag
from eval import command, judge
from eval.__main__ import main
from eval.run import run
from rag.errors import ConfigError
from tests.eval.notebook import LINES, QUESTIONS, Notebook
from tests.model_servers import DIALECTS, serving, settings, stream


def saved(folder: Path) -> Path:
    """The folder of a run of the notebook."""
    command.save(run(Notebook(), QUESTIONS, settings=rag.Settings()).to_dict(), folder / "run.json")
    return folder


def test_rows_are_written_without_ragas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One for each question that the documents answer, as ragas names its columns, and no judge is asked for."""
    out = tmp_path / "rows.jsonl"

    with pytest.raises(SystemExit) as end:
        main(["ragas", str(saved(tmp_path)), "--export", str(out)])

    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(QUESTIONS) - 1
    assert rows[0] == {
        "user_input": "When did he arrive?",
        "response": LINES["visit.md"],
        "retrieved_contexts": [LINES["visit.md"]],
        "reference": LINES["visit.md"],
        "reference_contexts": [LINES["visit.md"]],
    }
    assert (end.value.code, "rows: 4" in capsys.readouterr().out) == (0, True)


def test_without_a_judge_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line: set a language model, or write the rows; exit status 1."""
    with pytest.raises(SystemExit) as end:
        main(["ragas", str(saved(tmp_path))])

    told = capsys.readouterr().err
    assert end.value.code == 1
    assert "set RAG_LLM" in told and "--export FILE.jsonl" in told


def test_a_metric_that_is_none_is_named() -> None:
    """Beside those that there are."""
    with pytest.raises(ConfigError, match="truthiness is no metric of these: faithfulness, "):
        judge.judge({}, ["faithfulness", "truthiness"], rag.Settings(), seed=1)


def test_without_ragas_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that it needs an environment of its own."""
    monkeypatch.setitem(sys.modules, "ragas.metrics", None)

    with pytest.raises(ConfigError, match=r"an environment of its own.*pip install -e '\.\[llm,ragas\]'"):
        judge.judge({}, judge.USUAL, settings(DIALECTS[0], 1), seed=1)


def verdicts(prompt: str) -> str:
    """What a judge says who finds every statement in what it reads."""
    if "statements" in prompt and "verdict" in prompt:
        said: Any = {"statements": [{"statement": "He arrived.", "reason": "It says so.", "verdict": 1}]}
    else:
        said = {"statements": ["He arrived."]}
    return json.dumps(said)


def test_a_judge_scores_each_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By real metrics of ragas, asking the server that the settings name and no other address; means with intervals."""
    pytest.importorskip("ragas")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    addresses, connect = set(), socket.socket.connect

    def noting(self: socket.socket, address: Any) -> None:
        addresses.add(address)
        connect(self, address)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        prompt = server.asked[-1][2]["messages"][-1]["content"]
        said = verdicts(prompt) if LINES["visit.md"] in prompt else "I cannot say."
        stream(DIALECTS[0].begin, DIALECTS[0].piece(said), DIALECTS[0].end)(handler)

    console = Console(file=io.StringIO(), width=120)
    with serving(respond) as server:
        named = settings(DIALECTS[0], server)
        for name in ("llm", "llm_url", "llm_model"):
            monkeypatch.setenv(f"RAG_{name.upper()}", getattr(named, name))
        monkeypatch.setattr(socket.socket, "connect", noting)
        written = eval.judge_run(saved(tmp_path), metrics=["faithfulness", "semantic_similarity"], console=console)

    found = json.loads(written.read_text(encoding="utf-8"))
    assert written == tmp_path / "ragas.json"
    assert found["records"]["right"] == {"faithfulness": 1, "semantic_similarity": pytest.approx(1, abs=1e-5)}
    assert found["records"]["turn"]["faithfulness"] is None
    assert found["figures"]["semantic_similarity"]["n"] == 4
    assert addresses == {("127.0.0.1", server.port)}
    assert isinstance(console.file, io.StringIO)
    assert "4 of 4 answerable questions" in console.file.getvalue()
