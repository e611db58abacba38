"""What a file is by what stands in it: programs name web pages, RTF and new formats `.doc`, `.ppt` or `.xls`."""

import re
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from rag.load.text import decoded

_HEAD = 8192  # bytes: comments and styles may stand before what tells a page
_MARKS = ((b"{\\rtf", ".rtf"), (b"%PDF-", ".pdf"))
_PARTS = (("word/document.xml", ".docx"), ("xl/workbook.xml", ".xlsx"), ("ppt/presentation.xml", ".pptx"))
_OPEN_DOCUMENTS = {
    b"application/vnd.oasis.opendocument.text": ".odt",
    b"application/vnd.oasis.opendocument.spreadsheet": ".ods",
    b"application/vnd.oasis.opendocument.presentation": ".odp",
}
_BEFORE_PAGE = re.compile(r"\A(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*", re.DOTALL)
_PAGE = re.compile(
    r"<(?:!doctype\s+html|html|head|body|meta|title|style|table|div|p|h[1-6]|ul|ol|font|center)\b", re.IGNORECASE
)
_SAVED_PAGE = re.compile(r"^Content-Type:\s*multipart/related", re.IGNORECASE | re.MULTILINE)
_HEADERS = re.compile(r"(?:[\w-]+:.*\n(?:[ \t].*\n)*)+")


def real_suffix(path: Path) -> str | None:
    """The suffix of the format that a file's content is of; None where it is none that is told from its content."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"PK"):
        return _zipped(path)
    text = decoded(head).lstrip("\ufeff \t\r\n")
    marked = (suffix for mark, suffix in _MARKS if text.startswith(mark.decode()))
    return next(marked, None) or _page(text.replace("\r\n", "\n"))


def _page(text: str) -> str | None:
    """A web page as it is, or in the form of a mail."""
    if _PAGE.match(_BEFORE_PAGE.sub("", text, count=1)):
        return ".html"
    headers = _HEADERS.match(text)
    is_saved = headers and "mime-version:" in headers[0].lower() and _SAVED_PAGE.search(headers[0])
    return ".mhtml" if is_saved else None


def _zipped(path: Path) -> str | None:
    try:
        with ZipFile(path) as archive:
            names = archive.NameToInfo
            kind = archive.open("mimetype").read(100) if "mimetype" in names else b""
    except (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return None
    suffix = next((suffix for name, suffix in _PARTS if name in names), None)
    return suffix or _OPEN_DOCUMENTS.get(kind.strip())
