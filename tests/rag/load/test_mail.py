"""Mails read as who wrote what to whom."""

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.errors import LoadError, UnsupportedFormatError
from rag.load.extract import Extract
from rag.load.mail import read_eml, read_mhtml, read_msg
from rag.load.text import read_text

Properties = Mapping[int, str | bytes | int]
NONE, END = 0xFFFFFFFF, 0xFFFFFFFE
MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
HEAD = b"From: Ann <ann@x.org>\nSubject: Key\n"


def read(path: Path) -> Extract:
    """What an attachment says, by its suffix."""
    match path.suffix:
        case ".eml":
            return read_eml(path, read)
        case ".txt":
            return read_text(path)
        case _:
            raise UnsupportedFormatError(f"{path.suffix} is not a format that is read; these are: .txt")


def read_data(folder: Path, data: bytes) -> Extract:
    """What a mail of these bytes says."""
    path = folder / "a.eml"
    path.write_bytes(data)
    return read_eml(path, read)


def message(body: str = "It is under the mat.") -> EmailMessage:
    """A mail with the usual headers."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Cc"] = "Ann Ó <ann@x.org>", "Bob <bob@x.org>", "eve@x.org"
    mail["Date"], mail["Subject"] = "Fri, 16 Jun 2023 17:04:16 -0500", "Where the kéy is"
    mail.set_content(body)
    return mail


def test_a_mail_is_its_headers_and_its_body(tmp_path: Path) -> None:
    """Who wrote to whom and when stands above the body, and gives title, author and date."""
    extract = read_data(tmp_path, message().as_bytes())

    assert extract.text == (
        "From: Ann Ó <ann@x.org>\nTo: Bob <bob@x.org>\nCc: eve@x.org\n"
        "Date: Fri, 16 Jun 2023 17:04:16 -0500\nSubject: Where the kéy is\n\nIt is under the mat.\n"
    )
    assert (extract.title, extract.author, extract.date) == ("Where the kéy is", "Ann Ó", "2023-06-16")


def test_of_two_forms_the_plain_one_is_read(tmp_path: Path) -> None:
    """A body that comes as text and as HTML is read once."""
    mail = message("Plain words.")
    mail.add_alternative("<p>HTML words.</p>", subtype="html")

    text = str(read_data(tmp_path, mail.as_bytes()).text)

    assert "Plain words." in text
    assert "HTML words." not in text


@pytest.mark.parametrize(
    "plain", ["Your program shows no HTML. View this in your browser.", "The key is", "See https://x.org/1"]
)
def test_html_is_read_where_the_plain_text_is_a_stub(tmp_path: Path, plain: str) -> None:
    """A short text that says much less than the HTML, or something else, is not the mail."""
    mail = message(plain)
    mail.add_alternative("<p>The key is</p><p>under the mat at the back door.</p>", subtype="html")

    text = str(read_data(tmp_path, mail.as_bytes()).text)

    assert text.endswith("The key is\n\nunder the mat at the back door.")


def test_a_mail_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """What some programs write before the first header is no part of it."""
    assert read_data(tmp_path, b"\xef\xbb\xbf" + HEAD + b"\nUnder the mat.").author == "Ann"


@pytest.mark.parametrize(
    ("delsp", "text"),
    [
        ("", "It is under the mat.\n> Where\n> is it?\nNo more \n\nfrom Ann \n-- \nAnn"),
        ("; DelSp=Yes", "It isunder the mat.\n> Where\n> is it?\nNo more\n\nfrom Ann\n-- \nAnn"),
    ],
)
def test_flowed_paragraphs_are_one_line(tmp_path: Path, delsp: str, text: str) -> None:
    """A line that ends with a space goes on (RFC 3676), but not into another quotation, nor into the signature."""
    kind = f"Content-Type: text/plain; format=flowed{delsp}\n\n".encode()
    body = b"It is \nunder the mat.\n>Where\n> is it?\nNo more \n\n from Ann \n-- \nAnn\n"

    extract = read_data(tmp_path, HEAD + kind + body)

    assert str(extract.text).partition("\n\n")[2] == text


def test_pictures_of_a_page_are_no_attachments(tmp_path: Path) -> None:
    """A logo that the HTML shows is not noted; a photograph that is attached is."""
    mail = message()
    mail.set_content('<p>Hello</p><img src="cid:logo">', subtype="html")
    mail.add_related(b"\x89PNG", "image", "png", cid="<logo>", filename="logo.png")
    mail.add_attachment(b"\xff\xd8", maintype="image", subtype="jpeg", filename="photo.jpg", cid="<photo>")

    (note,) = read_data(tmp_path, mail.as_bytes()).notes

    assert note.startswith("1 attachment was not read: photo.jpg")


def test_pictures_of_a_page_are_no_attachments_in_outlook(tmp_path: Path) -> None:
    """Outlook marks them with a flag."""
    logo: Properties = {0x3707: "logo.png", 0x3701: b"\x89PNG", 0x3714: 4}
    (tmp_path / "a.msg").write_bytes(outlook({0x0037: "Key", 0x1000: "Under the mat."}, [logo]))

    assert read_msg(tmp_path / "a.msg", read).notes == ()


def test_a_saved_web_page_is_read(tmp_path: Path) -> None:
    """Its HTML is the text; title and address are those that the browser wrote."""
    (tmp_path / "a.mhtml").write_bytes(
        b"Subject: The key\nSnapshot-Content-Location: https://x.org/key\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/related; type="text/html"; boundary="b"\n\n--b\n'
        b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n"
        b'<meta charset=3D"iso-8859-2"><p>Za=BF=F3=B3=E6</p>\n--b\nContent-Type: text/css\n\np {}\n--b--\n'
    )

    extract = read_mhtml(tmp_path / "a.mhtml")

    assert (extract.text, extract.title, extract.source) == ("Zażółć", "The key", "https://x.org/key")


def test_a_saved_web_page_without_a_page_is_refused(tmp_path: Path) -> None:
    """A mail without HTML is no web page."""
    (tmp_path / "a.mhtml").write_bytes(message().as_bytes())

    with pytest.raises(LoadError, match="no saved web page"):
        read_mhtml(tmp_path / "a.mhtml")


@pytest.mark.parametrize("plain", [None, "  \n"])
def test_html_is_read_where_there_is_no_plain_text(tmp_path: Path, plain: str | None) -> None:
    """HTML becomes text with its structure, also beside an empty plain form."""
    mail = message(plain or "")
    page = "<script>no</script><h1>News</h1><ul><li>Key</li></ul>"
    mail.add_alternative(page, subtype="html") if plain else mail.set_content(page, subtype="html")

    assert str(read_data(tmp_path, mail.as_bytes()).text).endswith("\n\n# News\n\n- Key")


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("iso-8859-8-i", "iso-8859-8"), ("windows-1255", "cp1255"), ("utf-8", "utf-8")],
)
@pytest.mark.parametrize("transfer", ["base64", "quoted-printable", "8bit"])
def test_a_body_is_read_in_the_encoding_that_it_names(
    tmp_path: Path, charset: str, encoding: str, transfer: str
) -> None:
    """Whatever the transfer encoding, the words are those that were written."""
    from base64 import b64encode
    from quopri import encodestring

    body = "שלום מפתח".encode(encoding)
    sent = {"base64": b64encode(body), "quoted-printable": encodestring(body), "8bit": body}[transfer]
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {transfer}\n\n"

    assert "שלום מפתח" in read_data(tmp_path, HEAD + head.encode() + sent).text


@pytest.mark.parametrize("charset", ["utf-8", "us-ascii", "x-nonsense", "hex", "gb2312"])
def test_a_body_in_another_encoding_than_it_names_is_read(tmp_path: Path, charset: str) -> None:
    """An unknown or false name falls back on what the bytes look like."""
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n".encode()

    assert "naïve café" in read_data(tmp_path, HEAD + head + "naïve café.".encode("cp1252")).text


def test_a_mail_in_utf_16_is_read(tmp_path: Path) -> None:
    """Some programs save a mail as UTF-16."""
    data = (HEAD + b"\nUnder the mat.").decode().encode("utf-16")

    assert read_data(tmp_path, data).text == "From: Ann <ann@x.org>\nSubject: Key\n\nUnder the mat."


def test_raw_bytes_in_a_header_are_read(tmp_path: Path) -> None:
    """A header that is not ASCII, as none should be, is read like other text."""
    assert read_data(tmp_path, "From: Jörg <j@x.org>\n\nHi".encode()).author == "Jörg"


def test_attachments_stand_below_the_mail(tmp_path: Path) -> None:
    """Each attachment that can be read has its name as a heading, a mail its subject; the others are noted."""
    mail = message()
    mail.add_attachment("Below the pot.", filename="kéy/plan.txt")
    mail.add_attachment(message("Which mat?"))
    mail.add_attachment(b"\xff\xd8", maintype="image", subtype="jpeg", filename="photo.jpg")

    extract = read_data(tmp_path, mail.as_bytes())

    assert "\n\n# kéy/plan.txt\n\nBelow the pot." in extract.text
    assert "\n\n# Where the kéy is.eml\n\nFrom: Ann" in extract.text
    assert "Which mat?" in extract.text
    assert extract.notes == ("1 attachment was not read: photo.jpg (.jpg is not a format that is read)",)


def test_a_signature_is_no_attachment(tmp_path: Path) -> None:
    """The signature of a signed mail is passed over."""
    mail = message()
    mail.add_attachment(b"x", maintype="application", subtype="pgp-signature", filename="signature.asc")

    assert read_data(tmp_path, mail.as_bytes()).notes == ()


def test_an_encrypted_body_is_noted(tmp_path: Path) -> None:
    """What an encrypted mail says is not read, and the note says why."""
    extract = read_data(tmp_path, HEAD + b"Content-Type: application/pkcs7-mime; name=smime.p7m\n\nMIIB")

    assert extract.notes[0].startswith("its body is encrypted")


def test_line_ends_in_a_header_make_no_lines(tmp_path: Path) -> None:
    """An encoded line end cannot bring in a header of its own."""
    extract = read_data(tmp_path, b"From: a@x.org\nSubject: =?utf-8?q?Key=0AFrom:_boss=40x.org?=\n\nHi")

    assert extract.text == "From: a@x.org\nSubject: Key From: boss@x.org\n\nHi"


@pytest.mark.parametrize("date", ["INVALID", "Fri, 99 Foo 20233", "", "Fri, 16 Jun 99999 00:00:00 +0000"])
def test_a_broken_date_is_none(tmp_path: Path, date: str) -> None:
    """A date that cannot be read is no date, and the mail is read."""
    assert read_data(tmp_path, HEAD + f"Date: {date}\n\nHi".encode()).date is None


@pytest.mark.parametrize("value", ["(" * 5_000, '"' * 9_000, "<" * 5_000, "a@b.c, " * 100_000, "=?utf-8?b?" * 900])
def test_a_hostile_header_is_read_as_it_stands(tmp_path: Path, value: str) -> None:
    """A header that its parser cannot take neither ends the reading nor holds it up."""
    assert str(read_data(tmp_path, f"Subject: Key\nTo: {value}\n\nHi".encode()).text).endswith("Hi")


def test_a_long_header_is_read_whole(tmp_path: Path) -> None:
    """Hundreds of recipients are all named, also those with accents."""
    people = ",\n ".join(f"=?utf-8?q?J=C3=B6rg?= <j{number}@x.org>" for number in range(400))

    text = read_data(tmp_path, HEAD + f"To: {people}\n\nHi".encode()).text

    assert "Jörg <j399@x.org>" in text


def test_parts_in_one_another_without_end_are_refused(tmp_path: Path) -> None:
    """Ten thousand multiparts inside one another are an error that says so."""
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(10_000))

    with pytest.raises(LoadError, match="too deep"):
        read_data(tmp_path, HEAD + parts.encode())


def test_mails_in_one_another_end(tmp_path: Path) -> None:
    """Below three levels a mail in a mail is noted, not read."""
    mail = message("Depth 0.")
    for depth in range(1, 6):
        outer = message(f"Depth {depth}.")
        outer.add_attachment(mail)
        mail = outer

    extract = read_data(tmp_path, mail.as_bytes())

    assert "Depth 2." in extract.text
    assert "Depth 1." not in extract.text
    assert "more than 3 files deep" in extract.notes[0]


def test_what_has_no_headers_is_no_mail(tmp_path: Path) -> None:
    """A file without any of the headers is refused."""
    with pytest.raises(LoadError, match="no e-mail"):
        read_data(tmp_path, b"\n\n  \n")


def test_outlook_messages_are_read_like_mails(tmp_path: Path) -> None:
    """Sender, recipients, date and body come from the properties, and attachments stand below."""
    attached: Properties = {0x3707: "plan.txt", 0x3701: b"Below the pot."}
    properties: Properties = {
        0x0037: "Key", 0x0C1A: "Ann", 0x0C1F: "ann@x.org", 0x1000: "Under the mat.", 0x0039: 133_313_978_560_000_000
    }  # fmt: skip
    bob: Properties = {0x3001: "Bob", 0x39FE: "bob@x.org", 0x0C15: 1}
    eve: Properties = {0x3001: "Eve", 0x39FE: "eve@x.org", 0x0C15: 2}
    (tmp_path / "a.msg").write_bytes(outlook(properties, [attached], [bob, eve]))

    extract = read_msg(tmp_path / "a.msg", read)

    assert extract.text == (
        'From: "Ann" <ann@x.org>\nTo: Bob <bob@x.org>\nCc: Eve <eve@x.org>\n'
        "Date: Fri, 16 Jun 2023 14:04:16 +0000\nSubject: Key\n\nUnder the mat.\n\n# plan.txt\n\nBelow the pot."
    )
    assert (extract.title, extract.author, extract.date) == ("Key", "Ann", "2023-06-16")


def test_the_html_of_an_outlook_message_is_read(tmp_path: Path) -> None:
    """HTML is read where there is no plain text."""
    (tmp_path / "a.msg").write_bytes(outlook({0x0037: "Key", 0x1013: b"<p>Under the <b>mat</b>.</p>"}))

    assert str(read_msg(tmp_path / "a.msg", read).text).endswith("Under the mat.")


@pytest.mark.parametrize(
    "packed",
    [  # the example of MS-OXRTFCP 3.1, and text that is not compressed
        bytes.fromhex(
            "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
        ),
        struct.pack("<4I", 35, 23, 0x414C454D, 0) + rb"{\rtf1 hello world\par}",
    ],
)
def test_the_rtf_of_an_outlook_message_is_read(tmp_path: Path, packed: bytes) -> None:
    """Compressed rich text is read where it is all there is."""
    (tmp_path / "a.msg").write_bytes(outlook({0x0037: "Key", 0x1009: packed}))

    assert str(read_msg(tmp_path / "a.msg", read).text).endswith("hello world")


def test_an_outlook_message_with_the_same_bytes_many_times_is_refused(tmp_path: Path) -> None:
    """Streams that together are longer than the file are refused before they are read."""
    data = bytearray(outlook({0x0037: "Key", 0x1000: "Under the mat."}))
    stream = data.index("__substg1.0_1000001F".encode("utf-16-le"))
    data[stream + 120 : stream + 124] = struct.pack("<I", 10**8)
    (tmp_path / "a.msg").write_bytes(data)

    with pytest.raises(LoadError, match="claims more than it holds"):
        read_msg(tmp_path / "a.msg", read)


@pytest.mark.parametrize("table", [512, 1024])
def test_an_outlook_message_in_circles_ends(tmp_path: Path, table: int) -> None:
    """A file whose sectors point at one another, in whatever table, is read or refused, but not for ever."""
    data = bytearray(outlook({0x0037: "Key", 0x1000: "Under the mat." * 20}))
    data[table : table + 512] = struct.pack("<I", 2) * 128
    (tmp_path / "a.msg").write_bytes(data)

    with suppress(Exception):  # whatever olefile makes of it
        read_msg(tmp_path / "a.msg", read)


def test_what_is_no_outlook_message_is_refused(tmp_path: Path) -> None:
    """Other bytes under the suffix .msg are an error that says so."""
    (tmp_path / "a.msg").write_bytes(b"Subject: Key")

    with pytest.raises(LoadError, match="no message of Outlook"):
        read_msg(tmp_path / "a.msg", read)


def outlook(properties: Properties, attached: Sequence[Properties] = (), to: Sequence[Properties] = ()) -> bytes:
    """A message of Outlook: a compound file of streams by the number of their property (MS-OXMSG)."""
    root = storage(properties, 32)
    for kind, parts in (("attach", attached), ("recip", to)):
        for number, part in enumerate(parts):
            root[f"__{kind}_version1.0_#{number:08X}"] = storage(part, 8)
    return compound(root)


def storage(properties: Properties, header: int) -> dict[str, object]:
    """The streams of a set of properties, and the list of them."""
    streams: dict[str, object] = {}
    entries = b""
    for number, value in properties.items():
        if isinstance(value, int):
            kind, payload = (0x0040 if value > 2**32 else 0x0003), struct.pack("<Q", value)
        else:
            kind, data = (0x001F, value.encode("utf-16-le")) if isinstance(value, str) else (0x0102, value)
            streams[f"__substg1.0_{number:04X}{kind:04X}"] = data
            payload = struct.pack("<II", len(data), 0)
        entries += struct.pack("<HHI", kind, number, 6) + payload
    return streams | {"__properties_version1.0": bytes(header) + entries}


def compound(root: dict[str, object]) -> bytes:
    """A compound file (MS-CFB) whose streams all lie in the stream of small ones."""
    entries: list[bytes] = []
    small, chain = bytearray(), list[int]()

    def add(name: str, content: object, sibling: int = NONE) -> int:
        index, child, start, size = len(entries), NONE, END, 0
        entries.append(b"")
        if isinstance(content, dict):
            for inner in content.items():
                child = add(*inner, sibling=child)
        elif isinstance(content, bytes):
            start, size = len(chain), len(content)
            chain.extend([*range(start + 1, start - (-size // 64)), END])
            small.extend(content + bytes(-size % 64))
        kind = 5 if name == "Root Entry" else 1 if isinstance(content, dict) else 2
        entries[index] = entry(name, kind, (sibling, child), start, size)
        return index

    add("Root Entry", root)
    first_child = struct.unpack("<I", entries[0][76:80])[0]
    directories, smalls = -(-len(entries) // 4), -(-len(small) // 512)
    entries[0] = entry("Root Entry", 5, (NONE, first_child), 2 + directories, len(small))
    table = [0xFFFFFFFD, END, *range(3, 2 + directories), END, *range(3 + directories, 2 + directories + smalls), END]
    head = struct.pack("<8s16x5H6x10I", MAGIC, 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 2, 0, 4096, 1, 1, END, 0, 0)
    blocks = [head + b"\xff" * 432, numbers(table), numbers(chain), b"".join(entries), bytes(small)]
    return b"".join(block + bytes(-len(block) % 512) for block in blocks)


def entry(name: str, kind: int, links: tuple[int, int], start: int, size: int) -> bytes:
    """A line of the directory; its siblings form a list to the right."""
    words = name.encode("utf-16-le").ljust(64, b"\0")
    return words + struct.pack("<HBB3I36xIQ", 2 * len(name) + 2, kind, 1, NONE, *links, start, size)


def numbers(chain: list[int]) -> bytes:
    """One sector of a table of what follows what."""
    assert len(chain) <= 128
    return struct.pack("<128I", *chain, *[NONE] * (128 - len(chain)))
