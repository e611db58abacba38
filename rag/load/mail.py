"""Mails in .eml and .msg → who wrote what to whom, with the attachments that can be read below; saved web pages."""

import codecs
import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import parseaddr
from functools import partial
from mimetypes import guess_extension
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from rag.errors import LoadError
from rag.load.dates import mail_date
from rag.load.extract import Extract, hidden_note
from rag.load.html import decoded_page, shown_text
from rag.load.parts import Part, Read, read_parts
from rag.load.rtf import rtf_text
from rag.load.text import decoded

if TYPE_CHECKING:
    from oxmsg import Message as OutlookMessage
    from oxmsg.attachment import Attachment

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_LONG_HEADER = (
    2_000  # characters: the parser of addresses took 1 s for 5,000 quotation marks, four times that for 9,000
)
_LONGEST_HEADER = 50_000
_UNMEANT = frozenset({"", "us-ascii", "ascii", "iso-8859-1", "latin1", "utf-8", "utf8"})
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_SEALED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_STUB = 60  # words: of a longer text nobody says only that the mail is HTML
_SIGNATURE = "-- "  # the line above a signature
_OUTLOOK_SEALED = "IPM.Note.SMIME"
_RTF_COMPRESSED = 0x1009  # ids of Outlook's properties, MS-OXPROPS
_HTML = 0x1013
_SHORT_NAME = 0x3704
_RECIPIENT_TYPE = 0x0C15
_ATTACH_FLAGS = 0x3714
_OF_THE_PAGE = 4  # a flag: the HTML shows the attachment in its place
_FIELDS = {1: "To", 2: "Cc"}  # the recipient types
_ORIGINAL, _COMPRESSED = b"MELA", b"LZFu"  # the two kinds of MS-OXRTFCP
_MOST_RTF = 50 * 2**20  # bytes
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)


def read_eml(path: Path, read: Read) -> Extract:
    """A mail: headers, the best form of its body, and each attachment under its name."""
    try:
        message = message_from_bytes(_ascii(path.read_bytes()), policy=_POLICY)
        leaves = list(_leaves(message))
    except RecursionError as error:
        raise LoadError("its parts lie too deep in one another; save what you need of it as files") from error
    headers = {name: _header(message, name) for name in _HEADERS}
    if not any(headers.values()):
        raise LoadError("it is no e-mail, for it has no headers; give the file the suffix of its real format")
    attachments = [_part(leaf, number) for number, leaf in enumerate(leaves, 1) if not _is_body(leaf)]
    bodies = [_body(leaf) for leaf in leaves if _is_body(leaf)]
    sealed = any(part.get_content_type() in _SEALED for part in (message, *leaves))
    return _extract(headers, bodies, attachments, read, sealed=sealed)


def read_msg(path: Path, read: Read) -> Extract:
    """A mail as Outlook saves it, like one in .eml."""
    from oxmsg import Message as OutlookMessage

    _check_streams(path)
    message = OutlookMessage.load(str(path))
    attachments = [
        Part(_outlook_name(item), partial(_outlook_content, item))
        for item in message.attachments
        if not (item.properties.int_prop_value(_ATTACH_FLAGS) or 0) & _OF_THE_PAGE
    ]
    sealed = message.message_class == _OUTLOOK_SEALED
    return _extract(_outlook_headers(message), [_outlook_body(message)], attachments, read, sealed=sealed)


def read_mhtml(path: Path) -> Extract:
    """A web page that was saved in one file, or what programs export as a document of Word in this form."""
    page = message_from_bytes(_ascii(path.read_bytes()), policy=_POLICY)
    bodies = (_body(leaf) for leaf in page.walk() if _is_html(leaf))
    text, hidden = next((body for body in bodies if body[0]), ("", 0))
    if not text:
        raise LoadError("it is no saved web page, for it holds no HTML with text; save the page again")
    address = _header(page, "Snapshot-Content-Location")
    source = address if address.startswith(("http://", "https://")) else None
    return Extract(text, _header(page, "Subject") or None, source=source, notes=hidden_note(hidden))


def _extract(
    headers: dict[str, str], bodies: Sequence[tuple[str, int]], attachments: Iterable[Part], read: Read, *, sealed: bool
) -> Extract:
    lines = "\n".join(f"{name}: {value}" for name, value in headers.items() if value)
    found = read_parts(attachments, read, "attachment")
    text = "\n\n".join(block for block in (lines, *(body for body, _ in bodies), *found.texts) if block.strip())
    notes = ("its body is encrypted, or signed in a way that hides it", *found.notes) if sealed else found.notes
    notes = (*notes, *hidden_note(sum(hidden for _, hidden in bodies)))
    name, address = parseaddr(headers.get("From", ""))
    author = name or address or headers.get("From") or None
    return Extract(text, headers.get("Subject") or None, mail_date(headers.get("Date", "")), author, notes=notes)


