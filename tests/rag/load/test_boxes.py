"""Where words stand: what pdfium finds inside the boxes of a span are the words of the span."""

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
from reportlab.lib.colors import grey
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    ListFlowable,
    PageTemplate,
    Paragraph,
    Table,
    TableStyle,
)

from rag.load.boxes import boxes, places
from rag.load.geometry import Word
from rag.load.normalise import join_pages
from rag.load.pdf import read_pdf
from rag.schema import Box

pytestmark = pytest.mark.slow  # each lays out pages of its own

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=14, spaceAfter=8)
DIVIDED = ParagraphStyle("divided", parent=BODY, embeddedHyphenation=1)
HEADING = ParagraphStyle("heading", fontName="Helvetica-Bold", fontSize=16, leading=20, spaceAfter=8)
WORDS = "harbour tunnel closed before forty thousand cars crossed ferries again under bridges counted".split()


def prose(seed: int, words: int = 60) -> str:
    """Words in a random order, many of them twice."""
    return " ".join(random.Random(seed).choices(WORDS, k=words)).capitalize() + "."


def table() -> Table:
    """A table that goes on on the next page."""
    rows = [["Year", "Number of cars"], *[[f"Y{at}", prose(at, 9)] for at in range(70)]]
    cells = [[Paragraph(cell, BODY) for cell in row] for row in rows]
    return Table(cells, colWidths=[60, 130], style=TableStyle([("GRID", (0, 0), (-1, -1), 0.4, grey)]))


STORIES: dict[str, tuple[int, list[Callable[[], Flowable]]]] = {
    "two columns": (2, [lambda at=at: Paragraph(prose(at), BODY) for at in range(24)]),  # type: ignore[misc]
    "headings and items": (
        1,
        [
            lambda: Paragraph("The tunnel closed", HEADING),
            lambda: Paragraph(prose(1), BODY),
            lambda: ListFlowable([Paragraph(prose(at, 20), BODY) for at in range(5)], bulletType="bullet", start="•"),
            lambda: Paragraph("The tunnel closed", HEADING),
            lambda: Paragraph(prose(1), BODY),
        ],
    ),
    "a table over pages": (1, [table]),
    "divided words": (2, [lambda: Paragraph(prose(3, 300).replace("ferries", "fer\u00adries"), DIVIDED)]),
}


def decorate(canvas: Canvas, template: BaseDocTemplate) -> None:
    """Draw a running head and foot."""
    canvas.drawString(72, A4[1] - 50, "The harbour tunnel and forty thousand cars")
    canvas.drawString(72, 40, "Counted by the ferries")
    canvas.drawRightString(A4[0] - 72, 40, str(template.page))


def typeset(folder: Path, story: Sequence[Flowable], columns: int) -> Path:
    """The story as a PDF."""
    width = (A4[0] - 144) / columns
    frames = [Frame(72 + at * width, 72, width - 12, A4[1] - 144) for at in range(columns)]
    path = folder / "made.pdf"
    BaseDocTemplate(str(path), pagesize=A4, pageTemplates=[PageTemplate("all", frames, onPage=decorate)]).build(
        list(story)
    )
    return path


def drawn(folder: Path, draw: Callable[[Canvas], object]) -> Path:
    """A PDF of what `draw` puts on it."""
    path = folder / "drawn.pdf"
    canvas = Canvas(str(path))
    draw(canvas)
    canvas.save()
    return path


def inside(path: Path, found: Sequence[Box]) -> list[str]:
    """The characters that pdfium finds in each box, on pages that are not turned or cut."""
    with pypdfium2.PdfDocument(path) as document:
        return [
            document[box.page - 1].get_textpage().get_text_bounded(box.left, box.bottom, box.right, box.top)
            for box in found
        ]


def letters(text: str) -> str:
    """Letters and figures alone: marks of headings, items and cells are not on the page."""
    return "".join(re.findall(r"\w", text))


@pytest.mark.parametrize("name", STORIES)
def test_boxes_hold_the_words_of_the_span(tmp_path: Path, name: str) -> None:
    """For any span of whole words, what stands inside its boxes is what it says, in its order."""
    columns, story = STORIES[name]
    path = typeset(tmp_path, [make() for make in story], columns)
    found = places(path)
    words = [match.span() for match in re.finditer(r"\S+", found.text)]
    chosen = random.Random(name)

    for _ in range(60):
        first = chosen.randrange(len(words))
        start, end = words[first][0], words[min(first + chosen.randrange(30), len(words) - 1)][1]

        assert letters("".join(inside(path, found.boxes(start, end)))) == letters(found.text[start:end])


@pytest.mark.parametrize("name", STORIES)
def test_boxes_of_some_pages_are_those_of_the_whole(tmp_path: Path, name: str) -> None:
    """Reading only the pages of a span finds the same boxes, though running heads and sizes are those of all pages."""
    columns, story = STORIES[name]
    path = typeset(tmp_path, [make() for make in story * 2], columns)
    pages = read_pdf(path).text
    assert isinstance(pages, tuple)
    text, starts = join_pages(pages)
    found = places(path)
    chosen = random.Random(name)

    for _ in range(20):
        start = chosen.randrange(len(text) - 1)
        end = min(start + chosen.randrange(1, 300), len(text))

        assert boxes(path, text, starts, start, end) == found.boxes(start, end)


