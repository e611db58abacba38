"""PowerPoint presentations → a page per slide: title, text, tables and charts as they are read, then the notes."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZipFile

from rag.load.extract import Extract
from rag.load.package import (
    alt_text,
    attribute,
    check_archive,
    joined,
    name_of,
    part,
    properties,
    related,
    relations,
    words,
)
from rag.load.sheet import plain_number
from rag.load.table import named_rows, table_text

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "hdr", "sldNum")
_BODIES = ("", "obj", "body")  # placeholders with bullets that the slide master sets
_INSET = 0.1  # of a box's size: frames of neighbours overlap by their margins


def read_pptx(path: Path) -> Extract:
    """A page for each slide, hidden ones too; title, author, date and language where the file has them."""
    check_archive(path)
    found = properties(path)
    languages: Counter[str] = Counter()
    pages, titles, unread = [], [], 0
    with ZipFile(path) as archive:
        for name in _slides(archive):
            slide = part(archive, name)
            pages.append("\n\n".join(_page(archive, name, slide)) + "\n")
            titles.append(_title(slide))
            unread += sum(1 for _ in slide.iter("{*}oleObj"))
            for run in slide.iter("{*}r"):
                languages[attribute(run.find("{*}rPr"), "lang")] += len(words(run))
    title = found.title or next(iter(titles), "") or None
    language = found.language or (languages.most_common(1)[0][0] or None if languages else None)
    notes = (f"{unread} embedded {'object was' if unread == 1 else 'objects were'} not read",) if unread else ()
    return Extract(tuple(pages), title, found.date, found.author, language, notes=notes)


def reading_order(boxes: Sequence[Box | None]) -> list[int]:
    """The numbers of the boxes as they are read: by columns or by rows, whichever keeps more of the given order.

    Boxes that no straight line parts, or of which one has no place, stay in the given order.
    """
    placed = [box for box in boxes if box is not None]
    numbers = list(range(len(boxes)))
    if len(placed) < len(boxes):
        return numbers
    orders = [_cut(placed, numbers, axes) for axes in ((0, 1), (1, 0))]
    return max(orders, key=lambda order: sum(after - before == 1 for before, after in pairwise(order)))


def _cut(boxes: Sequence[Box], numbers: list[int], axes: tuple[int, int]) -> list[int]:
    for axis in axes:
        parts = _parted(boxes, numbers, axis)
        if len(parts) > 1:
            return [number for group in parts for number in _cut(boxes, group, axes)]
    return numbers


def _parted(boxes: Sequence[Box], numbers: list[int], axis: int) -> list[list[int]]:
    """The boxes in groups with a gap between them along an axis: 0 from left to right, 1 from top to bottom."""
    spans = []
    for number in numbers:
        low, high = boxes[number][axis], boxes[number][axis + 2]
        margin = (high - low) * _INSET
        spans.append((low + margin, high - margin, number))
    groups: list[list[int]] = []
    reach = -math.inf
    for start, end, number in sorted(spans):
        if start >= reach:
            groups.append([])
        groups[-1].append(number)
        reach = max(reach, end)
    return [sorted(group) for group in groups]


def _slides(archive: ZipFile) -> list[str]:
    """The names of the slides in the order of the presentation."""
    main = related(archive, "", "officeDocument")
    parts = relations(archive, main)
    listed = [slide.attrib for slide in part(archive, main).iterfind("{*}sldIdLst/{*}sldId")]
    ids = [value for attributes in listed for key, value in attributes.items() if key.endswith("}id")]
    return [parts[number][1] for number in ids if number in parts]


def _page(archive: ZipFile, name: str, slide: Any) -> Iterator[str]:
    if title := _title(slide):
        yield f"{'#' if _is_opening(slide) else '##'} {title}"
    yield from _Reader(archive, name).shapes(slide.find("{*}cSld/{*}spTree"))
    notes = part(archive, related(archive, name, "notesSlide"))
    spoken = [_frame(shape, "") for shape in notes.iter("{*}sp") if _placeholder(shape) == "body"]
    if text := "\n".join(filter(None, spoken)):
        yield f"Notes: {text}"
    for comment in part(archive, related(archive, name, "comments")).iter("{*}cm"):
        yield f"Comment: {words(comment) or comment.findtext('{*}text', '')}"


def _title(slide: Any) -> str:
    titles = [shape for shape in slide.iter("{*}sp") if _placeholder(shape) in _TITLES]
    return " ".join(_frame(titles[0], "title").split()) if titles else ""


def _is_opening(slide: Any) -> bool:
    return any(attribute(place, "type") == "ctrTitle" for place in slide.iter("{*}ph"))


def _placeholder(shape: Any) -> str | None:
    """The kind of a placeholder, or None for another shape."""
    place = shape.find("{*}nvSpPr/{*}nvPr/{*}ph")
    return None if place is None else attribute(place, "type")


def _frame(shape: Any, kind: str | None) -> str:
    """The lines of a shape's text; those with a bullet, or of a body with several, as items by their level."""
    paragraphs = [p for p in shape.iterfind("{*}txBody/{*}p") if words(p).strip()]
    has_bullets = kind in _BODIES and len(paragraphs) > 1
    return joined(_line(paragraph, has_bullets=has_bullets) for paragraph in paragraphs)


def _line(paragraph: Any, *, has_bullets: bool) -> tuple[str, str]:
    look = paragraph.find("{*}pPr")
    level = attribute(look, "lvl")
    depth = min(int(level), 8) if level.isdecimal() else 0
    marks = {name_of(child) for child in look} if look is not None else set()
    is_item = bool(marks & {"buChar", "buAutoNum", "buBlip"}) or ("buNone" not in marks and (has_bullets or depth > 0))
    text = words(paragraph).strip()
    return ("item", "  " * depth + "- " + " ".join(text.split())) if is_item else ("paragraph", text)


