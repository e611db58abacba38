"""Build the PDF and DOCX documents of the sample corpus from the Markdown texts in sources/.

Usage: python corpus/build.py (needs reportlab and python-docx). The output is the same, byte for byte, every time.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from xml.sax.saxutils import escape

from docx import Document
from docx.document import Document as DocxDocument
from docx.oxml import OxmlElement
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    FrameBreak,
    ListFlowable,
    NextPageTemplate,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

HERE = Path(__file__).parent
SOURCES = HERE / "sources"
DOCUMENTS = HERE / "documents"

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 2.7 * cm
GUTTER = 0.8 * cm
TITLE_HEIGHT = 2.6 * cm
BODY_WIDTH = PAGE_WIDTH - 2 * MARGIN
BODY_HEIGHT = PAGE_HEIGHT - 2 * MARGIN
COLUMN_WIDTH = (BODY_WIDTH - GUTTER) / 2

TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=17, leading=21, spaceAfter=4)
DATE_LINE = ParagraphStyle("date", fontName="Helvetica", fontSize=9, leading=12, spaceAfter=10, textColor=colors.grey)
BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=16, spaceAfter=8)
CELL = ParagraphStyle("cell", fontName="Helvetica", fontSize=8.5, leading=11)
HEAD_CELL = ParagraphStyle("head-cell", parent=CELL, fontName="Helvetica-Bold")
HEADING = ParagraphStyle("heading", fontName="Helvetica-Bold", spaceAfter=4, keepWithNext=1)
HEADINGS = {
    2: ParagraphStyle("h2", parent=HEADING, fontSize=13, leading=17, spaceBefore=8),
    3: ParagraphStyle("h3", parent=HEADING, fontSize=11, leading=15, spaceBefore=4),
}
GRID = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
)
CELL_PADDING = 13
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Heading:
    """A section heading."""

    level: int
    text: str


@dataclass(frozen=True)
class Prose:
    """A paragraph of running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of short items."""

    items: list[str]


@dataclass(frozen=True)
class Grid:
    """A table whose first row is its header."""

    rows: list[list[str]]


Block = Heading | Prose | Bullets | Grid


@dataclass(frozen=True)
class Source:
    """One source text: what its front matter says, and its blocks."""

    name: str
    title: str
    day: date
    layout: str
    blocks: list[Block]


# Reading the sources


def read_source(path: Path) -> Source:
    """Read one source text."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    day = date.fromisoformat(fields["date"])
    return Source(path.stem, fields["title"], day, fields["layout"], list(parse_blocks(body)))


def parse_blocks(body: str) -> Iterator[Block]:
    """Split the text at blank lines and tell headings, lists, tables and paragraphs apart."""
    for chunk in re.split(r"\n\s*\n", body.strip()):
        lines = chunk.splitlines()
        if match := re.fullmatch(r"(#+) (.+)", chunk):
            yield Heading(len(match[1]), match[2])
        elif all(line.startswith("- ") for line in lines):
            yield Bullets([line.removeprefix("- ") for line in lines])
        elif all(line.startswith("|") for line in lines):
            yield Grid([split_row(line) for line in lines if not re.fullmatch(r"[|\- ]+", line)])
        else:
            yield Prose(" ".join(lines))


def split_row(line: str) -> list[str]:
    """Return the cells of one row of a pipe table."""
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def spell_date(day: date) -> str:
    """Write a date as in 5 June 2023."""
    return f"{day.day} {day:%B %Y}"


# PDF


def one_column_pages(decorate: Callable[[Canvas, BaseDocTemplate], None]) -> list[PageTemplate]:
    """Lay out pages with a single column."""
    return [PageTemplate("pages", [flush_frame(MARGIN, MARGIN, BODY_WIDTH, BODY_HEIGHT)], onPage=decorate)]


def two_column_pages(decorate: Callable[[Canvas, BaseDocTemplate], None]) -> list[PageTemplate]:
    """Lay out a first page with the title over two columns, then pages with two columns."""
    title = flush_frame(MARGIN, PAGE_HEIGHT - MARGIN - TITLE_HEIGHT, BODY_WIDTH, TITLE_HEIGHT)
    return [
        PageTemplate("first", [title, *column_frames(BODY_HEIGHT - TITLE_HEIGHT)], onPage=decorate),
        PageTemplate("later", column_frames(BODY_HEIGHT), onPage=decorate),
    ]


def column_frames(height: float) -> list[Frame]:
    """Return the left and the right column."""
    lefts = (MARGIN, MARGIN + COLUMN_WIDTH + GUTTER)
    return [flush_frame(left, MARGIN, COLUMN_WIDTH, height) for left in lefts]


def flush_frame(left: float, bottom: float, width: float, height: float) -> Frame:
    """Return a frame whose text begins and ends at its sides."""
    return Frame(left, bottom, width, height, leftPadding=0, rightPadding=0)


def one_column_story(source: Source) -> list[Flowable]:
    """Return title and text for the one-column layout."""
    return [*title_flowables(source), *body_flowables(source, BODY_WIDTH)]


def two_column_story(source: Source) -> list[Flowable]:
    """Return title and text for the two-column layout."""
    turn: list[Flowable] = [NextPageTemplate("later"), FrameBreak()]
    return [*title_flowables(source), *turn, *body_flowables(source, COLUMN_WIDTH)]


def title_flowables(source: Source) -> list[Flowable]:
    """Return the title and the line with the date."""
    return [Paragraph(escape(source.title), TITLE), Paragraph(spell_date(source.day), DATE_LINE)]


