"""Pictures of pages, read by tesseract where it is installed."""

from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from rag.errors import LoadError
from rag.load import ocr
from rag.load.boxes import places
from rag.load.pdf import read_pdf

installed = pytest.mark.skipif(ocr.recogniser() is None, reason="tesseract or pytesseract is not installed")


def scanned(folder: Path) -> Path:
    """A page with a heading and a paragraph of two lines, as a picture in a PDF."""
    canvas = Canvas(str(folder / "typed.pdf"))
    canvas.setFont("Helvetica-Bold", 22)
    canvas.drawString(72, 700, "The harbour tunnel")
    canvas.setFont("Helvetica", 12)
    canvas.drawString(72, 660, "The tunnel under the harbour carried forty thousand cars")
    canvas.drawString(72, 645, "a day before it closed.")
    canvas.save()
    with pypdfium2.PdfDocument(folder / "typed.pdf") as document:
        picture = document[0].render(scale=200 / 72).to_pil()
    picture.save(folder / "scanned.pdf", resolution=200)
    return folder / "scanned.pdf"


@installed
def test_a_scan_is_read_as_headings_and_paragraphs(tmp_path: Path) -> None:
    """What tesseract reads goes through the layout of other pages."""
    extract = read_pdf(scanned(tmp_path), ocr.recognise)

    assert extract.text == (
        "# The harbour tunnel\n\nThe tunnel under the harbour carried forty thousand cars a day before it closed.\n",
    )
    assert extract.notes == ("page 1 was read by OCR",)


@installed
def test_words_of_a_scan_have_their_places(tmp_path: Path) -> None:
    """A word of a scan is marked where the picture has it."""
    found = places(scanned(tmp_path), ocr.recognise)
    start = found.text.index("before")

    (box,) = found.boxes(start, start + 6)

    assert (box.left, box.bottom, box.right) == pytest.approx((104, 643, 142), abs=4)


@installed
def test_a_language_that_is_not_installed_is_told() -> None:
    """A failure of tesseract is a LoadError that names the language."""
    with pytest.raises(LoadError, match="language xyz"):
        ocr.recognise(Image.new("L", (90, 90)), "xyz")


def test_a_scan_is_told_where_nothing_reads_it(tmp_path: Path) -> None:
    """Without a reader of pictures the error says what to install."""
    with pytest.raises(LoadError, match=r"pip install \"rag-over-documents\[ocr\]\""):
        read_pdf(scanned(tmp_path))
