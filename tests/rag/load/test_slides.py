"""Presentations, a page per slide."""

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml
from pptx.util import Inches

from rag.errors import LoadError
from rag.load.slides import read_pptx, reading_order

TITLE_SLIDE, BULLETS, TITLE_ONLY, BLANK = 0, 1, 5, 6  # layouts of the library's template


def pages(deck: Any, folder: Path) -> Sequence[str]:
    """The pages that are read from a presentation."""
    path = folder / "deck.pptx"
    deck.save(str(path))
    return read_pptx(path).text


def slide(deck: Any, layout: int, title: str = "") -> Any:
    """A new slide, with its title where it has one."""
    new = deck.slides.add_slide(deck.slide_layouts[layout])
    if title:
        new.shapes.title.text = title
    return new


def box(parent: Any, text: str, *, left: float, top: float, width: float = 3, height: float = 1) -> Any:
    """A text box in a slide or a group; inches."""
    new = parent.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))
    new.text_frame.text = text
    return new


def test_a_slide_is_a_page_with_title_items_and_notes(tmp_path: Path) -> None:
    """The opening slide has the first level; items are indented by level; notes come last."""
    deck = Presentation()
    slide(deck, TITLE_SLIDE, "Annual review").placeholders[1].text = "Ada Lovelace"
    second = slide(deck, BULLETS, "Results")
    body = second.placeholders[1].text_frame
    body.text = "Sales rose"
    body.add_paragraph().text = "Most in spring"
    body.paragraphs[1].level = 1
    second.notes_slide.notes_text_frame.text = "Thank the team."

    assert pages(deck, tmp_path) == (
        "# Annual review\n\nAda Lovelace\n",
        "## Results\n\n- Sales rose\n  - Most in spring\n\nNotes: Thank the team.\n",
    )


def test_a_hidden_slide_is_read(tmp_path: Path) -> None:
    """What is not shown in the talk is in the file all the same."""
    deck = Presentation()
    slide(deck, TITLE_ONLY, "Spare")._element.set("show", "0")

    assert pages(deck, tmp_path) == ("## Spare\n",)


def test_tables_have_the_names_of_their_columns(tmp_path: Path) -> None:
    """A row carries its header; a cell over rows says the same in each."""
    deck = Presentation()
    frame = slide(deck, BLANK).shapes.add_table(3, 2, Inches(1), Inches(1), Inches(4), Inches(2))
    texts = iter(("Country", "City", "France", "Paris", "", "Lyon"))
    for cell, text in zip(frame.table.iter_cells(), texts, strict=True):
        cell.text = text
    frame.table.cell(1, 0).merge(frame.table.cell(2, 0))

    assert pages(deck, tmp_path) == ("Country: France; City: Paris.\nCountry: France; City: Lyon.\n",)


def test_a_chart_is_read_as_its_numbers(tmp_path: Path) -> None:
    """Each category is a row with the value of each series, as a person writes numbers."""
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]  # python-pptx 1.0
    data.categories = ["Q1", "Q2"]
    data.add_series("East", (0.1 + 0.2, 3.0))
    data.add_series("West", (5, None))
    deck = Presentation()
    place = (Inches(1), Inches(1), Inches(4), Inches(3))
    chart = slide(deck, BLANK).shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data).chart
    chart.chart_title.text_frame.text = "Sales"

    assert pages(deck, tmp_path) == ("Sales\n\nQ1; East: 0.3; West: 5.\nQ2; East: 3.\n",)


def test_shapes_are_read_as_they_stand_not_as_they_were_drawn(tmp_path: Path) -> None:
    """Text that was drawn last and stands first is read first."""
    deck = Presentation()
    new = slide(deck, BLANK)
    box(new, "Below", left=1, top=4)
    box(new, "Above", left=1, top=1)

    assert pages(deck, tmp_path) == ("Above\n\nBelow\n",)


def test_columns_of_a_slide_stay_together(tmp_path: Path) -> None:
    """A heading over a column is read with its column, though the other heading stands beside it."""
    deck = Presentation()
    new = slide(deck, BLANK)
    box(new, "Costs", left=6, top=1)
    box(new, "Gains", left=1, top=1)
    box(new, "What we earn", left=1, top=2.5)
    box(new, "What we pay", left=6, top=2.5)

    assert pages(deck, tmp_path) == ("Gains\n\nWhat we earn\n\nCosts\n\nWhat we pay\n",)


def test_rows_of_boxes_stay_together_where_they_were_drawn_so() -> None:
    """Labels drawn each with the value beside it are a table, read by rows."""
    boxes = [(left, top, left + 9, top + 9) for top in (0, 10, 20) for left in (0, 10)]

    by_rows = reading_order(boxes)
    by_columns = reading_order([boxes[number] for number in (0, 2, 4, 1, 3, 5)])

    assert by_rows == by_columns == [0, 1, 2, 3, 4, 5]


