"""A file → the document that it is, with normalised text: one suffix table, one door.

This reads in the process that calls it; `rag.load.process` reads in one of its own, which a hostile file may end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.errors import LoadError, UnsupportedFormatError
from rag.load.archive import read_zip
from rag.load.data import read_json, read_jsonl, read_xml
from rag.load.disguise import real_suffix
from rag.load.docx import read_docx
from rag.load.epub import read_epub
from rag.load.extract import Extract
from rag.load.html import read_html
from rag.load.legacy import read_converted
from rag.load.mail import read_eml, read_mhtml, read_msg
from rag.load.markdown import read_markdown
from rag.load.markup import read_org, read_rst
from rag.load.normalise import join_pages, normalise
from rag.load.notebook import read_ipynb
from rag.load.ocr import recogniser
from rag.load.opendocument import read_odp, read_odt
from rag.load.package import OLE
from rag.load.pdf import read_pdf
from rag.load.rtf import read_rtf
from rag.load.sheet import read_sheet
from rag.load.slides import read_pptx
from rag.load.table import read_table
from rag.load.text import read_text
from rag.schema import SourceDocument

__all__ = ["SUFFIXES", "Loaded", "load", "title_of_name"]

SUFFIXES: Mapping[str, Callable[[Path], Extract]] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".rst": read_rst,
    ".org": read_org,
    ".html": read_html,
    ".htm": read_html,
    ".mht": read_mhtml,
    ".mhtml": read_mhtml,
    ".pdf": lambda path: read_pdf(path, recogniser()),
    ".docx": read_docx,
    ".doc": lambda path: _read_old(path, lambda path: read_converted(path, ".docx", read_docx), read_text),
    ".odt": read_odt,
    ".rtf": read_rtf,
    ".epub": read_epub,
    ".pptx": read_pptx,
    ".ppt": lambda path: _read_old(path, lambda path: read_converted(path, ".pptx", read_pptx), read_text),
    ".odp": read_odp,
    ".xlsx": read_sheet,
    ".xlsm": read_sheet,
    ".xlsb": read_sheet,
    ".xls": lambda path: _read_old(path, read_sheet, read_table),
    ".ods": read_sheet,
    ".csv": read_table,
    ".tsv": read_table,
    ".eml": lambda path: read_eml(path, _extract),
    ".msg": lambda path: read_msg(path, _extract),
    ".ipynb": read_ipynb,
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".xml": read_xml,
    ".zip": lambda path: read_zip(path, _extract),
}

_LARGEST = 200 * 2**20  # bytes: parsers hold several times a file's size in memory
_LONGEST = 50_000_000  # characters: a hundred thick books
_LONGEST_FACT = 200  # characters of a title or of a name
_LONGEST_NOTE = 600  # characters


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file as a document; `named` if its title is only the file's name, `notes` on what could not be read in it."""

    document: SourceDocument
    named: bool
    notes: tuple[str, ...]


def load(path: Path, document_id: str) -> Loaded:
    """What a file says, with the facts that it gives of itself.

    Raises UnsupportedFormatError for a suffix outside SUFFIXES, and LoadError for whatever else is wrong with the file.
    """
    extract = _extract(path)
    text, page_starts = _normalised(extract)
    if not text.strip():
        raise LoadError("it holds no text; leave it out, or check that it is the right file")
    if len(text) > _LONGEST:
        raise LoadError(f"it holds {len(text):,} characters and at most {_LONGEST:,} are read; split it")
    title = _fact(extract.title)
    document = SourceDocument(
        document_id,
        title or title_of_name(path) or document_id,
        extract.date,
        text,
        tuple(page_starts),
        author=_fact(extract.author) or None,
        language=_fact(extract.language) or None,
        source=_fact(extract.source) or None,
    )
    return Loaded(document, not title, tuple(_fact(note, _LONGEST_NOTE) for note in extract.notes))


def title_of_name(path: Path) -> str:
    """What a file is called, as a title; empty where the name has no words."""
    words = " ".join(_fact(path.stem.replace("_", " ").replace("-", " ")).split())
    return words[:1].upper() + words[1:]


def _normalised(extract: Extract) -> tuple[str, list[int]]:
    return (normalise(extract.text), []) if isinstance(extract.text, str) else join_pages(extract.text)


def _extract(path: Path) -> Extract:
    read = SUFFIXES.get(path.suffix.lower())
    if read is None:
        suffix = path.suffix or "a name without a suffix"
        raise UnsupportedFormatError(f"{suffix} is not a format that is read; `rag ingest --help` names those that are")
    try:
        _check_size(path)
        return read(path)
    except (LoadError, MemoryError):
        raise
    except OSError as error:
        if error.filename is None:  # a parser was led to a place that is not in the file
            raise _damaged(path, error) from error
        reason = error.strerror or str(error)
        raise LoadError(f"it cannot be read: {reason}; check that it is there and that you may read it") from error
    except ImportError as error:  # the installation is at fault, not the file
        raise LoadError(f"the installation is incomplete ({error}); install again as the README says") from error
    except RecursionError as error:
        raise LoadError(
            "it is nested more deeply than any document; leave it out, or save it in another format"
        ) from error
    except Exception as error:  # parsers raise what they like on a broken file; one bad file must not end an ingest
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> LoadError:
    found = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return LoadError(f"it is not a whole {path.suffix} file ({found}); open it and save it again")


def _read_old(path: Path, read: Callable[[Path], Extract], read_plain: Callable[[Path], Extract]) -> Extract:
    """An Office file from before 2007; programs give these suffixes to web pages and to plain text too."""
    with path.open("rb") as file:
        is_old = file.read(len(OLE)) == OLE
    real = None if is_old else real_suffix(path)
    return read(path) if is_old else SUFFIXES[real](path) if real else read_plain(path)


def _check_size(path: Path) -> None:
    if not path.is_file():
        raise LoadError("there is no file of this name; check the path")
    size = path.stat().st_size
    if size > _LARGEST:
        raise LoadError(f"it has {size / 2**20:.0f} MiB and at most {_LARGEST / 2**20:.0f} are read; split it")


def _fact(words: str | None, most: int = _LONGEST_FACT) -> str:
    """What a file says of itself, on one line."""
    return " ".join(normalise(words or "").split())[:most]