def _header_value(name: str, value: str) -> Any:
    """A header as Python reads it, else as it stands: its parser (3.11) raises for some that are not well formed."""
    if any("\udc80" <= letter <= "\udcff" for letter in value):  # bytes that are not ASCII, which no header should have
        value = decoded(value.encode("utf-8", "surrogateescape"))
    try:
        if len(value) > _LONG_HEADER:
            return str(make_header(decode_header(value[:_LONGEST_HEADER])))
        parsed = policy.default.header_factory(name, value)
        str(parsed)
    except Exception:  # IndexError, AttributeError, RecursionError and others
        return value[:_LONGEST_HEADER]
    return parsed


_POLICY = policy.default.clone(header_factory=_header_value)


def _header(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())


def _ascii(data: bytes) -> bytes:
    """The mail in a superset of ASCII, from its first header: some programs save UTF-16 or a byte order mark."""
    data = decoded(data).encode() if b"\0" in data[:1000] else data
    return data.removeprefix(codecs.BOM_UTF8).lstrip()


def _leaves(part: Any, container: str = "") -> Iterator[EmailMessage]:
    """Body texts and attachments in order; of alternatives the plain text, else the HTML, without its pictures."""
    kind = part.get_content_type()
    if kind in _SIGNATURES or _is_of_the_page(part, container):
        return
    if kind == "message/rfc822" or not part.is_multipart():
        yield part
        return
    leaves = [leaf for child in part.get_payload() for leaf in _leaves(child, kind)]
    yield from _chosen(leaves) if kind == "multipart/alternative" else leaves


def _chosen(leaves: list[EmailMessage]) -> list[EmailMessage]:
    """One form of the body, and whatever is not the body."""
    bodies = [leaf for leaf in leaves if _is_body(leaf)]
    plain = [word for leaf in bodies if not _is_html(leaf) for word in _body(leaf)[0].split()]
    is_plain = bool(plain) and not _is_stub(plain, [leaf for leaf in bodies if _is_html(leaf)])
    return [leaf for leaf in leaves if not _is_body(leaf) or _is_html(leaf) != is_plain]


def _is_stub(plain: list[str], pages: list[EmailMessage]) -> bool:
    """True for a short text beside HTML that says much more, or something else: `View this in your browser.`"""
    if len(plain) > _STUB or not pages:
        return False
    words = [word for page in pages for word in _body(page)[0].split()]
    is_other = 2 * len(words) >= len(plain) and 2 * len(set(plain) & set(words)) < len(set(plain))
    return is_other or len(words) > 2 * len(plain)


def _is_of_the_page(leaf: EmailMessage, container: str) -> bool:
    """True for a picture that the HTML shows in its place, a logo or a pixel that counts readers."""
    is_picture = leaf.get_content_maintype() == "image" and leaf.get("Content-ID") is not None
    return is_picture and (container == "multipart/related" or leaf.get_content_disposition() != "attachment")


def _is_html(leaf: EmailMessage) -> bool:
    return leaf.get_content_type() == "text/html"


def _is_body(leaf: EmailMessage) -> bool:
    is_text = leaf.get_content_type() in ("text/plain", "text/html") or leaf.get_content_maintype() == "multipart"
    return is_text and leaf.get_content_disposition() != "attachment" and not leaf.get_filename()


def _body(leaf: EmailMessage) -> tuple[str, int]:
    """The text, and how many characters more are hidden in it."""
    charset = str(leaf.get_content_charset() or "")
    if _is_html(leaf):
        return shown_text(_decoded(_bytes(leaf), charset) if charset else decoded_page(_bytes(leaf)))
    text = _decoded(_bytes(leaf), charset)
    is_flowed = _parameter(leaf, "format") == "flowed"
    return _unflowed(text, delsp=_parameter(leaf, "delsp") == "yes") if is_flowed else text, 0


def _parameter(leaf: EmailMessage, name: str) -> str:
    return str(leaf.get_param(name, "")).lower()


def _unflowed(text: str, *, delsp: bool) -> str:
    """The paragraphs of format=flowed (RFC 3676) on a line each; `delsp`: the space that ends a line is none."""
    paragraphs: list[list[str]] = []
    flowing = None
    for line in text.splitlines():
        words = line.lstrip(">")
        quote = line[: len(line) - len(words)]
        words = words.removeprefix(" ")
        goes_on = words.endswith(" ") and words != _SIGNATURE
        if flowing != quote or words in ("", _SIGNATURE):
            paragraphs.append([f"{quote} " if quote else ""])
        paragraphs[-1].append(words[:-1] if delsp and goes_on else words)
        flowing = quote if goes_on else None
    return "\n".join("".join(paragraph) for paragraph in paragraphs)


def _bytes(leaf: EmailMessage) -> bytes:
    data = leaf.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _decoded(data: bytes, charset: str) -> str:
    """The text in the encoding that it names, unless it cannot be that, or is what programs name without looking."""
    if charset in _UNMEANT:
        return decoded(data)
    try:
        return data.decode(
            charset.removesuffix("-i")
        )  # Hebrew in reading order is iso-8859-8-i, unknown to Python 3.11
    except (LookupError, ValueError):
        return decoded(data)


