"""Word documents in document order."""

import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from lxml.etree import XMLSyntaxError  # type: ignore[import-untyped]  # lxml 6.1 carries no types

from rag.errors import LoadError
from rag.load.docx import read_docx


def saved(document: Document, folder: Path) -> Path:
    """The document as a file."""
    path = folder / "memo.docx"
    document.save(str(path))
    return path


@pytest.fixture
def memo() -> Document:
    """A document with a heading, a list, a table between paragraphs, and properties."""
    document = docx.Document()
    document.core_properties.title = "Who met whom"
    document.core_properties.created = datetime(2023, 6, 21, tzinfo=UTC)
    document.add_heading("Who met whom", level=0)
    document.add_heading("Programme", level=2)
    document.add_paragraph("Two days in Beijing.")
    table = document.add_table(rows=0, cols=2)
    for cells in (("Day", "Event"), ("18 June", "Talks"), ("19 June", "")):
        row = table.add_row()
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("First point", style="List Bullet")
    document.add_paragraph("Second point", style="List Bullet")
    return document


def test_paragraphs_and_tables_come_in_document_order(memo: Document, tmp_path: Path) -> None:
    """Headings have their level, rows name their cells, items their dash."""
    extract = read_docx(saved(memo, tmp_path))

    assert str(extract.text).strip() == (
        "# Who met whom\n\n## Programme\n\nTwo days in Beijing.\n\n"
        "Day: 18 June; Event: Talks.\nDay: 19 June.\n\n- First point\n- Second point"
    )
    assert (extract.title, extract.date) == ("Who met whom", "2023-06-21")


def test_a_date_that_nobody_set_is_no_date(tmp_path: Path) -> None:
    """The day of the template that python-docx starts from says nothing about a document."""
    document = docx.Document()
    document.add_paragraph("Words.")

    assert read_docx(saved(document, tmp_path)).date is None


def test_tracked_changes_are_read_as_accepted(tmp_path: Path) -> None:
    """Inserted words are read, deleted ones are not."""
    document = docx.Document()
    paragraph = document.add_paragraph("The talks ")
    for kind, text in (("del", "<w:delText>failed</w:delText>"), ("ins", "<w:t>went on</w:t>")):
        paragraph._p.append(parse_xml(f"<w:{kind} {nsdecls('w')}><w:r>{text}</w:r></w:{kind}>"))

    assert "The talks went on" in read_docx(saved(document, tmp_path)).text


def test_a_merged_cell_is_read_once(tmp_path: Path) -> None:
    """A cell over two columns does not repeat its words or shift the cells after it."""
    document = docx.Document()
    table = document.add_table(rows=2, cols=3)
    for cell, text in zip(table.rows[0].cells, ("A", "B", "C"), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 1)).text = "wide"
    table.cell(1, 2).text = "last"

    assert "A: wide; C: last." in read_docx(saved(document, tmp_path)).text


WORD = nsdecls("w", "wp", "a", "m") + ' xmlns:v="urn:schemas-microsoft-com:vml"'


def with_body(folder: Path, xml: str, **parts: str) -> Path:
    """A document with this XML as its body, and with more parts: footnotes, comments."""
    document = docx.Document()
    document._body._element.insert(0, parse_xml(f"<w:p {WORD}><w:r><w:t>first</w:t></w:r></w:p>"))
    plain = saved(document, folder)
    changed = folder / "changed.docx"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/document.xml":
                data = f"<w:document {WORD}><w:body>{xml}</w:body></w:document>".encode()
            if name == "word/_rels/document.xml.rels":
                links = "".join(f'<Relationship Id="x{kind}" Type="x/{kind}" Target="{kind}.xml"/>' for kind in parts)
                data = data.replace(b"</Relationships>", f"{links}</Relationships>".encode())
            new.writestr(name, data)
        for kind, text in parts.items():
            new.writestr(f"word/{kind}.xml", f"<w:{kind} {WORD}>{text}</w:{kind}>")
    return changed


