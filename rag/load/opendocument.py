"""OpenDocument texts and presentations → their blocks in order; notes and comments after their paragraph."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZipFile

from rag.load.extract import Extract
from rag.load.package import attribute, check_archive, joined, name_of, part, properties, running, tidied
from rag.load.slides import Box, reading_order
from rag.load.table import named_rows, table_text

Blocks: TypeAlias = Iterator[tuple[str, str]]  # kind and text

_SHAPES = frozenset("frame g a custom-shape rect ellipse circle line connector polyline polygon path caption".split())
_ASIDES = {"note": "Note", "annotation": "Comment"}
_SILENT = _SHAPES - {"a"} | _ASIDES.keys() | {"ruby-text", "hidden-text"}
_WRAPPERS = frozenset(
    "section index-title index-body alphabetical-index illustration-index table-index object-index user-index"
    " bibliography numbered-paragraph text-box".split()
)
_FURNITURE = ("date-time", "footer", "header", "page-number")
_MOST_REPEATED = 64  # columns: a cell that says it is there a million times is a bomb or the empty rest of a row
_LENGTH = re.compile(r"(-?\d+(?:\.\d+)?)(cm|mm|in|pt)")
_MICROMETRES = {"cm": 10_000, "mm": 1000, "in": 25_400, "pt": 25_400 / 72}


def read_odt(path: Path) -> Extract:
    """Headings with #, list items with -, table rows by column; title, author, date and language where it has them."""
    check_archive(path)
    with ZipFile(path) as archive:
        reader = _Reader(archive)
        blocks = [block for body in reader.content.iterfind("{*}body/{*}text") for block in reader.blocks(body)]
        title = next((text[2:] for kind, text in blocks if kind == "heading" and text.startswith("# ")), None)
        blocks += running(reader.around())
        return _extract(path, joined(blocks), title, reader.language())


def read_odp(path: Path) -> Extract:
    """A page for each slide with its title, its text in reading order and its notes, hidden slides too."""
    check_archive(path)
    with ZipFile(path) as archive:
        reader = _Reader(archive)
        slides = [list(reader.slide(page)) for page in reader.content.iterfind("{*}body/{*}presentation/{*}page")]
        title = next((text.lstrip("# ") for slide in slides[:1] for kind, text in slide if kind == "heading"), None)
        return _extract(path, tuple(joined(slide) + "\n" for slide in slides), title, reader.language())


def _extract(path: Path, text: str | tuple[str, ...], title: str | None, language: str | None) -> Extract:
    found = properties(path)
    return Extract(text, found.title or title, found.date, found.author, found.language or language)


