"""What an index survives: ingests killed at random moments, and files with bytes flipped or cut off.

    python -m eval endure --kills 200 --damage 100

Documents and vectors are made here, so that an ingest is nearly all writing. Ingests and searches run in processes of
their own: one that ends by a signal it was not sent is counted as a crash.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import rag
from rag.index.health import verify
from rag.index.lexical import terms
from rag.index.store import Store
from rag.models.list_embedding import ListEmbedding
from rag.retrieve import retrieve

_DIM = 64
_FILES = 60
_WORDS = [
    f"{first}{last}" for first in ("ba", "do", "ke", "mi", "nu", "ra", "so", "ti") for last in ("lon", "mer", "sk")
]
_QUESTIONS = tuple(" ".join(random.Random(seed).sample(_WORDS, 3)) for seed in range(12))
_CONTEXT = multiprocessing.get_context("forkserver")  # forks of a process that has no threads: Chroma's do not survive
_CONTEXT.set_forkserver_preload(["eval.endure"])  # else each would import for seconds

Told = Counter[str]
_Came = TypeVar("_Came")
_Found = tuple[float, str, str]


class WordEmbedding(ListEmbedding):
    """Vectors of the words' hashes: quick, and alike for texts that share words."""

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [encode([text])[0].tolist() for text in texts]


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors, shape (n, 64)."""
    vectors = np.full((len(texts), _DIM), 1e-3, dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for term in terms(text):
            row[sum(map(ord, term)) % _DIM] += 1
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def kills(times: int, seed: int = 1) -> Iterator[Told]:
    """Kill so many ingests of a folder that keeps changing; after each, what is wrong, counted so far."""
    draw = random.Random(seed)
    told: Told = Counter()
    with TemporaryDirectory() as place:
        folder, settings = Path(place, "documents"), rag.Settings(home=Path(place, "home"))
        folder.mkdir()
        change(folder, draw, most=_FILES)
        _apart(partial(pow, 1, 1))  # what imports takes its time here
        versions = {name: {text} for name, text in texts(folder).items()}
        began = time.monotonic()
        indexed: frozenset[str] = frozenset(_apart(partial(_ingested, folder, settings)) or ())
        lasts = time.monotonic() - began
        for number in count():
            if told["killed"] == times:
                return
            change(folder, draw, most=_FILES // 3)
            for name, text in texts(folder).items():
                versions.setdefault(name, set()).add(text)
            killed = _killed(partial(ingest, folder, settings), after=draw.uniform(0, lasts))
            told["killed" if killed else "done before the kill"] += 1
            told["of these, while Chroma or Tantivy was written"] += killed and _half_written(settings.home)
            opened = _apart(partial(_after_a_kill, settings, versions, indexed & texts(folder).keys()))
            told.update(opened[0] if opened else {"crashed when opened": 1})
            indexed = opened[1] if opened else indexed
            if number % 2:
                told.update(_apart(partial(_finished, folder, settings)) or {"crashed when gone on with": 1})
                indexed = frozenset(texts(folder))
            yield told


def damages(cases: int, seed: int = 2) -> Iterator[Told]:
    """Damage one file of a good index, time and again; what came of it, counted so far."""
    draw = random.Random(seed)
    told: Told = Counter()
    with TemporaryDirectory() as place:
        folder, good = Path(place, "documents"), rag.Settings(home=Path(place, "good"))
        folder.mkdir()
        change(folder, draw, most=_FILES, sentences=900)
        _apart(partial(_ingested, folder, good))
        wanted = _apart(partial(found, good)) or []
        files = [path for path in sorted(good.home.rglob("*")) if path.is_file() and path.stat().st_size]
        derived = [path for path in files if path.suffix not in (".db", ".lock")]
        for case in range(2 * cases):
            settings = rag.Settings(home=Path(place, "home"))
            shutil.copytree(good.home, settings.home)
            what = ("catalog", "derived")[case % 2]
            path = good.home / "catalog.db" if what == "catalog" else derived[case // 2 % len(derived)]
            damage(settings.home / path.relative_to(good.home), draw)
            told[f"{what}: damaged"] += 1
            came = _apart(partial(_searched, settings, wanted, what))
            told.update(came or {f"{what}: process crashed ({path.name})": 1})
            shutil.rmtree(settings.home)
            yield told


def change(folder: Path, draw: random.Random, *, most: int, sentences: int = 12) -> None:
    """Add, change, copy, move and delete files at random."""
    for _ in range(draw.randint(most // 2, most)):
        name = folder / f"{draw.randrange(_FILES)}.txt"
        there = sorted(folder.iterdir())
        what = draw.random() if there else 0.0
        if what < 0.6:
            lines = (" ".join(draw.choices(_WORDS, k=9)).capitalize() + "." for _ in range(draw.randint(1, sentences)))
            name.write_text("\n\n".join(lines), encoding="utf-8")
        elif what < 0.7:
            name.write_bytes(draw.choice(there).read_bytes())
        elif what < 0.85:
            draw.choice(there).replace(name)
        else:
            draw.choice(there).unlink()


def damage(path: Path, draw: random.Random) -> None:
    """Flip up to 64 bits of a file, or cut it off somewhere."""
    data = bytearray(path.read_bytes())
    if draw.random() < 0.3:
        data = data[: draw.randrange(len(data) or 1)]
    else:
        for _ in range(draw.choice([1, 1, 4, 64])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def ingest(folder: Path, settings: rag.Settings) -> None:
    """The folder as it is now."""
    rag.ingest(folder, settings, embedder=WordEmbedding())


def texts(folder: Path) -> dict[str, str]:
    """What each file says."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def found(settings: rag.Settings) -> list[list[_Found]]:
    """What is found for each question, best first: score, place and words."""
    with closing(Store.open(settings)) as store:
        return [
            [
                (round(hit.score, 4), str(hit.chunk.span), hit.chunk.text)
                for hit in retrieve(store, encode, asked, settings)
            ]
            for asked in _QUESTIONS
        ]


