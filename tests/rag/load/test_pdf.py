"""PDFs as they are made: columns, running heads, tables, sentences over a page break."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from reportlab.lib.colors import grey
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
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

from rag.errors import LoadError
from rag.load.normalise import join_pages
from rag.load.pdf import read_pdf

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=15, spaceAfter=8)
TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=17, leading=21, spaceAfter=8)
HEADING = ParagraphStyle("heading", parent=TITLE, fontSize=13, leading=17)
SENTENCE = "The tunnel under the harbour carried forty thousand cars a day before it closed, and fewer since. "


def typeset(folder: Path, story: Sequence[Flowable], *, columns: int = 1, head: str = "") -> Path:
    """The story as a PDF with a running head and page numbers."""
    width, height = A4[0] - 144, A4[1] - 144
    each = width / columns
    frames = [Frame(72 + at * each, 72, each - 12 * (columns > 1), height) for at in range(columns)]

    def decorate(canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, A4[1] - 50, head)
        canvas.drawCentredString(A4[0] / 2, 40, f"page {template.page} of 9")

    path = folder / "made.pdf"
    template = BaseDocTemplate(str(path), pagesize=A4, pageTemplates=[PageTemplate("all", frames, onPage=decorate)])
    template.build(list(story))
    return path


def drawn(folder: Path, draw: Callable[[Canvas], object], **options: object) -> Path:
    """A PDF of one page with what `draw` puts on it."""
    path = folder / "drawn.pdf"
    canvas = Canvas(str(path), encrypt=options.get("encrypt"))
    draw(canvas)
    canvas.showPage()
    canvas.save()
    return path


def texts(path: Path) -> tuple[str, ...]:
    """The text of each page."""
    text = read_pdf(path).text
    assert isinstance(text, tuple)
    return text


def test_lines_are_joined_to_paragraphs(tmp_path: Path) -> None:
    """A paragraph is one line of text, and an empty line stands between two."""
    (page,) = texts(typeset(tmp_path, [Paragraph(SENTENCE * 4, BODY), Paragraph("A short one.", BODY)]))

    assert page == f"{SENTENCE * 4}".strip() + "\n\nA short one.\n"


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    """The sentences of the left column come before those of the right."""
    numbered = [Paragraph(f"Paragraph {number}. " + SENTENCE * 2, BODY) for number in range(20)]

    text, _ = join_pages(texts(typeset(tmp_path, numbered, columns=2)))

    assert text.replace("\n\n", " ") == " ".join(f"Paragraph {number}. {SENTENCE * 2}".strip() for number in range(20))


def test_larger_and_bold_lines_are_headings(tmp_path: Path) -> None:
    """Sizes give the levels, largest first; a heading over two lines is one heading."""
    long_title = "A title that is too long to stand on a single line of this page"
    story = [Paragraph(long_title, TITLE), Paragraph("A part", HEADING), Paragraph(SENTENCE * 3, BODY)]

    (page,) = texts(typeset(tmp_path, story))

    assert page.startswith(f"# {long_title}\n\n## A part\n\n{SENTENCE}")


def test_running_heads_and_page_numbers_are_left_out(tmp_path: Path) -> None:
    """What repeats in the margin of every page is no text, but a title of the same words is."""
    pages = texts(
        typeset(tmp_path, [Paragraph("The Gazette", TITLE), *[Paragraph(SENTENCE * 9, BODY)] * 12], head="The Gazette")
    )

    assert len(pages) > 1
    assert pages[0].startswith("# The Gazette\n\n")
    assert not any("page" in page for page in pages)
    assert not any("Gazette" in page for page in pages[1:])


def test_a_sentence_goes_on_over_the_page_break(tmp_path: Path) -> None:
    """The end of a page in the middle of a paragraph is no end of a paragraph, and every page starts exactly."""
    long_sentence = " and ".join(f"car {number} of the forty thousand" for number in range(300))

    text, starts = join_pages(texts(typeset(tmp_path, [Paragraph(long_sentence, BODY)])))

    assert text == long_sentence
    assert len(starts) == 3
    assert starts[0] == 0
    assert all(text[start - 1] == " " for start in starts[1:])


def test_a_ruled_table_gives_a_line_a_row(tmp_path: Path) -> None:
    """Cells are named by the header, cells of several lines are one, and the header is known on the next page."""
    cell = ParagraphStyle("cell", fontSize=9, leading=11)
    rows = [
        ["Year", "What was agreed"],
        *[[f"Y{at}", f"Agreement {at} on the passage of ships and cars"] for at in range(60)],
    ]
    cells = [[Paragraph(text, cell) for text in row] for row in rows]
    grid = Table(cells, colWidths=[60, 120], style=TableStyle([("GRID", (0, 0), (-1, -1), 0.4, grey)]))

    pages = texts(typeset(tmp_path, [Paragraph(SENTENCE, BODY), grid, Paragraph(SENTENCE, BODY)]))

    lines = "\n".join(pages).splitlines()
    assert [
        f"Year: Y{at}; What was agreed: Agreement {at} on the passage of ships and cars." in lines for at in range(60)
    ] == [True] * 60


def test_words_beside_a_ruled_table_are_kept(tmp_path: Path) -> None:
    """A line that begins in a table and ends beside it loses nothing and says nothing twice."""

    def draw(canvas: Canvas) -> None:
        canvas.grid([72, 172, 272], [660, 680, 700])
        for x, y, words in (
            (80, 685, "Year"),
            (180, 685, "Cars"),
            (80, 665, "2021"),
            (180, 665, "180"),
            (280, 665, "beside"),
        ):
            canvas.drawString(x, y, words)

    (page,) = texts(drawn(tmp_path, draw))

    assert page == "Year: 2021; Cars: 180.\n\nbeside\n"


def test_columns_without_rules_are_a_table(tmp_path: Path) -> None:
    """Words that stand under each other with wide gaps between are cells."""

    def draw(canvas: Canvas) -> None:
        for row, cells in enumerate(
            [("Year", "Exports", "Imports"), ("2021", "151.1", "506.4"), ("2022", "153.8", "536.8")]
        ):
            for column, cell in enumerate(cells):
                canvas.drawString(72 + 150 * column, 700 - 16 * row, cell)

    assert texts(drawn(tmp_path, draw)) == (
        "Year: 2021; Exports: 151.1; Imports: 506.4.\nYear: 2022; Exports: 153.8; Imports: 536.8.\n",
    )


def test_items_are_kept_apart(tmp_path: Path) -> None:
    """Each bullet is an item with all its lines."""
    items = ListFlowable([Paragraph(SENTENCE * 2, BODY), Paragraph("Short", BODY)], bulletType="bullet", start="•")

    (page,) = texts(typeset(tmp_path, [items]))

    assert page == f"- {(SENTENCE * 2).strip()}\n- Short\n"


def test_hyphens_at_line_ends_go_unless_the_word_has_one(tmp_path: Path) -> None:
    """A word divided at the end of a line is whole again; a compound keeps its hyphen."""

    def draw(canvas: Canvas) -> None:
        for row, line in enumerate(
            ["A one-way high-level road to the govern-", "ment was built at a high-", "level meeting"]
        ):
            canvas.drawString(72, 700 - 14 * row, line)

    (page,) = texts(drawn(tmp_path, draw))

    assert "the government was" in page
    assert page.count("high-level") == 2


def test_title_and_date_come_from_the_properties(tmp_path: Path) -> None:
    """A title that somebody gave is the title."""

    def draw(canvas: Canvas) -> None:
        canvas.setTitle("The tunnel")
        canvas.setDateFormatter(lambda *_: "D:20230616120000Z")
        canvas.drawString(72, 700, "Words.")

    extract = read_pdf(drawn(tmp_path, draw))

    assert (extract.title, extract.date) == ("The tunnel", "2023-06-16")


@pytest.mark.parametrize("title", ["untitled", "Microsoft Word - memo.docx", "(anonymous)", ""])
def test_a_title_that_a_program_gave_is_none(tmp_path: Path, title: str) -> None:
    """Names of files and placeholders in the properties are no titles."""

    def draw(canvas: Canvas) -> None:
        canvas.setTitle(title)
        canvas.drawString(72, 700, "Words that stand alone.")

    assert read_pdf(drawn(tmp_path, draw)).title is None


def test_a_page_without_words_is_an_empty_page(tmp_path: Path) -> None:
    """One page with words is enough, and the numbers of the others stay right."""

    def draw(canvas: Canvas) -> None:
        canvas.rect(100, 100, 200, 200)
        canvas.showPage()
        canvas.drawString(72, 700, "Words.")

    assert [page.strip() for page in texts(drawn(tmp_path, draw))] == ["", "Words."]


def test_a_scan_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """A PDF of pictures says that it needs character recognition."""
    path = drawn(tmp_path, lambda canvas: canvas.rect(100, 100, 200, 200))

    with pytest.raises(LoadError, match="no text layer"):
        read_pdf(path)


def test_a_locked_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """A PDF that wants a password says so."""
    path = drawn(tmp_path, lambda canvas: canvas.drawString(72, 700, "Secret"), encrypt=StandardEncryption("key"))

    with pytest.raises(LoadError, match="password"):
        read_pdf(path)


def test_half_a_file_is_refused_or_read_in_part(tmp_path: Path) -> None:
    """A PDF cut off in the middle is a LoadError, never a crash."""
    path = typeset(tmp_path, [Paragraph(SENTENCE * 80, BODY)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(LoadError):
        read_pdf(path)
