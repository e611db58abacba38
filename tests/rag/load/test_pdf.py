"""PDFs as they are made: columns, running heads, tables, sentences over a page break."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
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
from rag.load.geometry import Word
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


def paged(folder: Path, pages: Sequence[Sequence[tuple[float, float, str]]]) -> Path:
    """A PDF with these lines on its pages: font size, baseline, words."""

    def draw(canvas: Canvas) -> None:
        for at, lines in enumerate(pages):
            if at:
                canvas.showPage()
            for size, baseline, line in lines:
                canvas.setFont("Helvetica", size)
                canvas.drawString(72, baseline, line)

    return drawn(folder, draw)


def test_a_running_head_is_kept_once(tmp_path: Path) -> None:
    """What stands on every page and nowhere else is said on the first one: a letterhead may name a contract."""
    pages = texts(
        paged(
            tmp_path,
            [[(12, 800, "Harbour Ltd, contract 2023-17"), (12, 500, f"Page of {it}.")] for it in ("cars", "ships")],
        )
    )

    assert pages == ("Harbour Ltd, contract 2023-17\n\nPage of cars.\n", "Page of ships.\n")


def test_a_running_line_is_not_kept_within_a_sentence(tmp_path: Path) -> None:
    """A head or a foot that is kept stands between paragraphs, not where a sentence goes on on the next page."""
    long_sentence = " and ".join(f"car {number} of the forty thousand" for number in range(300))
    story = [Paragraph(long_sentence, BODY), Paragraph("The end.", BODY)]

    text, _ = join_pages(texts(typeset(tmp_path, story, head="The Gazette")))

    assert text == f"The Gazette\n\n{long_sentence}\n\nThe end."


@pytest.mark.parametrize(
    ("size", "name"), [(12, "Invoice {}"), (20, "Results {}"), (12, "Number {}"), (9, "Reference {}")]
)
def test_numbers_that_do_not_count_pages_are_kept(tmp_path: Path, size: float, name: str) -> None:
    """Lines that differ in a number alone are no running heads where that is the number of an invoice or a year."""
    heads = [name.format(2021 + number) for number in range(5)]
    pages = [
        [(size, 800, head), (12, 500, f"Thank you for order {7 * at}, which we had of you")]
        for at, head in enumerate(heads)
    ]

    found = texts(paged(tmp_path, pages))

    assert [page.lstrip("# ").partition("\n")[0] for page in found] == heads


def test_the_foot_of_two_pages_may_name_their_numbers(tmp_path: Path) -> None:
    """On two pages a foot is a running one where it says that its number is the page's."""
    pages = [
        [(12, 500, f"About {word}."), (12, 40, f"Offer 12, page {number} of 2")]
        for number, word in ((1, "cars"), (2, "ships"))
    ]

    assert texts(paged(tmp_path, pages)) == ("About cars.\n\nOffer 12, page 1 of 2\n", "About ships.\n")


@pytest.mark.parametrize("foot", ["{}", "- {} -", "page {}", "{} | The Gazette", "Seite {} der Zeitung"])
def test_numbers_that_count_pages_are_left_out(tmp_path: Path, foot: str) -> None:
    """A page's number goes, alone or named or parted from the words beside it, from whichever page the count begins."""
    words = "cars ships trains bicycles".split()

    found = texts(
        paged(
            tmp_path,
            [[(12, 500, f"A page about {word}."), (12, 40, foot.format(117 + at))] for at, word in enumerate(words)],
        )
    )

    assert [page.strip() for page in found[1:]] == [f"A page about {word}." for word in words[1:]]


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


def test_a_name_over_several_columns_is_part_of_theirs(tmp_path: Path) -> None:
    """A header of two rows, the first with cells over several columns, gives each column both names."""
    rows = [["Region", "2022", "", "2023", ""], ["", "Sales", "Cost", "Sales", "Cost"], ["North", "1", "2", "3", "4"]]
    spans = [("SPAN", (0, 0), (0, 1)), ("SPAN", (1, 0), (2, 0)), ("SPAN", (3, 0), (4, 0))]
    grid = Table(
        rows, style=TableStyle([("GRID", (0, 0), (-1, -1), 0.4, grey), ("ALIGN", (0, 0), (-1, 0), "CENTER"), *spans])
    )

    (page,) = texts(typeset(tmp_path, [grid]))

    assert page == "Region: North; 2022 Sales: 1; 2022 Cost: 2; 2023 Sales: 3; 2023 Cost: 4.\n"


