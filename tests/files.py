"""Small files in formats that are archives of XML, made by hand; and an address that files may try to reach."""

import io
import socket
import threading
import zipfile
from collections.abc import Mapping

_CONTAINER = '<container><rootfiles><rootfile full-path="c.opf"/></rootfiles></container>'
_ODF = {"office": "office", "text": "text", "table": "table", "draw": "drawing", "svg": "svg-compatible"}


def zipped(members: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these members, in order."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def odf(kind: str, body: str) -> bytes:
    """An OpenDocument file: `kind` is text, spreadsheet or presentation, `body` what stands in its office:body."""
    spaces = "".join(f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{urn}:1.0"' for name, urn in _ODF.items())
    spaces += ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    media = f"application/vnd.oasis.opendocument.{kind}"
    urn = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    root = "office:document-content"
    return zipped(
        {
            "mimetype": media,
            "content.xml": f"<{root}{spaces}><office:body>{body}</office:body></{root}>",
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{urn}"><manifest:file-entry'
            f' manifest:full-path="/" manifest:media-type="{media}"/></manifest:manifest>',
        },
        zipfile.ZIP_STORED,  # as the first member has to be: what a file is, is read off its first bytes
    )


def epub(chapter: str, *addresses: str) -> bytes:
    """A book of one chapter, and of others at addresses where there may be nothing."""
    kind = 'media-type="application/xhtml+xml"'
    names = ["a.xhtml", *addresses]
    items = "".join(f'<item id="i{number}" href="{name}" {kind}/>' for number, name in enumerate(names))
    spine = "".join(f'<itemref idref="i{number}"/>' for number in range(len(names)))
    package = f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>"
    page = f"<html><body>{chapter}</body></html>"
    return zipped({"META-INF/container.xml": _CONTAINER, "c.opf": package, "a.xhtml": page})


class Trap:
    """An address on this machine that counts whoever connects to it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.caught = 0
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.caught += 1
            connection.close()

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
