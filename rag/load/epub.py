"""E-books in EPUB → the text of their chapters in reading order."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zipfile import BadZipFile, ZipFile

from rag.errors import LoadError
from rag.load.data import xml_root
from rag.load.dates import iso_date
from rag.load.extract import Extract, hidden_note
from rag.load.html import decoded_page, shown_text
from rag.load.package import check_archive, name_of

_CONTAINER = "META-INF/container.xml"
_LOCKS = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document"})
_NOTES = re.compile(r"<(/?)(?:aside|header|footer)\b", re.IGNORECASE)
_NOBODY = frozenset({"unknown", "unknown author", "und"})  # what programs write where they know no author or language
_CONVERTED = frozenset({"conversion", "modification"})  # dates of the file, not of the book


def read_epub(path: Path) -> Extract:
    """The chapters of a book, without its contents pages; title, authors, date and language from its package."""
    try:
        check_archive(path)
        with ZipFile(path) as archive:
            return _book(archive)
    except BadZipFile as error:
        raise LoadError(f"it is not a whole book ({error}); fetch it again") from error


def _book(archive: ZipFile) -> Extract:
    package_name = _package_name(archive)
    package = _part(archive, package_name)
    if package is None:
        raise LoadError("it is no book, for it does not say where its chapters are; fetch it again")
    names = list(_chapters(package, package_name))
    if _locked(archive) & set(names):
        raise LoadError("it is locked by its seller (DRM); get it without the lock")
    there = set(archive.namelist())
    chapters = [_chapter(archive.read(name)) for name in names if name in there]
    missing = [name for name in names if name not in there]
    notes = (f"{len(missing)} of {len(names)} chapters are not in the file",) if missing else ()
    notes = (*notes, *hidden_note(sum(hidden for _, hidden in chapters)))
    text = "\n\n".join(text for text, _ in chapters if text)
    facts = {name: _fields(package, name) for name in ("title", "creator", "language", "source")}
    title = " ".join(facts["title"][:1])
    author = ", ".join(name for name in facts["creator"] if name.lower() not in _NOBODY)
    language = next((name for name in facts["language"] if name.lower() not in _NOBODY), None)
    source = next((address for address in facts["source"] if re.match("https?://", address)), None)
    return Extract(text, title or None, _date(package), author or None, language, source, notes)


def _part(archive: ZipFile, name: str) -> Any:
    return xml_root(archive.read(name)) if name in archive.namelist() else None


def _package_name(archive: ZipFile) -> str:
    container = _part(archive, _CONTAINER)
    names = [] if container is None else _attributes(container, "rootfile", "full-path")
    return names[0] if names else next((name for name in archive.namelist() if name.endswith(".opf")), "")


def _chapters(package: Any, package_name: str) -> Iterator[str]:
    """The names of the chapters in the archive; an address outside it is the name of nothing there."""
    items = {item.get("id"): item for item in _all(package, "item")}
    contents = {_name(package_name, reference) for reference in _all(package, "reference") if _is_contents(reference)}
    for entry in _all(package, "itemref"):
        item = items.get(entry.get("idref"))
        if item is None or item.get("media-type") not in _PAGES or "nav" in (item.get("properties") or "").split():
            continue
        name = _name(package_name, item)
        if name not in contents:
            yield name


def _is_contents(reference: Any) -> bool:
    """True for a page that is the table of contents; one with a mark behind it only holds the table."""
    return reference.get("type") == "toc" and "#" not in (reference.get("href") or "")


def _name(package_name: str, element: Any) -> str:
    address = unquote((element.get("href") or "").partition("#")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(package_name), address))


def _locked(archive: ZipFile) -> set[str]:
    """The encrypted files, fonts among them, which publishers often scramble."""
    locks = _part(archive, _LOCKS)
    return set() if locks is None else {unquote(name) for name in _attributes(locks, "CipherReference", "URI")}


def _chapter(data: bytes) -> tuple[str, int]:
    """The text of a chapter, and how many characters more are hidden in it.

    What a web page has beside its article is in a book a footnote or a heading.
    """
    return shown_text(_NOTES.sub(r"<\1div", decoded_page(data)))


def _date(package: Any) -> str | None:
    dates = [field for field in _all(package, "date") if not _CONVERTED & set(field.attrib.values())]
    return next((date for field in dates if (date := iso_date(field.text or ""))), None)


def _fields(package: Any, name: str) -> list[str]:
    return [" ".join(field.text.split()) for field in _all(package, name) if field.text and field.text.strip()]


def _attributes(root: Any, name: str, attribute: str) -> list[str]:
    return [value for element in _all(root, name) if (value := element.get(attribute))]


def _all(root: Any, name: str) -> list[Any]:
    return [element for element in root.iter() if name_of(element) == name]