def test_a_row_of_values_is_no_second_row_of_names(tmp_path: Path) -> None:
    """Under a name over two columns that has no others below it, every row is data."""
    rows = [["Region", "2022", ""], ["North", "10", "20"], ["South", "30", "40"]]
    grid = Table(rows, style=TableStyle([("GRID", (0, 0), (-1, -1), 0.4, grey), ("SPAN", (1, 0), (2, 0))]))

    (page,) = texts(typeset(tmp_path, [grid]))

    assert page == "Region: North; 2022: 10; 20.\nRegion: South; 2022: 30; 40.\n"


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


def test_a_file_that_only_its_owner_may_change_is_read(tmp_path: Path) -> None:
    """A PDF that opens without a password is read, whatever it forbids."""
    lock = StandardEncryption("", ownerPassword="key", canCopy=0)

    assert texts(drawn(tmp_path, lambda canvas: canvas.drawString(72, 700, "Open words"), encrypt=lock)) == (
        "Open words\n",
    )


def test_pages_that_are_pictures_are_told(tmp_path: Path) -> None:
    """A page with a picture and no text is told, runs of such pages as one; a blank page is not."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Words.")
        for has_picture in (True, True, False, True):
            canvas.showPage()
            if has_picture:
                canvas.drawInlineImage(Image.new("L", (9, 9)), 72, 72, 200, 200)

    assert read_pdf(drawn(tmp_path, draw)).notes == ("no text on pages 2-3, 5: scanned?",)


def test_a_picture_is_read_by_what_the_caller_gives(tmp_path: Path) -> None:
    """The words that character recognition finds on a page go through the same layout, and the report says so."""

    def recognise(image: Image.Image) -> list[Word]:
        assert image.mode == "L"
        assert image.info["dpi"][0] == pytest.approx(300)
        return [
            Word(text, at, at + 30, 400, 12, False, (at, 397, at + 30, 409)) for at, text in ((72, "As"), (105, "seen"))
        ]

    path = drawn(tmp_path, lambda canvas: canvas.drawInlineImage(Image.new("L", (9, 9)), 72, 72, 200, 200))

    extract = read_pdf(path, recognise)

    assert (extract.text, extract.notes) == (("As seen\n",), ("page 1 was read by OCR",))


def test_values_of_a_form_stand_after_their_names(tmp_path: Path) -> None:
    """What is filled in on a form is text, read beside the name of its field; buttons are not."""

    def draw(canvas: Canvas) -> None:
        for y, name, value in ((700, "Name:", "Ada Lovelace"), (660, "Town:", "London")):
            canvas.drawString(72, y, name)
            canvas.acroForm.textfield(name=name, value=value, x=120, y=y - 8, width=200, height=24)

    assert texts(drawn(tmp_path, draw)) == ("Name: Ada Lovelace\n\nTown: London\n",)


def test_comments_and_attachments_are_told(tmp_path: Path) -> None:
    """What readers of the page do not see at once is left out, and the report says so."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Words.")
        canvas.textAnnotation("A remark", (72, 600, 90, 620))

    path = drawn(tmp_path, draw)
    with pypdfium2.PdfDocument(path) as document:
        document.new_attachment("list.csv").set_data(b"a,b")
        document.save(tmp_path / "with.pdf")

    extract = read_pdf(tmp_path / "with.pdf")

    assert extract.text == ("Words.\n",)
    assert extract.notes == ("1 attachment was not read: list.csv", "1 comment was not read")


