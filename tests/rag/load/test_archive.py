"""Archives read as one document."""

import io
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from rag.errors import LoadError, UnsupportedFormatError
from rag.load.archive import read_zip
from rag.load.extract import Extract
from rag.load.mail import read_eml
from rag.load.markdown import read_markdown
from rag.load.text import read_text


def read(path: Path) -> Extract:
    """What a member says, by its suffix."""
    match path.suffix:
        case ".zip":
            return read_zip(path, read)
        case ".eml":
            return read_eml(path, read)
        case ".txt":
            return read_text(path)
        case ".md":
            return read_markdown(path)
        case ".pages":
            return Extract(("One.\n", "Two.\n"), notes=("a picture was left out",))
        case _:
            raise UnsupportedFormatError(f"{path.suffix} is not a format that is read; these are: .txt")


def packed(members: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read_packed(folder: Path, members: Mapping[str, str | bytes]) -> Extract:
    """What an archive of these members says."""
    path = folder / "a.zip"
    path.write_bytes(packed(members))
    return read_zip(path, read)


def test_each_member_stands_below_its_name(tmp_path: Path) -> None:
    """A member's headings are one level below its name, its pages one text, and its notes are the archive's."""
    extract = read_packed(tmp_path, {"a/rules.md": "# Rules\n\n## Entry\n\nBy card.", "b.pages": "x"})

    assert extract.text == "# a/rules.md\n\n## Rules\n\n### Entry\n\nBy card.\n\n# b.pages\n\nOne.\n\nTwo."
    assert extract.notes == ("b.pages: a picture was left out",)
    assert extract.title is None


def test_an_archive_of_one_file_has_its_title_and_date(tmp_path: Path) -> None:
    """What the only file says of itself holds for the archive."""
    extract = read_packed(tmp_path, {"rules.md": "# Rules\n\n16 June 2023\n\nBy card."})

    assert (extract.title, extract.date) == ("Rules", "2023-06-16")


def test_an_archive_in_an_archive_is_read(tmp_path: Path) -> None:
    """The names of both are headings, the outer above the inner."""
    extract = read_packed(tmp_path, {"in.zip": packed({"key.txt": "Under the mat."})})

    assert extract.text == "# in.zip\n\n## key.txt\n\nUnder the mat."


def test_what_a_program_adds_is_passed_over(tmp_path: Path) -> None:
    """Files of macOS, hidden files and folders are not even noted."""
    names = {"__MACOSX/._key.txt": "x", ".hidden": "x", "a/.git/config": "x", "empty/": "", "key.txt": "Mat."}

    extract = read_packed(tmp_path, names)

    assert (extract.text, extract.notes) == ("# key.txt\n\nMat.", ())


def test_what_cannot_be_read_is_noted(tmp_path: Path) -> None:
    """As many as a note has room for are named with the reason, the others counted."""
    extract = read_packed(tmp_path, {"key.txt": "Mat.", "blank.txt": " "} | {f"{n}.exe": "MZ" for n in range(5)})

    (note,) = extract.notes
    assert note.startswith("6 members were not read: blank.txt (it holds no text), 0.exe (.exe is not a format")
    assert note.endswith("and 2 more")


def test_a_note_is_never_longer_than_it_is_shown(tmp_path: Path) -> None:
    """Its number comes first, and long names and reasons are shortened, so that what it counts is not cut off."""
    folder, name = "Photographs of the whole week/", "of a very long name" * 9
    extract = read_packed(tmp_path, {"a.txt": "Mat."} | {f"{folder}{number} {name}.exe": "MZ" for number in range(500)})

    (note,) = extract.notes
    assert note.startswith("500 members were not read: ")
    assert re.search(r"name\.exe \(\.exe is not a format that is read\) and 498 more$", note)
    assert len(note) <= 200


@pytest.mark.parametrize("members", [{}, {"a.exe": "MZ"}])
def test_an_archive_without_anything_to_read_is_refused(tmp_path: Path, members: dict[str, str]) -> None:
    """Nothing to read is an error, not an empty document."""
    with pytest.raises(LoadError, match="nothing in it can be read"):
        read_packed(tmp_path, members)


@pytest.mark.parametrize("name", ["../../key.txt", "/key.txt", "C:\\key.txt", "./key.txt"])
def test_a_name_that_leads_elsewhere_is_only_a_name(tmp_path: Path, name: str) -> None:
    """Nothing is written where a member's name points."""
    extract = read_packed(tmp_path, {name: "Mat."})

    assert extract.text == "# key.txt\n\nMat."
    assert [path.name for path in tmp_path.parent.rglob("key.txt")] == []


def test_a_name_cannot_bring_in_lines(tmp_path: Path) -> None:
    """A line end in a name is a space."""
    assert read_packed(tmp_path, {"a\n\n# b.txt": "Mat."}).text == "# a # b.txt\n\nMat."


def test_a_name_in_utf_8_that_is_not_marked_is_read(tmp_path: Path) -> None:
    """macOS writes names in UTF-8 without saying so."""
    data = packed({"Caf.txt": "Mat."}).replace(b"Caf.txt", "é.txt".encode().rjust(7, b"c"))
    (tmp_path / "a.zip").write_bytes(data)

    assert str(read_zip(tmp_path / "a.zip", read).text).startswith("# cé.txt")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link in an archive is noted and leads nowhere."""
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("key.txt", "Mat.")

    extract = read_zip(tmp_path / "a.zip", read)

    assert extract.text == "# key.txt\n\nMat."
    assert extract.notes == ("1 member was not read: link.txt (it is a link)",)


def test_a_locked_member_is_noted(tmp_path: Path) -> None:
    """A member with a password is left out, and the others are read."""
    data = bytearray(packed({"key.txt": "Mat.", "secret.txt": "Hush."}))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)

    assert "secret.txt (it is locked with a password)" in read_zip(tmp_path / "a.zip", read).notes[0]


def test_a_damaged_member_is_noted(tmp_path: Path) -> None:
    """A member whose bytes have changed is left out, and the others are read."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("bad.txt", "Hush.")
        archive.writestr("key.txt", "Mat.")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes().replace(b"Hush.", b"Bush."))

    assert read_zip(tmp_path / "a.zip", read).notes == ("1 member was not read: bad.txt (it is damaged)",)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A member that unpacks to a thousand times its size is given up early."""
    extract = read_packed(tmp_path, {"bomb.txt": bytes(30 * 2**20), "key.txt": "Mat."})

    assert extract.notes == ("1 member was not read: bomb.txt (it unpacks to more than 200 times its size)",)


def test_archives_in_one_another_end(tmp_path: Path) -> None:
    """Below three levels nothing is read, so that an archive that holds itself ends."""
    data = packed({"key.txt": "Mat."})
    for _ in range(4):
        data = packed({"in.zip": data, "key.txt": "Mat."})
    (tmp_path / "a.zip").write_bytes(data)

    extract = read_zip(tmp_path / "a.zip", read)

    assert str(extract.text).count("Mat.") == 3
    assert "more than 3 files deep" in extract.notes[0]


def test_members_beyond_a_thousand_are_counted(tmp_path: Path) -> None:
    """All levels together, a thousand members are read."""
    inner = packed({f"{n}.txt": "Mat." for n in range(700)})

    extract = read_packed(tmp_path, {"1.zip": inner, "2.zip": inner})

    assert str(extract.text).count("Mat.") == 998
    assert "402 members were not read" in extract.notes[0]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    """Other bytes under the suffix .zip are an error that says so."""
    (tmp_path / "a.zip").write_bytes(b"PK but not really")

    with pytest.raises(LoadError, match="not a whole zip archive"):
        read_zip(tmp_path / "a.zip", read)
