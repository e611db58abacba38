"""Word documents → paragraphs and tables in document order; notes and comments after the paragraph they belong to."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from rag.load.extract import Extract, hidden_note
from rag.load.package import (
    alt_text,
    attribute,
    check_archive,
    is_page_number,
    joined,
    name_of,
    part,
    properties,
    related,
    relations,
    running,
    tidied,
    words,
)
from rag.load.table import table_text

_HEADING = re.compile(r"(?:heading|überschrift|titre) ?([1-9])", re.IGNORECASE)
_CODE = re.compile(r"html preformatted|preformatted text|macro|(?:source )?code(?: block)?", re.IGNORECASE)
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # a run names a language for each kind of script
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_WRAPPERS = ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent", "Choice")
_REMOVED = ("Fallback", "del", "moveFrom")
_LOOKS = (("tblStyle", "val"), ("tblLook", "firstRow"))
_AROUND = ("header", "footer")
_OFF = ("0", "false", "off", "none")
_SMALLEST = 2  # half points: one point, which nobody reads
_WHITE = ("FFFFFF", "auto", "clear", "nil", "")
_ASIDES = {"footnotes": "Note", "endnotes": "Note", "comments": "Comment"}


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the other parts of a document say of the paragraphs in its body."""

    kinds: Mapping[str, tuple[str, str]]  # style → what its paragraphs are, and the mark before their words
    asides: Mapping[tuple[str, str], str]  # name of the reference and its number → note or comment
    headed: frozenset[str]  # styles of tables that show the first row as a header


@dataclass(frozen=True, slots=True)
class _Looks:
    """What the styles and the page of a document say of how words look."""

    vanishing: frozenset[str]  # styles whose words are hidden
    shaded: frozenset[str]  # styles whose words have something dark behind them
    is_white: bool  # the page


def read_docx(path: Path) -> Extract:
    """Headings with #, list items with -, table rows by column; title, author, date and language where it has them.

    Words that are set as hidden, white on nothing or in a point are left out, and noted.
    """
    check_archive(path)
    found = properties(path)
    with ZipFile(path) as archive:
        main = related(archive, "", "officeDocument")
        document, styles = part(archive, main), part(archive, related(archive, main, "styles"))
        looks = _looks(styles, document)
        notes = {kind: part(archive, related(archive, main, kind)) for kind in _ASIDES}
        around = [(kind, part(archive, name)) for kind, name in relations(archive, main).values() if kind in _AROUND]
    left_out = sum(_without_hidden(root, looks) for root in (document, *notes.values(), *(it for _, it in around)))
    parts = _Parts(_kinds(styles), _asides(notes), _headed(styles))
    blocks = list(_blocks(parts, document))
    heading = next((text[2:] for kind, text in blocks if kind == "heading" and text.startswith("# ")), None)
    default = None if found.is_generated else styles.find(".//{*}rPrDefault//{*}lang")
    language = found.language or _language(document, default)
    blocks += running(_around(parts, root) for _, root in sorted(around, key=lambda named: named[0], reverse=True))
    noted = (*_left_out(document), *hidden_note(left_out))
    return Extract(joined(blocks), found.title or heading, found.date, found.author, language, notes=noted)


def _looks(styles: Any, document: Any) -> _Looks:
    by_id = {attribute(style, "styleId"): style for style in styles.iterchildren("{*}style")}
    vanishing = (name for name in by_id if _is_on(_said(by_id, name, ("{*}rPr/{*}vanish",))))
    shaded = (name for name in by_id if _is_dark(_said(by_id, name, ("{*}rPr/{*}shd", "{*}pPr/{*}shd"))))
    is_white = attribute(document.find("{*}background"), "color").upper() in _WHITE
    return _Looks(frozenset(vanishing), frozenset(shaded), is_white)


def _said(styles: Mapping[str, Any], name: str, ways: Sequence[str]) -> Any:
    """What a style, or the first of those that it is based on, has there; None where none has."""
    seen = set()
    while name in styles and name not in seen:
        for way in ways:
            if (mark := styles[name].find(way)) is not None:
                return mark
        seen.add(name)
        name = attribute(styles[name].find("{*}basedOn"), "val")
    return None


