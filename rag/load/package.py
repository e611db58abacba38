"""What the zipped XML formats of office programs share: its check, its parts, its properties, the words of a line."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from rag.errors import LoadError
from rag.load.dates import iso_date

OLE = b"\xd0\xcf\x11\xe0"  # first bytes of an encrypted document, and of the formats before 2007
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_LARGEST = 500 * 2**20  # bytes: an archive that unpacks to more is a bomb or holds no prose
_MATH = ("http://schemas.openxmlformats.org/officeDocument/2006/math", "http://purl.oclc.org/ooxml/officeDocument/math")

_NOBODY = ("python-docx", "openpyxl", "apache poi", "unknown", "user")
_TEMPLATE_AUTHOR = "steve canny"  # of python-docx and of python-pptx
_NO_TITLE = re.compile(r"powerpoint[- ]pr[äe]sentation|présentation powerpoint|word document", re.IGNORECASE)
_TEMPLATE_DATES = (  # the moment that a program's own template was made, left in what is made from it; without its Z
    "2013-12-23T23:15:00",  # python-docx 1.2
    "2013-01-27T09:14:16",  # python-pptx 1.0
    "2013-01-27T09:15:58",
    "2006-09-16T00:00:00",  # Excel 2007
    "2015-06-05T18:17:20",  # Excel 2016
    "2015-06-05T18:19:34",
)

_PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)
_PAGE_NUMBERS = re.compile(r"(?:page|seite|página|pagina|p\.|of|von|de|sur|[\d\s/|._–—-])*", re.IGNORECASE)
_PAGE_AT_END = re.compile(r"(?<!\S)(?:page|seite|página|pagina)(?:\s|of|von|[\d/–-])*$", re.IGNORECASE)

_BREAKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_SILENT = frozenset("Fallback del moveFrom pPr rPr ctrlPr instrText txbxContent rt".split())
_GUESSED = re.compile(r"automatically generated|ai-generated content|^a picture containing", re.IGNORECASE)
_NAMED = re.compile(r"(?:picture|image|bild|grafik|photo|logo|icon|shape)? ?\d*|\S+\.\w{3,4}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Properties:
    """What an office file says of itself, without what its program wrote there unasked."""

    title: str | None = None
    author: str | None = None
    date: str | None = None
    language: str | None = None
    is_generated: bool = False  # made by a library from its template: what the template says is nobody's word


def check_archive(path: Path) -> None:
    """Raise LoadError for a file that is no zip archive, is locked with a password, or unpacks to an absurd size."""
    with path.open("rb") as file:
        first = file.read(4)
    if first == OLE:
        raise LoadError(_locked_or_old(path))
    if first[:2] != b"PK":
        raise LoadError(f"it is not a {path.suffix} file; give the file the suffix of its real format")
    with ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > _LARGEST:
            raise LoadError(
                f"it unpacks to {size / 2**20:.0f} MiB; at most {_LARGEST / 2**20:.0f} are read, so split it"
            )
        if _is_locked(archive):
            raise LoadError(f"it is locked with a password; save it as {path.suffix} without one")


def part(archive: ZipFile, name: str) -> Any:
    """The root element of a part, no entity expanded and nothing fetched; an empty element where there is no part."""
    from lxml import etree  # type: ignore[import-untyped]  # lxml 6.1 carries no types

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(archive.read(name) if name in archive.NameToInfo else b"<none/>", parser)


def relations(archive: ZipFile, source: str) -> dict[str, tuple[str, str]]:
    """What a part refers to inside the archive: id → (kind, name of the part). "" is the package itself."""
    folder, name = posixpath.split(source)
    return {
        relation.get("Id", ""): (
            posixpath.basename(relation.get("Type", "")),
            posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/"),
        )
        for relation in part(archive, posixpath.join(folder, "_rels", f"{name}.rels"))
        if relation.get("TargetMode") != "External"
    }


def related(archive: ZipFile, source: str, kind: str) -> str:
    """The name of the first part of a kind that a part refers to; empty where there is none."""
    return next((name for found, name in relations(archive, source).values() if found == kind), "")


def properties(path: Path) -> Properties:
    """Title, author, date of creation or else of the last change, and language from the properties of a file."""
    with ZipFile(path) as archive:
        root = part(
            archive, "meta.xml" if "meta.xml" in archive.NameToInfo else related(archive, "", "core-properties")
        )
    fields = {name_of(field): " ".join((field.text or "").split()) for field in root.iter()}
    title, author = fields.get("title", ""), fields.get("initial-creator") or fields.get("creator", "")
    moments = [fields.get(name, "").removesuffix("Z") for name in ("creation-date", "created", "date", "modified")]
    is_generated = any(moment.partition(".")[0] in _TEMPLATE_DATES for moment in moments)
    is_nobody = author.lower() in _NOBODY or (is_generated and author.lower() == _TEMPLATE_AUTHOR)
    return Properties(
        None if _NO_TITLE.fullmatch(title) else title or None,
        None if is_nobody else author or None,
        next(
            (
                day
                for moment in moments
                if moment.partition(".")[0] not in _TEMPLATE_DATES and (day := iso_date(moment))
            ),
            None,
        ),
        fields.get("language") or None,
        is_generated,
    )


def running(texts: Iterable[str]) -> list[tuple[str, str]]:
    """The texts of headers and footers as blocks, each line once; none for page numbers and rules of underscores."""
    seen: set[str] = set()
    blocks = []
    for text in texts:
        lines = dict.fromkeys(_PAGE_AT_END.sub("", line).rstrip() for line in text.split("\n"))
        new = [line for line in lines if line not in seen and not _PAGE_NUMBERS.fullmatch(line)]
        seen.update(new)
        blocks += [("running", "\n".join(new))] if new else []
    return blocks


def is_page_number(field: str) -> bool:
    """True for the instruction of a field of Word that counts pages."""
    return bool(_PAGE_FIELD.match(field))


def name_of(element: Any) -> str:
    """An element's tag without its namespace; empty for an entity."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Any, name: str) -> str:
    """The value of an attribute in whatever namespace; empty without the element or the attribute."""
    pairs = element.attrib.items() if element is not None else ()
    return next((value for key, value in pairs if key.rpartition("}")[2] == name), "")


