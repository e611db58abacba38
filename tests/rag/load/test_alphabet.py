"""Encodings that nobody named."""

import pytest

from rag.load.alphabet import likely_encoding

POLISH = "Zażółć gęślą jaźń, proszę państwa"
GERMAN = "Größe übergroß Äpfel"
RUSSIAN = "Привет мир, это тест кодировки текста"


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (POLISH, "cp1250"),
        (POLISH, "iso8859_2"),
        ("Cena: 25 zł. Zamówienie zostało wysłane wczoraj.", "cp1250"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250"),
        ("Árvíztűrő tükörfúrógép", "cp1250"),
        ("Ώρα καλή στην πρύμνη σου", "cp1253"),
        ("İstanbul'da hava çok güzel, teşekkür ederim, ağaç gölgesi", "cp1254"),
        ("Ąžuolas žydi, šiandien gražu, ačiū už viską", "cp1257"),
        (GERMAN, "cp1252"),
        (GERMAN, "mac_roman"),
        (GERMAN, "cp850"),
        ("It’s “here” — for 5 €", "cp1252"),
        ("It’s “here” — for £5", "mac_roman"),
        ("café naïve", "cp1252"),
        ("Senhor, você não está em São Paulo?", "cp1252"),
        ("Það er ekki ástæða til að óttast, sagði hún", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "cp866"),
        ("مرحبا بالعالم كيف حالك اليوم", "cp1256"),
        ("日本語のテキストです。これはテストです。", "cp932"),
        ("日本語のテキストです。これはテストです。", "euc_jp"),
        ("한국어로 쓴 글입니다.", "cp949"),
        ("联通公司的中文网站，内容很多。", "gb18030"),
        ("這是一個很長的中文句子，內容很多。", "big5"),
    ],
)
def test_a_short_text_is_known_by_its_letters(words: str, encoding: str) -> None:
    """One line is enough to read it as it was written."""
    data = words.encode(encoding)

    assert data.decode(likely_encoding(data) or "ascii", errors="replace") == words


def test_what_is_no_language_has_no_encoding() -> None:
    """Bytes in no order are not taken for words."""
    assert likely_encoding(bytes(range(128, 256)) * 3) is None


def test_the_letters_are_found_behind_much_ascii() -> None:
    """A text that is ASCII for long is judged by the lines that are not."""
    assert likely_encoding(b"word " * 100_000 + b"\n" * 100_000 + POLISH.encode("cp1250")) == "cp1250"
