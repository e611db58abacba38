"""What is known of a file is compared with what the loaders find in it, word by word."""

import gzip
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval.reading import body, expectations, f1, plain, print_reading, read, renditions, words
from rag.errors import ConfigError


def test_words_have_no_case_and_no_underscores_around_them() -> None:
    """What stands inside a word stays."""
    assert words("The _cat_, the snake_case __") == Counter({"the": 2, "cat": 1, "snake_case": 1})


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# One **two** | three |\n| --- | --- |", "one two three"),
        ("<!-- Slide 1 --> One <br/>two", "one two"),
        ('[One](https://example.com/a_(b) "Title") ![two](three.png)', "one two"),
        ("](https://example.com/cut", ""),
        ("![One](data:image/png;base64,iVBORw0KGgo=) two", "one two"),
        ("```python\none = 2\n```", "one 2"),
        ("AT&amp;T snake\\_case 1 < 2", "at t snake_case 1 2"),
    ],
)
def test_marks_are_no_words(markdown: str, expected: str) -> None:
    """Comments, tags, targets, image data, fences, escapes and the names of entities are not asked of a loader."""
    assert words(plain(markdown)) == Counter(expected.split())


def test_f1_counts_what_two_texts_share() -> None:
    """Two of three and two of five words: 2 × 2 / 8."""
    assert f1(words("a b c"), words("a b d e f")) == 0.5
    assert f1(words(""), words("")) == 1.0


def test_each_file_is_read_or_skipped_with_its_reason(tmp_path: Path) -> None:
    """Words and strings that are not found count, and so do strings that must not be there."""
    write(tmp_path, "a.txt", "Rome is old.\n\nIt has a river.")
    write(tmp_path, "known/a.md", "# Rome\n\nIt has seven [hills](map.png).")
    write(tmp_path, "b.xyz", "What?")
    manifest(tmp_path, {"file": "a.txt", "expected_text": "known/a.md"}, {"file": "b.xyz"})
    strings = [{"filename": "a.txt", "must_include": ["**river**", "sea", "---"], "must_not_include": ["IS  old"]}]
    write(tmp_path, "expected_strings.json", json.dumps(strings))

    first, second = read(tmp_path, expectations(tmp_path))

    assert (first.found, first.known) == (3, 5)
    assert (first.strings, first.missing, first.forbidden) == (2, ("sea",), ("IS  old",))
    assert ".xyz" in second.skipped


def test_strings_of_two_entries_for_a_file_are_put_together(tmp_path: Path) -> None:
    """Also of a file that the manifest does not name."""
    manifest(tmp_path)
    entries = [{"filename": "a.txt", "must_include": [word]} for word in ("one", "two")]
    write(tmp_path, "below/expected_strings.json", json.dumps(entries))

    assert expectations(tmp_path)["below/a.txt"].strings == ("one", "two")


def test_renditions_are_compared_two_by_two(tmp_path: Path) -> None:
    """A file that is not read is left out."""
    write(tmp_path, "one.txt", "a b c")
    write(tmp_path, "one.md", "# a\n\nb c")
    write(tmp_path, "one.html", "<p>a b d e f</p>")
    write(tmp_path, "one.xyz", "a")

    found = renditions(tmp_path.glob("one.*"))

    assert found == {("one.html", "one.md"): 0.5, ("one.html", "one.txt"): 0.5, ("one.md", "one.txt"): 1.0}


def test_a_body_is_judged_by_four_words_in_a_row() -> None:
    """Five words are two runs; of the three that were said one is right. A page without text says nothing wrong."""
    figures = body(["a b c d e", "a b c d"], ["a b c d f g", ""])

    assert figures.precision == pytest.approx(1 / 3)
    assert figures.recall == pytest.approx((1 / 2 + 0) / 2)
    assert figures.f1 == pytest.approx(2 * (1 / 3) * (1 / 4) / (1 / 3 + 1 / 4))
    assert figures.word_f1 == pytest.approx((8 / 11 + 0) / 2)


def test_the_report_tells_every_figure(tmp_path: Path) -> None:
    """By format, then all, then what was skipped, and the least of the renditions."""
    write(tmp_path, "a.txt", "a b c")
    write(tmp_path, "a.md", "a b c d e")
    manifest(tmp_path, {"file": "a.txt", "expected_text": "a.md"}, {"file": "b.xyz"})
    page = "<html><body><article>" + "<p>Some words of an article, and more.</p>" * 20 + "</article></body></html>"
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "1.html.gz").write_bytes(gzip.compress(page.encode()))
    write(tmp_path, "ground-truth.json", json.dumps({"1": {"articleBody": "Some words of an article, and more."}}))
    out = io.StringIO()

    print_reading(tmp_path, ["a.*"], Console(file=out, width=200))

    lines = out.getvalue()
    assert ".txt" in lines and "0.600" in lines
    assert "skipped: b.xyz: " in lines
    assert "rag.load: precision" in lines and "trafilatura: precision" in lines
    assert "the least: 0.750, a.md and a.txt" in lines


@pytest.mark.parametrize("same", [[], ["a.*"]])
def test_a_folder_without_known_text_is_an_error(tmp_path: Path, same: list[str]) -> None:
    """Rather than an empty table; so are renditions that are not there."""
    if same:
        manifest(tmp_path)

    with pytest.raises(ConfigError, match=r"MANIFEST|fewer than two"):
        print_reading(tmp_path, same, Console(file=io.StringIO()))


def write(folder: Path, name: str, text: str) -> None:
    """A file of the folder."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def manifest(folder: Path, *entries: dict[str, Any]) -> None:
    """The folder's list of files."""
    write(folder, "MANIFEST.jsonl", "".join(json.dumps(entry) + "\n" for entry in entries))
