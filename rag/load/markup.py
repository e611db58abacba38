"""reStructuredText and Org → their prose: headings with #, list items with -, table rows by column."""

import io
import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.load.dates import iso_date
from rag.load.extract import Extract
from rag.load.table import named_rows, row_line, table_text
from rag.load.text import read_decoded

if TYPE_CHECKING:
    from docutils import nodes

_SETTINGS = {
    "_disable_config": True,  # no configuration from the folder that a command was given in
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,  # nothing is reported
    "halt_level": 5,  # nothing stops the reading
    "line_length_limit": 10_000_000,  # docutils 0.23 refuses lines of 10,000 characters, and a paragraph may be one
    "docinfo_xform": True,
    "doctitle_xform": True,
    "smart_quotes": False,
}
_SILENT = frozenset(
    "comment substitution_definition target pending meta raw generated decoration footnote_reference".split()
)
_ROLE = re.compile(r":[\w:+.-]+:`([^`<]*?)(?: <[^>]*>)?`")
_UNKNOWN = re.compile(r"\.\. [\w:+.-]+::[ \t]*(.*(?:\n.*)*)")
_OPTION = re.compile(r"\s*:[\w-]+:.*")

_ORG_HEADING = re.compile(r"(\*+)[ \t]+(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)[ \t]+)?(?:\[#\w\][ \t]*)?(.*)")
_ORG_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:[ \t]*$")
_ORG_KEYWORD = re.compile(r"[ \t]*#\+(\w+):[ \t]*(.*)")
_ORG_BEGIN = re.compile(r"[ \t]*#\+(?:begin|end)_(\w+)", re.IGNORECASE)
_ORG_ITEM = re.compile(r"([ \t]*)(?:[-+]|[ \t]\*|(\d+|[A-Za-z])[.)])[ \t]+(?:\[[ X-]\][ \t]+)?(.*)")
_ORG_RULE = re.compile(r"\|[-+|]+")
_ORG_DRAWER = re.compile(r"[ \t]*:[\w-]+:[ \t]*")
_ORG_PROPERTY = re.compile(r"[ \t]*:([\w-]+)\+?:[ \t]+(.*)")
_ORG_FOR_PROGRAMS = re.compile(
    r"ID|CUSTOM_ID|CATEGORY|VISIBILITY|ORDERED|LOGGING|STYLE|COLUMNS|ATTACH\w*|DIR|COOKIE_DATA|header-args.*|UNNUMBERED"
    r"|(?:EXPORT|ARCHIVE|ROAM|NOTER|DRILL|REPEAT|LAST)_\w+|\w+_ALL",
    re.IGNORECASE,
)
_ORG_LINK = re.compile(r"\[\[([^][]+)\](?:\[([^][]+)\])?\]")
_ORG_MARK = re.compile(r"(?<![^\s('\"{-])([*/_=~+])(\S|\S[^\n]{0,200}?\S)\1(?![^\s.,:!?;'\")}\[-])")
_ORG_AS_IS = frozenset({"src", "example", "export", "verse", "comment"})


def read_rst(path: Path) -> Extract:
    """The text of reStructuredText; title, author and date as it gives them. It names no file that is opened."""
    document = _tree(read_decoded(path))
    title = document.get("title")
    levels = 1 if document.children and _name(document.children[0]) == "title" else 0
    blocks = list(_blocks(document, levels))
    facts = dict(_facts(document))
    disabled = sum("directive disabled" in message.astext() for message in _found(document, "system_message"))
    notes = (f"passages from other files or in other formats were left out: {disabled}",)
    author = facts.get("author") or facts.get("authors")
    return Extract("\n\n".join(blocks), title, iso_date(facts.get("date", "")), author, notes=notes if disabled else ())


def _tree(text: str) -> "nodes.document":
    from docutils.core import publish_doctree

    settings = _SETTINGS | {"warning_stream": io.StringIO()}
    return publish_doctree(text, settings_overrides=settings)


def _name(node: Any) -> str:
    return str(node.tagname)


def _found(node: Any, name: str) -> list[Any]:
    return [child for child in node.findall() if _name(child) == name]


def _facts(document: Any) -> Iterator[tuple[str, str]]:
    for docinfo in _found(document, "docinfo"):
        for field in docinfo.children:
            if _name(field) == "field":
                yield field.children[0].astext().lower(), _inline(field.children[-1])
            elif _name(field) == "authors":
                yield "authors", ", ".join(map(_inline, field.children))
            else:
                yield _name(field), _inline(field)


