"""Files known by their content, whatever their name."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from rag.load.disguise import real_suffix

SAVED = b'MIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n boundary="b"\r\n\r\n--b\r\n'


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (b"\xef\xbb\xbf \r\n<!-- x -->\n<HTML xmlns:w='u'><body>", ".html"),
        (b"<?xml version='1.0'?><!DOCTYPE html>", ".html"),
        ("\ufeff<html>".encode("utf-16-le"), ".html"),
        (b"<table><tr><td>1", ".html"),
        (SAVED, ".mhtml"),
        (b"\n" + SAVED.replace(b"\r", b""), ".mhtml"),
        (b"{\\rtf1\\ansi x}", ".rtf"),
        (b"%PDF-1.7\n%\xe2\xe3", ".pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None),
        (b"<?xml version='1.0'?><w:wordDocument>", None),
        (b"The <html> tag begins a page.", None),
        (b"From: Ann\nMIME-Version: 1.0\nContent-Type: multipart/mixed\n\nmultipart/related", None),
        (b"PK no archive", None),
        (b"", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(tmp_path: Path, data: bytes, suffix: str | None) -> None:
    """Marks, space and comments before what tells the format are passed over; what is not known is None."""
    path = tmp_path / "a.doc"
    path.write_bytes(data)

    assert real_suffix(path) == suffix


@pytest.mark.parametrize(
    ("members", "suffix"),
    [
        ({"word/document.xml": ""}, ".docx"),
        ({"xl/workbook.xml": ""}, ".xlsx"),
        ({"ppt/presentation.xml": ""}, ".pptx"),
        ({"mimetype": "application/vnd.oasis.opendocument.text"}, ".odt"),
        ({"mimetype": "x" * 1000}, None),
        ({"a.txt": ""}, None),
    ],
)
def test_an_archive_is_known_by_its_parts(tmp_path: Path, members: Mapping[str, str], suffix: str | None) -> None:
    """Office formats are archives, each with a part of its own."""
    path = tmp_path / "a.doc"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)

    assert real_suffix(path) == suffix