def test_only_the_pages_of_the_span_are_recognised(tmp_path: Path) -> None:
    """Of a scan of three pages one is read again for a span on it."""
    seen: list[Image.Image] = []

    def recognise(image: Image.Image) -> list[Word]:
        seen.append(image)
        return [Word("Words", 100, 140, 400, 10, False, (100, 398, 140, 408))]

    def draw(canvas: Canvas) -> None:
        for _ in range(3):
            canvas.drawInlineImage(Image.new("L", (9, 9)), 72, 72, 200, 200)
            canvas.showPage()

    path = drawn(tmp_path, draw)

    (box,) = boxes(path, "Words\n\nWords\n\nWords", (0, 7, 14), 7, 12, recognise)

    assert (box.page, box.left, box.right) == (2, 100, 140)
    assert len(seen) == 1


def test_words_are_found_beside_others_that_are_not(tmp_path: Path) -> None:
    """A page that is read with words too many and too few still has those of the text in their places."""
    lines = ["A head", *[f"Car {number} went under the harbour" for number in range(20)], "A foot"]

    def draw(canvas: Canvas) -> None:
        for row, line in enumerate(lines):
            canvas.drawString(72, 700 - 14 * row, line)

    path = drawn(tmp_path, draw)
    text = "What nobody drew here, and much more of it. " + " ".join(
        [*lines[1:9], "Lost words of a stamp", *lines[12:]]
    )
    start = text.index("Car 15")

    assert [letters(part) for part in inside(path, boxes(path, text, (0,), start, start + 6))] == ["Car15"]


def test_the_text_is_the_document(tmp_path: Path) -> None:
    """Spans of the index are spans of the text that places are given for."""
    path = typeset(tmp_path, [Paragraph(prose(at), BODY) for at in range(30)], 2)
    text = read_pdf(path).text
    assert isinstance(text, tuple)

    assert places(path).text == join_pages(text)[0]


def test_a_repeated_line_is_marked_where_it_is_cited(tmp_path: Path) -> None:
    """Of two lines with the same words each has its own box."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 600, "No smoking.")
        canvas.drawString(72, 500, "No smoking.")

    path = drawn(tmp_path, draw)

    (first,), (second,) = places(path).boxes(0, 11), places(path).boxes(13, 24)

    assert first.bottom < 600 < first.top
    assert second.bottom < 500 < second.top


def test_a_divided_word_has_two_boxes(tmp_path: Path) -> None:
    """A word without its hyphen in the text is marked on both lines."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 514, "Ships of the govern-")
        canvas.drawString(72, 500, "ment were late")

    path = drawn(tmp_path, draw)
    text = places(path).text
    start = text.index("government")

    assert [letters(part) for part in inside(path, places(path).boxes(start, start + 10))] == ["govern", "ment"]


def test_the_box_of_a_row_has_the_header_of_the_page_before(tmp_path: Path) -> None:
    """A row of a table that goes on is marked with the names of its columns, which stand on another page."""
    path = typeset(tmp_path, [table()], 1)
    found = places(path)
    start = found.text.index("Year: Y69")

    year, row = found.boxes(start, start + 9)

    assert year.page == 1 < row.page
    assert [letters(part) for part in inside(path, (year, row))] == ["Year", "Y69"]


def test_boxes_are_where_a_turned_and_cut_page_shows_the_words(tmp_path: Path) -> None:
    """Places are those of the page as a viewer shows it: turned, and from the corner of what is shown."""

    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(90)
        canvas.setCropBox((50, 60, 500, 560))
        canvas.rotate(90)
        canvas.setFont("Helvetica", 30)
        canvas.drawString(172, -300, "MMMMMM")

    path = drawn(tmp_path, draw)

    (box,) = places(path).boxes(0, 6)

    with pypdfium2.PdfDocument(path) as document:
        shown = document[0].render(grayscale=True).to_pil().point(lambda grey: 255 - grey)
    left, upper, right, lower = shown.getbbox() or (0, 0, 0, 0)
    assert (box.width, box.height) == pytest.approx(shown.size, abs=1)
    assert (box.left, box.right) == pytest.approx((left, right), abs=4)
    assert box.bottom < box.height - lower < box.height - upper < box.top + 1


def test_part_of_a_line_without_spaces_has_its_part_of_the_line(tmp_path: Path) -> None:
    """In Chinese a line is one word, and a box is as long as what is cited."""
    page = [Word("隧道关闭之前每天", 100, 180, 400, 10, False, (100, 398, 180, 408))]
    path = drawn(tmp_path, lambda canvas: canvas.drawInlineImage(Image.new("L", (9, 9)), 72, 72, 200, 200))

    (box,) = places(path, lambda image: page).boxes(2, 4)

    assert (box.left, box.right) == (120, 140)
