"""Notebooks read cell by cell."""

import json
from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.notebook import read_ipynb


def read(folder: Path, notebook: object) -> Extract:
    """What a notebook says."""
    (folder / "a.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return read_ipynb(folder / "a.ipynb")


def code(source: str, *outputs: object) -> dict[str, object]:
    """A cell of code with what it printed."""
    return {"cell_type": "code", "source": source, "outputs": outputs}


def test_prose_code_and_what_it_printed_are_read_in_order(tmp_path: Path) -> None:
    """Markdown reads as prose, code as it stands; the first heading is the title."""
    cells = [
        {"cell_type": "markdown", "source": ["# The *key*\n", "\n", "* one\n"]},
        code("# mat\nprint(1)", {"output_type": "stream", "text": ["1\n", "2\n"]}),
        code("x", {"output_type": "execute_result", "data": {"text/plain": "\x1b[31m42\x1b[0m", "text/html": "<b>"}}),
        {"cell_type": "raw", "source": "As it is"},
    ]

    extract = read(tmp_path, {"cells": cells, "metadata": {"authors": [{"name": "Ann"}]}})

    assert extract.text == "# The key\n\n- one\n\n# mat\nprint(1)\n\n1\n2\n\nx\n\n42\n\nAs it is"
    assert (extract.title, extract.author) == ("The key", "Ann")


def test_pictures_and_errors_are_left_out(tmp_path: Path) -> None:
    """A picture's class and a traceback are no text."""
    picture = {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": "<Figure size 640x480>"}}
    error = {"output_type": "error", "ename": "KeyError", "traceback": ["\x1b[31mKeyError"]}

    assert read(tmp_path, {"cells": [code("plot()", picture, error)]}).text == "plot()"


@pytest.mark.parametrize(
    ("forms", "text"),
    [
        ({"text/html": "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"}, "A: 1; B: 2."),
        ({"text/html": ["<p>It ", "is</p>"], "text/plain": ["<IPython.core.display.HTML object>"]}, "It is"),
        ({"text/markdown": "*here*", "text/html": "<p>no</p>"}, "here"),
        ({"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "   Key\n0  mat"}, "   Key\n0  mat"),
        ({"text/html": {}}, ""),
    ],
)
def test_a_result_without_plain_text_is_read_in_its_other_forms(
    tmp_path: Path, forms: dict[str, object], text: str
) -> None:
    """Markdown or HTML is read where plain text is missing or only names a class."""
    cell = code("", {"output_type": "display_data", "data": forms})

    assert read(tmp_path, {"cells": [cell]}).text == text


def test_a_notebook_of_version_3_is_read(tmp_path: Path) -> None:
    """Cells in worksheets, code in `input`, headings as cells."""
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Key"},
        {"cell_type": "code", "input": "x", "outputs": [{"output_type": "pyout", "text": ["42"]}]},
    ]

    assert read(tmp_path, {"worksheets": [{"cells": cells}]}).text == "## Key\n\nx\n\n42"


@pytest.mark.parametrize("notebook", [[], {}, {"cells": None}, "x"])
def test_other_json_is_no_notebook(tmp_path: Path, notebook: object) -> None:
    """JSON without cells is refused."""
    with pytest.raises(LoadError, match="no notebook"):
        read(tmp_path, notebook)


@pytest.mark.parametrize(
    "cell", [None, 1, [], {}, {"cell_type": "code", "outputs": [None, {"data": []}], "source": {}}]
)
def test_a_strange_cell_is_empty(tmp_path: Path, cell: object) -> None:
    """What is no cell has no text, and the others are read."""
    assert read(tmp_path, {"cells": [cell, {"cell_type": "markdown", "source": "Key"}]}).text == "Key"
