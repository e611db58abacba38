"""OpenDocument texts and presentations."""

import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.load.opendocument import read_odp, read_odt

OFFICE = "urn:oasis:names:tc:opendocument:xmlns"
SPACES = " ".join(
    [
        f'xmlns:{name}="{OFFICE}:{name}:1.0"'
        for name in ("office", "text", "table", "style", "presentation", "meta", "chart")
    ]
    + [f'xmlns:{short}="{OFFICE}:{name}:1.0"' for short, name in (("draw", "drawing"),)]
    + [f'xmlns:{name}="{OFFICE}:{name}-compatible:1.0"' for name in ("svg", "fo")]
    + ['xmlns:dc="http://purl.org/dc/elements/1.1/"', 'xmlns:xlink="http://www.w3.org/1999/xlink"']
)


def saved(path: Path, body: str, styles: str = "", more: Mapping[str, str] | None = None) -> Path:
    """An OpenDocument file with this body, these styles and these further parts."""
    kind = {".odt": "text", ".odp": "presentation"}[path.suffix]
    content = f"<office:{kind}>{body}</office:{kind}>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr(
            "content.xml",
            f"<office:document-content {SPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body>{content}</office:body></office:document-content>",
        )
        for name, text in (more or {}).items():
            archive.writestr(name, text.replace(">", f" {SPACES}>", 1))
    return path


def text_of(folder: Path, body: str, styles: str = "") -> str:
    """What is read from a text with this body."""
    return str(read_odt(saved(folder / "memo.odt", body, styles)).text)


def p(words: str) -> str:
    """A paragraph."""
    return f"<text:p>{words}</text:p>"


def items(*texts: str) -> str:
    """A list."""
    return "<text:list>" + "".join(f"<text:list-item>{text}</text:list-item>" for text in texts) + "</text:list>"


def table(*rows: str) -> str:
    """A table of rows."""
    return f"<table:table>{''.join(rows)}</table:table>"


def row(*cells: str) -> str:
    """A row of cells."""
    return f"<table:table-row>{''.join(cells)}</table:table-row>"


def cell(words: str, more: str = "") -> str:
    """A cell with a paragraph."""
    return f"<table:table-cell {more}>{p(words)}</table:table-cell>"


def test_blocks_come_in_document_order(tmp_path: Path) -> None:
    """Headings have their level, lists their depth, rows the names of their columns."""
    fruit = items(p("Apple") + items(p("Red")), p("Pear"))
    body = (
        '<text:p text:style-name="P1">Fruit</text:p><text:h text:outline-level="2">Kinds</text:h>'
        f"{fruit}<text:section>{table(row(cell('Name'), cell('Price')), row(cell('Pear'), cell('2')))}</text:section>"
    )
    title = '<style:style style:name="P1" style:parent-style-name="Title"/>'

    extract = read_odt(saved(tmp_path / "memo.odt", body, title))

    assert extract.text == "# Fruit\n\n## Kinds\n\n- Apple\n  - Red\n- Pear\n\nName: Pear; Price: 2."
    assert extract.title == "Fruit"


def test_words_of_a_line_stay_together(tmp_path: Path) -> None:
    """Spans, links, spaces, tabs and breaks read as they are seen; line ends of the file do not count."""
    body = p(
        'One\n   <text:span>two</text:span><text:s text:c="2"/>three'
        "<text:tab/><text:a>four</text:a><text:line-break/>five"
    )

    assert text_of(tmp_path, body) == "One two  three\tfour\nfive"


def test_notes_and_comments_follow_their_paragraph(tmp_path: Path) -> None:
    """A footnote and a comment stand after the paragraph, marked as what they are; deleted words are gone."""
    cited = "<text:note-citation>1</text:note-citation>"
    note = f"<text:note>{cited}<text:note-body>{p('Its source.')}</text:note-body></text:note>"
    comment = f"<office:annotation><dc:creator>Ada</dc:creator>{p('Is this so?')}</office:annotation>"
    deleted = (
        f"<text:tracked-changes><text:changed-region><text:deletion>{p('gone')}</text:deletion></text:changed-region>"
    )

    text = text_of(tmp_path, f"{deleted}</text:tracked-changes>" + p(f"A claim{note}{comment}.") + p("The next."))

    assert text == "A claim.\n\nNote: Its source.\n\nComment: Is this so?\n\nThe next."


def test_contents_are_left_out_and_boxes_are_read(tmp_path: Path) -> None:
    """A table of contents repeats the headings; boxes and descriptions of pictures follow their paragraph."""
    contents = f"<text:table-of-content><text:index-body>{p('Kinds 1')}</text:index-body></text:table-of-content>"
    box = f"<draw:frame><draw:text-box>{p('In the box')}</draw:text-box></draw:frame>"
    picture = "<draw:frame><draw:image/><svg:desc>The old harbour</svg:desc></draw:frame>"

    text = text_of(tmp_path, contents + p(f"Before{box}{picture} and after"))

    assert text == "Before and after\n\nIn the box\n\nPicture: The old harbour"


def test_a_cell_over_rows_says_the_same_in_each(tmp_path: Path) -> None:
    """Each row can be understood without the rows above it."""
    rows = (
        row(cell("Country"), cell("City")),
        row(cell("France", 'table:number-rows-spanned="2"'), cell("Paris")),
        row("<table:covered-table-cell/>", cell("Lyon")),
        row(cell("Italy"), cell("Rome")),
    )

    assert text_of(tmp_path, table(*rows)) == (
        "Country: France; City: Paris.\nCountry: France; City: Lyon.\nCountry: Italy; City: Rome."
    )