def _part(leaf: EmailMessage, number: int) -> Part:
    kind = leaf.get_content_type()
    if kind == "message/rfc822":
        inner: Any = leaf
        while inner.get_content_type() == "message/rfc822" and inner.is_multipart():
            inner = inner.get_payload(0)
        return Part(f"{_header(inner, 'Subject').replace('/', ' ') or 'message'}.eml", partial(_message_bytes, inner))
    name = " ".join((leaf.get_filename() or f"part {number}").split())
    suffix = "" if PurePosixPath(name).suffix else guess_extension(kind) or ""
    return Part(name + suffix, lambda: [_bytes(leaf)])


def _message_bytes(message: Message) -> list[bytes]:
    try:
        return [message.as_bytes(policy=policy.compat32)]
    except Exception as error:  # written anew, a damaged header may raise what its parser does
        raise LoadError("it is damaged") from error


def _check_streams(path: Path) -> None:
    """Raise LoadError for a file whose streams together are longer than it, being the same bytes many times."""
    from olefile import STGTY_STREAM, OleFileIO, isOleFile  # type: ignore[import-untyped]  # 0.47 carries no types

    if not isOleFile(path):
        raise LoadError("it is no message of Outlook; give the file the suffix of its real format")
    with OleFileIO(path) as container:
        size = sum(entry.size for entry in container.direntries if entry and entry.entry_type == STGTY_STREAM)
    if size > path.stat().st_size:
        raise LoadError("it is damaged, for it claims more than it holds; save it from Outlook again")


def _outlook_headers(message: "OutlookMessage") -> dict[str, str]:
    """The headers that came with the message, else what Outlook knows; a message that was never sent has none."""
    sent = {name.lower(): value for name, value in message.message_headers.items()}
    headers = {name: " ".join(str(_header_value(name, sent.get(name.lower(), ""))).split()) for name in _HEADERS}
    known = {"From": message.sender or "", "Date": _written(message.sent_date), "Subject": message.subject}
    for name, value in (known | _recipients(message)).items():
        headers[name] = headers[name] or " ".join(value.split())
    return headers


def _written(date: datetime | None) -> str:
    return f"{date:%a, %d %b %Y %H:%M:%S +0000}" if date else ""


def _recipients(message: "OutlookMessage") -> dict[str, str]:
    found: dict[str, list[str]] = {"To": [], "Cc": []}
    for recipient in message.recipients:
        field = _FIELDS.get(recipient.properties.int_prop_value(_RECIPIENT_TYPE) or 1)
        if field:
            name, address = recipient.name, recipient.email_address
            found[field].append(f"{name} <{address}>" if address and address != name else name)
    return {field: ", ".join(names) for field, names in found.items()}


def _outlook_body(message: "OutlookMessage") -> tuple[str, int]:
    """The plain text, else that of the HTML, else that of the RTF; and how many characters more are hidden in it."""
    if (plain := message.body) and plain.strip():
        return plain, 0
    if page := _outlook_html(message):
        return shown_text(page)
    packed = message.properties.binary_prop_value(_RTF_COMPRESSED)
    return rtf_text(_unpacked(packed)) if packed else "", 0


def _outlook_html(message: "OutlookMessage") -> str:
    data = message.properties.binary_prop_value(_HTML)
    return _decoded(data, message.properties.body_encoding) if data else message.html_body or ""


def _outlook_name(attachment: "Attachment") -> str:
    properties = attachment.properties
    return attachment.file_name or properties.str_prop_value(_SHORT_NAME) or "attachment"


def _outlook_content(attachment: "Attachment") -> list[bytes]:
    data = attachment.file_bytes
    if data is None:
        raise LoadError("it is a message or a link, and only files are read")
    return [data]


def _unpacked(packed: bytes) -> bytes:
    """RTF out of its compressed form (MS-OXRTFCP): literals, and references into a ring of 4096 bytes."""
    if len(packed) < 16 or packed[8:12] == _ORIGINAL:
        return packed[16:]
    size, kind = struct.unpack("<4xI4s4x", packed[:16])
    if kind != _COMPRESSED or size > _MOST_RTF:
        raise LoadError("its text is damaged; save it from Outlook again")
    text, start = bytearray(_DICTIONARY), 16
    while start < len(packed) and len(text) < size + len(_DICTIONARY):
        flags, start = packed[start], start + 1
        for bit in range(8):
            if not flags >> bit & 1:
                text += packed[start : start + 1]
                start += 1
                continue
            reference = int.from_bytes(packed[start : start + 2].ljust(2, b"\0"), "big")
            start += 2
            offset, length = reference >> 4, (reference & 15) + 2
            back = (len(text) - offset) % 4096
            if back == 0:
                return bytes(text[len(_DICTIONARY) :])
            for _ in range(length):
                text.append(text[-back] if back <= len(text) else ord(" "))
    return bytes(text[len(_DICTIONARY) :])
