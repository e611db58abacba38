"""The command chooses, writes and shows; the slow test walks from a folder and quotes to figures."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import eval
import rag
from eval import command, dataset
from eval.__main__ import main
from eval.run import run
from tests.eval.notebook import LINES, QUESTIONS, Notebook


def test_a_split_is_chosen() -> None:
    """dev and test are those of their name, and all is both."""
    chosen = [len(command.choose(QUESTIONS, split)) for split in ("dev", "test", "all")]

    assert chosen == [2, 3, 5]


def test_an_empty_split_is_an_error() -> None:
    """A run without questions would print figures of nothing, so it is refused."""
    with pytest.raises(dataset.DatasetError, match="no questions of split test"):
        command.choose(QUESTIONS[:1], "test")


def test_results_go_where_they_are_asked_to(tmp_path: Path) -> None:
    """The folder is made, and the file is strict JSON."""
    results = run(Notebook(), QUESTIONS, settings=rag.Settings()).to_dict()

    written = command.save(results, tmp_path / "new" / "run.json")

    assert json.loads(written.read_text(encoding="utf-8"), parse_constant=pytest.fail) == results


def test_results_are_named_by_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name they go to eval/results under the current folder, and the name is good on every system."""
    monkeypatch.chdir(tmp_path)

    written = command.save({"date": "2026-01-31T12:30:00+01:00"}, None)

    assert written == Path("eval/results/2026-01-31T123000+0100.json")
    assert written.is_file()


@pytest.mark.parametrize("arguments", [[], ["run"], ["anchor"]])
def test_a_missing_file_is_one_line_and_exit_status_one(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run` may be left out, and no traceback is shown."""
    missing = str(tmp_path / "missing.jsonl")

    with pytest.raises(SystemExit) as caught:
        main([*arguments, missing])

    assert caught.value.code == 1
    assert capsys.readouterr().err.strip() == f"No questions at {missing}. Name a file: rag eval QUESTIONS"


@pytest.mark.slow
def test_from_a_folder_and_quotes_to_figures(tmp_path: Path) -> None:
    """Documents are indexed, quotes anchored, questions asked; the figures are printed and every answer written."""
    folder, home, questions = tmp_path / "documents", tmp_path / "index", tmp_path / "questions.jsonl"
    folder.mkdir()
    for name, line in LINES.items():
        (folder / name).write_text(line, encoding="utf-8")
    rag.ingest(folder, rag.Settings(home=home))
    quote = {"document_id": "balloon.md", "quote": LINES["balloon.md"]}
    text = "When was it shot down?"
    entry = {"id": "q1", "kind": "single_fact", "split": "dev", "question": text, "reference": "4 February"}
    dataset.write([{**entry, "gold": [quote]}], questions)
    console = Console(file=io.StringIO(), width=120)

    changed = eval.anchor(questions, home=home)
    written = eval.main(questions, out=tmp_path / "run.json", home=home, console=console)

    (record,) = json.loads(written.read_text(encoding="utf-8"))["records"]
    assert changed == 1
    assert record["scores"]["recall@5"] == 1
    assert record["answer"]["question"] == text
    assert isinstance(console.file, io.StringIO)
    assert "recall@5" in console.file.getvalue()
