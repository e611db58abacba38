"""JSON and XML read as lines that say what each value is."""

from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.load.data import read_json, read_jsonl, read_xml


def json_text(folder: Path, data: str | bytes) -> str:
    """The text of a JSON file."""
    path = folder / "a.json"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(read_json(path).text)


def xml_text(folder: Path, data: str | bytes) -> str:
    """The text of an XML file."""
    path = folder / "a.xml"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(read_xml(path).text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('{"a": 1, "b": {"c": true, "d": {"e": "x"}}, "f": null}', "a: 1\n\nb.c: true\n\nb.d.e: x"),
        ('[{"name": "Ann", "age": 3}, {"name": "Bob", "age": 4}]', "name: Ann; age: 3.\nname: Bob; age: 4."),
        ('{"staff": [{"name": "Ann", "home": {"city": "Oslo"}}]}', "staff:\nname: Ann; home.city: Oslo."),
        ('{"tags": ["a", "b"], "none": [], "empty": {}}', "tags: a, b"),
        ('["a", "b"]', "- a\n- b"),
        ('[[1, 2], [{"a": [{"b": 3}]}]]', "1:\n- 1\n- 2\n\n2.1.a:\nb: 3."),
        ('"only words"', "only words"),
        ('{"a": 1, "a": 2}', "a: 2"),
        ('{"a": NaN, "b": 1e999, "c": 0.10}', "a: NaN\nb: 1e999\nc: 0.10"),
        ('\ufeff{"a": "é"}', "a: é"),
        ('{"": {"": 1}}', "1"),
    ],
)
def test_json(tmp_path: Path, source: str, text: str) -> None:
    """Values stand behind their path, records on a line each."""
    assert json_text(tmp_path, source) == text


def test_a_long_value_is_a_paragraph(tmp_path: Path) -> None:
    """A text among short values stands by itself, and keeps its lines."""
    story = "Once.\\nTwice."

    text = json_text(tmp_path, f'[{{"name": "Ann", "story": "{story}"}}, {{"name": "Bob", "story": "None"}}]')

    assert text == "name: Ann.\n\nstory: Once.\nTwice.\n\nname: Bob; story: None."


def test_a_number_of_any_length_stays_as_it_is(tmp_path: Path) -> None:
    """A number of 10,000 digits is not computed with."""
    assert json_text(tmp_path, '{"n": ' + "7" * 10_000 + "}") == "n: " + "7" * 10_000


@pytest.mark.parametrize(
    "source", ["[" * 100_000, "[" * 500 + "]" * 500, '{"a":' * 100_000, '{"a":' * 300 + "1" + "}" * 300]
)
def test_json_nested_too_deep_is_refused(tmp_path: Path, source: str) -> None:
    """The error says how deep is read."""
    with pytest.raises(LoadError, match="more than 100 levels"):
        json_text(tmp_path, source)


@pytest.mark.parametrize(
    ("source", "place"),
    [('{"a": 1,\n "b" 2}', "line 2, column 6"), ("", "line 1, column 1"), ("{'a': 1}", "line 1, column 2")],
)
def test_broken_json_is_refused_with_its_place(tmp_path: Path, source: str, place: str) -> None:
    """The error says where it is broken."""
    with pytest.raises(LoadError, match=place):
        json_text(tmp_path, source)


def test_json_gives_title_author_and_date(tmp_path: Path) -> None:
    """Fields of these names are the document's."""
    (tmp_path / "a.json").write_text('{"title": "Rules", "author": "Ann", "date": "2023-06-16", "text": "By card."}')

    extract = read_json(tmp_path / "a.json")

    assert (extract.title, extract.author, extract.date) == ("Rules", "Ann", "2023-06-16")


def test_each_line_of_json_lines_is_a_record(tmp_path: Path) -> None:
    """Broken lines are noted by number, the others read."""
    (tmp_path / "a.jsonl").write_text(
        '{"name": "Ann", "age": 3}\n{broken\n\n{"name": "Bob\u2028", "age": 4}\r\n' + "[" * 10**5
    )

    extract = read_jsonl(tmp_path / "a.jsonl")

    assert extract.text == "name: Ann; age: 3.\nname: Bob; age: 4."
    assert extract.notes == ("lines that are not JSON were left out: 2, 5",)


