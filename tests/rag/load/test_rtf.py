"""Rich text read with its structure."""

from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.rtf import read_rtf


def read(folder: Path, body: str | bytes, head: str = r"\ansi\ansicpg1252") -> Extract:
    """What rich text with this body says."""
    data = body if isinstance(body, bytes) else body.encode("ascii")
    (folder / "a.rtf").write_bytes(b"{\\rtf1" + head.encode() + b"\n" + data + b"}")
    return read_rtf(folder / "a.rtf")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"\pard One\par\pard Two\line still two\par", "One\n\nTwo\n\nstill two"),
        (r"{\stylesheet{\s1 heading 1;}{\s2\b heading 2;}}\pard\s1 A\par\pard\s2 B\par\pard C\par", "# A\n\n## B\n\nC"),
        (r"{\pard\outlinelevel0 A\par}{\pard B\par}", "# A\n\nB"),
        (r"{\listtext\'b7\tab}One\par{\listtext\'b7\tab}Two\par\pard Three", "- One\n- Two\n\nThree"),
        (r"{\pntext 1.\tab}One\par{\pntext 2.\tab}Two\par", "1. One\n2. Two"),
        (
            r"Above\par\trowd\cellx1\intbl Day\cell Hours\cell\row\trowd Monday\cell 9\par to 5\cell\row\pard Below",
            "Above\n\nDay: Monday; Hours: 9 to 5.\n\nBelow",
        ),
        (r"a \\cell b \{c\}", r"a \cell b {c}"),
        (r"caf\'e9 \u8364? \u-10179?\u-8704?", "café € 😀"),
        (r'{\field{\*\fldinst HYPERLINK "https://x.org"}{\fldrslt Words}}', "Words"),
        (r"A{\pict\wmetafile8 0102ff}B{\*\generator Writer;}", "AB"),
        (r"A{\pict\bin7 }}}\par}B", "AB"),
    ],
)
def test_rtf(tmp_path: Path, body: str, text: str) -> None:
    """Headings, items and rows of rich text come out as lines, and characters as they were written."""
    assert read(tmp_path, body).text == text


@pytest.mark.parametrize(
    ("body", "page", "text"),
    [(rb"\'ca\'eb\'fe\'f7", "1251", "Ключ"), ("Ключ".encode("cp1251"), "1251", "Ключ"), (b"\xe9", "99999", "é")],
)
def test_the_code_page_is_followed(tmp_path: Path, body: bytes, page: str, text: str) -> None:
    """Characters beyond ASCII are read in the code page that the file names."""
    assert read(tmp_path, body, rf"\ansi\ansicpg{page}").text == text


def test_the_properties_give_title_author_and_date(tmp_path: Path) -> None:
    """What the file says of itself is no part of its text."""
    info = r"{\info{\title The k\'e9y}{\author Ann}{\creatim\yr2023\mo6\dy16\hr9}}Words"

    extract = read(tmp_path, info)

    assert (extract.title, extract.author, extract.date) == ("The kéy", "Ann", "2023-06-16")
    assert extract.text == "Words"


def test_a_file_without_properties_has_no_facts(tmp_path: Path) -> None:
    """Nothing is made up."""
    extract = read(tmp_path, r"{\info{\title }{\creatim\yr0\mo0\dy0}}Words")

    assert (extract.title, extract.author, extract.date) == (None, None, None)


@pytest.mark.parametrize("unit", ["{", "}", r"{\field{\*\fldinst{HYPERLINK ", r"\trowd\cell ", r"{\pict\bin", r"\'e9"])
def test_hostile_rtf_ends(tmp_path: Path, unit: str) -> None:
    """Groups without end, links within links and rows without end are read in one go."""
    assert "Words" in read(tmp_path, "Words " + unit * 20_000).text


def test_a_table_of_fonts_without_end_is_refused(tmp_path: Path) -> None:
    """A hundred thousand characters of fonts would take striprtf a minute."""
    with pytest.raises(LoadError, match="table of fonts"):
        read(tmp_path, r"{\fonttbl" + r"{\f1 aaa" * 20_000)


def test_what_is_no_rich_text_is_refused(tmp_path: Path) -> None:
    """Other bytes under the suffix .rtf are an error that says so."""
    (tmp_path / "a.rtf").write_text("Words")

    with pytest.raises(LoadError, match="not rich text"):
        read_rtf(tmp_path / "a.rtf")