def _blocks(parent: Any, level: int) -> Iterator[str]:
    for node in parent.children:
        yield from (text for text in _block(node, level) if text.strip())


def _block(node: Any, level: int) -> Iterable[str]:
    """The blocks of a node; `level` is that of the heading above it."""
    match _name(node):
        case "title" | "rubric":
            return [f"{'#' * min(max(level, 1), 6)} {_inline(node)}"]
        case "subtitle":
            return [f"## {_inline(node)}"]
        case "section":
            return _blocks(node, level + 1)
        case "bullet_list" | "enumerated_list":
            return ["\n".join(_items(node, level))]
        case "docinfo":
            return ["\n".join(f"{name.capitalize()}: {text}" for name, text in _facts(node.document))]
        case "field_list" | "option_list":
            return ["\n".join(_pair(field, level, ": ") for field in node.children)]
        case "definition_list":
            return [_pair(item, level, "\n") for item in node.children]
        case "table":
            return _table(node)
        case "literal_block" | "doctest_block" | "math_block":
            return [node.astext()]
        case "line_block":
            return ["\n".join(line for line in node.astext().split("\n") if line.strip())]
        case "system_message":
            return _unknown(node)
        case "topic" if "contents" in node.get("classes", []):
            return []
        case "footnote" | "citation":
            return [" ".join(_inline(child) for child in node.children)]
        case "image" | "figure" if not node.children:
            return [node.get("alt", "")]
        case name if name in _SILENT:
            return []
        case _ if _is_line(node):
            return [_inline(node)]
        case _:
            return _blocks(node, level)


def _is_line(node: Any) -> bool:
    from docutils import nodes

    return isinstance(node, nodes.TextElement | nodes.Text)


def _inline(node: Any) -> str:
    """The words of a node on one line; a role that only its program knows keeps its words."""
    return _ROLE.sub(r"\1", " ".join(node.astext().split()))


def _items(node: Any, level: int) -> Iterator[str]:
    first = int(node.get("start", 1))
    for number, item in enumerate(node.children, first):
        mark = f"{number}. " if _name(node) == "enumerated_list" else "- "
        yield mark + "\n".join(_blocks(item, level)).replace("\n", "\n  ")


def _pair(node: Any, level: int, between: str) -> str:
    """A term and what it means, an option and what it does."""
    *terms, meaning = node.children
    return ", ".join(map(_inline, terms)) + between + "\n".join(_blocks(meaning, level))


def _table(node: Any) -> Iterator[str]:
    yield from (_inline(caption) for caption in node.children if _name(caption) == "title")
    header = [row for head in _found(node, "thead") for row in _rows(head)]
    rows = [row for body in _found(node, "tbody") for row in _rows(body)]
    yield named_rows(header[-1], rows) if header else table_text(rows)


def _rows(part: Any) -> list[list[str]]:
    """Cell texts by row; a cell that spans columns is followed by empty ones."""
    rows = []
    for row in part.children:
        cells: list[str] = []
        for cell in row.children:
            cells += [" ".join(_blocks(cell, 6)), *[""] * min(int(cell.get("morecols", 0)), 100)]
        rows.append(cells)
    return rows


def _unknown(message: Any) -> list[str]:
    """The words below a directive that only its program knows, such as Sphinx."""
    if "Unknown directive type" not in message.astext():
        return []
    source = next((child.astext() for child in message.children if _name(child) == "literal_block"), "")
    found = _UNKNOWN.fullmatch(source.strip())
    lines = [line.strip() for line in (found[1] if found else "").splitlines() if not _OPTION.fullmatch(line)]
    return ["\n".join(lines)]


def read_org(path: Path) -> Extract:
    """The text of an Org file; title, author, date and language from its keywords."""
    lines = read_decoded(path).splitlines()
    facts = {found[1].lower(): found[2].strip() for line in lines if (found := _ORG_KEYWORD.fullmatch(line))}
    blocks = list(_org_blocks(_without_drawers(lines)))
    heading = next((block.lstrip("# ") for block in blocks[:3] if block.startswith("#")), None)
    title = facts.get("title")
    date = iso_date(facts.get("date", "").strip("<>[]").partition(" ")[0]) or iso_date(facts.get("date", ""))
    text = "\n\n".join([f"# {title}", *blocks] if title else blocks)
    return Extract(text, title or heading, date, facts.get("author") or None, facts.get("language") or None)


