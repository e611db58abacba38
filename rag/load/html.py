"""Web pages → the article without navigation, as blocks of text, and what the page's head says of it."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import dropwhile
from pathlib import Path
from typing import Any

from rag.load.dates import iso_date, mail_date
from rag.load.extract import Extract, hidden_note
from rag.load.hidden import hidden
from rag.load.html_blocks import Block, blocks, link_share
from rag.load.text import decoded, text_in

_UNSEEN = "script style noscript template svg iframe object button select datalist textarea".split()
_UNHEARD = "//*[@aria-hidden='true']"  # an icon, or what stands a second time
_AROUND = (  # a header or an aside of the article is text, and one that heads the page
    "//nav | //footer | //aside[not(ancestor::article or ancestor::main)]"
    " | //header[not(ancestor::article or ancestor::main or .//h1 or .//h2)]"
)
_NAMED_ENCODING = re.compile(rb"""<(?:meta[^>]+charset|\?xml[^>]+encoding)=["']?([\w-]+)""", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*>")
_SHORT = 250  # characters: below it trafilatura's choice is a guess
_LEAST_SHARE = 0.05  # of the visible characters: an article with less is a part taken for the whole
_FEW_LINKS = 25  # on a page: with fewer there is little around the article; of 102 news pages three have fewer
_LITTLE_LINKED = 0.05  # of the letters, in links: likewise, with two more of the news pages
_MOST_ELEMENTS = 50_000  # trafilatura 2.3 took 30 s over 200,000 paragraphs
_SHINGLE = 4  # words in a row
_KEPT = 0.8  # of a block's shingles
_DATES = (  # names of meta elements, the surest first
    "article:published_time og:published_time datepublished citation_publication_date dcterms.issued dc.date.issued"
    " dcterms.created dc.date.created dcterms.date dc.date parsely-pub-date sailthru.date pubdate publishdate"
    " publish-date publish_date publication_date article.published date created"
).split()
_FOR_USERS = re.compile(
    r"\bcookies\b|\b(?:skip|jump) to\b.*\b(?:content|navigation)|\bzum (?:haupt)?inhalt\b|\baller au contenu\b"
    r"|\b(?:saltar|ir) al contenido\b|\bvai al contenuto\b",
    re.IGNORECASE,
)
_PUBLISHED = re.compile(r'"datePublished"\s*:\s*"([^"]+)"')
_DAY_IN_ADDRESS = re.compile(r"/((?:19|20)\d\d)[/-](\d\d)[/-](\d\d)\b")
_LEAD = 200  # characters: a longer paragraph is the text, where a time is no longer the page's own


def read_html(path: Path) -> Extract:
    """The article of a web page with its title and date; all visible text where few links or no article stand out.

    What its styles hide is left out, and how much of it would be in that text is noted.

    The article is of our own blocks those that trafilatura finds, with the tables, lists and headings between them.
    Mean F1 against the true text of 102 news pages, of four words in a row and of words: 0.940 and 0.946; trafilatura
    2.3 by itself 0.950 and 0.944, its text with favor_recall 0.943 and 0.948, all visible text 0.738 and 0.723. Other
    rules gave of four: whole pages where the article has 0.8 of the words 0.926, everything between its blocks 0.916.
    """
    data = path.read_bytes()
    if not _NAMED_ENCODING.search(data[:4096]):
        text_in(data)  # refuses binary data
    page = decoded_page(data)
    tree = _tree(page)
    unseen = _taken_off(tree)
    title, date, author, language, source = _title(tree), _date(tree), *_told(tree)
    text, left_out = _main_text(_seen(tree), page, unseen)
    return Extract(text, title, date, author, language, source, hidden_note(left_out))


def _taken_off(tree: Any) -> list[Block]:
    """The blocks of what is hidden, which are in the tree no more; none of what stands around the article."""
    unseen = hidden(tree)
    around = set(tree.xpath(_AROUND)) if unseen else ()
    found: list[Block] = []
    for element in unseen:
        is_text = element.tag not in _UNSEEN and not any(outer in around for outer in element.iterancestors())
        if element.getparent() is not None:
            element.drop_tree()
        for inner in list(element.iter(*_UNSEEN)) if is_text else ():
            inner.clear(keep_tail=True)
        found += blocks(element) if is_text and element not in around else ()
    return found


def _length(found: Sequence[Block]) -> int:
    return sum(len(block.text) for block in found)


def _main_text(body: Any, page: str, unseen: Sequence[Block]) -> tuple[str, int]:
    """The text of a page, and how many characters of what is not seen would be in it."""
    is_whole = _is_whole(body)
    visible = list(blocks(_without(body, _AROUND)))
    text = _joined(visible)
    if is_whole:
        return _joined(list(dropwhile(_leads_away, visible))) or text, _length(unseen)
    found = _article(page)
    article = _joined(_between(visible, found))
    if len(article) < max(_SHORT, _LEAST_SHARE * len(text)):
        return text, _length(unseen)
    kept = _kept(unseen, found) if unseen else []
    return article, _length([block for block, is_kept in zip(unseen, kept, strict=True) if is_kept])


def _is_whole(body: Any) -> bool:
    """True for a page that is read whole but for a menu at its top; also where trafilatura would take too long."""
    is_large = sum(1 for _ in body.iter()) > _MOST_ELEMENTS
    return is_large or sum(1 for _ in body.iter("a")) < _FEW_LINKS or link_share(body) < _LITTLE_LINKED


def _leads_away(block: Block) -> bool:
    """True for what stands above a page for its users: a menu, a way past it, a word about cookies."""
    return block.kind == "links" or (len(block.text) < _SHORT and bool(_FOR_USERS.search(block.text)))


def visible_text(page: str) -> str:
    """The text that a page or a piece of one shows, without scripts, navigation, footers and form fields."""
    return shown_text(page)[0]


def shown_text(page: str) -> tuple[str, int]:
    """`visible_text`, and how many characters the page's styles hide."""
    tree = _tree(page)
    unseen = _taken_off(tree)
    return _joined(blocks(_without(_seen(tree), _AROUND))), _length(unseen)


def _joined(shown: Iterator[Block] | Sequence[Block]) -> str:
    return "\n\n".join(block.text for block in shown)


def _tree(page: str) -> Any:
    """The elements of a page without comments; of a page that holds none, such as an end tag, an empty body."""
    import lxml.html  # type: ignore[import-untyped]  # lxml 6.1 carries no types
    from lxml.etree import ParserError  # type: ignore[import-untyped]

    data = page.replace("\0", "").encode("utf-8", errors="replace")
    options = {"huge_tree": True, "remove_comments": True, "remove_pis": True}  # else 256 levels are read
    try:
        return lxml.html.document_fromstring(data, lxml.html.HTMLParser(encoding="utf-8", **options))
    except ParserError:
        return lxml.html.document_fromstring(b"<body>" + data, lxml.html.HTMLParser(encoding="utf-8", **options))


def _seen(tree: Any) -> Any:
    """The body without what no reader sees."""
    for element in list(tree.iter(*_UNSEEN)):
        element.drop_tree()
    body = tree.find("body")
    return _without(tree if body is None else body, _UNHEARD)


def _without(element: Any, unwanted: str) -> Any:
    for found in element.xpath(unwanted):
        if found is not element and found.getparent() is not None:
            found.drop_tree()
    return element


def _article(page: str) -> Any:
    """The body that trafilatura makes of the article, or None."""
    import trafilatura

    logging.getLogger("trafilatura").addHandler(logging.NullHandler())  # 2.3.1 warns on stderr of every short page
    found: Any = trafilatura.bare_extraction(page, favor_recall=True, include_comments=False, include_tables=True)
    return found.body if found is not None else None


def _between(visible: Sequence[Block], article: Any) -> list[Block]:
    """The blocks that are in the article, and between them the tables, the lists and the headings of what is."""
    kept = _kept(visible, article) if article is not None else [False]
    if not any(kept):
        return []
    first, last = kept.index(True), len(kept) - kept[::-1].index(True)
    taken: list[Block] = []
    is_below = False
    for block, is_kept in zip(visible[first:last][::-1], kept[first:last][::-1], strict=True):
        is_below = is_kept or block.kind in ("table", "list") or (block.kind == "heading" and is_below)
        taken += [block] if is_below else []
    return taken[::-1]


def _kept(visible: Sequence[Block], article: Any) -> list[bool]:
    """Which blocks are in the article; of those that are alike the last, since teasers and menus stand above it."""
    left = Counter(_shingles(_words(" ".join(article.itertext()))))
    short = {tuple(_words("".join(element.itertext()))) for element in article.iter()}
    kept = []
    for block in reversed(visible):
        words = _words(block.text)
        shingles = _shingles(words)
        is_kept = bool(words) and tuple(words) in short
        if len(words) >= _SHINGLE:
            is_kept = sum(left[shingle] > 0 for shingle in shingles) >= _KEPT * len(shingles)
            left.subtract(shingles if is_kept else ())
        short.discard(tuple(words))
        kept.append(is_kept)
    return kept[::-1]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _shingles(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + _SHINGLE]) for at in range(max(1, len(words) - _SHINGLE + 1))]


