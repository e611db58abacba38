"""A folder of files with known text → how much of it the loaders find, format by format.

    python -m eval read FOLDER --same 'letters/one_text.*'

FOLDER holds MANIFEST.jsonl (`file`, and where it is known `expected_text`: the path of a text or Markdown file), and
beside the files perhaps `expected_strings.json`: a list of {filename, must_include, must_not_include}.

Words are lower-cased runs of letters, digits and underscores, none at the edges, of normalised text; found is what two
multisets share. A script without spaces has a word for each run of it. What is expected in Markdown, as must_include
always is, loses its marks first: comments, tags, link and image targets (their texts stay), image data, what follows
the fence of a code block, backslashes and the names of entities. A must_include is found if all its words are in the
text; a must_not_include is told where it stands in the text as it is, but for white space and case.

A folder with ground-truth.json and html/ is read as the article extraction benchmark of Zyte (Scrapinghub): F1 of four
words in a row, of our loader and of trafilatura as it comes, and of single words.
"""

import gzip
import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import track

from rag.errors import ConfigError, LoadError
from rag.load import load
from rag.load.normalise import normalise

_WORD = re.compile(r"[^\W_](?:\w*[^\W_])?")
_MARKS = (  # in this order: a comment may hold what looks like the others
    (re.compile(r"<!--.*?-->", re.DOTALL), " "),
    (re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE), " "),
    (re.compile(r"\bdata:[\w/+.-]+;base64[^\s)\"']*"), " "),
    (re.compile(r"\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)?"), "] "),
    (re.compile(r"</?[A-Za-z][^<>]*>"), " "),
    (re.compile(r"\\([^\w\s]|_)"), r"\1"),
)
_SHINGLE = 4  # words: the benchmark's own choice


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a file: its words, or strings that must or must not be in its text."""

    words: Counter[str]
    strings: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a file; `skipped` is why it was not read, empty where it was."""

    file: str
    skipped: str
    known: int  # words expected
    found: int  # of these
    strings: int  # must_include strings that have words
    missing: tuple[str, ...]  # of these
    forbidden: tuple[str, ...]  # must_not_include strings that are there

    @property
    def suffix(self) -> str:
        """The format."""
        return Path(self.file).suffix.lower()


@dataclass(frozen=True, slots=True)
class Body:
    """How well a reader's text agrees with the article: the benchmark's three figures, and the mean F1 of words."""

    precision: float
    recall: float
    f1: float
    word_f1: float


def print_reading(folder: Path, same: Sequence[str], console: Console) -> None:
    """Print every figure that the folder allows. Raises ConfigError where it holds no known text."""
    if not any((folder / name).exists() for name in ("MANIFEST.jsonl", "ground-truth.json")):
        raise ConfigError(f"{folder} has no MANIFEST.jsonl and no ground-truth.json, so nothing says what to expect.")
    lines = [*_report(folder), *_bodies(folder), *(line for glob in same for line in _same(folder, glob))]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def words(text: str) -> Counter[str]:
    """The words of a text and how often each stands in it."""
    return Counter(_WORD.findall(normalise(text).lower()))


def plain(markdown: str) -> str:
    """Markdown without what is no word of the document; see the top of this file."""
    for mark, instead in _MARKS:
        markdown = mark.sub(instead, markdown)
    return html.unescape(markdown)


def f1(one: Counter[str], other: Counter[str]) -> float:
    """2 × shared words / words of both; 1 for two without words."""
    both = one.total() + other.total()
    return 2 * (one & other).total() / both if both else 1.0


