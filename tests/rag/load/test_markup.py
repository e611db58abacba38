"""reStructuredText and Org read as the prose that they show."""

from pathlib import Path

import pytest

from rag.load.extract import Extract
from rag.load.markup import read_org, read_rst


def rst(folder: Path, source: str) -> Extract:
    """What reStructuredText says."""
    (folder / "a.rst").write_text(source, encoding="utf-8")
    return read_rst(folder / "a.rst")


def org(folder: Path, source: str) -> Extract:
    """What an Org file says."""
    (folder / "a.org").write_text(source, encoding="utf-8")
    return read_org(folder / "a.org")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "Title\n=====\n\nOne\ntwo.\n\nPart\n----\n\nThree *four* ``five``.",
            "# Title\n\nOne two.\n\n## Part\n\nThree four five.",
        ),
        ("One\n===\n\nx\n\nTwo\n===\n\ny", "# One\n\nx\n\n# Two\n\ny"),
        ("- one\n- two\n\n  - inner\n\n3. three\n4. four", "- one\n- two\n  - inner\n\n3. three\n4. four"),
        ("=== ===\nDay At\n=== ===\nMon 9\nTue 10\n=== ===", "Day: Mon; At: 9.\nDay: Tue; At: 10."),
        (
            ".. list-table:: Hours\n   :header-rows: 1\n\n   * - Day\n     - At\n   * - Mon\n     - 9",
            "Hours\n\nDay: Mon; At: 9.",
        ),
        ("term\n  What it *means*.", "term\nWhat it means."),
        (":Key: mat\n:Door: oak\n\nx\n", "Key: mat\nDoor: oak\n\nx"),
        ("x::\n\n  a\n    b", "x:\n\na\n  b"),
        ("`words <https://x.org>`_ and |sub|\n\n.. |sub| replace:: more", "words and more"),
        ("See :func:`open` and :doc:`the guide <guide>`.", "See open and the guide."),
        (".. note:: Mind the mat.", "Mind the mat."),
        (".. versionadded:: 3.2\n   The key.\n", "3.2\nThe key."),
        (".. image:: a.png\n   :alt: A key\n\n.. a comment", "A key"),
        ("x [1]_\n\n.. [1] A note.", "x 1\n\n1 A note."),
        ("| one\n| two", "one\ntwo"),
        ("*open and `broken", "*open and `broken"),
    ],
)
def test_rst(tmp_path: Path, source: str, text: str) -> None:
    """Every block comes out as it reads, without its marks."""
    assert rst(tmp_path, source).text == text


def test_rst_gives_title_author_and_date(tmp_path: Path) -> None:
    """The fields below the title are the document's, and are read as well."""
    extract = rst(tmp_path, "The key\n=======\n\n:Author: Ann\n:Date: 2023-06-16\n:Place: mat\n\nWords.")

    assert (extract.title, extract.author, extract.date) == ("The key", "Ann", "2023-06-16")
    assert extract.text == "# The key\n\nAuthor: Ann\nDate: 2023-06-16\nPlace: mat\n\nWords."


@pytest.mark.parametrize(
    "source",
    [
        ".. include:: {}",
        ".. literalinclude:: {}",
        ".. raw:: html\n   :file: {}",
        ".. raw:: html\n\n   <b>Hush.</b>",
        ".. csv-table::\n   :file: {}",
    ],
)
def test_rst_opens_no_other_file(tmp_path: Path, capfd: pytest.CaptureFixture[str], source: str) -> None:
    """Neither other files nor raw HTML are taken in, and nothing is reported on stderr."""
    (tmp_path / "secret.txt").write_text("Hush.")

    extract = rst(tmp_path, "Words.\n\n" + source.format(tmp_path / "secret.txt"))

    assert str(extract.text).startswith("Words.")
    assert "Hush." not in extract.text
    assert capfd.readouterr() == ("", "")


def test_what_rst_leaves_out_is_noted(tmp_path: Path) -> None:
    """A passage that another file would have filled is counted."""
    assert rst(tmp_path, "x\n\n.. include:: a.txt").notes == (
        "passages from other files or in other formats were left out: 1",
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("* TODO [#A] One :tag:x:\n** Two\nx\ny\n\nz", "# One\n\n## Two\n\nx y\n\nz"),
        ("- one\n- [X] two\n  goes on\n  1. inner\n- *three*", "- one\n- two goes on\n  1. inner\n- three"),
        ("| Day | At |\n|-----+----|\n| Mon | 9  |", "Day: Mon; At: 9."),
        ("| a | 1 |\n| b | 2 |", "a: 1.\nb: 2."),
        ("#+BEGIN_SRC sh\n  ls *a*\n#+END_SRC\nx", "  ls *a*\n\nx"),
        ("#+begin_quote\nOne\ntwo\n#+end_quote", "One two"),
        ("#+begin_comment\nno\n#+end_comment\n# no\n#+STARTUP: no\nyes", "yes"),
        ("* One\n:PROPERTIES:\n:ID: 1\n:END:\nx", "# One\n\nx"),
        ("* A\n:PROPERTIES:\n:ID: 1\n:OWNER: Kim\n:ROOM: 4\n:END:\nx\ny", "# A\n\nOWNER: Kim; ROOM: 4.\n\nx y"),
        ("* A\nDEADLINE: x\n:PROPERTIES:\n:ROOM: 4\n:END:", "# A\n\nDEADLINE: x\n\nROOM: 4."),
        ("* A\n:LOGBOOK:\n- State DONE\n:END:\nx", "# A\n\nx"),
        ("[[https://x.org][words]] and [[https://y.org]]", "words and https://y.org"),
        ("*b* /i/ =v= ~c~ a*b*c 1/2/3 x_y_z", "b i v c a*b*c 1/2/3 x_y_z"),
        ("#+begin_src\nnever closed", "never closed"),
    ],
)
def test_org(tmp_path: Path, source: str, text: str) -> None:
    """Every block comes out as it reads, without its marks."""
    assert org(tmp_path, source).text == text


def test_org_gives_title_author_date_and_language(tmp_path: Path) -> None:
    """Keywords are the document's facts, and its title is its first heading."""
    extract = org(tmp_path, "#+title: The key\n#+AUTHOR: Ann\n#+DATE: <2023-06-16 Fri>\n#+LANGUAGE: en\n\nWords.")

    assert (extract.title, extract.author, extract.date, extract.language) == ("The key", "Ann", "2023-06-16", "en")
    assert extract.text == "# The key\n\nWords."


@pytest.mark.parametrize(
    "line", ["#+begin_src\n", "| a\n", ":a:\n", "- a\n", "*a /b =c ~d [[e\n", "#+begin_quote x\n\n"]
)
def test_org_is_read_in_one_go(tmp_path: Path, line: str) -> None:
    """Blocks that never end and marks that never close cost no more than others."""
    assert org(tmp_path, "Words\n\n" + line * 10_000).text.startswith("Words")  # type: ignore[union-attr]