def _is_on(mark: Any) -> bool:
    return mark is not None and attribute(mark, "val") not in _OFF


def _is_dark(shade: Any) -> bool:
    return shade is not None and attribute(shade, "fill").upper() not in _WHITE


def _without_hidden(root: Any, looks: _Looks) -> int:
    """The number of characters that nobody sees, which are taken out of the part."""
    marks = root.iter("{*}vanish", "{*}color", "{*}sz", *(("{*}rStyle", "{*}pStyle") if looks.vanishing else ()))
    if not any(_may_hide(mark, looks) for mark in marks):  # looking at each run takes a quarter of the time of reading
        return 0
    left_out = 0
    for run in list(root.iter("{*}r")):
        if _is_hidden(run, looks):
            for piece in list(run.iterchildren("{*}t")):
                left_out += len(piece.text or "")
                run.remove(piece)
    return left_out


def _may_hide(mark: Any, looks: _Looks) -> bool:
    said = attribute(mark, "val")
    match name_of(mark):
        case "vanish":
            return True
        case "color":
            return said.upper() == "FFFFFF"
        case "sz":
            return _is_tiny(said)
        case _:
            return said in looks.vanishing


def _is_tiny(size: str) -> bool:
    return size.isdecimal() and int(size) <= _SMALLEST


def _is_hidden(run: Any, looks: _Looks) -> bool:
    """True for words that are hidden, white on white, or smaller than can be read."""
    look = run.find("{*}rPr")
    style = "" if look is None else attribute(look.find("{*}rStyle"), "val")
    above = attribute(_paragraph_of(run).find("{*}pPr/{*}pStyle"), "val")
    mark = None if look is None else look.find("{*}vanish")
    if mark is not None or style in looks.vanishing or above in looks.vanishing:
        return mark is None or _is_on(mark)
    if look is None:
        return False
    is_white = attribute(look.find("{*}color"), "val").upper() == "FFFFFF" and looks.is_white
    is_shaded = style in looks.shaded or above in looks.shaded
    return _is_tiny(attribute(look.find("{*}sz"), "val")) or (is_white and not is_shaded and not _is_on_dark(run))


def _paragraph_of(run: Any) -> Any:
    return next(run.iterancestors("{*}p"), run)


def _is_on_dark(run: Any) -> bool:
    """True where something dark may lie behind a run: a shade, a highlight, a table with a style, a shape."""
    for outer in (run, *run.iterancestors()):
        if name_of(outer) in ("txbxContent", "drawing", "pict") or outer.find("{*}tblPr/{*}tblStyle") is not None:
            return True
        shades = (outer.find(f"{{*}}{kind}/{{*}}shd") for kind in ("rPr", "pPr", "tcPr", "tblPr"))
        if any(map(_is_dark, shades)) or outer.find("{*}rPr/{*}highlight") is not None:
            return True
    return False


def _kinds(styles: Any) -> dict[str, tuple[str, str]]:
    by_id = {attribute(style, "styleId"): style for style in styles.iterchildren("{*}style")}
    return {name: _inherited(by_id, name) for name in by_id}


def _inherited(styles: Mapping[str, Any], name: str) -> tuple[str, str]:
    """What a style, or the first of those that it is based on, makes of a paragraph."""
    seen = set()
    while name in styles and name not in seen:
        if kind := _kind_of_style(styles[name]):
            return kind
        seen.add(name)
        name = attribute(styles[name].find("{*}basedOn"), "val")
    return "paragraph", ""


def _kind_of_style(style: Any) -> tuple[str, str] | None:
    name = attribute(style.find("{*}name"), "val")
    if heading := _HEADING.match(name):
        return _heading(int(heading[1]))
    if name == "Title":
        return _heading(1)
    if name.lower().startswith("toc "):
        return "contents", ""  # a list of the headings, which are read where they stand
    if _CODE.fullmatch(name):
        return "code", ""
    if level := _outline(style):
        return _heading(level)
    if name.startswith("List") or style.find("{*}pPr/{*}numPr") is not None:
        return "item", _bullet(int(name[-1]) - 1 if name[-1:].isdecimal() else 0)
    return None


