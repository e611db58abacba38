"""Word documents → paragraphs and tables in document order."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.table import table_text

if TYPE_CHECKING:
    from docx.document import Document
    from docx.opc.coreprops import CoreProperties

_OLE = b"\xd0\xcf\x11\xe0"  # first bytes of an encrypted document, and of a .doc
_LARGEST_PART = 500 * 2**20  # bytes: a part that unpacks to more is a bomb or holds no prose
_TEMPLATE_DATE = "2013-12-23"  # python-docx 1.2 leaves the day of its own template in documents it creates
_HEADING = re.compile(r"(?:heading|überschrift|titre) ?([1-9])", re.IGNORECASE)


def read_docx(path: Path) -> Extract:
    """Headings with #, list items with -, table rows by column; title and date from the properties."""
    from docx import Document

    _check_archive(path)
    with path.open("rb") as file:
        document = Document(file)
    blocks = list(_blocks(document, document.element.body))
    heading = next((text[2:] for kind, text in blocks if kind == "heading" and text.startswith("# ")), None)
    properties = _properties(document)
    title, date = (properties.title.strip(), _date(properties)) if properties else ("", None)
    return Extract(_joined(blocks), title or heading, date)


def _check_archive(path: Path) -> None:
    with path.open("rb") as file:
        first = file.read(4)
    if first == _OLE:
        raise LoadError("it is locked with a password, or an old .doc; save it as .docx without a password")
    if first[:2] != b"PK":
        raise LoadError("it is not a Word document; give the file the suffix of its real format")
    with zipfile.ZipFile(path) as archive:
        largest = max((part.file_size for part in archive.infolist()), default=0)
    if largest > _LARGEST_PART:
        raise LoadError(f"a part of it unpacks to {largest / 2**20:.0f} MiB; split the document")


def _properties(document: "Document") -> "CoreProperties | None":
    """The properties in the file; python-docx 1.2 makes up some, of this moment, where there are none."""
    parts = document.part.package.rels.values()
    return document.core_properties if any(part.reltype.endswith("/core-properties") for part in parts) else None


def _date(properties: "CoreProperties") -> str | None:
    """The day of creation, else of the last change."""
    days = [moment.date().isoformat() for moment in (properties.created, properties.modified) if moment]
    return next((day for day in days if day != _TEMPLATE_DATE), None)


def _blocks(document: "Document", parent: Any) -> Iterator[tuple[str, str]]:
    """(kind, text) of each paragraph and table below an element; content controls and insertions are opened."""
    for element in parent:
        tag = _name(element)
        if tag == "p":
            kind, mark = _kind(document, element)
            if kind != "contents" and (words := _words(element).strip()):
                yield kind, mark + (" ".join(words.split()) if kind == "heading" else words)
        elif tag == "tbl":
            if text := table_text(_rows(element)):
                yield "table", text
        elif tag in ("sdt", "sdtContent", "ins", "customXml"):
            yield from _blocks(document, element)


def _joined(blocks: list[tuple[str, str]]) -> str:
    """Blocks with an empty line between them, but none between the items of a list."""
    text, last = "", ""
    for kind, words in blocks:
        text += ("\n" if kind == last == "item" else "\n\n") + words
        last = kind
    return text


def _kind(document: "Document", paragraph: Any) -> tuple[str, str]:
    """What a paragraph is, and the mark before its words."""
    style: Any = document.part.get_style(paragraph.style, _paragraph_type())
    names = []
    while style is not None:
        names.append(style.name or "")
        style = style.base_style
    for name in names:
        if heading := _HEADING.match(name):
            return "heading", "#" * min(int(heading[1]), 6) + " "
        if name == "Title":
            return "heading", "# "
        if name.lower().startswith("toc "):
            return "contents", ""  # a list of the headings, which are read where they stand
    is_item = bool(paragraph.xpath("./w:pPr/w:numPr")) or any(name.startswith("List") for name in names[:1])
    return ("item", "- ") if is_item else ("paragraph", "")


def _paragraph_type() -> Any:
    from docx.enum.style import WD_STYLE_TYPE

    return WD_STYLE_TYPE.PARAGRAPH


def _rows(table: Any) -> list[list[str]]:
    """Cell texts by row; a cell that spans columns is followed by empty ones."""
    rows = []
    for row in table.xpath("./w:tr | ./w:sdt/w:sdtContent/w:tr"):
        cells: list[str] = []
        for cell in row.xpath("./w:tc | ./w:sdt/w:sdtContent/w:tc"):
            span = cell.xpath("number(./w:tcPr/w:gridSpan/@w:val)")
            words = " ".join(_words(paragraph) for paragraph in cell.xpath(".//w:p"))
            cells += [words, *[""] * (int(span) - 1 if span == span else 0)]
        rows.append(cells)
    return rows


def _words(element: Any) -> str:
    """The text of a paragraph as it reads with its tracked changes accepted."""
    tag = _name(element)
    if tag == "t":
        return element.text or ""
    if tag in ("tab", "ptab", "br", "cr"):
        return "\t" if tag.endswith("tab") else "\n"
    if tag == "noBreakHyphen":
        return "-"
    if tag in ("Fallback", "del", "moveFrom", "pPr", "rPr", "instrText"):
        return ""
    return "".join(_words(child) for child in element)


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
