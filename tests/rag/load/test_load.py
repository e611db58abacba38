"""The door: every file becomes a Document or a LoadError."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from rag.errors import LoadError, UnsupportedFormatError
from rag.load import SUFFIXES, load
from rag.load.normalise import normalise

DATA = Path(__file__).parents[2] / "data"
BROKEN = (
    "empty.txt",
    "white-space.txt",
    "junk.txt",
    "not-a-zip.docx",
    "broken-zip.docx",
    "not-a.pdf",
    "navigation-only.html",
)
WHOLE = sorted(path.name for path in DATA.iterdir() if path.suffix in SUFFIXES and path.name not in BROKEN)


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_a_document(name: str) -> None:
    """Its text is normalised, its id is the one given, and it has a title."""
    document = load(DATA / name, f"folder/{name}").document

    assert document.document_id == f"folder/{name}"
    assert document.text == normalise(document.text) != ""
    assert document.title
    assert document.page_starts == ()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_load_error_of_one_line(name: str) -> None:
    """The error says what was found and what to do, in one line."""
    with pytest.raises(LoadError) as error:
        load(DATA / name, name)

    assert "\n" not in str(error.value)
    assert ";" in str(error.value) or ":" in str(error.value)


def test_an_unknown_suffix_says_where_the_known_ones_stand(tmp_path: Path) -> None:
    """The error is short: a folder of pictures has it a thousand times."""
    with pytest.raises(UnsupportedFormatError, match=r"^\.xyz is not .*rag ingest --help"):
        load(tmp_path / "a.xyz", "a.xyz")


@pytest.mark.parametrize("name", ["missing.txt", "folder.txt"])
def test_what_is_no_file_is_a_load_error(tmp_path: Path, name: str) -> None:
    """A missing file and a folder with a file's name are refused."""
    (tmp_path / "folder.txt").mkdir()

    with pytest.raises(LoadError, match="no file"):
        load(tmp_path / name, name)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    """A file over 200 MiB is not opened; this one takes no room on disk."""
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(201 * 2**20)

    with pytest.raises(LoadError, match="201 MiB"):
        load(path, "huge.txt")


@given(suffix=st.sampled_from(sorted(SUFFIXES.keys() - {".doc", ".ppt"})), data=st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_document_or_a_load_error(tmp_path: Path, suffix: str, data: bytes) -> None:
    """Whatever is in a file, nothing but a LoadError comes out."""
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)

    try:
        text = load(path, path.name).document.text
    except LoadError:
        return

    assert text == normalise(text) != ""


def test_the_file_name_is_the_title_of_last_resort() -> None:
    """Without a title inside, the name is read as words."""
    assert load(DATA / "repeated-lines.txt", "x").document.title == "No smoking."
    assert load(DATA / "one-column.csv", "x").document.title == "One column"


def test_upper_case_suffixes_are_read(tmp_path: Path) -> None:
    """NOTE.TXT is a text file."""
    (tmp_path / "NOTE.TXT").write_text("Words.", encoding="utf-8")

    assert load(tmp_path / "NOTE.TXT", "NOTE.TXT").document.text == "Words."


def test_crlf_and_repeated_lines_keep_their_places() -> None:
    """Line ends become newlines, and lines that repeat all stay."""
    assert "\r" not in load(DATA / "crlf.txt", "x").document.text
    assert load(DATA / "repeated-lines.txt", "x").document.text.count("No smoking.") == 3


def test_page_starts_point_at_the_first_character_of_each_page(tmp_path: Path) -> None:
    """The first words of every page stand at its start in the document's text."""
    canvas = Canvas(str(tmp_path / "pages.pdf"))
    for number in range(1, 5):
        canvas.drawString(72, 500, f"Page {number} begins here, caf\u00e9." if number != 3 else "")
        canvas.showPage()
    canvas.save()

    document = load(tmp_path / "pages.pdf", "pages.pdf").document

    assert [document.text[start:][:6] for start in document.page_starts] == ["Page 1", "Page 2", "Page 4", "Page 4"]


def test_importing_the_door_imports_no_parser() -> None:
    """Heavy packages are imported when a file of their format is read, not before."""
    heavy = "llama_index trafilatura pypdfium2 docx markdown_it yaml lxml"
    code = f"import sys, rag.load; print([name for name in {heavy.split()} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