def test_repeated_cells_do_not_multiply(tmp_path: Path) -> None:
    """A cell or row or space that says it is there a million times is written out a few times at most."""
    many = '="1000000000"'
    row = f"<table:table-row table:number-rows-repeated{many}>{cell('x', f'table:number-columns-repeated{many}')}"
    start = time.monotonic()

    text = text_of(tmp_path, f"<table:table>{row}</table:table-row></table:table>" + p(f"a<text:s text:c{many}/>b"))

    assert len(text) < 1000
    assert time.monotonic() - start < 5


def test_formulas_and_charts_are_read(tmp_path: Path) -> None:
    """A formula stands in its line as its author wrote it, a chart after its paragraph as a table."""

    def frame(name: str) -> str:
        return f'<draw:frame><draw:object xlink:href="./{name}"/></draw:frame>'

    header = f"<table:table-header-rows>{row(cell(''), cell('East'))}</table:table-header-rows>"
    sales = f"<table:table>{header}{row(cell('Q1'), cell('3'))}</table:table>"
    parts = {
        "One/content.xml": "<math><mi>a</mi><annotation>a over 2</annotation></math>",
        "Two/content.xml": f"<chart:chart><chart:title>{p('Sales')}</chart:title>{sales}</chart:chart>",
    }

    path = saved(tmp_path / "memo.odt", p(f"Half: {frame('One')}.{frame('Two')}"), more=parts)

    assert read_odt(path).text == "Half: a over 2.\n\nSales\n\nQ1; East: 3."


def test_properties_are_read(tmp_path: Path) -> None:
    """Title, author and date come from the properties, the language from them or from the default style."""
    meta = (
        "<office:meta><dc:title>Annual review</dc:title><meta:initial-creator>Ada</meta:initial-creator>"
        "<dc:creator>Alan</dc:creator><meta:creation-date>2023-06-21T09:00:00.123</meta:creation-date>"
        "<dc:date>2024-01-01T00:00:00</dc:date></office:meta>"
    )
    style = '<style:text-properties fo:language="de" fo:country="AT"/>'
    styles = f'<style:default-style style:family="paragraph">{style}</style:default-style>'

    parts = {"meta.xml": meta, "styles.xml": f"<office:styles>{styles}</office:styles>"}

    extract = read_odt(saved(tmp_path / "memo.odt", p("Words"), more=parts))

    assert (extract.title, extract.author, extract.date) == ("Annual review", "Ada", "2023-06-21")
    assert extract.language == "de-AT"


def frame(words: str, kind: str = "outline", *, top: int = 0) -> str:
    """A frame on a slide, so many centimetres from the top."""
    place = f'svg:x="1cm" svg:y="{top}cm" svg:width="9cm" svg:height="1cm"'
    return f'<draw:frame presentation:class="{kind}" {place}><draw:text-box>{words}</draw:text-box></draw:frame>'


def test_a_slide_is_a_page(tmp_path: Path) -> None:
    """Title first, then what stands on the slide from top to bottom, then the notes; footers are left out."""
    notes = f"<presentation:notes>{frame(p('Thank the team.'), 'notes')}</presentation:notes>"
    first = frame(p("Annual review"), "title") + frame(p("Ada Lovelace"), "subtitle", top=3)
    second = (
        frame(p("Below"), top=8)
        + frame(items(p("Sales rose"), p("Costs fell")), top=3)
        + frame(p("17"), "page-number", top=12)
        + frame(p("Results"), "title")
    )

    extract = read_odp(
        saved(tmp_path / "deck.odp", f"<draw:page>{first}</draw:page><draw:page>{second}{notes}</draw:page>")
    )

    assert extract.text == (
        "# Annual review\n\nAda Lovelace\n",
        "## Results\n\n- Sales rose\n- Costs fell\n\nBelow\n\nNotes: Thank the team.\n",
    )
    assert extract.title == "Annual review"


def test_a_locked_file_says_so(tmp_path: Path) -> None:
    """The manifest of a file with a password names what is encrypted."""
    manifest = {"META-INF/manifest.xml": "<manifest><file-entry><encryption-data/></file-entry></manifest>"}

    path = saved(tmp_path / "memo.odt", p("Words"), more=manifest)

    with pytest.raises(LoadError, match="locked with a password"):
        read_odt(path)


def test_headers_and_footers_stand_once_at_the_end(tmp_path: Path) -> None:
    """What they say is read; the number of the page is not."""
    page = "<text:page-number>7</text:page-number>"
    first = f"<style:header>{p('Contract 4711')}</style:header><style:footer>{p('Page ' + page)}</style:footer>"
    pages = f"<style:master-page>{first}</style:master-page>" * 2
    more = {"styles.xml": f"<office:document-styles>{pages}</office:document-styles>"}

    assert read_odt(saved(tmp_path / "memo.odt", p("Words."), more=more)).text == "Words.\n\nContract 4711"


def test_the_author_of_a_template_is_nobody(tmp_path: Path) -> None:
    """A presentation made by a library and saved by an office program has neither its date nor its author."""
    facts = "<dc:creator>Steve Canny</dc:creator><meta:creation-date>2013-01-27T09:14:16</meta:creation-date>"
    more = {"meta.xml": f"<office:document-meta><office:meta>{facts}</office:meta></office:document-meta>"}

    extract = read_odp(saved(tmp_path / "deck.odp", "<draw:page/>", more=more))

    assert (extract.author, extract.date) == (None, None)