def expectations(folder: Path) -> dict[str, Expected]:
    """The files of the manifest and of every expected_strings.json, with what is known of each."""
    expected = {}
    for line in (folder / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        expected[entry["file"]] = Expected(_known(folder, entry.get("expected_text")))
    for listing in sorted(folder.rglob("expected_strings.json")):
        for name, strings in _strings(listing).items():
            file = str((listing.parent / name).relative_to(folder))
            known = expected[file].words if file in expected else Counter[str]()
            expected[file] = Expected(known, strings.strings, strings.forbidden)
    return expected


def read(folder: Path, expected: Mapping[str, Expected]) -> Iterator[Reading]:
    """Each file through our loader, against what is known of it."""
    for file, known in track(expected.items(), "Reading", console=Console(stderr=True), transient=True):
        try:
            text = load(folder / file, file).document.text
        except LoadError as error:
            yield Reading(file, str(error), known.words.total(), 0, 0, (), ())
            continue
        yield _compared(file, text, known)


def renditions(files: Iterable[Path]) -> dict[tuple[str, str], float]:
    """F1 of the words of each two files, by their names, for those that are read."""
    texts = {}
    for path in sorted(files):
        try:
            texts[path.name] = words(load(path, path.name).document.text)
        except LoadError as error:
            _tell(f"{path.name}: {error}")
    return {(one, other): f1(texts[one], texts[other]) for one, other in combinations(texts, 2)}


def bodies(folder: Path) -> dict[str, Body]:
    """The pages of the benchmark, read by our loader and by trafilatura as it comes."""
    truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    pages = {key: gzip.decompress((folder / "html" / f"{key}.html.gz").read_bytes()) for key in truth}
    articles = [entry.get("articleBody", "") for entry in truth.values()]
    readers: dict[str, Callable[[bytes], str]] = {"rag.load": _loaded, "trafilatura": _trafilatura}
    return {name: body(articles, [reader(page) for page in pages.values()]) for name, reader in readers.items()}


def body(true: Sequence[str], said: Sequence[str]) -> Body:
    """Agreement of texts with the true ones: evaluate.py of scrapinghub/article-extraction-benchmark (2020), and words.

    Precision and recall of shingles are means over pages, F1 is of these means, as published.
    """
    pairs = [(_shingles(text), _shingles(found)) for text, found in zip(true, said, strict=True)]
    shared = [((text & found).total(), text.total(), found.total()) for text, found in pairs]
    precision = fmean(both / found for both, _, found in shared if found)
    recall = fmean(both / text for both, text, _ in shared if text)
    single = fmean(f1(words(text), words(found)) for text, found in zip(true, said, strict=True))
    return Body(precision, recall, 2 * precision * recall / (precision + recall), single)


def _known(folder: Path, name: str | None) -> Counter[str]:
    if name is None:
        return Counter()
    if not (folder / name).is_file():
        _tell(f"{name} is in the manifest and not in the folder.")
        return Counter()
    text = (folder / name).read_text(encoding="utf-8", errors="replace")
    return words(plain(text) if name.lower().endswith((".md", ".markdown")) else text)


def _strings(listing: Path) -> dict[str, Expected]:
    """A file that is listed twice has the strings of both."""
    together: dict[str, Expected] = {}
    for entry in json.loads(listing.read_text(encoding="utf-8")):
        before = together.get(entry["filename"], Expected(Counter()))
        together[entry["filename"]] = Expected(
            before.words,
            (*before.strings, *entry.get("must_include", ())),
            (*before.forbidden, *entry.get("must_not_include", ())),
        )
    return together


def _compared(file: str, text: str, known: Expected) -> Reading:
    said = words(text)
    asked = {string: wanted for string in known.strings if (wanted := words(plain(string)))}
    missing = tuple(string for string, wanted in asked.items() if not wanted <= said)
    even = " ".join(text.lower().split())
    forbidden = tuple(string for string in known.forbidden if " ".join(string.lower().split()) in even)
    found = (said & known.words).total()
    return Reading(file, "", known.words.total(), found, len(asked), missing, forbidden)


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = re.findall(r"\w+", text)
    starts = range(max(1, len(tokens) - _SHINGLE + 1)) if tokens else ()
    return Counter(tuple(tokens[at : at + _SHINGLE]) for at in starts)


def _loaded(page: bytes) -> str:
    """The text of our loader; none where it finds none."""
    with TemporaryDirectory() as place:
        path = Path(place) / "page.html"
        path.write_bytes(page)
        try:
            return load(path, path.name).document.text
        except LoadError:
            return ""


def _trafilatura(page: bytes) -> str:
    import trafilatura

    found: Any = trafilatura.extract(page)
    return str(found or "")


def _report(folder: Path) -> Iterator[str]:
    if not (folder / "MANIFEST.jsonl").exists():
        return
    readings = list(read(folder, expectations(folder)))
    yield f"{'format':10}{'files':>6}{'read':>6}{'skipped':>8}{'words known':>13}{'found':>8}{'strings':>9}{'found':>7}"
    for suffix in sorted({reading.suffix for reading in readings}):
        yield _row(suffix, [reading for reading in readings if reading.suffix == suffix])
    yield _row("all", readings)
    yield from (f"skipped: {reading.file}: {reading.skipped}" for reading in readings if reading.skipped)
    for reading in readings:
        if reading.known and not reading.skipped:
            yield f"words: {reading.file}: {reading.found} of {reading.known}, {reading.found / reading.known:.3f}"
        yield from (f"not found: {reading.file}: {string}" for string in reading.missing)
        yield from (f"must not be there: {reading.file}: {string}" for string in reading.forbidden)


def _row(name: str, readings: Sequence[Reading]) -> str:
    """One format; words and strings are those of the files that were read."""
    done = [reading for reading in readings if not reading.skipped]
    known, found = sum(reading.known for reading in done), sum(reading.found for reading in done)
    strings, missing = sum(reading.strings for reading in done), sum(len(reading.missing) for reading in done)
    share, strings_share = _share(found, known), _share(strings - missing, strings)
    counts = f"{len(readings):6}{len(done):6}{len(readings) - len(done):8}"
    return f"{name:10}{counts}{known:13}{share:>8}{strings:9}{strings_share:>7}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def _bodies(folder: Path) -> Iterator[str]:
    if (folder / "ground-truth.json").exists():
        for name, found in bodies(folder).items():
            shingles = f"precision {found.precision:.3f}, recall {found.recall:.3f}, F1 {found.f1:.3f}"
            yield f"{name}: {shingles}; F1 of words {found.word_f1:.3f}"


def _same(folder: Path, glob: str) -> Iterator[str]:
    pairs = renditions(path for path in folder.glob(glob) if path.is_file())
    if not pairs:
        raise ConfigError(f"{glob} names fewer than two files in {folder} that can be read.")
    names = sorted({name for pair in pairs for name in pair})
    yield f"F1 of the words of each two of {glob}"
    for name in names:
        row = {"".join(set(pair) - {name}): value for pair, value in pairs.items() if name in pair}
        yield f"  {name}: " + ", ".join(f"{Path(other).suffix} {value:.3f}" for other, value in sorted(row.items()))
    (one, other), least = min(pairs.items(), key=lambda pair: pair[1])
    yield f"  the least: {least:.3f}, {one} and {other}"


def _tell(what: str) -> None:
    """Beside the figures, which alone are on stdout."""
    Console(stderr=True).print(what, markup=False, highlight=False, soft_wrap=True)
