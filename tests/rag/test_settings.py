"""Where settings come from, in which order, and what an index depends on."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from rag import Settings, cli


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own, where a rag.toml may stand."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_hold_where_nothing_is_said() -> None:
    """The index is .rag, nothing leaves the machine, and the page is for this machine only."""
    settings = Settings()

    assert (settings.home, settings.llm, settings.host) == (Path(".rag"), "none", "127.0.0.1")


def test_rag_toml_comes_before_the_defaults(working_folder: Path) -> None:
    """A rag.toml in the working folder is read."""
    (working_folder / "rag.toml").write_text("passages = 3\n")

    assert Settings().passages == 3


def test_the_environment_comes_before_rag_toml(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RAG_PASSAGES wins over the file; what it does not name still comes from the file."""
    (working_folder / "rag.toml").write_text("passages = 3\nsentences = 2\n")
    monkeypatch.setenv("RAG_PASSAGES", "4")

    settings = Settings()

    assert (settings.passages, settings.sentences) == (4, 2)


def test_arguments_come_before_all(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller says wins over environment and file."""
    (working_folder / "rag.toml").write_text("passages = 3\n")
    monkeypatch.setenv("RAG_PASSAGES", "4")

    assert Settings(passages=5).passages == 5


def test_a_key_is_not_shown() -> None:
    """Printing the settings does not print the API key."""
    assert "s3cret" not in repr(Settings(llm_key=SecretStr("s3cret")))


def test_an_argument_that_is_no_setting_is_refused() -> None:
    """A misspelt name is an error, not ignored."""
    with pytest.raises(ValidationError, match="pasages"):
        Settings(pasages=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAG_CHUNK_SIZE", "abc"), ("RAG_CHUNK_SIZE", "3"), ("RAG_ANSWER_THRESHOLD", "1.5"), ("RAG_LLM", "gpt")],
)
@pytest.mark.parametrize("command", [["status"], ["ask", "What?"], ["ingest"], ["eval"], ["serve", "--port", "0"]])
def test_a_wrong_value_is_one_clear_line(
    name: str,
    value: str,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command names the variable on one line of stderr and ends with 1."""
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["rag", *command])

    with pytest.raises(SystemExit) as end:
        cli.main()

    told = capsys.readouterr().err
    assert end.value.code == 1
    assert told.startswith(f"Settings are wrong. {name}: ")
    assert told.count("\n") == 1


def test_a_broken_rag_toml_is_one_clear_line(
    working_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with the file is said without a traceback."""
    (working_folder / "rag.toml").write_text("passages = = 3\n")
    monkeypatch.setattr("sys.argv", ["rag", "status"])

    with pytest.raises(SystemExit) as end:
        cli.main()

    told = capsys.readouterr().err
    assert end.value.code == 1
    assert told.startswith("Settings are wrong. ")
    assert "line 1" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("change", [{"embedder": "other"}, {"embedder_revision": "2"}, {"chunk_size": 200}])
def test_what_vectors_depend_on_changes_the_fingerprint(change: dict[str, str | int]) -> None:
    """Another model, its revision or the chunk size needs another index."""
    assert Settings(**change).fingerprint != Settings().fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"home": "elsewhere"}, {"passages": 9}, {"llm": "gguf"}, {"lexical_weight": 1.0}])
def test_what_they_do_not_depend_on_does_not(change: dict[str, str | int]) -> None:
    """An index serves every other setting as it is."""
    assert Settings(**change).fingerprint == Settings().fingerprint  # type: ignore[arg-type]
