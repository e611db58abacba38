"""Zip archives → one document: each file in it that can be read, under its name."""

import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.parts import Part, Read, read_parts

_PIECE = 2**20  # bytes unpacked at a time
_SMALL = 10 * 2**20  # bytes: a member that unpacks to no more may be of any kind
_MOST_RATIO = 200  # bytes out of one: logs and XML have up to 100, a bomb 1000, the most that deflate can
_ENCRYPTED = 0x1  # a bit of a member's flags
_UTF8 = 0x800


def read_zip(path: Path, read: Read) -> Extract:
    """The files of an archive in its order; where only one can be read, title, author and date are that file's."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = read_parts(_parts(archive), read, "member")
    except zipfile.BadZipFile as error:
        raise LoadError(f"it is not a whole zip archive ({error}); pack it again") from error
    if not found.texts:
        raise LoadError(f"nothing in it can be read ({'; '.join(found.notes) or 'it is empty'}); unpack it and look")
    text = "\n\n".join(found.texts)
    if len(found.extracts) > 1:
        return Extract(text, notes=found.notes)
    (only,) = found.extracts
    return Extract(text, only.title, only.date, only.author, only.language, only.source, found.notes)


def _parts(archive: zipfile.ZipFile) -> Iterator[Part]:
    for member in archive.infolist():
        name = _name(member)
        steps = name.replace("\\", "/").split("/")
        is_hidden = any(step == "__MACOSX" or (step.strip(".") and step.startswith(".")) for step in steps)
        if not member.is_dir() and not is_hidden:
            yield Part(name, partial(_content, archive, member))


def _name(member: zipfile.ZipInfo) -> str:
    """The name in UTF-8 where its bytes are that; macOS writes it so without saying, and zipfile then reads cp437."""
    if member.flag_bits & _UTF8:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """What a member unpacks to, piece by piece; what its header says of the size is not believed."""
    if stat.S_ISLNK(member.external_attr >> 16):
        raise LoadError("it is a link")
    if member.flag_bits & _ENCRYPTED:
        raise LoadError("it is locked with a password")
    most = max(_SMALL, _MOST_RATIO * member.compress_size)
    try:
        with archive.open(member) as file:
            while piece := file.read(_PIECE):
                most -= len(piece)
                if most < 0:
                    raise LoadError(f"it unpacks to more than {_MOST_RATIO} times its size")
                yield piece
    except NotImplementedError as error:
        raise LoadError("it is packed in a way that is not read") from error
    except LoadError:
        raise
    except Exception as error:  # each kind of compression has errors of its own
        raise LoadError("it is damaged") from error