def paragraph(inner: str) -> str:
    """A paragraph around runs, or around plain words."""
    return f"<w:p>{inner if inner.startswith('<') else run(inner)}</w:p>"


def run(text: str) -> str:
    """A run of words."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def test_notes_and_comments_follow_their_paragraph(tmp_path: Path) -> None:
    """A footnote and a comment stand after the paragraph that refers to them, marked as what they are."""
    body = paragraph(
        run("A claim.") + '<w:r><w:footnoteReference w:id="2"/><w:commentReference w:id="0"/></w:r>'
    ) + paragraph("The next.")
    notes = f'<w:footnote w:id="2">{paragraph("Its source.")}</w:footnote>'
    comments = f'<w:comment w:id="0">{paragraph("Is this so?")}</w:comment>'

    extract = read_docx(with_body(tmp_path, body, footnotes=notes, comments=comments))

    assert extract.text == "A claim.\n\nNote: Its source.\n\nComment: Is this so?\n\nThe next."


def test_a_note_to_a_header_cell_does_not_repeat_in_each_row(tmp_path: Path) -> None:
    """A footnote of a table stands once, after the table."""
    names = run("Sum") + '<w:r><w:footnoteReference w:id="2"/></w:r>'
    rows = [
        [paragraph("Year"), paragraph(names)],
        [paragraph("2022"), paragraph("5")],
        [paragraph("2023"), paragraph("6")],
    ]
    table = "".join("<w:tr>" + "".join(f"<w:tc>{cell}</w:tc>" for cell in row) + "</w:tr>" for row in rows)
    notes = f'<w:footnote w:id="2">{paragraph("In millions.")}</w:footnote>'

    extract = read_docx(with_body(tmp_path, f"<w:tbl>{table}</w:tbl>", footnotes=notes))

    assert extract.text == "Year: 2022; Sum: 5.\nYear: 2023; Sum: 6.\n\nNote: In millions."


def test_a_text_box_is_read_once_after_its_paragraph(tmp_path: Path) -> None:
    """Words in a box do not run into the paragraph, nor come a second time from the form for older programs."""
    box = f"<w:txbxContent>{paragraph('In the box.')}</w:txbxContent>"
    alternatives = f"<Choice><w:drawing>{box}</w:drawing></Choice><Fallback><w:pict>{box}</w:pict></Fallback>"
    body = paragraph(
        run("Before") + f"<w:r><AlternateContent>{alternatives}</AlternateContent></w:r>" + run(" and after.")
    )

    assert read_docx(with_body(tmp_path, body)).text == "Before and after.\n\nIn the box."


def test_equations_read_in_a_line(tmp_path: Path) -> None:
    """Fractions, powers and sums keep their parts apart."""

    def maths(name: str, **parts: str) -> str:
        inner = "".join(f"<m:{part}>{text}</m:{part}>" for part, text in parts.items())
        return f"<m:{name}>{inner}</m:{name}>"

    def letter(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    power = maths("sSup", e=letter("10"), sup=letter("-6"))
    fraction = maths("f", num=letter("a+b"), den=letter("2"))
    total = (
        '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>'
        + maths("nary", sub=letter("k=1"), sup=letter("n"), e=letter("k"))[8:]
    )
    body = paragraph(
        run("It is ") + f"<m:oMath>{letter('y=')}{fraction}{letter('+')}{power}{letter('+')}{total}</m:oMath>"
    )

    assert read_docx(with_body(tmp_path, body)).text == "It is y=(a+b)/2+10^(-6)+∑_(k=1)^n k"


def test_a_table_in_a_cell_is_read_in_its_cell(tmp_path: Path) -> None:
    """An inner table stays in its row; a table of one column is the layout of a page and read as its blocks."""
    document = docx.Document()
    outer = document.add_table(rows=2, cols=2)
    for cell, text in zip(outer._cells, ("Team", "Result", "Blues"), strict=False):
        cell.text = text
    inner = outer.cell(1, 1).add_table(rows=2, cols=2)
    for cell, text in zip(inner._cells, ("Day", "Score", "Monday", "2:1"), strict=True):
        cell.text = text
    page = document.add_table(rows=1, cols=1)
    page.cell(0, 0).text = "One"
    page.cell(0, 0).add_paragraph("Two")

    extract = read_docx(saved(document, tmp_path))

    assert extract.text == "Team: Blues; Result: Day: Monday; Score: 2:1.\n\nOne\n\nTwo"


def test_a_cell_over_rows_says_the_same_in_each(tmp_path: Path) -> None:
    """Each row can be understood without the rows above it."""
    document = docx.Document()
    table = document.add_table(rows=3, cols=2)
    for cell, text in zip(table._cells, ("Country", "City", "France", "Paris", "", "Lyon"), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))

    assert "Country: France; City: Lyon." in read_docx(saved(document, tmp_path)).text


def test_levels_of_lists_are_indented_and_code_keeps_its_lines(tmp_path: Path) -> None:
    """An item in an item stands further in; lines of code stay together with their indents."""
    document = docx.Document()
    document.add_paragraph("Fruit", style="List Bullet")
    document.add_paragraph("Apple", style="List Bullet 2")
    code = document.styles.add_style("Source Code", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("if ripe:", style=code)
    document.add_paragraph("    eat()", style=code)

    assert read_docx(saved(document, tmp_path)).text == "- Fruit\n  - Apple\n\nif ripe:\n    eat()"


def test_a_style_with_an_outline_level_is_a_heading(tmp_path: Path) -> None:
    """What Word's navigation shows as a heading is one, whatever its style is called."""
    document = docx.Document()
    style = document.styles.add_style("Chapter", WD_STYLE_TYPE.PARAGRAPH)
    style.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {WORD} w:val="1"/>'))
    document.add_paragraph("Rules", style=style)

    assert read_docx(saved(document, tmp_path)).text == "## Rules"