def test_a_watermark_across_the_page_is_left_out(tmp_path: Path) -> None:
    """Large words that run askew over a page are no heading of it; small ones, which name columns, are kept."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "The harbour tunnel was closed.")
        canvas.rotate(45)
        canvas.drawString(500, 300, "Cars")
        canvas.setFont("Helvetica", 60)
        canvas.drawString(400, 0, "DRAFT")

    assert texts(drawn(tmp_path, draw)) == ("The harbour tunnel was closed.\n\nCars\n",)


def test_a_page_that_lies_on_its_side_is_read(tmp_path: Path) -> None:
    """Words that run up the page are its lines where most do, whether or not the page is shown turned."""

    def draw(canvas: Canvas) -> None:
        for turns in (0, 90):
            canvas.setPageRotation(turns)
            canvas.rotate(90)
            canvas.drawString(200, -300, "The table lies")
            canvas.drawString(200, -314, "on its side")
            canvas.showPage()

    pages = texts(drawn(tmp_path, draw))[:2]

    assert [page.strip() for page in pages] == ["The table lies on its side"] * 2


def test_what_is_cut_off_the_page_is_left_out(tmp_path: Path) -> None:
    """Words outside the part of a page that is shown are no text, such as the other half of a double page."""

    def draw(canvas: Canvas) -> None:
        canvas.setCropBox((300, 0, 595, 842))
        canvas.drawString(72, 700, "The left half")
        canvas.drawString(320, 700, "The right half")

    assert texts(drawn(tmp_path, draw)) == ("The right half\n",)


def test_hidden_letters_over_a_picture_are_read(tmp_path: Path) -> None:
    """The text layer that character recognition lays under a scan is text though it is not painted."""

    def draw(canvas: Canvas) -> None:
        canvas.drawInlineImage(Image.new("L", (9, 9)), 72, 72, 400, 700)
        canvas.drawString(72, 700, "Recognised words", mode=3)

    extract = read_pdf(drawn(tmp_path, draw))

    assert (extract.text, extract.notes) == (("Recognised words\n",), ())


def test_lines_that_run_from_right_to_left_are_paragraphs(tmp_path: Path) -> None:
    """Hebrew is read from the right, a line joined to the next, with a name in Latin letters in its own order."""
    path = tmp_path / "hebrew.pdf"
    letters = b" ".join(b"<%02x> <%04x>" % (code, 0x5D0 + code - 97) for code in range(97, 123))
    hebrew = b"1 begincodespacerange <00> <ff> endcodespacerange 26 beginbfchar %b endbfchar" % letters
    lines = b"BT /F 12 Tf 250 700 Td (abc de NEW YORK fgh ij) Tj 14 -14 Td (klm nop qrst uvwxy) Tj ET"
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n"
        b"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
        b"/Resources<</Font<</F 5 0 R>>>>>> endobj\n"
        b"5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Courier/ToUnicode 6 0 R>> endobj\n"
        + b"".join(
            b"%d 0 obj <</Length %d>> stream\n%b\nendstream endobj\n" % (number, len(data), data)
            for number, data in ((4, lines), (6, hebrew))
        )
        + b"trailer <</Root 1 0 R/Size 7>>\n%%EOF"
    )

    assert texts(path) == ("יט חזו NEW YORK הד גבא רקצץפ ףעסנ ןמם לכך\n",)


def test_author_and_language_come_from_the_properties(tmp_path: Path) -> None:
    """Who wrote it and in what language, where the file says so and not the program that made it."""

    def draw(canvas: Canvas) -> None:
        canvas.setAuthor("Ada Lovelace")
        canvas.setCatalogEntry("Lang", "en-GB")
        canvas.drawString(72, 700, "Words.")

    named = read_pdf(drawn(tmp_path, draw))
    unnamed = read_pdf(drawn(tmp_path, lambda canvas: canvas.drawString(72, 700, "Words.")))

    assert (named.author, named.language) == ("Ada Lovelace", "en-GB")
    assert (unnamed.author, unnamed.language) == (None, None)


def test_a_page_tree_in_a_circle_is_refused(tmp_path: Path) -> None:
    """Pages that contain themselves end in a LoadError, not in a loop."""
    path = tmp_path / "circle.pdf"
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n"
        b"2 0 obj <</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>> endobj\ntrailer <</Root 1 0 R/Size 3>>\n%%EOF"
    )

    with pytest.raises(LoadError):
        read_pdf(path)


def test_bytes_behind_the_header_are_refused(tmp_path: Path) -> None:
    """A file that only begins as a PDF is a LoadError."""
    path = tmp_path / "noise.pdf"
    path.write_bytes(b"%PDF-1.7\n" + random.Random(1).randbytes(100_000))

    with pytest.raises(LoadError, match="not a whole PDF"):
        read_pdf(path)


def test_half_a_file_is_refused_or_read_in_part(tmp_path: Path) -> None:
    """A PDF cut off in the middle is a LoadError, never a crash."""
    path = typeset(tmp_path, [Paragraph(SENTENCE * 80, BODY)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(LoadError):
        read_pdf(path)
