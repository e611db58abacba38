"""Markdown → its prose: headings keep their #, items their -, rows become `Header: cell`, inline marks go."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rag.load.dates import date_line, iso_date
from rag.load.extract import Extract
from rag.load.html import visible_text
from rag.load.table import named_rows
from rag.load.text import read_decoded

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

_MOST_VALUES = 10  # of a field: authors, not data
_DEEPEST = 100  # levels: markdown-it-py 4.3 leaves out what lies deeper, by default at 20


def read_markdown(path: Path) -> Extract:
    """The prose of a Markdown file; title and date from its front matter, else its first heading and the line below."""
    front, body = _front_matter(read_decoded(path))
    blocks = list(_blocks(_tree(body)))
    heading = next((block.lstrip("# ") for block in blocks[:3] if block.startswith("#")), None)
    below = next((block for block in blocks[:3] if not block.startswith("#")), "")
    title = front.get("title") or heading
    date = iso_date(front.get("date", "")) or date_line(below)
    source = next((front[name] for name in ("source", "url") if front.get(name)), None)
    return Extract("\n\n".join(blocks), title, date, front.get("author"), front.get("lang"), source)


def markdown_text(text: str) -> str:
    """The prose of Markdown that stands in another file."""
    return "\n\n".join(_blocks(_tree(text)))


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """The fields between the two --- lines at the top, and what is below; front matter that is no YAML stays text."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in [line.rstrip() for line in lines[1:]]:
        return {}, text
    end = [line.rstrip() for line in lines].index("---", 1)
    import yaml  # type: ignore[import-untyped]  # PyYAML 6.0 carries no types

    try:
        fields = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError:
        return {}, text
    if not isinstance(fields, dict):
        return {}, text
    return {str(name).lower(): _field(value) for name, value in fields.items()}, "\n".join(lines[end + 1 :])


def _field(value: object) -> str:
    """One value, or a short list of them, as text; nothing of what lies deeper, which may be a bomb."""
    values = value[:_MOST_VALUES] if isinstance(value, list) else [value]
    plain = [one for one in values if isinstance(one, (str, int, float, date))]
    return ", ".join(one.isoformat() if isinstance(one, date) else str(one) for one in plain)


def _tree(text: str) -> "SyntaxTreeNode":
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    return SyntaxTreeNode(parser.parse(text))


def _blocks(parent: "SyntaxTreeNode") -> Iterator[str]:
    for node in parent.children:
        if text := _block(node).strip("\n"):
            yield text


def _block(node: "SyntaxTreeNode") -> str:
    match node.type:
        case "heading":
            return f"{'#' * int(node.tag[1:])} {_inline(node)}"
        case "paragraph":
            return _inline(node)
        case "bullet_list" | "ordered_list":
            return "\n".join(_items(node))
        case "table":
            header, *rows = [[_inline(cell) for cell in row.children] for row in _rows(node)]
            return named_rows(header, rows) or named_rows([], [header])
        case "fence" | "code_block":
            return node.content
        case "html_block":
            return visible_text(node.content)
        case _:
            return "\n\n".join(_blocks(node))


def _items(node: "SyntaxTreeNode") -> Iterator[str]:
    first = int(node.attrs.get("start", 1))
    for number, item in enumerate(node.children, first):
        mark = f"{number}. " if node.type == "ordered_list" else "- "
        yield mark + "\n".join(_blocks(item)).replace("\n", "\n  ")


def _rows(table: "SyntaxTreeNode") -> Iterator["SyntaxTreeNode"]:
    return (row for part in table.children for row in part.children)


def _inline(node: "SyntaxTreeNode") -> str:
    """The words of a heading, paragraph or cell."""
    return "".join(_words(child.token.children or []) for child in node.children if child.token is not None)


def _words(tokens: Sequence["Token"]) -> str:
    return "".join(_word(token) for token in tokens).strip()


def _word(token: "Token") -> str:
    match token.type:
        case "text" | "code_inline":
            return token.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "image":
            return _words(token.children or [])
        case "html_inline" if token.content.lower().startswith("<br"):
            return "\n"
        case _:
            return ""