def test_author_and_language_are_those_that_somebody_gave(memo: Document, tmp_path: Path) -> None:
    """The language is that of most words; the library's own name is no author."""
    memo.core_properties.author = "Ada Lovelace"
    for each in memo.paragraphs:
        for piece in each.runs:
            piece._r.get_or_add_rPr().append(parse_xml(f'<w:lang {WORD} w:val="de-AT" w:eastAsia="zh-CN"/>'))

    extract, blank = read_docx(saved(memo, tmp_path)), read_docx(saved(docx.Document(), tmp_path))

    assert (extract.author, extract.language) == ("Ada Lovelace", "de-AT")
    assert (blank.author, blank.language) == (None, None)


def test_a_picture_says_what_its_author_wrote(tmp_path: Path) -> None:
    """An alternative text is read; a file name and the guess of a program are not."""
    texts = ("The dam at sunset", "image1.png", "A picture containing grass Description automatically generated")
    body = "".join(
        paragraph(
            f'<w:r><w:drawing><wp:inline><wp:docPr id="1" name="x" descr="{text}"/></wp:inline></w:drawing></w:r>'
        )
        for text in texts
    )

    assert read_docx(with_body(tmp_path, body)).text == "Picture: The dam at sunset"


def test_an_inserted_file_is_noted(tmp_path: Path) -> None:
    """A part in another format is left out, and the extract says so."""
    extract = read_docx(with_body(tmp_path, paragraph("Words.") + "<w:altChunk/>"))

    assert extract.notes == ("1 inserted file was not read",)