class _Reader:
    """Reads the shapes of one slide, with the parts that it refers to."""

    def __init__(self, archive: ZipFile, name: str) -> None:
        self.archive = archive
        self.parts = relations(archive, name)
        layout = related(archive, name, "slideLayout")
        self.models = [part(archive, layout), part(archive, related(archive, layout, "slideMaster"))]

    def shapes(self, tree: Any) -> Iterator[str]:
        """The texts of the shapes in a tree or a group, in reading order."""
        shapes = [(shape, self.text(shape)) for shape in _opened(tree)]
        told = [(self.box(shape), text) for shape, text in shapes if text]
        yield from (told[number][1] for number in reading_order([box for box, _ in told]))

    def text(self, shape: Any) -> str:
        """What a shape says; nothing for the title and what stands on every slide."""
        match name_of(shape):
            case "grpSp":
                return "\n\n".join(self.shapes(shape))
            case "pic":
                shown = alt_text(shape.find("{*}nvPicPr/{*}cNvPr"))
                return f"Picture: {shown}" if shown else ""
            case "graphicFrame":
                return self.graphic(shape)
            case _:
                kind = _placeholder(shape)
                return "" if kind in _TITLES or kind in _FURNITURE else _frame(shape, kind)

    def graphic(self, frame: Any) -> str:
        """A table, a chart or a diagram."""
        table = frame.find(".//{*}tbl")
        if table is not None:
            is_marked = attribute(table.find("{*}tblPr"), "firstRow") in ("1", "true")
            return table_text(_rows(table), is_marked=is_marked)
        for element in frame.iterfind("{*}graphic/{*}graphicData/*"):
            number = attribute(element, "dm" if name_of(element) == "relIds" else "id")
            kind, name = self.parts.get(number, ("", ""))
            if kind == "chart":
                return _chart(part(self.archive, name))
            if kind == "diagramData":
                lines = [" ".join(words(p).split()) for p in part(self.archive, name).iter("{*}p")]
                return "\n".join(f"- {line}" for line in lines if line)
        return ""

    def box(self, shape: Any) -> Box | None:
        """Where a shape is on the slide, or where its layout puts it."""
        for place in (shape, *self.model(shape)):
            frame = (
                next(place.iterfind("*/{*}xfrm"), None) if name_of(place) != "graphicFrame" else place.find("{*}xfrm")
            )
            if frame is not None and (found := _box(frame)):
                return found
        return None

    def model(self, shape: Any) -> Iterator[Any]:
        """The placeholders of the layout and the master that a placeholder takes its place from."""
        mine = next(shape.iterfind("*/{*}nvPr/{*}ph"), None)
        for model in self.models if mine is not None else ():
            for place in model.iter("{*}ph"):
                if any(attribute(place, key) == attribute(mine, key) != "" for key in ("idx", "type")):
                    yield place.getparent().getparent().getparent()


def _opened(tree: Any) -> Iterator[Any]:
    """The shapes in a tree, of alternatives the first."""
    for child in tree:
        tag = name_of(child)
        if tag == "AlternateContent":
            yield from _opened(child[0])
        elif tag in ("sp", "grpSp", "pic", "graphicFrame"):
            yield child


def _box(frame: Any) -> Box | None:
    values = [
        attribute(frame.find("{*}" + name), key)
        for name, key in (("off", "x"), ("off", "y"), ("ext", "cx"), ("ext", "cy"))
    ]
    if not all(value.lstrip("-").isdecimal() for value in values):
        return None
    left, top, width, height = map(int, values)
    return left, top, left + width, top + height


def _rows(table: Any) -> list[list[str]]:
    """Cell texts by row; a cell merged with the one above says the same."""
    rows: list[list[str]] = []
    for row in table.iterfind("{*}tr"):
        above = rows[-1] if rows else []
        cells: list[str] = []
        for cell in row.iterfind("{*}tc"):
            text = " ".join(words(paragraph) for paragraph in cell.iterfind("{*}txBody/{*}p"))
            is_below = attribute(cell, "vMerge") in ("1", "true") and len(cells) < len(above)
            cells.append(above[len(cells)] if is_below else text)
        rows.append(cells)
    return rows


def _chart(root: Any) -> str:
    """A chart as its title and a row for each category or point with the value of each series."""
    rows: dict[str, list[str]] = {}
    for series in root.iter("{*}ser"):
        name = "".join(value.text or "" for value in series.iterfind("{*}tx//{*}v"))
        labels = {**_points(series, "cat"), **_points(series, "xVal")}
        for number, value in {**_points(series, "val"), **_points(series, "yVal")}.items():
            label = labels.get(number, number)
            rows.setdefault(label, [label]).append(f"{name}: {value}" if name else value)
    title = " ".join("".join(map(words, root.iterfind("{*}chart/{*}title//{*}p"))).split())
    return "\n\n".join(filter(None, [title, named_rows([], rows.values())]))


def _points(series: Any, kind: str) -> dict[str, str]:
    """The points of a part of a series by their number; of several levels of categories the innermost."""
    points: dict[str, str] = {}
    for point in series.iterfind("{*}" + kind + "//{*}pt"):
        points.setdefault(attribute(point, "idx"), _value(point.findtext("{*}v", "")))
    return points


def _value(text: str) -> str:
    try:
        return plain_number(float(text))
    except ValueError:
        return text