def _kind(parts: _Parts, paragraph: Any) -> tuple[str, str]:
    """What a paragraph is, and the mark before its words."""
    kind, mark = parts.kinds.get(attribute(paragraph.find("{*}pPr/{*}pStyle"), "val"), ("paragraph", ""))
    if kind != "paragraph" and kind != "item":
        return kind, mark
    if level := _outline(paragraph):
        return _heading(level)
    number = paragraph.find("{*}pPr/{*}numPr")
    if number is None:
        return kind, mark
    if attribute(number.find("{*}numId"), "val") == "0":  # takes away the number of the style
        return "paragraph", ""
    depth = attribute(number.find("{*}ilvl"), "val")
    return "item", _bullet(int(depth)) if depth.isdecimal() else mark or _bullet(0)


def _outline(element: Any) -> int:
    """The level of a heading from 1, or 0 for other text."""
    level = attribute(element.find("{*}pPr/{*}outlineLvl"), "val")
    return int(level) + 1 if level in tuple("012345678") else 0


def _heading(level: int) -> tuple[str, str]:
    return "heading", "#" * min(level, 6) + " "


def _bullet(level: int) -> str:
    return "  " * min(level, 8) + "- "


def _asides(notes: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The footnotes, endnotes and comments of a document, by what refers to them."""
    asides = {}
    for kind, label in _ASIDES.items():
        for aside in notes[kind]:
            text = " ".join(" ".join(map(words, aside.iter("{*}p"))).split())
            asides[kind[:-1] + "Reference", attribute(aside, "id")] = f"{label}: {text}" if text else ""
    return asides


def _headed(styles: Any) -> frozenset[str]:
    looks = styles.iterfind("{*}style/{*}tblStylePr")
    return frozenset(attribute(look.getparent(), "styleId") for look in looks if attribute(look, "type") == "firstRow")


def _around(parts: _Parts, root: Any) -> str:
    """The lines of a header or footer without its page numbers."""
    is_number = False
    for element in list(root.iter()):
        tag = name_of(element)
        if tag == "instrText":
            is_number = is_number or is_page_number(element.text or "")
        elif tag == "fldChar" and attribute(element, "fldCharType") == "end":
            is_number = False
        elif (tag == "t" and is_number) or (tag == "fldSimple" and is_page_number(attribute(element, "instr"))):
            element.clear()
    return "\n".join(text.lstrip("# ") if kind == "heading" else text for kind, text in _blocks(parts, root))


def _blocks(parts: _Parts, parent: Any) -> Iterator[tuple[str, str]]:
    """(kind, text) of each paragraph and table below an element; content controls and insertions are opened."""
    for element in parent:
        tag = name_of(element)
        if tag == "p":
            yield from _paragraph(parts, element)
        elif tag == "tbl":
            yield from _table(parts, element)
        elif tag in ("oMathPara", "oMath"):
            yield "paragraph", words(element).strip()
        elif tag == "body" or tag in _WRAPPERS:
            yield from _blocks(parts, element)


def _paragraph(parts: _Parts, element: Any) -> Iterator[tuple[str, str]]:
    """A paragraph, and after it its text boxes, its notes and what its pictures show."""
    kind, mark = _kind(parts, element)
    if kind == "contents":
        return
    text = words(element)
    if text.strip():
        yield kind, mark + tidied(kind, text)
    for aside in _beside(element):
        if name_of(aside) == "txbxContent":
            yield from _blocks(parts, aside)
        elif text := _aside(parts, aside):
            yield "aside", text


def _beside(element: Any) -> Iterator[Any]:
    """The text boxes, words as pictures, references and pictures in a paragraph."""
    for child in element:
        tag = name_of(child)
        if tag in ("txbxContent", "docPr", "textpath") or tag.endswith("Reference"):
            yield child
        elif tag not in _REMOVED:
            yield from _beside(child)


def _aside(parts: _Parts, element: Any) -> str:
    if name_of(element) == "docPr":
        text = alt_text(element)
        return f"Picture: {text}" if text else ""
    if name_of(element) == "textpath":
        return " ".join(attribute(element, "string").split())
    return parts.asides.get((name_of(element), attribute(element, "id")), "")


def _table(parts: _Parts, table: Any) -> Iterator[tuple[str, str]]:
    """A table as a block, and after it its notes; the blocks in a table of one column, which only lays out the page."""
    rows = [(_before(row), list(_opened(row, "tc"))) for row in _opened(table, "tr")]
    if max((before + len(row) for before, row in rows), default=0) <= 1:
        yield from (block for _, row in rows for cell in row for block in _blocks(parts, cell))
        return
    texts: list[list[str]] = []
    asides = []
    for before, row in rows:
        cells = [""] * before
        above = texts[-1] if texts else []
        for cell in row:
            blocks = list(_blocks(parts, cell))
            asides += [block for block in blocks if block[0] == "aside"]
            cells += _cell(cell, blocks, above[len(cells) : len(cells) + 1])
        texts.append(cells)
    if text := table_text(texts, is_marked=_is_marked(parts, table, [row for _, row in rows])):
        yield "table", text
    yield from asides


def _before(row: Any) -> int:
    """The columns of the table that a row leaves out on its left."""
    count = attribute(row.find("{*}trPr/{*}gridBefore"), "val")
    return min(int(count), 63) if count.isdecimal() else 0


def _is_marked(parts: _Parts, table: Any, rows: Sequence[Sequence[Any]]) -> bool:
    """True if the first row looks like a header: repeated on each page, by the table's style, or the only bold one."""
    first = next(_opened(table, "tr"))
    mark = first.find("{*}trPr/{*}tblHeader")
    if mark is not None and attribute(mark, "val") not in ("0", "false", "off"):
        return True
    style, look = (attribute(table.find("{*}tblPr/{*}" + name), key) for name, key in _LOOKS)
    if style in parts.headed and look in ("1", "true", "on"):
        return True
    return all(map(_is_bold, rows[0])) and not any(_is_bold(cell) for row in rows[1:] for cell in row)


def _is_bold(cell: Any) -> bool:
    """True if all words of a cell are set in bold."""
    runs = [run for run in cell.iter("{*}r") if words(run).strip()]
    bold = [run.find("{*}rPr/{*}b") for run in runs]
    return bool(runs) and all(mark is not None and attribute(mark, "val") not in ("0", "false") for mark in bold)


def _opened(parent: Any, tag: str) -> Iterator[Any]:
    """The rows of a table or the cells of a row, also those in content controls."""
    for child in parent:
        if name_of(child) == tag:
            yield child
        elif name_of(child) in _WRAPPERS:
            yield from _opened(child, tag)


def _cell(cell: Any, blocks: list[tuple[str, str]], above: list[str]) -> list[str]:
    """A cell's text, that of the cell above where both are one, and an empty one for each more column that it spans."""
    merged = cell.find("{*}tcPr/{*}vMerge")
    is_below = merged is not None and attribute(merged, "val") != "restart"
    texts = [text.lstrip("# ") if kind == "heading" else text for kind, text in blocks if kind != "aside"]
    span = attribute(cell.find("{*}tcPr/{*}gridSpan"), "val")
    further = int(span) - 1 if span.isdecimal() else 0
    return [*(above if is_below and above else [" ".join(texts)]), *[""] * min(further, 63)]  # Word has 63 columns


def _language(document: Any, default: Any) -> str | None:
    """The language of most of the characters; the default is that of the words without a mark of their own."""
    lengths: Counter[str] = Counter()
    for run in document.iter("{*}r"):
        text = "".join(piece.text or "" for piece in run.iterchildren("{*}t"))
        script = "eastAsia" if _EAST_ASIAN.search(text) else "bidi" if _RIGHT_TO_LEFT.search(text) else "val"
        marked = run.find("{*}rPr/{*}lang")
        lengths[attribute(marked, script) or attribute(default, script)] += len(text)
    return lengths.most_common(1)[0][0] or None if lengths else None


def _left_out(document: Any) -> tuple[str, ...]:
    count = sum(1 for _ in document.iter("{*}altChunk"))
    return (f"{count} inserted {'file was' if count == 1 else 'files were'} not read",) if count else ()
