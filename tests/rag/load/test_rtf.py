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


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            r"A{\*\footnote \chftn\pard Its {\b source}\par more} claim.\par Next.\par",
            "A claim.\n\nNote: Its source more\n\nNext.",
        ),
        (r"A{\*\annotation{\*\atndate 0}Is it so?} claim.\par Next.", "A claim.\n\nComment: Is it so?\n\nNext."),
        (
            r"A{\shp{\*\shpinst{\sp{\sn x}{\sv 2}}{\shptxt\pard In\par a box\par}}} claim.\par Next.",
            "A claim.\n\nIn\n\na box\n\nNext.",
        ),
        (r"A{\footnote }{\footnote last} claim.", "A claim.\n\nNote: last"),
        (
            r"\trowd\cellx1\cellx2 A{\footnote note}\cell 1\cell\row\trowd B\cell 2\cell\row\pard C\par",
            "A: 1.\nB: 2.\n\nNote: note\n\nC",
        ),
    ],
)
def test_notes_comments_and_boxes_follow_their_paragraph(tmp_path: Path, body: str, text: str) -> None:
    """They are read once, whole, after the paragraph or the table that they belong to."""
    assert read(tmp_path, body).text == text


def test_a_note_does_not_end_a_heading(tmp_path: Path) -> None:
    """Paragraphs after a note are what they were before it."""
    assert read(tmp_path, r"\pard\outlinelevel0 A{\footnote\pard n}\par B\par").text == "# A\n\nNote: n\n\n# B"


def test_a_heading_with_a_number_is_a_heading(tmp_path: Path) -> None:
    """The mark of a list before a heading makes it no item."""
    body = r"\pard\outlinelevel0{\listtext\pard 1.\tab}Rules\par\pard\outlinelevel0{\listtext\pard\plain\tab}Fees\par"

    assert read(tmp_path, body).text == "# 1. Rules\n\n# Fees"


def test_what_was_deleted_is_not_read(tmp_path: Path) -> None:
    """Tracked changes are accepted: deleted words, and the notes in them, are gone."""
    assert read(tmp_path, r"A{\deleted  no\u8364? \'e9{\footnote no}}B\deleted no\deleted0 C").text == "ABC"


def test_headers_and_footers_stand_once_at_the_end(tmp_path: Path) -> None:
    """What they say is read; the number of the page is not."""
    header = r"{\header\pard Contract 4711\par}"
    footer = r"{\footer Page {\field{\*\fldinst{ PAGE }}{\fldrslt{7}}}\par}"

    assert read(tmp_path, header + footer + r"Words.\par\sect " + header).text == "Words.\n\nContract 4711"


def test_a_cell_over_rows_says_the_same_in_each(tmp_path: Path) -> None:
    """A cell that goes on with the one above repeats it."""
    first, below = (rf"\trowd\{word}\cellx1\cellx2\cellx3 " for word in ("clvmgf", "clvmrg"))
    rows = (
        r"\trowd\cellx1\cellx2\cellx3 Land\cell Town\cell Size\cell\row "
        + first
        + r"France\cell Paris\cell 105\cell\row "
    )

    assert "Land: France; Town: Lyon; Size: 48." in str(
        read(tmp_path, rows + below + r"\cell Lyon\cell 48\cell\row").text
    )


def test_a_table_in_a_cell_ends_with_its_row(tmp_path: Path) -> None:
    """LibreOffice does not close the row after it; the next paragraph stands by itself."""
    inner = r"\pard\intbl\itap2 B\nestcell{\*\nesttableprops\trowd\cellx1\nestrow}{\nonesttables\par}"

    assert read(tmp_path, rf"\trowd\cellx1\cellx2\pard\intbl A\cell{inner}\pard Next.\par").text == "A; B.\n\nNext."


@pytest.mark.parametrize(
    "unit", [r"{\footnote x", r"{\*\annotation x}", r"{\header x}", r"{\shptxt {\footnote x}", r"\intbl\cell\pard x"]
)
def test_hostile_notes_end(tmp_path: Path, unit: str) -> None:
    """Notes without end, notes in notes and rows that nothing closes are read in one go."""
    assert "Words" in read(tmp_path, "Words " + unit * 10_000).text
