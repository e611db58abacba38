"""Pictures of pages, read by tesseract where it is installed."""

import re
import sys
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


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for tesseract")
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo Estimating resolution as 300 >&2; kill -KILL $$", "tesseract was ended by SIGKILL on a page"),
        ("echo Image too small >&2; exit 3", "tesseract failed with status 3 (Image too small)"),
    ],
)
def test_a_failure_of_tesseract_is_told_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    """What ended it is named, and its language only where it complains of that."""
    pytesseract = pytest.importorskip("pytesseract")
    program = tmp_path / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(program))

    with pytest.raises(LoadError, match=re.escape(told)) as failure:
        ocr.recognise(Image.new("L", (90, 90)))

    assert "language" not in str(failure.value)


def test_a_lack_of_memory_is_no_page_without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started to watch tesseract, whoever limits the memory hears of it."""
    pytesseract = pytest.importorskip("pytesseract")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pytesseract, "image_to_pdf_or_hocr", fail)

    with pytest.raises(MemoryError):
        ocr.recognise(Image.new("L", (90, 90)))


def test_a_scan_is_told_where_nothing_reads_it(tmp_path: Path) -> None:
    """Without a reader of pictures the error says what to install."""
    with pytest.raises(LoadError, match=r"pip install \"rag-over-documents\[ocr\]\""):
        read_pdf(scanned(tmp_path))