def test_json_lines_without_a_whole_line_are_refused(tmp_path: Path) -> None:
    """At least one line must be right."""
    (tmp_path / "a.jsonl").write_text("not\njson")

    with pytest.raises(LoadError, match="no line of it is JSON"):
        read_jsonl(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "<book><land><name>A</name><city>B</city></land><land><name>C</name><city>D</city></land></book>",
            "land:\nname: A; city: B.\nname: C; city: D.",
        ),
        ("<doc><title>T</title><sec><title>S</title><p>One <b>two</b>.</p></sec></doc>", "# T\n\n## S\n\nOne two."),
        ("<doc><p>One.</p><p>Two.</p></doc>", "One.\n\nTwo."),
        ("<a><list><item>x</item><item>y</item></list></a>", "- x\n- y"),
        ('<a><string name="app">My app</string><set name="k" value="v"/></a>', "app: My app\nk: v"),
        ('<a><room name="Hall"><seats>9</seats><floor>1</floor></room></a>', "room:\nname: Hall; seats: 9; floor: 1."),
        ('<x:a xmlns:x="u"><x:owner>Ann</x:owner></x:a>', "owner: Ann"),
        ('<a><row Id="1" Text="x"/><row Id="2" Text="y"/></a>', "row:\nId: 1; Text: x.\nId: 2; Text: y."),
        (
            '<a><chair sku="S1" price="9">Red</chair><door/><man age="3"/></a>',
            "chair: Red; sku: S1; price: 9.\n\nman:\nage: 3.",
        ),
        ('<a><row id="1"><x unit="kg">5</x><y>6</y></row></a>', "row:\nid: 1; x: 5 (unit: kg); y: 6."),
        ('<a><order no="5"><part sku="A"/><part sku="B"/></order></a>', "order:\nno: 5.\n\npart:\nsku: A.\nsku: B."),
        (
            '<a><set name="x" value="y" unit="kg"/><man name="Ann" age="3"><p>Hi.</p></man></a>',
            "x: y; unit: kg.\n\nman: Ann; age: 3.\n\nHi.",
        ),
        ('<a xmlns:i="u" i:s="t"><p id="1" class="c">x</p><sec id="s"><title>T</title></sec></a>', "x\n\n# T"),
        ("<a><!-- no --><?no no?>yes</a>", "yes"),
        ("<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>T</h1><p>x</p></body></html>", "# T\n\nx"),
    ],
)
def test_xml(tmp_path: Path, source: str, text: str) -> None:
    """Text stands in order: records as rows, titles as headings, other values behind their names."""
    assert xml_text(tmp_path, source) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_xml_is_read_in_the_encoding_that_it_names(tmp_path: Path, encoding: str) -> None:
    """Declaration and byte order mark are followed."""
    data = f"<?xml version='1.0' encoding='{encoding}'?><a>café</a>".encode(encoding)

    assert xml_text(tmp_path, data) == "café"


def test_a_feed_is_read_entry_by_entry(tmp_path: Path) -> None:
    """Each entry of RSS has its title, author and date, and the whole text where there is one, without its HTML."""
    (tmp_path / "a.xml").write_text(
        "<rss xmlns:dc='d' xmlns:content='c'><channel><title>News</title><link>https://x.org/</link>"
        "<description>All of it</description><language>en</language>"
        "<item><title>Tunnel &amp;amp; bridge</title><pubDate>Fri, 16 Jun 2023 09:00:00 +0000</pubDate>"
        "<dc:creator>Ann</dc:creator><description>Short</description>"
        "<content:encoded>&lt;h1&gt;Why&lt;/h1&gt;&lt;p&gt;It &lt;b&gt;opened&lt;/b&gt;.&lt;/p&gt;</content:encoded>"
        "</item>"
        "<item><title>Next</title><description>&lt;p&gt;Soon.&lt;/p&gt;</description></item></channel></rss>"
    )

    extract = read_xml(tmp_path / "a.xml")

    assert extract.text == (
        "# News\n\nAll of it\n\n## Tunnel & bridge\n\nAuthor: Ann; Date: 2023-06-16.\n\n### Why\n\nIt opened."
        "\n\n## Next\n\nSoon."
    )
    assert (extract.title, extract.language, extract.source) == ("News", "en", "https://x.org/")


def test_an_atom_feed_is_read(tmp_path: Path) -> None:
    """Atom names the same things in another way."""
    text = xml_text(
        tmp_path,
        "<feed xmlns='http://www.w3.org/2005/Atom'><title>News</title><entry><title>One</title>"
        "<updated>2023-06-16T09:00:00Z</updated><author><name>Ann</name></author>"
        "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>It opened.</p></div></content></entry>"
        "</feed>",
    )

    assert text == "# News\n\n## One\n\nAuthor: Ann; Date: 2023-06-16.\n\nIt opened."


def test_a_file_that_an_entity_names_is_not_read(tmp_path: Path) -> None:
    """Entities of a file's own stay as they are written, whatever they name."""
    (tmp_path / "secret.txt").write_text("Hush.")
    source = f'<!DOCTYPE a [<!ENTITY f SYSTEM "{(tmp_path / "secret.txt").as_uri()}"><!ENTITY g "ha">]>'

    assert xml_text(tmp_path, source + "<a><p>Words &f; and &g; more</p></a>") == "Words &f; and &g; more"


@pytest.mark.parametrize(
    "source",
    [
        "<a>" * 100_000,
        "<a>" * 3_000 + "x" + "</a>" * 3_000,
        '<!DOCTYPE a [<!ENTITY b "&c;"><!ENTITY c "&b;">]><a k="&b;"/>',
        "<!DOCTYPE a [<!ENTITY l0 'ha'>"
        + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
        + "]><a>&l11;</a>",
        "<a><b></a>",
        "no xml",
        "",
    ],
)
def test_broken_or_hostile_xml_is_refused(tmp_path: Path, source: str) -> None:
    """Nesting without end, a bomb of entities and entities in circles are errors that say so."""
    with pytest.raises(LoadError, match="not whole XML"):
        xml_text(tmp_path, source)


def test_deep_xml_is_read(tmp_path: Path) -> None:
    """What lies deeper than a hundred levels is read without its structure."""
    assert xml_text(tmp_path, "<a>" * 250 + "x" + "</a>" * 250) == "x"