def _ingested(folder: Path, settings: rag.Settings) -> frozenset[str]:
    ingest(folder, settings)
    return frozenset(texts(folder))


def _after_a_kill(
    settings: rag.Settings, versions: dict[str, set[str]], expected: "frozenset[str] | set[str]"
) -> tuple[Told, frozenset[str]]:
    """Each document is whole and there once, and those that were there and were not deleted still are; all ids."""
    told: Told = Counter()
    ids: list[str] = []
    try:
        found(settings)
        with closing(Store.open(settings)) as store:
            ids = [id_ for id_, _, _ in store.catalog.documents()]
            told["documents doubled"] += len(ids) - len(set(ids))
            told["documents lost"] += len(expected - set(ids))
            for id_ in ids:
                document = store.catalog.document(id_)
                told["documents half written"] += document is None or not _is_one_of(document.text, versions[id_])
    except rag.RagError as error:
        told[f"not opened: {error}"] += 1
    return told, frozenset(ids)


def _half_written(home: Path) -> bool:
    """True if a derived index has a folder beside the one in use."""
    return any(len([*(home / name).glob("*")]) > 1 for name in ("chroma", "lexical"))


def _is_one_of(text: str, versions: set[str]) -> bool:
    return any(text.split() == version.split() for version in versions)


def _finished(folder: Path, settings: rag.Settings) -> Told:
    """The next ingest brings everything to what the files say."""
    ingest(folder, settings)
    told: Told = Counter()
    with closing(Store.open(settings)) as store:
        ids = {id_ for id_, _, _ in store.catalog.documents()}
        wanted = texts(folder)
        told["documents lost"] += len(wanted.keys() - ids)
        told["documents that should be gone"] += len(ids - wanted.keys())
        for id_ in ids & wanted.keys():
            document = store.catalog.document(id_)
            told["documents half written"] += document is None or document.text.split() != wanted[id_].split()
    told["faults found by rag verify"] += len(verify(settings).problems)
    return told


def _searched(settings: rag.Settings, wanted: list[list[_Found]], what: str) -> Told:
    """Over a damaged catalog all is as it was, or an error; over a damaged derived index the best are as good.

    An approximate search that is built again may find others among those that are alike.
    """
    told: Told = Counter()
    try:
        came = found(settings)
        if what == "derived":
            words = dict(_places(settings))
            right = [hits[0][0] for hits in came] == [hits[0][0] for hits in wanted] and all(
                words[place] == text for hits in came for _, place, text in hits
            )
            told["derived: not recovered"] += bool(verify(settings).problems)
        else:
            right = came == wanted
        told[f"{what}: right passages"] += right
        told[f"{what}: wrong passages"] += not right
    except rag.RagError:
        told[f"{what}: a clear error"] += 1
    except Exception as error:
        told[f"{what}: another error, {type(error).__name__}"] += 1
    return told


def _places(settings: rag.Settings) -> Iterator[tuple[str, str]]:
    with closing(Store.open(settings)) as store:
        yield from ((str(chunk.span), chunk.text) for chunk in store.catalog.added_since(0))


def _killed(work: Callable[[], object], *, after: float) -> bool:
    """Do it in a process that is killed after so many seconds; False if it was done before."""
    process = _CONTEXT.Process(target=_silently, args=(work, None))
    process.start()
    process.join(after)
    if process.exitcode is None:
        process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def _apart(work: Callable[[], _Came]) -> _Came | None:
    """What work in a process of its own comes to; None if that crashed, or was not done after two minutes."""
    here, there = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_silently, args=(work, there))
    process.start()
    there.close()
    came: _Came | None = None
    with suppress(EOFError):
        came = here.recv() if here.poll(120) else None
    if came is None:
        process.kill()
    process.join()
    return came


def _silently(work: Callable[[], object], there: Connection | None) -> None:
    """Without the traces that libraries print of damage that is expected."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    came = work()
    if there:
        there.send(came)
