"""Jupyter notebooks → their prose, code and printed results."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.errors import LoadError
from rag.load.data import json_value
from rag.load.extract import Extract
from rag.load.html import visible_text
from rag.load.markdown import markdown_text
from rag.load.text import decoded

_COLOUR = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")  # what a terminal takes for colour
_CLASS = re.compile(r"<[\w.]+ object(?: at 0x[0-9a-f]+)?>")  # the plain text beside HTML that was made by hand


def read_ipynb(path: Path) -> Extract:
    """The cells of a notebook in order; its title is the first heading."""
    notebook = json_value(decoded(path.read_bytes()))
    cells = _cells(notebook) if isinstance(notebook, dict) else None
    if cells is None:
        raise LoadError("it is JSON but no notebook; give the file the suffix .json")
    blocks = [block.strip("\n") for cell in cells if isinstance(cell, dict) for block in _blocks(cell)]
    prose = [
        block.strip() for cell in cells if isinstance(cell, dict) and not _is_code(cell) for block in _blocks(cell)
    ]
    heading = next((found[1] for block in prose if (found := re.search(r"^#{1,6} (.+)", block, re.MULTILINE))), None)
    return Extract("\n\n".join(block for block in blocks if block.strip()), heading, author=_author(notebook))


def _cells(notebook: dict[str, Any]) -> list[Any] | None:
    """The cells, which stood in worksheets before version 4 of the format."""
    sheets = notebook.get("worksheets")
    if isinstance(sheets, list):
        return [cell for sheet in sheets if isinstance(sheet, dict) for cell in _listed(sheet.get("cells"))]
    cells = notebook.get("cells")
    return cells if isinstance(cells, list) else None


def _author(notebook: dict[str, Any]) -> str | None:
    metadata = notebook.get("metadata")
    people = _listed(metadata.get("authors")) if isinstance(metadata, dict) else []
    return ", ".join(_text(person.get("name")) for person in people if isinstance(person, dict)) or None


def _is_code(cell: dict[str, Any]) -> bool:
    return cell.get("cell_type") == "code"


def _blocks(cell: dict[str, Any]) -> Iterator[str]:
    source = _text(cell.get("source", cell.get("input")))
    match cell.get("cell_type"):
        case "markdown":
            yield markdown_text(source)
        case "heading":  # of version 3
            yield f"{'#' * min(int(cell.get('level') or 1), 6)} {source}"
        case "code":
            yield source
            yield from (_printed(output) for output in _listed(cell.get("outputs")) if isinstance(output, dict))
        case _:
            yield source


def _printed(output: dict[str, Any]) -> str:
    """What a cell printed, and its value."""
    if output.get("output_type") in ("error", "pyerr"):
        return ""
    data = output.get("data", output)
    return _COLOUR.sub("", _text(output.get("text")) or (_shown(data) if isinstance(data, dict) else ""))


def _shown(data: dict[str, Any]) -> str:
    """The plain text of a value, else that of its other forms; of a picture it only names the class."""
    plain = _text(data.get("text/plain"))
    is_picture = any(str(kind).startswith("image/") for kind in data)
    if plain.strip() and not is_picture and not _CLASS.fullmatch(plain.strip()):
        return plain
    rich = markdown_text(_text(data.get("text/markdown"))) or visible_text(_text(data.get("text/html")))
    return rich or _text(data.get("text/latex"))


def _text(lines: object) -> str:
    """A text, which the format lets stand in one piece or in lines."""
    return "".join(map(str, lines)) if isinstance(lines, list) else lines if isinstance(lines, str) else ""


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
