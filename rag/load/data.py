"""JSON, JSON lines and XML → lines that say what each value is: `path.to.key: value`, records as rows."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from rag.errors import LoadError
from rag.load.dates import iso_date, mail_date
from rag.load.extract import Extract
from rag.load.html import read_html, visible_text
from rag.load.package import name_of
from rag.load.table import row_line
from rag.load.text import decoded

_DEEPEST = 100  # levels: data that people read has ten
_LONG = 200  # characters: a longer value is a paragraph
_WIDEST = 50  # values: a record with more reads better as lines than as one
_DEEPEST_CELL = 3  # levels of objects in a row
_NAMED = 5  # broken lines that a note names
_HEADINGS = frozenset({"title", "head", "heading"})
_LOOKS = frozenset("p para paragraph simpara div span".split())
_PARAGRAPHS = _LOOKS | {"line", "quote"}
_PROSE = _HEADINGS | _PARAGRAPHS | frozenset("text content body caption description summary note".split())
_ITEMS = frozenset({"item", "li", "listitem"})
_NAMES = ("title", "name", "label")  # attributes that a reader wants
_IDS = ("id", "ID", "Id")  # of a section: what links lead to
_LAYOUT = frozenset("style class align valign".split())
_FEEDS = frozenset({"rss", "feed", "RDF"})
_CONTENT = ("encoded", "content", "description", "summary")  # of an entry of a feed, the whole text first
_DATES = ("pubDate", "published", "updated", "date")
_Cell = tuple[str, str]  # a name and a value


def read_json(path: Path) -> Extract:
    """The values of a JSON file; title, author and date where it has fields of these names."""
    value = json_value(decoded(path.read_bytes()))
    facts = {name: fact for name in ("title", "author", "date") if isinstance(fact := _field(value, name), str)}
    return Extract(_text(value), facts.get("title"), iso_date(facts.get("date", "")), facts.get("author"))


def read_jsonl(path: Path) -> Extract:
    """The records of a file with one on each line."""
    records, broken = [], []
    for number, line in enumerate(decoded(path.read_bytes()).split("\n"), 1):
        try:
            records += [json_value(line)] if line.strip() else []
        except LoadError:
            broken.append(str(number))
    if not records:
        raise LoadError("no line of it is JSON; correct it, or give the file the suffix of its real format")
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    notes = (f"lines that are not JSON were left out: {', '.join(broken[:_NAMED])}{more}",) if broken else ()
    return Extract(_text(records), notes=notes)


def json_value(text: str) -> Any:
    """What JSON says, numbers as they are written; LoadError with the place where it is broken."""
    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise LoadError(
            f"it is not JSON: line {error.lineno}, column {error.colno}: {error.msg}; correct it there"
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    return value


def _too_deep() -> LoadError:
    return LoadError(f"it is nested more than {_DEEPEST} levels deep, and no more are read; leave it out")


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object) -> str:
    return "\n\n".join(block for block in _blocks(value, "", 0) if block.strip())


def _blocks(value: object, path: str, depth: int) -> Iterator[str]:
    """The lines of a value, those of one object together; each long text and each list is a block of its own."""
    if depth > _DEEPEST:
        raise _too_deep()
    if isinstance(value, dict):
        yield from _object(value, path, depth)
    elif isinstance(value, list):
        yield from _list(value, path, depth)
    else:
        yield _line(path, _scalar(value))


def _object(fields: dict[str, Any], path: str, depth: int) -> Iterator[str]:
    lines: list[str] = []
    for key, value in fields.items():
        name = f"{path}.{key}" if path else key
        short = _short(value)
        if short is not None:
            lines += [_line(name, short)] if short else []
            continue
        yield "\n".join(lines)
        lines = []
        yield from [_line(name, value)] if isinstance(value, str) else _blocks(value, name, depth + 1)
    yield "\n".join(lines)


def _list(items: list[Any], path: str, depth: int) -> Iterator[str]:
    """Records as rows, short values as items; what is neither by its number."""
    numbered = (
        (number, item, _cells(item) if isinstance(item, dict) else None) for number, item in enumerate(items, 1)
    )
    for is_record, group in groupby(numbered, key=lambda item: item[2] is not None):
        members = list(group)
        if is_record:
            yield from _rows((cells for _, _, cells in members if cells), path)
        elif all(_short(item) is not None for _, item, _ in members):
            values = "\n".join(f"- {short}" for _, item, _ in members if (short := _short(item)))
            yield f"{path}:\n{values}" if path else values
        else:
            for number, item, _ in members:
                yield from _blocks(item, f"{path}.{number}" if path else str(number), depth + 1)


def _cells(record: dict[str, Any], prefix: str = "", depth: int = 0) -> list[_Cell] | None:
    """Names and values of a record, objects in it opened; None for one with so much in it that it is no row."""
    cells: list[_Cell] = []
    for key, value in record.items():
        if isinstance(value, str):
            cells.append((prefix + key, value.strip()))
        elif (short := _short(value)) is not None:
            cells.append((prefix + key, short))
        elif isinstance(value, dict) and depth < _DEEPEST_CELL:
            inner = _cells(value, f"{prefix}{key}.", depth + 1)
            if inner is None:
                return None
            cells += inner
        else:
            return None
    return cells if len(cells) <= _WIDEST else None


def _rows(records: Iterable[list[_Cell]], path: str = "") -> Iterator[str]:
    """One line for each record, and each of its long values as a paragraph below."""
    rows = [f"{path}:"] if path else []
    for cells in records:
        short = [cell for cell in cells if _fits(cell[1])]
        rows.append(row_line([name for name, _ in short], [value for _, value in short]))
        if len(short) < len(cells):
            yield "\n".join(row for row in rows if row)
            yield from (_line(*cell) for cell in cells if not _fits(cell[1]))
            rows = []
    yield "\n".join(row for row in rows if row)


def _short(value: object) -> str | None:
    """A value that fits into a line, or None."""
    if isinstance(value, list):
        parts = [_scalar(item) for item in value if not isinstance(item, (list, dict))]
        text = ", ".join(part for part in parts if part)
        return text if len(parts) == len(value) and _fits(text) else None
    if isinstance(value, dict):
        return None if value else ""
    text = _scalar(value)
    return text if _fits(text) else None


def _fits(text: str) -> bool:
    return len(text) <= _LONG and "\n" not in text.strip()


def _scalar(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _line(name: str, value: str) -> str:
    return f"{name}: {value.strip()}" if name else value.strip()


def read_xml(path: Path) -> Extract:
    """The text of the elements in order, records as rows, a feed entry by entry; no entity is looked up."""
    root = xml_root(path.read_bytes())
    if name_of(root) == "html":
        return read_html(path)
    if name_of(root) in _FEEDS:
        return _feed(root)
    text = "\n\n".join(block for block in _elements(root, 1, 0) if block.strip())
    title = next((_content(child) for child in root if name_of(child) == "title"), None)
    return Extract(text, title)


def xml_root(data: bytes) -> Any:
    """The root element of XML in the encoding that it names; no entity is looked up, nothing fetched.

    Raises LoadError with the place where it is broken, or where entities in one another would unfold without end.
    """
    from lxml import etree  # type: ignore[import-untyped]  # lxml 6.1 carries no types

    options = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False}
    try:
        return etree.fromstring(data, etree.XMLParser(remove_comments=True, remove_pis=True, **options))
    except etree.XMLSyntaxError as error:
        raise LoadError(f"it is not whole XML: {' '.join(error.msg.split())}; correct it there") from error


def _elements(parent: Any, level: int, depth: int) -> Iterator[str]:
    """The blocks below an element; `level` is that of the next heading."""
    yield from _about(parent)
    if _is_leaf(parent) or _is_mixed(parent) or depth > _DEEPEST:
        yield _content(parent)
        return
    for kind, group in groupby(parent, key=_kind):
        if kind == "record":
            yield from (
                block for name, records in groupby(group, key=name_of) for block in _rows(map(_record, records), name)
            )
        elif kind == "value":
            yield "\n".join(value for element in group if (value := _value(element)))
        elif kind == "heading":
            yield from (f"{'#' * min(level, 6)} {text}" for element in group if (text := _content(element)))
        else:
            below = level + any(name_of(child) in _HEADINGS for child in parent)
            yield from (block for element in group for block in _elements(element, below, depth + 1))


def _about(element: Any) -> Iterator[str]:
    """What the attributes say of an element with much in it; those of a paragraph say how it looks."""
    name = name_of(element)
    if name in _LOOKS | _HEADINGS:
        return
    if label := _label(element):
        cells = _attributes(element, _NAMES)
        yield from _rows([[(name, label), *cells]]) if cells else [f"{name}: {label}"]
    elif cells := _attributes(element, _IDS if any(name_of(child) in _HEADINGS for child in element) else ()):
        yield from _rows([cells], name)


def _attributes(element: Any, without: Collection[str] = ()) -> list[_Cell]:
    """Names and values of the attributes; those with a namespace, and a few others, are for programs."""
    passed = _LAYOUT | set(without)
    return [
        (name, " ".join(value.split()))
        for name, value in element.attrib.items()
        if name not in passed and not name.startswith("{") and value.strip()
    ]


def _kind(element: Any) -> str:
    name = name_of(element)
    if not _is_leaf(element):
        return "record" if _is_record(element) else "blocks"
    if name not in _LOOKS and not _content(element) and _attributes(element, _NAMES):
        return "record"
    if name in _HEADINGS and not _label(element):
        return "heading"
    return "blocks" if name in _PROSE or len(_content(element)) > _LONG else "value"


def _is_leaf(element: Any) -> bool:
    return not any(name_of(child) for child in element)


def _is_mixed(element: Any) -> bool:
    """True for words with elements among them."""
    return any(words and words.strip() for words in (element.text, *(child.tail for child in element)))


def _is_record(element: Any) -> bool:
    """True for different named values and nothing else."""
    names = {name_of(child) for child in element}
    is_flat = len(names) > 1 and not names & _PARAGRAPHS and not _is_mixed(element)
    return is_flat and len(element) <= _WIDEST and all(map(_is_leaf, element))


def _record(element: Any) -> list[_Cell]:
    named: dict[str, list[str]] = {}
    for child in element:
        if text := _content(child):
            more = ", ".join(f"{name}: {value}" for name, value in _more(child) if _fits(value))
            named.setdefault(_label(child) or name_of(child), []).append(f"{text} ({more})" if more else text)
    return _attributes(element) + [(name, ", ".join(texts)) for name, texts in named.items()]


def _value(element: Any) -> str:
    text, label = _content(element), _label(element)
    if name_of(element) in _ITEMS and not label:
        return f"- {text}" if text else ""
    if not text:
        return label
    cells = [(label or name_of(element), text), *(cell for cell in _more(element) if _fits(cell[1]))]
    return _line(*cells[0]) if len(cells) == 1 else next(_rows([cells]))


def _more(element: Any) -> list[_Cell]:
    """The attributes of a value that are neither its name nor the value itself."""
    return _attributes(element, _NAMES if _words_in(element) else (*_NAMES, "value"))


def _label(element: Any) -> str:
    return next((" ".join(label.split()) for name in _NAMES if (label := element.get(name))), "")


def _content(element: Any) -> str:
    """The words of an element and of those in it, else what its attribute says."""
    return _words_in(element) or element.get("value", "").strip()


def _words_in(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _feed(root: Any) -> Extract:
    """The entries of RSS or Atom, each under its title with its date and author."""
    channel = next((child for child in root if name_of(child) == "channel"), root)
    title = _words(channel, "title")
    entries = [element for element in root.iter() if name_of(element) in ("item", "entry")]
    head = [f"# {title}" if title else "", _page(channel, ("description", "subtitle"))]
    blocks = [*head, *(block for entry in entries for block in _entry(entry))]
    text = "\n\n".join(block for block in blocks if block)
    date = next((date for name in (*_DATES, "lastBuildDate") if (date := _day(_words(channel, name)))), None)
    language = _words(channel, "language") or channel.get("{http://www.w3.org/XML/1998/namespace}lang")
    return Extract(
        text, title or None, date, _author(channel) or None, language or None, _words(channel, "link") or None
    )


def _entry(entry: Any) -> Iterator[str]:
    title = _words(entry, "title")
    yield f"## {title}" if title else ""
    date = next((_day(words) or words for name in _DATES if (words := _words(entry, name))), "")
    yield row_line(["Author", "Date"], [_author(entry), date])
    yield re.sub(r"^(?=#{1,4} )", "##", _page(entry, _CONTENT), flags=re.MULTILINE)


def _author(element: Any) -> str:
    people = (child for child in element if name_of(child) in ("author", "creator"))
    return ", ".join(_words(person, "name") or _content(person) for person in people)


def _words(element: Any, name: str) -> str:
    """The text of the first child of this name that has some, without HTML in it."""
    texts = (visible_text(_content(child)) for child in element if name_of(child) == name)
    return next((" ".join(text.split()) for text in texts if text), "")


def _page(element: Any, names: Iterable[str]) -> str:
    """The text of the HTML in the first child, by the order of names, that has some."""
    children = (child for name in names for child in element if name_of(child) == name)
    return next((text for child in children if (text := visible_text(_html(child)))), "")


def _html(element: Any) -> str:
    from lxml import etree

    return element.text or "" if _is_leaf(element) else str(etree.tostring(element, encoding="unicode"))


def _day(words: str) -> str | None:
    return mail_date(words) or iso_date(words)
