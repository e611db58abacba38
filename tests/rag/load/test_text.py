"""Plain text in the encodings and shapes it comes in."""

from pathlib import Path

import pytest

from rag.errors import LoadError
from rag.load.text import read_decoded, read_text, title_line

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("utf16.txt", "Le Café — été"),
        ("utf16-unmarked.txt", "Monday to Friday."),
        ("cp1252.txt", "Le Montréal était là, cœur d’été."),
        ("cp1251.txt", "Государственный секретарь"),
        ("emoji.txt", "👨\u200d👩\u200d👧"),
    ],
)
def test_text_is_read_in_its_own_encoding(name: str, words: str) -> None:
    """With a byte order mark or without, the characters are those that were written."""
    assert words in read_decoded(DATA / name)


def test_title_and_date_come_from_the_first_lines() -> None:
    """A short first line over an empty one is the title; a date alone under it is the date; both stay in the text."""
    extract = read_text(DATA / "plain.txt")

    assert (extract.title, extract.date) == ("The archive", "2023-06-16")
    assert str(extract.text).startswith("The archive\n")


@pytest.mark.parametrize("text", ["One line only.", "First line\nsecond line\n\nthird", "x" * 121 + "\n\nmore", ""])
def test_a_first_line_may_be_no_title(text: str) -> None:
    """A line is no title if it is long, if nothing follows, or if the next line goes on."""
    assert title_line(text) is None


def test_binary_data_is_refused() -> None:
    """A file of bytes that are no text in any encoding is not read as if it were."""
    with pytest.raises(LoadError, match="binary data"):
        read_text(DATA / "junk.txt")


def test_two_encodings_in_one_file_are_both_read(tmp_path: Path) -> None:
    """UTF-8 with a part in cp1252, as where one log was added to another."""
    path = tmp_path / "mixed.txt"
    path.write_bytes("Grüße aus Köln.\n".encode() * 3 + "Grüße aus Köln.\n".encode("cp1252"))

    assert read_text(path).text == "Grüße aus Köln.\n" * 4


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("gbk", "联通公司的中文网站，内容很多。"),
        ("shift_jis", "名前と住所と年齢を書いてください。"),
        ("euc_kr", "한국어로 쓴 긴 글입니다."),
        ("cp1251", "Привет, это длинный текст."),
        ("big5", "這是一個很長的中文句子，內容很多。"),
    ],
)
def test_other_encodings_are_not_taken_for_damaged_utf8(tmp_path: Path, encoding: str, words: str) -> None:
    """Whatever pairs of bytes in them could be UTF-8."""
    path = tmp_path / "other.txt"
    path.write_bytes((words * 20).encode(encoding))

    assert read_text(path).text == words * 20
