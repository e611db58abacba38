"""Word documents in document order."""

from datetime import UTC, datetime
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from rag.load.docx import read_docx


def saved(document: Document, folder: Path) -> Path:
    """The document as a file."""
    path = folder / "memo.docx"
    document.save(str(path))
    return path


@pytest.fixture
def memo() -> Document:
    """A document with a heading, a list, a table between paragraphs, and properties."""
    document = docx.Document()
    document.core_properties.title = "Who met whom"
    document.core_properties.created = datetime(2023, 6, 21, tzinfo=UTC)
    document.add_heading("Who met whom", level=0)
    document.add_heading("Programme", level=2)
    document.add_paragraph("Two days in Beijing.")
    table = document.add_table(rows=0, cols=2)
    for cells in (("Day", "Event"), ("18 June", "Talks"), ("19 June", "")):
        row = table.add_row()
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("First point", style="List Bullet")
    document.add_paragraph("Second point", style="List Bullet")
    return document


def test_paragraphs_and_tables_come_in_document_order(memo: Document, tmp_path: Path) -> None:
    """Headings have their level, rows name their cells, items their dash."""
    extract = read_docx(saved(memo, tmp_path))

    assert str(extract.text).strip() == (
        "# Who met whom\n\n## Programme\n\nTwo days in Beijing.\n\n"
        "Day: 18 June; Event: Talks.\nDay: 19 June.\n\n- First point\n- Second point"
    )
    assert (extract.title, extract.date) == ("Who met whom", "2023-06-21")


def test_a_date_that_nobody_set_is_no_date(tmp_path: Path) -> None:
    """The day of the template that python-docx starts from says nothing about a document."""
    document = docx.Document()
    document.add_paragraph("Words.")

    assert read_docx(saved(document, tmp_path)).date is None


def test_tracked_changes_are_read_as_accepted(tmp_path: Path) -> None:
    """Inserted words are read, deleted ones are not."""
    document = docx.Document()
    paragraph = document.add_paragraph("The talks ")
    for kind, text in (("del", "<w:delText>failed</w:delText>"), ("ins", "<w:t>went on</w:t>")):
        paragraph._p.append(parse_xml(f"<w:{kind} {nsdecls('w')}><w:r>{text}</w:r></w:{kind}>"))

    assert "The talks went on" in read_docx(saved(document, tmp_path)).text


def test_a_merged_cell_is_read_once(tmp_path: Path) -> None:
    """A cell over two columns does not repeat its words or shift the cells after it."""
    document = docx.Document()
    table = document.add_table(rows=2, cols=3)
    for cell, text in zip(table.rows[0].cells, ("A", "B", "C"), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 1)).text = "wide"
    table.cell(1, 2).text = "last"

    assert "A: wide; C: last." in read_docx(saved(document, tmp_path)).text