def _org_blocks(lines: list[str]) -> Iterator[str]:
    position, paragraph = 0, list[str]()
    while position < len(lines):
        size, block = _org_block(lines, position)
        if size:
            yield from _org_paragraph(paragraph)
            paragraph = []
            yield from [block] if block.strip() else []
            position += size
        else:
            paragraph.append(lines[position].strip())
            position += 1
    yield from _org_paragraph(paragraph)


def _org_paragraph(lines: list[str]) -> list[str]:
    return [_org_words(" ".join(lines))] if lines else []


def _org_block(lines: list[str], position: int) -> tuple[int, str]:
    """How many lines the block takes that begins here, and its text; none where a paragraph goes on."""
    line = lines[position]
    if heading := _ORG_HEADING.fullmatch(line):
        return 1, "#" * min(len(heading[1]), 6) + " " + _org_words(_ORG_TAGS.sub("", heading[2]))
    if begin := _ORG_BEGIN.match(line):
        return _org_environment(lines, position, begin[1].lower())
    if keyword := _ORG_KEYWORD.fullmatch(line):
        return 1, _org_words(keyword[2]) if keyword[1].lower() == "caption" else ""
    if not line.strip() or re.match(r"[ \t]*#(?: |$)|[ \t]*-{5,}[ \t]*$", line):
        return 1, ""
    if line.lstrip().startswith("|"):
        return _org_table(lines, position)
    if _ORG_ITEM.fullmatch(line):
        return _org_list(lines, position)
    return 0, ""


def _org_environment(lines: list[str], position: int, kind: str) -> tuple[int, str]:
    """What stands between begin and end as it is; only the line itself where what is inside reads like other text."""
    if kind not in _ORG_AS_IS:
        return 1, ""
    following = (lines[at] for at in range(position + 1, len(lines)))
    inner = list(takewhile(lambda line: line.strip().lower() != f"#+end_{kind}", following))
    return len(inner) + 2, "" if kind == "comment" else "\n".join(inner)


def _without_drawers(lines: list[str]) -> list[str]:
    """The lines without what stands between :LOGBOOK: and :END:, and with properties that people gave as one row."""
    kept, drawer = list[str](), list[str]()
    for line in lines:
        if not drawer and not _ORG_DRAWER.fullmatch(line):
            kept.append(line)
        elif drawer and line.strip().lower() == ":end:":
            kept += ["", row, ""] if (row := _org_properties(drawer)) else []
            drawer = []
        elif _ORG_HEADING.fullmatch(line):  # it was none, or was never closed
            kept += [*drawer, line]
            drawer = []
        else:
            drawer.append(line)
    return kept + drawer


def _org_properties(drawer: list[str]) -> str:
    """`OWNER: Kim; ROOM: 4.` of a drawer of properties, without those that are for programs."""
    if drawer[0].strip().lower() != ":properties:":
        return ""
    found = [pair for line in drawer[1:] if (pair := _ORG_PROPERTY.fullmatch(line))]
    given = [pair for pair in found if not _ORG_FOR_PROGRAMS.fullmatch(pair[1])]
    return row_line([pair[1] for pair in given], [_org_words(pair[2]) for pair in given])


def _org_table(lines: list[str], position: int) -> tuple[int, str]:
    following = (lines[at].strip() for at in range(position, len(lines)))
    rows = list(takewhile(lambda row: row.startswith("|"), following))
    cells = [[_org_words(cell.strip()) for cell in row.strip("|").split("|")] for row in rows if not _is_rule(row)]
    has_header = len(rows) > 2 and not _is_rule(rows[0]) and _is_rule(rows[1])
    return len(rows), named_rows(cells[0], cells[1:]) if has_header else table_text(cells)


def _is_rule(row: str) -> bool:
    return bool(_ORG_RULE.fullmatch(row))


def _org_list(lines: list[str], position: int) -> tuple[int, str]:
    """The items that follow one another, with the lines that go on below each."""
    items, size = list[str](), 0
    for line in (lines[at] for at in range(position, len(lines))):
        if item := _ORG_ITEM.fullmatch(line):
            mark = f"{item[2]}. " if item[2] else "- "
            items.append(item[1].replace("\t", "  ") + mark + item[3])
        elif line.strip() and line[0] in " \t" and not _ORG_BEGIN.match(line) and not line.lstrip().startswith("|"):
            items[-1] += " " + line.strip()
        else:
            break
        size += 1
    return size, "\n".join(map(_org_words, items))


def _org_words(text: str) -> str:
    """Words without marks and with what a link shows."""
    text = _ORG_LINK.sub(lambda link: link[2] or link[1], text)
    return _ORG_MARK.sub(r"\2", text).rstrip()
