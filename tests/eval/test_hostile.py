"""What becomes of the files of a folder is told, and what had to be held back is no success."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from eval.hostile import print_hostile
from rag import Settings
from rag.errors import ConfigError


def told(folder: Path, settings: Settings) -> tuple[bool, str]:
    """Whether all is well, and what is printed."""
    console = Console(file=io.StringIO(), width=200)
    well = print_hostile(folder, console, settings)
    assert isinstance(console.file, io.StringIO)
    return well, console.file.getvalue()


def write(folder: Path, name: str, text: str) -> None:
    """A file of the folder."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def test_files_are_read_or_refused_with_their_reason(settings: Settings, tmp_path: Path) -> None:
    """One of a format that is not read counts by itself, and has no line."""
    for name, text in (("a.txt", "Bees sleep."), ("below/empty.txt", " "), ("b.exe", "MZ"), ("c.json", "{")):
        write(tmp_path / "files", name, text)

    well, lines = told(tmp_path / "files", settings.model_copy(update={"load_processes": 1}))

    assert well
    counted = ["read: 1", "refused: 2", "of no format that is read: 1", "too slow: 0", "too much memory: 0"]
    assert lines.splitlines()[:6] == [*counted, "crashed: 0"]
    assert "refused: below/empty.txt: it holds no text" in lines
    assert len(lines.splitlines()) == 8


def test_a_file_that_had_to_be_held_back_is_no_success(settings: Settings, tmp_path: Path) -> None:
    """The limit did what the loader should have done."""
    write(tmp_path / "files", "long.md", "# Bees\n\n" + "Many *bees* sleep.\n\n" * 20_000)

    well, lines = told(tmp_path / "files", settings.model_copy(update={"load_processes": 1, "load_seconds": 0.001}))

    assert not well
    assert "too slow: 1" in lines
    assert "too slow: long.md: reading it took more than 0.001 s" in lines


@pytest.mark.parametrize("processes", [0, 1])
def test_a_folder_that_cannot_be_tried_is_an_error(processes: int, settings: Settings, tmp_path: Path) -> None:
    """Nothing in it, or no process to end."""
    with pytest.raises(ConfigError, match=r"No files|RAG_LOAD_PROCESSES=0"):
        told(tmp_path, settings.model_copy(update={"load_processes": processes}))
