"""Every format: what was written is found whole, once, at the place and on the page that a citation would name."""

import csv
import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

import rag
from rag import Settings
from rag.index.store import Store
from tests.fakes import HashEmbedding
from tests.files import epub, odf, zipped

COUNT = 600
SPANS = 500
LINES = 30  # sentences on a page
SENTENCES = [f"Keeper {number} counted {number * 7 % 911} bees in hive {number % 13}." for number in range(COUNT)]
PAGED = {".pdf", ".pptx", ".odp"}


def pages() -> Iterator[list[str]]:
    """The sentences by page."""
    return (SENTENCES[at : at + LINES] for at in range(0, COUNT, LINES))


def paragraphs() -> str:
    """The sentences, each a paragraph."""
    return "\n\n".join(SENTENCES)


def pdf(path: Path) -> None:
    """A sentence a line, with a running head and a page number."""
    canvas = Canvas(str(path), pagesize=A4)
    for number, page in enumerate(pages(), 1):
        canvas.drawString(72, 810, "The Bee Keepers' Yearbook")
        for at, sentence in enumerate(page):
            canvas.drawString(72, 770 - 22 * at, sentence)
        canvas.drawString(290, 30, str(number))
        canvas.showPage()
    canvas.save()


def docx(path: Path) -> None:
    """A sentence a paragraph."""
    import docx

    document = docx.Document()
    for sentence in SENTENCES:
        document.add_paragraph(sentence)
    document.save(str(path))


def pptx(path: Path) -> None:
    """A slide a page."""
    import pptx

    deck = pptx.Presentation()
    for page in pages():
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.placeholders[1].text = "\n".join(page)
    deck.save(str(path))


def xlsx(path: Path) -> None:
    """A sentence a row, with a number beside it."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Bees")
        sheet.write_row(0, 0, ["Sentence", "Number"])
        for row, sentence in enumerate(SENTENCES, 1):
            sheet.write_row(row, 0, [sentence, row])


def table(delimiter: str) -> Callable[[Path], object]:
    """A row a sentence."""

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows(
                [("Sentence", "Number"), *((sentence, len(sentence)) for sentence in SENTENCES)]
            )

    return write


def data(content: bytes) -> Callable[[Path], object]:
    """A file of these bytes."""
    return lambda path: path.write_bytes(content)


def text(content: str) -> Callable[[Path], object]:
    """A file of these characters."""
    return lambda path: path.write_text(content, encoding="utf-8")


TAGGED = "".join(f"<p>{sentence}</p>" for sentence in SENTENCES)
ODF = "".join(f"<text:p>{sentence}</text:p>" for sentence in SENTENCES)
ODP = "".join(
    "<draw:page><draw:frame><draw:text-box>"
    + "".join(f"<text:p>{sentence}</text:p>" for sentence in page)
    + "</draw:text-box></draw:frame></draw:page>"
    for page in pages()
)
ODS = "".join(
    f"<table:table-row><table:table-cell office:value-type='string'><text:p>{sentence}</text:p></table:table-cell>"
    "</table:table-row>"
    for sentence in SENTENCES
)
RECORDS = [{"sentence": sentence, "number": number} for number, sentence in enumerate(SENTENCES)]
CELLS = [{"cell_type": "markdown", "source": sentence} for sentence in SENTENCES]
WRITERS: Mapping[str, Callable[[Path], object]] = {
    ".txt": text(paragraphs()),
    ".md": text(paragraphs()),
    ".rst": text(paragraphs()),
    ".org": text(paragraphs()),
    ".html": text(f"<html><body><article>{TAGGED}</article></body></html>"),
    ".rtf": text("{\\rtf1\\ansi " + "\\par\\par ".join(SENTENCES) + "}"),
    ".eml": text(f"From: a@example.org\nSubject: Bees\n\n{paragraphs()}"),
    ".xml": text(f"<book>{TAGGED}</book>"),
    ".json": text(json.dumps(RECORDS)),
    ".jsonl": text("\n".join(map(json.dumps, RECORDS))),
    ".ipynb": text(json.dumps({"cells": CELLS, "metadata": {}, "nbformat": 4})),
    ".csv": table(","),
    ".tsv": table("\t"),
    ".pdf": pdf,
    ".docx": docx,
    ".pptx": pptx,
    ".xlsx": xlsx,
    ".odt": data(odf("text", f"<office:text>{ODF}</office:text>")),
    ".odp": data(odf("presentation", f"<office:presentation>{ODP}</office:presentation>")),
    ".ods": data(
        odf(
            "spreadsheet",
            f"<office:spreadsheet><table:table table:name='Bees'>{ODS}</table:table></office:spreadsheet>",
        )
    ),
    ".epub": data(epub(TAGGED)),
    ".zip": data(zipped({"a.txt": paragraphs()})),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index over one file of each format."""
    place = tmp_path_factory.mktemp("places")
    folder = place / "documents"
    folder.mkdir()
    for suffix, write in WRITERS.items():
        write(folder / f"bees{suffix}")
    settings = Settings(home=place / "home", load_processes=1)
    report = rag.ingest(folder, settings, embedder=HashEmbedding(model_name="hash"))
    assert (report.skipped, len(report.added)) == ((), len(WRITERS))
    opened = Store.open(settings)
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_what_was_written_is_found_at_its_place(store: Store, suffix: str) -> None:
    """500 sentences: each stands once in the text, in chunks that are slices of it, and on the page it was put on."""
    document = store.catalog.document(f"bees{suffix}")
    chunks = [chunk for chunk in store.catalog.added_since(0) if chunk.span.document_id == f"bees{suffix}"]
    assert document is not None

    for number in random.Random(suffix).sample(range(COUNT), SPANS):
        sentence = SENTENCES[number]
        start = document.text.index(sentence)
        end = start + len(sentence)
        holding = [chunk for chunk in chunks if chunk.span.start <= start and end <= chunk.span.end]

        assert document.text.count(sentence) == 1
        assert [chunk.text[start - chunk.span.start : end - chunk.span.start] for chunk in holding] == [sentence]
        assert document.page_at(start) == (number // LINES + 1 if suffix in PAGED else None)