def words(element: Any) -> str:
    """The text of a paragraph of Word or PowerPoint as it reads with its tracked changes accepted."""
    tag = name_of(element)
    if tag == "t":
        return (element.text or "").replace("\u2061", " ")  # what stands between sin and its argument
    if tag in _BREAKS:
        return _BREAKS[tag]
    if tag in _SILENT or not tag:
        return ""
    if element.tag[1:].startswith(_MATH):
        return _equation(tag, element)
    return "".join(map(words, element))


def tidied(kind: str, text: str) -> str:
    """The text of a paragraph without space around it: a heading on one line, code with its indent."""
    if kind == "heading":
        return " ".join(text.split())
    return text.rstrip() if kind == "code" else text.strip()


def joined(blocks: Iterable[tuple[str, str]]) -> str:
    """The texts of (kind, text) with an empty line between them, but none between items or between lines of code."""
    text, last = [], ""
    for kind, block in blocks:
        text.append(("\n" if kind == last and kind in ("item", "code") else "\n\n") + block)
        last = kind
    return "".join(text).lstrip("\n")


def alt_text(element: Any) -> str:
    """What the author says a picture shows; empty where it is a file's name or a program's guess."""
    text = " ".join(attribute(element, "descr").split())
    return "" if _GUESSED.search(text) or _NAMED.fullmatch(text) else text


def _locked_or_old(path: Path) -> str:
    if _ENCRYPTED in path.read_bytes():
        return f"it is locked with a password; save it as {path.suffix} without one"
    return f"it is in a format from before 2007; save it as {path.suffix}"


def _is_locked(archive: ZipFile) -> bool:
    """True if the archive itself or, in OpenDocument, its manifest says that parts are encrypted."""
    manifest = part(archive, "META-INF/manifest.xml")
    return any(member.flag_bits & 1 for member in archive.infolist()) or any(
        name_of(element) == "encryption-data" for element in manifest.iter()
    )


def _equation(tag: str, element: Any) -> str:
    """The linear form of an element of OMML: (a+b)/2, x^2, √(x), ∑_(k=1)^n."""
    texts = [(name_of(child), words(child)) for child in element]
    named = {name: _term(text) for name, text in texts}
    low, high = f"_{named.get('sub')}", f"^{named.get('sup')}"
    match tag:
        case "f":
            return f"{named.get('num', '')}/{named.get('den', '')}"
        case "sSup" | "sSub" | "sSubSup":
            return named.get("e", "") + low * ("Sub" in tag) + high * ("Sup" in tag)
        case "rad":
            return f"{named.get('deg', '')}√{named.get('e', '')}"
        case "nary":
            sign = attribute(element.find("{*}naryPr/{*}chr"), "val") or "∫"
            return sign + low * bool(named.get("sub")) + high * bool(named.get("sup")) + f" {named.get('e', '')}"
        case "d":
            marks = [attribute(element.find("{*}dPr/{*}" + name), "val") for name in ("begChr", "sepChr", "endChr")]
            start, between, end = (mark or default for mark, default in zip(marks, "(|)", strict=True))
            return start + between.join(text for name, text in texts if name == "e") + end
        case "limLow" | "limUpp":
            return f"{named.get('e', '')}{'_' if tag == 'limLow' else '^'}{named.get('lim', '')}"
        case "mr" | "eqArr" | "m":
            return ("; " if tag != "mr" else ", ").join(text for name, text in texts if name in ("e", "mr"))
        case _:
            return "".join(text for _, text in texts)


def _term(text: str) -> str:
    """An argument in brackets, unless it is one number or letter or has brackets around it."""
    text = text.strip()
    return text if re.fullmatch(r"[\d.]*|\w+|\([^()]*\)|.", text) else f"({text})"