def test_boxes_without_a_place_keep_their_order() -> None:
    """Where the file does not say where a shape is, its order is all there is."""
    assert reading_order([(0, 50, 9, 59), None, (0, 0, 9, 9)]) == [0, 1, 2]


def test_groups_are_read_in_their_place(tmp_path: Path) -> None:
    """Shapes in a group in a group are read together."""
    deck = Presentation()
    new = slide(deck, BLANK)
    box(new, "Last", left=1, top=6)
    group = new.shapes.add_group_shape()
    inner = group.shapes.add_group_shape()
    box(inner, "First", left=1, top=1)
    box(group, "Second", left=1, top=3)

    assert pages(deck, tmp_path) == ("First\n\nSecond\n\nLast\n",)


def test_furniture_is_left_out_and_alternatives_are_read_once(tmp_path: Path) -> None:
    """The number of the slide is no content; of two forms of a shape the first is read."""
    deck = Presentation()
    new = slide(deck, TITLE_ONLY, "Title")
    number = box(new, "17", left=1, top=6)
    number._element.nvSpPr.nvPr.insert(
        0, parse_xml(f'<p:ph xmlns:p="{number._element.nsmap["p"]}" type="sldNum" idx="12"/>')
    )
    tree = new.shapes._spTree
    choice = parse_xml('<x:AlternateContent xmlns:x="x"><x:Choice/><x:Fallback/></x:AlternateContent>')
    tree.append(choice)
    choice[0].append(box(new, "New form", left=1, top=2)._element)
    choice[1].append(box(new, "Old form", left=1, top=2)._element)

    assert pages(deck, tmp_path) == ("## Title\n\nNew form\n",)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("The old harbour", "Picture: The old harbour\n"),
        ("harbour.png", "\n"),
        ("Picture 3", "\n"),
        ("A boat on water\n\nDescription automatically generated", "\n"),
    ],
)
def test_pictures_say_what_their_author_wrote(tmp_path: Path, text: str, read: str) -> None:
    """An alternative text is read unless it is a name or a program's guess."""
    deck = Presentation()
    image = io.BytesIO()
    Image.new("RGB", (2, 2)).save(image, "PNG")
    picture = slide(deck, BLANK).shapes.add_picture(image, 0, 0)
    picture._element.nvPicPr.cNvPr.set("descr", text)

    assert pages(deck, tmp_path) == (read,)


def test_properties_are_those_that_somebody_set(tmp_path: Path) -> None:
    """Title, author and date come from the properties, and not from the template of the library."""
    deck = Presentation()
    slide(deck, TITLE_ONLY, "First title")
    deck.save(str(tmp_path / "plain.pptx"))
    deck.core_properties.title = "Annual review"
    deck.core_properties.author = "Ada Lovelace"
    deck.core_properties.created = datetime(2023, 6, 21, tzinfo=UTC)
    deck.save(str(tmp_path / "named.pptx"))

    plain, named = read_pptx(tmp_path / "plain.pptx"), read_pptx(tmp_path / "named.pptx")

    assert (plain.title, plain.author, plain.date) == ("First title", None, None)
    assert (named.title, named.author, named.date) == ("Annual review", "Ada Lovelace", "2023-06-21")


def test_what_cannot_be_read_is_noted(tmp_path: Path) -> None:
    """A file embedded in a slide is left out, and the extract says so."""
    deck = Presentation()
    slide(deck, BLANK).shapes.add_ole_object(io.BytesIO(b"data"), "Excel.Sheet.12", Inches(1), Inches(1))
    deck.save(str(tmp_path / "deck.pptx"))

    assert read_pptx(tmp_path / "deck.pptx").notes == ("1 embedded object was not read",)


def test_a_picture_from_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    """A slide whose parts lie outside the file is read without them."""
    deck = Presentation()
    new = slide(deck, TITLE_ONLY, "Title")
    new.part.relate_to("http://127.0.0.1:9/notes.xml", "http://x/relationships/notesSlide", is_external=True)

    assert pages(deck, tmp_path) == ("## Title\n",)


def test_a_locked_or_broken_file_is_refused(tmp_path: Path) -> None:
    """A password is said to be there; half a file is an error."""
    deck = Presentation()
    slide(deck, TITLE_ONLY, "Title")
    whole, half, locked = (tmp_path / name for name in ("whole.pptx", "half.pptx", "locked.pptx"))
    deck.save(str(whole))
    half.write_bytes(whole.read_bytes()[:9000])
    locked.write_bytes(b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"))

    with pytest.raises(zipfile.BadZipFile):
        read_pptx(half)
    with pytest.raises(LoadError, match="password"):
        read_pptx(locked)