def _told(tree: Any) -> Iterator[str | None]:
    """Author, language and address as the page's head has them; trafilatura 2.3 takes other words for an author's."""
    ways = ("//meta[@name='author']/@content", "/html/@lang", "//link[@rel='canonical']/@href")
    return (next((str(told) for told in tree.xpath(way) if told.strip()), None) for way in ways)


def _title(tree: Any) -> str | None:
    """The title that the page gives to others, else its only first heading, else that of its window."""
    told = tree.xpath("//meta[@property='og:title']/@content")
    headings = ["".join(heading.itertext()) for heading in tree.iter("h1")]
    windows = ["".join(title.itertext()) for title in tree.xpath("//head/title")]
    found = [*told, *(headings if len(headings) == 1 else []), *windows, *headings]
    return next((" ".join(title.split()) for title in found if title.strip()), None)


def _date(tree: Any) -> str | None:
    """When the page was published: by its meta elements, its JSON-LD, a time above the text, or its address."""
    return next((date for words in _dates(tree) if (date := _day(words))), None)


def _dates(tree: Any) -> Iterator[str]:
    metas = {_name(meta): meta.get("content", "") for meta in reversed(tree.xpath("//meta[@content]"))}
    yield from (metas[name] for name in _DATES if name in metas)
    for script in tree.xpath("//script[@type='application/ld+json']"):
        yield from _PUBLISHED.findall(script.text or "")
    for element in tree.iter("time", "p"):
        if element.tag == "time":
            yield element.get("datetime") or "".join(element.itertext())
        elif len("".join(element.itertext())) > _LEAD:
            break
    for address in tree.xpath("//link[@rel='canonical']/@href | //meta[@property='og:url']/@content"):
        yield from ("-".join(day) for day in _DAY_IN_ADDRESS.findall(address))


def _name(meta: Any) -> str:
    return str(meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower()


def _day(words: str) -> str | None:
    return iso_date(words.replace("/", "-")) or mail_date(words)


def decoded_page(data: bytes) -> str:
    """The page in the encoding that it names, as browsers read it, or else in the one its bytes look like.

    trafilatura 2.3 took an unnamed cp1252 for cp1250.
    """
    named = _NAMED_ENCODING.search(re.sub(rb"\0", b"", data[:4096]))
    name = named[1].decode("ascii") if named else "utf-8"
    text = decoded(data)
    if not name.lower().startswith(("utf", "iso-8859-1", "latin1", "us-ascii")):
        with suppress(LookupError):
            text = data.decode(name, errors="replace")
    return _XML_DECLARATION.sub("", text.replace("\0", ""))  # lxml refuses a named encoding in decoded text