class _Reader:
    """Reads the blocks of one document, with its styles and the objects in it."""

    def __init__(self, archive: ZipFile) -> None:
        self.archive = archive
        self.content, self.common = part(archive, "content.xml"), part(archive, "styles.xml")
        self.styles = {
            attribute(style, "name"): attribute(style, "parent-style-name")
            for root in (self.common, self.content)
            for style in root.iter("{*}style")
        }
        self.objects: dict[str, Any] = {}

    def language(self) -> str | None:
        """The language of the document's default style."""
        for style in self.common.iter("{*}default-style"):
            if attribute(style, "family") == "paragraph":
                look = style.find("{*}text-properties")
                language, country = attribute(look, "language"), attribute(look, "country")
                known = [name for name in (language, country) if name not in ("", "none", "zxx")]
                return "-".join(known) if language in known else None
        return None

    def around(self) -> Iterator[str]:
        """The texts of the headers and footers of the pages, without page numbers."""
        for page in self.common.iter("{*}master-page"):
            for element in page:
                if name_of(element).startswith(("header", "footer")) and attribute(element, "display") != "false":
                    for number in [*element.iter("{*}page-number", "{*}page-count")]:
                        number.text = None
                    yield "\n".join(text.lstrip("# ") for _, text in self.blocks(element))

    def blocks(self, parent: Any) -> Blocks:
        """The headings, paragraphs, lists, tables and shapes below an element."""
        for element in parent:
            tag = name_of(element)
            if tag in ("p", "h"):
                yield from self.paragraph(element)
            elif tag == "list":
                yield from self.items(element, 0)
            elif tag == "table":
                yield from self.table(element)
            elif tag in _WRAPPERS:
                yield from self.blocks(element)
            elif tag in _SHAPES:
                yield from self.shape(element)

    def paragraph(self, element: Any) -> Blocks:
        """A paragraph or heading, and after it its notes, its comments and the shapes in it."""
        kind, mark = self.kind(element)
        text = self.words(element)
        if text.strip():
            yield kind, mark + tidied(kind, text)
        for beside in _beside(element):
            yield from self.aside(beside) if name_of(beside) in _ASIDES else self.shape(beside)

    def kind(self, element: Any) -> tuple[str, str]:
        """What a paragraph is, and the mark before its words."""
        if name_of(element) == "h":
            level = attribute(element, "outline-level")
            return "heading", "#" * (min(int(level), 6) if level.isdecimal() and int(level) else 1) + " "
        style, seen = attribute(element, "style-name"), set[str]()
        while style and style not in seen:
            if style == "Title":
                return "heading", "# "
            if style == "Preformatted_20_Text":
                return "code", ""
            seen.add(style)
            style = self.styles.get(style, "")
        return "paragraph", ""

    def words(self, element: Any) -> str:
        """The text of a paragraph, with its formulas where they stand."""
        pieces = [_spaced(element.text)]
        for child in element:
            pieces += [self.word(child), _spaced(child.tail)]
        return "".join(pieces)

    def word(self, element: Any) -> str:
        """The text of an element inside a line."""
        match name_of(element):
            case "s":
                return " " * min(_count(element, "c"), _MOST_REPEATED)
            case "tab":
                return "\t"
            case "line-break":
                return "\n"
            case "frame":
                return " ".join(self.formula(found) for found in element.iterchildren("{*}object"))
            case tag:
                return self.words(element) if tag and tag not in _SILENT else ""

    def aside(self, element: Any) -> Blocks:
        """A footnote, endnote or comment."""
        text = " ".join(" ".join(map(self.words, element.iter("{*}p"))).split())
        if text:
            yield "aside", f"{_ASIDES[name_of(element)]}: {text}"

    def items(self, element: Any, depth: int) -> Blocks:
        """The items of a list, those of lists in it further in; headings in it stay headings."""
        indent = "  " * min(depth, 8)
        for item in element.iterchildren("{*}list-item", "{*}list-header"):
            mark = "- " if name_of(item) == "list-item" else ""
            for child in item:
                if name_of(child) == "list":
                    yield from self.items(child, depth + 1)
                    continue
                for kind, text in self.blocks([child]):
                    yield ("item", indent + mark + text.replace("\n", " ")) if kind == "paragraph" else (kind, text)
                    mark = "  "

    def table(self, element: Any) -> Blocks:
        """A table as a block, and after it its notes and comments."""
        asides: list[tuple[str, str]] = []
        below: dict[int, tuple[int, str]] = {}  # column → how many more rows a cell goes down, and its text
        rows = [(self.row(row, below, asides), is_header) for row, is_header in _rows(element)]
        header = [cells for cells, is_header in rows if is_header]
        others = [cells for cells, is_header in rows if not is_header]
        text = named_rows(header[0], others) if len(header) == 1 and others else table_text(header + others)
        if text:
            yield "table", text
        yield from asides

    def row(self, row: Any, below: dict[int, tuple[int, str]], asides: list[tuple[str, str]]) -> list[str]:
        """Cell texts; a cell that goes down over rows says the same in each."""
        cells: list[str] = []
        for cell in row.iterchildren("{*}table-cell", "{*}covered-table-cell"):
            further, text = below.pop(len(cells), (0, ""))
            if name_of(cell) == "table-cell":
                blocks = list(self.blocks(cell))
                asides += [block for block in blocks if block[0] == "aside"]
                text = " ".join(
                    text.lstrip("# ") if kind == "heading" else text for kind, text in blocks if kind != "aside"
                )
                further = _count(cell, "number-rows-spanned") - 1
            if further > 0:
                below[len(cells)] = (further - (name_of(cell) != "table-cell"), text)
            cells += [text] * min(_count(cell, "number-columns-repeated"), _MOST_REPEATED)
        return cells

    def shape(self, element: Any) -> Blocks:
        """The text of a shape or text box, the table or chart in a frame, or what a picture shows."""
        tag = name_of(element)
        if tag in ("g", "a"):
            yield from self.shapes(element)
            return
        blocks = list(self.blocks(element))
        for found in element.iterchildren("{*}object"):
            blocks += self.chart(found)
        shown = " ".join((element.findtext("{*}desc") or element.findtext("{*}title") or "").split())
        if not blocks and shown and tag == "frame" and element.find("{*}object") is None:
            blocks = [("paragraph", f"Picture: {shown}")]
        yield from blocks

    def shapes(self, parent: Any) -> Blocks:
        """The shapes of a slide or a group in reading order."""
        told = [(_box(child), blocks) for child in parent if (blocks := self.told(child))]
        for number in reading_order([box for box, _ in told]):
            yield from told[number][1]

    def told(self, element: Any) -> list[tuple[str, str]]:
        """What a shape on a slide says; nothing for the title and what stands on every slide."""
        is_apart = attribute(element, "class") in ("title", *_FURNITURE) or attribute(element, "placeholder") == "true"
        return list(self.shape(element)) if name_of(element) in _SHAPES and not is_apart else []

    def slide(self, page: Any) -> Blocks:
        """The title of a slide, its shapes, the notes of the speaker and the comments."""
        classes = {attribute(frame, "class"): frame for frame in page.iterchildren("{*}frame")}
        if "title" in classes:
            title = " ".join(" ".join(text for _, text in self.shape(classes["title"])).split())
            yield from [("heading", f"{'#' if 'subtitle' in classes else '##'} {title}")] if title else []
        yield from self.shapes(page)
        for frame in page.iterfind("{*}notes/{*}frame"):
            text = "\n".join(text for _, text in self.shape(frame)) if attribute(frame, "class") == "notes" else ""
            yield from [("paragraph", f"Notes: {text}")] if text else []
        for comment in page.iterchildren("{*}annotation"):
            yield from self.aside(comment)

    def formula(self, element: Any) -> str:
        """A formula as its author wrote it, such as `a over b`; nothing for another object."""
        root = self.object(element)
        if name_of(root) != "math":
            return ""
        written = root.findtext(".//{*}annotation")
        return " ".join((written or " ".join(root.itertext())).split())

    def chart(self, element: Any) -> Blocks:
        """The title and the table of a chart."""
        for found in self.object(element).iter("{*}title", "{*}table"):
            yield from self.table(found) if name_of(found) == "table" else self.blocks(found)

    def object(self, element: Any) -> Any:
        """The content of an object in the archive, read once."""
        name = attribute(element, "href").removeprefix("./") + "/content.xml"
        if name not in self.objects:
            self.objects[name] = part(self.archive, name)
        return self.objects[name]


def _beside(element: Any) -> Iterator[Any]:
    """The notes, comments and shapes in a paragraph."""
    for child in element:
        if name_of(child) in _SHAPES or name_of(child) in _ASIDES:
            yield child
        else:
            yield from _beside(child)


def _rows(parent: Any) -> Iterator[tuple[Any, bool]]:
    """The rows of a table, each once however often it is repeated, and whether it is marked as a header."""
    for child in parent:
        if name_of(child) == "table-row":
            yield child, name_of(parent) == "table-header-rows"
        elif name_of(child) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(child)


def _spaced(text: str | None) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text or "")


def _count(element: Any, name: str) -> int:
    count = attribute(element, name)
    return int(count) if count.isdecimal() and len(count) < 12 else 1


def _box(element: Any) -> Box | None:
    """Where a shape is on the slide, in micrometres."""
    lengths = [_LENGTH.fullmatch(attribute(element, name)) for name in ("x", "y", "width", "height")]
    sizes = [round(float(length[1]) * _MICROMETRES[length[2]]) for length in lengths if length]
    return (sizes[0], sizes[1], sizes[0] + sizes[2], sizes[1] + sizes[3]) if len(sizes) == 4 else None