def bomb(path: Path) -> None:
    """An archive with a part that says it unpacks to 501 MiB."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", bytes(12_345))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 12_345), struct.pack("<I", 501 * 2**20)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le")), "password"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0 Word.Document.8"), "before 2007"),
        (lambda path: path.write_bytes(b"%PDF-1.7"), "real format"),
        (bomb, "unpacks to 501 MiB"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    """A locked, old, foreign or absurdly large file is refused with the reason."""
    path = tmp_path / "memo.docx"
    make(path)

    with pytest.raises(LoadError, match=says):
        read_docx(path)


def with_entities(folder: Path, entities: str, reference: str) -> Path:
    """A document that declares entities and refers to one after its words."""
    path, hostile = with_body(folder, paragraph("Words")), folder / "hostile.docx"
    body = f"<w:document {WORD}><w:body>{paragraph(run(f'Words {reference}'))}</w:body></w:document>"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(hostile, "w") as new:
        for name in old.namelist():
            new.writestr(name, f"<!DOCTYPE d [{entities}]>{body}" if name == "word/document.xml" else old.read(name))
    return hostile


def test_an_entity_fetches_nothing(tmp_path: Path) -> None:
    """A file on this machine does not come in through an entity."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden words")

    path = with_entities(tmp_path, f'<!ENTITY x SYSTEM "{secret.as_uri()}">', "&x;")

    assert read_docx(path).text == "Words"


def test_a_billion_laughs_are_not_expanded(tmp_path: Path) -> None:
    """Entities that multiply end the reading at once."""
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 1000}">' for n in range(1, 5))

    path = with_entities(tmp_path, f'<!ENTITY a0 "ha">{laughs}', "&a4;")

    with pytest.raises(XMLSyntaxError, match="amplification"):
        read_docx(path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    """Ten thousand tables in one another end the reading at once, without a recursion."""
    depth = 10_000
    body = "<w:tbl><w:tr><w:tc>" * depth + paragraph("deep") + "</w:tc></w:tr></w:tbl>" * depth

    path = with_body(tmp_path, body)

    with pytest.raises(XMLSyntaxError, match="depth"):
        read_docx(path)


def table_of(*rows: str) -> str:
    """A table of rows; the cells of a row are parted by |."""
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row.split("|")) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<w:tr>", "<w:tr><w:trPr><w:tblHeader/></w:trPr>"),
        ("<w:r>", "<w:r><w:rPr><w:b/></w:rPr>"),
    ],
)
def test_a_marked_first_row_names_two_columns(tmp_path: Path, before: str, after: str) -> None:
    """A row that is repeated on each page, or the only bold one, is a header; without a mark it is a pair."""
    plain = table_of("Rule|Penalty", "Late|A pound")
    first, second, rest = plain.partition("</w:tr>")
    marked = first.replace(before, after) + second + rest

    assert read_docx(with_body(tmp_path, marked)).text == "Rule: Late; Penalty: A pound."
    assert read_docx(with_body(tmp_path, plain)).text == "Rule: Penalty.\nLate: A pound."


def test_a_row_that_starts_further_right_keeps_its_columns(tmp_path: Path) -> None:
    """Columns left out before a row's first cell do not shift its cells."""
    body = table_of("A|B|C", "b|c").replace("<w:tr>", '<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>')
    body = body.replace('<w:trPr><w:gridBefore w:val="1"/></w:trPr>', "", 1)

    assert read_docx(with_body(tmp_path, body)).text == "B: b; C: c."


def test_words_as_a_picture_and_formulas_between_paragraphs_are_read(tmp_path: Path) -> None:
    """WordArt follows its paragraph; a formula may stand by itself in the body."""
    art = '<w:r><w:pict><v:shape><v:textpath string="BIG WORDS"/></v:shape></w:pict></w:r>'
    formula = "<m:oMathPara><m:oMath><m:r><m:t>E=mc</m:t></m:r></m:oMath></m:oMathPara>"

    assert read_docx(with_body(tmp_path, paragraph(art) + formula)).text == "BIG WORDS\n\nE=mc"


def test_headers_and_footers_stand_once_at_the_end(tmp_path: Path) -> None:
    """What they say is read; the number of the page is not."""
    field = '<w:fldSimple w:instr=" PAGE "><w:r><w:t>7</w:t></w:r></w:fldSimple>'
    header = paragraph("Contract 4711") + paragraph("______")
    footer = paragraph(run("Page ") + field) + paragraph(run("Contract 4711\t Page ") + field)

    extract = read_docx(with_body(tmp_path, paragraph("Words."), header=header, footer=footer))

    assert extract.text == "Words.\n\nContract 4711"