def body_flowables(source: Source, width: float) -> list[Flowable]:
    """Return the text as flowables for a column of the given width."""
    return [flowable for block in source.blocks for flowable in block_flowables(block, width)]


def block_flowables(block: Block, width: float) -> list[Flowable]:
    """Turn one block into flowables."""
    match block:
        case Heading(level, text):
            return [Paragraph(escape(text), HEADINGS[level])]
        case Prose(text):
            return [Paragraph(escape(text), BODY)]
        case Bullets(items):
            lines = [Paragraph(escape(item), BODY) for item in items]
            return [ListFlowable(lines, bulletType="bullet", start="\u2022", leftIndent=14)]
        case Grid(rows):
            return [grid_flowable(rows, width), Spacer(1, 10)]


def grid_flowable(rows: list[list[str]], width: float) -> Table:
    """Return a table as wide as its column, its header row repeated after a page break."""
    styles = [HEAD_CELL] + [CELL] * (len(rows) - 1)
    cells = [[Paragraph(escape(text), style) for text in row] for row, style in zip(rows, styles, strict=True)]
    return Table(cells, colWidths=column_widths(rows, width), style=GRID, repeatRows=1)


def column_widths(rows: list[list[str]], width: float) -> list[float]:
    """Give each column its longest word, and share out what is left by the longest texts."""
    columns = list(zip(*rows, strict=True))
    least = [max(word_width(word) for text in column for word in text.split()) for column in columns]
    weights = [min(max(len(text) for text in column), 40) for column in columns]
    spare = width - sum(least)
    return [start + spare * weight / sum(weights) for start, weight in zip(least, weights, strict=True)]


def word_width(word: str) -> float:
    """Return the width that a table cell needs for one word, padding included."""
    return stringWidth(word, HEAD_CELL.fontName, HEAD_CELL.fontSize) + CELL_PADDING


def page_decorator(source: Source, page_total: int) -> Callable[[Canvas, BaseDocTemplate], None]:
    """Return what draws the running header and the footer, and sets the date of the file."""

    def decorate(canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.setDateFormatter(lambda *_: f"D:{source.day:%Y%m%d}000000Z")
        canvas.setFont("Helvetica", 8)
        canvas.drawString(MARGIN, PAGE_HEIGHT - MARGIN + 14, source.title)
        canvas.drawCentredString(PAGE_WIDTH / 2, MARGIN - 22, f"page {template.page} of {page_total}")

    return decorate


def typeset(source: Source, page_total: int) -> tuple[bytes, int]:
    """Typeset the document; return the file and the number of its pages."""
    pages, story = PDF_LAYOUTS[source.layout]
    buffer = io.BytesIO()
    template = BaseDocTemplate(buffer, pagesize=A4, title=source.title, author="", invariant=1, lang="en")
    template.addPageTemplates(pages(page_decorator(source, page_total)))
    template.build(story(source))
    return buffer.getvalue(), template.page


def pdf_bytes(source: Source) -> bytes:
    """Typeset once to count the pages and again to print the count on them."""
    _, page_total = typeset(source, 0)
    content, _ = typeset(source, page_total)
    return content


PagesMaker = Callable[[Callable[[Canvas, BaseDocTemplate], None]], list[PageTemplate]]
StoryMaker = Callable[[Source], list[Flowable]]
PDF_LAYOUTS: dict[str, tuple[PagesMaker, StoryMaker]] = {
    "one-column": (one_column_pages, one_column_story),
    "two-column": (two_column_pages, two_column_story),
}


# DOCX


def docx_bytes(source: Source) -> bytes:
    """Write the document as DOCX."""
    document = Document()
    set_properties(document, source)
    document.add_heading(source.title, level=0)
    document.add_paragraph(spell_date(source.day))
    for block in source.blocks:
        add_block(document, block)
    buffer = io.BytesIO()
    document.save(buffer)
    return without_zip_times(buffer.getvalue())


def set_properties(document: DocxDocument, source: Source) -> None:
    """Set title and dates, and clear what the template brings along."""
    moment = datetime.combine(source.day, time(), UTC)
    properties = document.core_properties
    properties.title = source.title
    properties.author = ""
    properties.comments = ""
    properties.created = moment
    properties.modified = moment


def add_block(document: DocxDocument, block: Block) -> None:
    """Add one block to the document."""
    match block:
        case Heading(level, text):
            document.add_heading(text, level=level - 1)
        case Prose(text):
            document.add_paragraph(text)
        case Bullets(items):
            for item in items:
                document.add_paragraph(item, style="List Bullet")
        case Grid(rows):
            add_grid(document, rows)


def add_grid(document: DocxDocument, rows: list[list[str]]) -> None:
    """Add a table with a marked header row, and a blank line after it."""
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    document.add_paragraph()


def without_zip_times(content: bytes) -> bytes:
    """Pack the DOCX again with one fixed time for every part, so that each build gives the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), old.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def build(source: Source) -> Path:
    """Write the document that a source describes, and return its path."""
    suffix, content = (".docx", docx_bytes(source)) if source.layout == "docx" else (".pdf", pdf_bytes(source))
    path = DOCUMENTS / (source.name + suffix)
    path.write_bytes(content)
    return path


def main() -> None:
    """Build every document."""
    DOCUMENTS.mkdir(exist_ok=True)
    for path in sorted(SOURCES.glob("*.md")):
        print(build(read_source(path)).relative_to(HERE.parent))


if __name__ == "__main__":
    main()
