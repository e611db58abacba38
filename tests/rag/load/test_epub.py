"""E-books read chapter by chapter."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.load.epub import read_epub
from rag.load.extract import Extract

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
METADATA = (
    "<dc:title>The  Key</dc:title><dc:language>en</dc:language>"
    '<dc:date opf:event="conversion">2024-01-01</dc:date><dc:date>2023-06-16T09:00:00Z</dc:date>'
)


def read_book(
    folder: Path,
    chapters: Mapping[str, str | bytes],
    more: Mapping[str, str] | None = None,
    creators: Sequence[str] = ("Ann Ó", "Bob"),
) -> Extract:
    """What a book of these chapters, by their addresses, says."""
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml" properties="{name.partition(".")[0]}"/>'
        for n, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(chapters)))
    people = "".join(f"<dc:creator>{name}</dc:creator>" for name in creators)
    package = (
        '<package xmlns="p" xmlns:dc="d" xmlns:opf="o">'
        f"<metadata>{METADATA}{people}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    with zipfile.ZipFile(folder / "a.epub", "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OPS/book.opf", package)
        for name, content in chapters.items():
            archive.writestr(f"OPS/{name.replace('%20', ' ')}", content)
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return read_epub(folder / "a.epub")


def page(body: str) -> str:
    """A chapter as publishers write it."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><html><head><title/><script src="x"/></head><body>{body}</body></html>'
    )


def test_the_chapters_are_read_in_their_order(tmp_path: Path) -> None:
    """The text is the chapters by the spine, without the page of contents."""
    chapters = {"nav.xhtml": page("<h1>Contents</h1>"), "b%20b.xhtml": page("<h1>One</h1><p>It&nbsp;is</p>")}

    extract = read_book(tmp_path, chapters | {"a.xhtml": page("<h1>Two</h1><ul><li>here.</li></ul>")})

    assert extract.text == "# One\n\nIt is\n\n# Two\n\n- here."


def test_the_package_gives_title_authors_date_and_language(tmp_path: Path) -> None:
    """The date is the book's, not that of its conversion."""
    extract = read_book(tmp_path, {"a.xhtml": page("<p>x</p>")})

    assert (extract.title, extract.author, extract.date) == ("The Key", "Ann Ó, Bob", "2023-06-16")
    assert extract.language == "en"


def test_an_unknown_author_is_nobody(tmp_path: Path) -> None:
    """What programs write where they know no author is nobody's name."""
    extract = read_book(tmp_path, {"a.xhtml": page("<p>x</p>")}, creators=["Unknown Author", "Unknown"])

    assert extract.author is None


def test_footnotes_are_read(tmp_path: Path) -> None:
    """What is beside the article of a web page belongs to a book."""
    assert (
        read_book(tmp_path, {"a.xhtml": page("<p>Key</p><aside><p>Of brass.</p></aside>")}).text == "Key\n\nOf brass."
    )


def test_a_chapter_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    """The XML declaration is followed."""
    data = "<?xml version='1.0' encoding='windows-1251'?><html><body><p>Ключ</p></body></html>".encode("cp1251")

    assert read_book(tmp_path, {"a.xhtml": data}).text == "Ключ"


@pytest.mark.parametrize(
    "address", ["../../../etc/passwd", "/etc/passwd", "https://x.org/a.xhtml", "file:///etc/passwd"]
)
def test_an_address_outside_the_book_leads_nowhere(tmp_path: Path, address: str) -> None:
    """Such a chapter is noted as missing; nothing is fetched, no file of this machine opened."""
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        item = '<item id="{0}" href="{0}" media-type="application/xhtml+xml"/>'
        items = item.format("a.xhtml") + item.format(address)
        spine = f'<itemref idref="a.xhtml"/><itemref idref="{address}"/>'
        archive.writestr("OPS/book.opf", f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>")
        archive.writestr("OPS/a.xhtml", page('<p>Key<img src="https://x.org/a.png"/></p>'))

    extract = read_epub(tmp_path / "a.epub")

    assert (extract.text, extract.notes) == ("Key", ("1 of 2 chapters are not in the file",))


def test_a_locked_book_is_refused(tmp_path: Path) -> None:
    """Chapters under DRM are an error that says so."""
    locks = '<encryption><EncryptedData><CipherReference URI="OPS/a.xhtml"/></EncryptedData></encryption>'

    with pytest.raises(LoadError, match="DRM"):
        read_book(tmp_path, {"a.xhtml": page("x")}, {"META-INF/encryption.xml": locks})


def test_scrambled_fonts_lock_nothing(tmp_path: Path) -> None:
    """A book whose fonts alone are encrypted is read."""
    locks = '<encryption><EncryptedData><CipherReference URI="OPS/a.otf"/></EncryptedData></encryption>'

    assert read_book(tmp_path, {"a.xhtml": page("<p>x</p>")}, {"META-INF/encryption.xml": locks}).text == "x"


def test_a_book_that_names_no_chapters_is_refused(tmp_path: Path) -> None:
    """An archive without a package is an error that says so."""
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as archive:
        archive.writestr("a.xhtml", "x")

    with pytest.raises(LoadError, match="does not say where its chapters are"):
        read_epub(tmp_path / "a.epub")


@pytest.mark.parametrize("data", [b"no zip", b"PK no zip"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    """Other bytes under the suffix .epub are an error that says so."""
    (tmp_path / "a.epub").write_bytes(data)

    with pytest.raises(LoadError, match=r"not a"):
        read_epub(tmp_path / "a.epub")
