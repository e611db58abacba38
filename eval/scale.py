"""Many small files → what an index costs: first and unchanged sync, one change, a rebuild, disk, and readers meanwhile.

    python -m eval scale --files 10000

The files are made of the sample corpus's words, about a chunk each. Every figure is of one run on one machine, and
what is asked of them are ratios.
"""

import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding

import rag
from eval.speed import Recorder, seconds
from rag.index.writing import writing
from rag.models.embed import document_embedder

_READERS = 4
_WORDS = 110  # of a file: about 160 tokens
_ASKED = 12  # questions of each reader, idle and during an ingest
_SPAWN = multiprocessing.get_context("spawn")

Figure = tuple[str, float, str]  # what, how much, of which unit


def measure(count: int, *, embedder: BaseEmbedding | None = None, readers: int = _READERS) -> Iterator[Figure]:
    """Each figure as it is known; the embedder is loaded before any clock starts."""
    recorder = Recorder.of(embedder or document_embedder(rag.Settings()))
    recorder.get_text_embedding_batch(["The first texts pay for what a model sets up once."] * 8)
    recorder.taken()
    draw = random.Random(7)
    with TemporaryDirectory() as place:
        folder, settings = Path(place, "documents"), rag.Settings(home=Path(place, "home"))
        write(folder, range(count), draw)
        time.sleep(2.1)  # files younger than two seconds are looked at more closely

        def ingest() -> None:
            rag.ingest(folder, settings, embedder=recorder)

        first = seconds(ingest)
        chunks = len(recorder.taken())
        yield "first ingest", first, f"s, {chunks} chunks"
        unchanged = float(np.median([seconds(ingest) for _ in range(3)]))
        yield "unchanged sync", unchanged, f"s, {len(recorder.taken())} embedded"
        yield "first ingest / unchanged sync", first / unchanged, "times"
        write(folder, [count // 2], draw)
        yield "sync with one changed file", seconds(ingest), f"s, {len(recorder.taken())} embedded"
        size = sum(path.stat().st_size for path in settings.home.rglob("*") if path.is_file())
        yield "on disk", size / chunks, "bytes per chunk"
        rebuilt = seconds(lambda: _rebuild(settings))
        yield "Chroma and Tantivy from the catalog", rebuilt, "s"
        yield "first ingest / from the catalog", first / rebuilt, "times"
        if readers:
            yield from _readers(folder, settings, draw, readers, count)


def write(folder: Path, numbers: Iterable[int], draw: random.Random) -> None:
    """Files of these numbers, each with other words."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        words = draw.choices(_vocabulary(), k=_WORDS)
        lines = [" ".join(words[at : at + 11]).capitalize() + "." for at in range(0, _WORDS, 11)]
        (folder / f"{number:06}.txt").write_text(f"Note {number}\n\n{' '.join(lines)}\n", encoding="utf-8")


@cache
def _vocabulary() -> list[str]:
    corpus = Path(__file__).parent.parent / "corpus" / "documents"
    return [word for path in sorted(corpus.glob("*.md")) for word in path.read_text(encoding="utf-8").split()]


def _rebuild(settings: rag.Settings) -> None:
    with writing(settings) as store:
        store.publish(store.prepare(anew=True))


def _readers(folder: Path, settings: rag.Settings, draw: random.Random, readers: int, count: int) -> Iterator[Figure]:
    """Seconds of a question, 95th percentile, of several processes at once; idle, and while `rag ingest` runs."""
    idle = _asked(settings, readers)
    yield f"{readers} readers, idle, p95", idle, "s"
    write(folder, range(count, count + max(count // 5, 300)), draw)
    command = [sys.executable, "-m", "rag", "ingest", str(folder), "--home", str(settings.home)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        time.sleep(20)  # until it embeds
        busy = _asked(settings, readers)
        running = process.poll() is None
        process.terminate()
    yield f"{readers} readers, during an ingest, p95", busy, "s" if running else "s, but the ingest was over before"
    yield "during / idle", busy / idle, "times"


def _asked(settings: rag.Settings, readers: int) -> float:
    with _SPAWN.Pool(readers) as pool:
        took = pool.starmap(_ask, [(settings.home, seed) for seed in range(readers)])
    return float(np.percentile([second for seconds in took for second in seconds], 95))


def _ask(home: Path, seed: int) -> list[float]:
    draw = random.Random(seed)
    with closing(rag.Chatbot.open(rag.Settings(home=home))) as bot:
        bot.ask("The first question opens what the others find open.")
        return [seconds(lambda: bot.ask(" ".join(draw.choices(_vocabulary(), k=8)))) for _ in range(_ASKED)]
