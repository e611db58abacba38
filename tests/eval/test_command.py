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
from eval.run import run, timeless
from eval.vectors import Vectors
from rag import cli
from tests.eval.notebook import LINES, QUESTIONS, Notebook
from tests.fakes import LightEmbedding


def beir(folder: Path) -> Path:
    """A collection of two passages and two queries, of which one is judged."""
    (folder / "qrels").mkdir(parents=True)
    lines = {
        "corpus.jsonl": [
            {"_id": "tea", "title": "Tea", "text": "Tea is steeped."},
            {"_id": "rain", "title": "", "text": "Rain falls."},
        ],
        "queries.jsonl": [{"_id": "q1", "text": "What is steeped?"}, {"_id": "q2", "text": "What falls?"}],
    }
    for name, rows in lines.items():
        (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query\tpassage\tgrade\nq1\ttea\t1\n", encoding="utf-8")
    return folder


def test_a_split_is_chosen() -> None:
    """dev and test are those of their name, and all is both."""
    chosen = [len(command.choose(QUESTIONS, split)) for split in ("dev", "test", "all")]

    assert chosen == [2, 3, 5]


def test_an_empty_split_is_an_error() -> None:
    """A run without questions would print figures of nothing, so it is refused."""
    with pytest.raises(dataset.DatasetError, match="no questions of split test"):
        command.choose(QUESTIONS[:1], "test")


def test_a_sample_is_drawn_with_the_seed() -> None:
    """The same questions for a seed, in their order, others for another; all where there are no more."""
    first, again, other = (command.drawn(QUESTIONS, 3, seed) for seed in (1, 1, 2))

    assert first == again != other
    assert [QUESTIONS.index(question) for question in first] == sorted(map(QUESTIONS.index, first))
    assert command.drawn(QUESTIONS, 9, 1) == command.drawn(QUESTIONS, None, 1) == QUESTIONS


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


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--beir", "gone"], 1, f"{Path('gone/corpus.jsonl')} cannot be read: No such file or directory"),
        (["--beir", "tea", "--split", "dev"], 1, "tea has no judged queries of split dev; it has test."),
        (["--beir", "tea", "--against", "gone.json"], 1, "gone.json holds no results of an evaluation"),
        (["--beir", "tea", "questions.jsonl"], 2, "either questions or a collection"),
    ],
)
def test_a_collection_that_cannot_be_ranked_is_told(
    arguments: list[str],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is ingested: nothing is left in the folder."""
    monkeypatch.chdir(tmp_path)
    beir(tmp_path / "tea")
    monkeypatch.setattr("sys.argv", ["rag", "eval", *arguments, "--home", "home"])

    with pytest.raises(SystemExit) as end:
        cli.main()

    assert end.value.code == code
    assert told in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["tea"]


@pytest.mark.parametrize("named", ["scifact", "=scifact", "beir=", "beir"])
def test_a_set_that_is_not_named_rightly_is_told(named: str) -> None:
    """The message shows how to name one."""
    with pytest.raises(dataset.DatasetError, match="is not KIND=PATH"):
        eval.compare_peers([named])


def test_peers_prints_a_table_for_each_set_and_writes_all(tmp_path: Path) -> None:
    """A set may name its own split; the last set's table does not wait in the file for the others."""
    judged = beir(tmp_path / "tea") / "qrels"
    (judged / "dev.tsv").write_text("query\tpassage\tgrade\nq2\train\t1\n", encoding="utf-8")
    with Vectors.kept_in(tmp_path / "vectors.db", LightEmbedding()) as vectors:
        vectors.of(["Tea\nTea is steeped.", "Rain falls.", "What is steeped?", "What falls?"])
    console = Console(file=io.StringIO(), width=200)
    sets = [f"beir={tmp_path / 'tea'}", f"beir={tmp_path / 'tea'}@dev"]

    eval.compare_peers(
        sets, only=["dense"], cache=tmp_path / "vectors.db", out=tmp_path / "peers.json", console=console
    )

    written = json.loads((tmp_path / "peers.json").read_text(encoding="utf-8"))
    assert [(one["split"], list(one["systems"]["dense"]["queries"])) for one in written["sets"]] == [
        ("test", ["q1"]),
        ("dev", ["q2"]),
    ]
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("| dense | 1.000 | 1.000 | 1.000 |") == 2


@pytest.mark.slow
def test_a_collection_is_ranked_and_compared(tmp_path: Path) -> None:
    """The figures are printed, every ranking is written, and a second run over the same index compares with it."""
    folder, home, out = beir(tmp_path / "tea"), tmp_path / "home", tmp_path / "run.json"
    console = Console(file=io.StringIO(), width=120)

    eval.rank(folder, home=home, out=out, console=console)
    eval.rank(folder, home=home, out=tmp_path / "second", against=out, console=console)

    found = json.loads(out.read_text(encoding="utf-8"))["systems"]["ours"]["queries"]
    assert found == {
        "q1": {"scores": {"ndcg@10": 1, "recall@5": 1, "recall@10": 1}, "ranking": ["tea", "rain"]},
    }
    assert isinstance(console.file, io.StringIO)
    assert "tea, test: 1 queries, 2 passages" in console.file.getvalue()
    assert "Against" in console.file.getvalue()
    assert "<h2>What changed</h2>" in (tmp_path / "second" / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_two_runs_of_an_index_differ_in_time_alone(sample_settings: rag.Settings, tmp_path: Path) -> None:
    """With one seed the same sample is asked and every file of it is the same, but for dates and seconds."""
    lines = [f"Who went to Beijing in {year}?,Blinken" for year in range(2018, 2024)]
    (tmp_path / "mine.csv").write_text("\n".join(["question,answer", *lines]), encoding="utf-8")
    console = Console(file=io.StringIO(), width=120)

    one, two = (
        eval.main(
            tmp_path / "mine.csv", home=sample_settings.home, out=tmp_path / name, sample=3, seed=5, console=console
        )
        for name in ("one", "two")
    )

    first, second = (timeless(json.loads(path.read_text(encoding="utf-8"))) for path in (one, two))
    assert json.dumps(first) == json.dumps(second)
    assert (len(first["records"]), first["drawn_from"], first["seed"]) == (3, 6, 5)
    assert (tmp_path / "one/ranking.trec").read_bytes() == (tmp_path / "two/ranking.trec").read_bytes()
    assert isinstance(console.file, io.StringIO)
    assert "3 questions drawn from 6 with seed 5" in console.file.getvalue()


@pytest.mark.slow
def test_from_a_folder_and_quotes_to_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are indexed, quotes anchored, questions asked; the figures are printed and every answer written."""
    monkeypatch.chdir(tmp_path)
    folder, home, questions = tmp_path / "documents", tmp_path / "index", tmp_path / "questions.jsonl"
    folder.mkdir()
    for name, line in LINES.items():
        (folder / name).write_text(line, encoding="utf-8")
    rag.ingest(folder, rag.Settings(home=home), embedder=LightEmbedding())
    quote = {"document_id": "balloon.md", "quote": LINES["balloon.md"]}
    text = "When was it shot down?"
    entry = {"id": "q1", "kind": "single_fact", "split": "dev", "question": text, "reference": "4 February"}
    dataset.write([{**entry, "gold": [quote]}], questions)
    console = Console(file=io.StringIO(), width=120)

    changed = eval.anchor(questions, home=home)
    written = eval.main(questions, out=tmp_path / "run.json", home=home, console=console)
    kept = eval.main(questions, home=home, against=written, console=console)

    (record,) = json.loads(written.read_text(encoding="utf-8"))["records"]
    assert changed == 1
    assert record["scores"]["recall@5"] == 1
    assert record["answer"]["question"] == text
    assert isinstance(console.file, io.StringIO)
    assert "recall@5" in console.file.getvalue()
    names = ["answers.csv", "qrels.trec", "ranking.trec", "report.html", "run.json"]
    assert sorted(path.name for path in (home / "evaluations").iterdir()) == names
    assert kept.parent == Path("eval/results")
    assert timeless(json.loads(kept.read_text(encoding="utf-8"))) == timeless(
        json.loads(written.read_text(encoding="utf-8"))
    )


@pytest.mark.slow
def test_a_gate_that_is_not_passed_is_exit_status_one(
    sample_settings: rag.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The broken line is named, and all that was asked is written all the same."""
    (tmp_path / "mine.csv").write_text("question,answer\nWhen did Blinken go to Beijing?,Tuesday\n", encoding="utf-8")
    (tmp_path / "gate.toml").write_text("[all.all]\ncontainment = {least = 0.5}\n", encoding="utf-8")
    home, gate = str(sample_settings.home), str(tmp_path / "gate.toml")
    arguments = ["rag", "eval", str(tmp_path / "mine.csv"), "--home", home, "--out", str(tmp_path), "--gate", gate]
    monkeypatch.setattr("sys.argv", arguments)

    with pytest.raises(SystemExit) as end:
        cli.main()

    told = capsys.readouterr()
    assert end.value.code == 1
    assert "Gate: containment of all, all: 0.000, and 0.500 is the least" in told.out
    assert "The gate is not passed: 1" in told.err
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["records"][0]["wrong"]


def test_two_runs_are_told_apart_question_by_question(tmp_path: Path) -> None:
    """`rag diff` shows figures, what it comes from, and each answer before and now."""
    for name, answers in (("a", {}), ("b", {"When did he arrive?": "visit.md"})):
        results = run(Notebook(answers), QUESTIONS, settings=rag.Settings()).to_dict()
        command.save(results, tmp_path / name / "run.json")
    console = Console(file=io.StringIO(), width=120)

    eval.compare(tmp_path / "a", tmp_path / "b" / "run.json", console=console)

    assert isinstance(console.file, io.StringIO)
    told = console.file.getvalue()
    assert "Changed answers: 1" in told
    assert "right: wrongly declined → right; abstention, because of retrieval" in told
    assert "  now (0.90): He arrived on 18 June. visit.md" in told


def test_the_same_run_twice_has_nothing_to_tell(tmp_path: Path) -> None:
    """It says so in a line."""
    command.save(run(Notebook(), QUESTIONS, settings=rag.Settings()).to_dict(), tmp_path / "run.json")
    console = Console(file=io.StringIO(), width=120)

    eval.compare(tmp_path, tmp_path, console=console)

    assert isinstance(console.file, io.StringIO)
    assert "Every question of both was answered in the same way." in console.file.getvalue()
