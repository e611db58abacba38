"""The JSON of a run → what other programs read: CSV of the answers, and run and qrels as trec_eval reads them."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import rag
from eval import metrics
from eval.dataset import Entry
from eval.difference import outcome
from eval.run import Run

_ABOUT = ("id", "kind", "split", "question", "reference")


def answers(run: Run) -> str:
    """CSV with a line for each question: what was asked, said and cited, how it went, and every score."""
    written = io.StringIO()
    names = list(run["records"][0]["scores"]) if run["records"] else []
    table = csv.writer(written)
    table.writerow([*_ABOUT, "answer", "citations", "abstained", "confidence", "outcome", *names, "seconds"])
    for record in run["records"]:
        answer = record["answer"]
        cited = "; ".join(dict.fromkeys(_id(each) for claim in answer["claims"] for each in claim["citations"]))
        said = [answer["text"], cited, answer["abstained"], answer["confidence"], outcome(record)]
        scores = (record["scores"][name] for name in names)
        table.writerow([*(record[name] for name in _ABOUT), *said, *scores, record["seconds"]])
    return written.getvalue()


def trec_run(run: Run) -> str:
    """Every ranking, a line for each passage: question Q0 passage rank score tag."""
    lines = (
        f"{_word(record['id'])} Q0 {_id(place)} {rank} {1 / rank:.4f} rag"
        for record in run["records"]
        for rank, place in enumerate(record["ranking"], 1)
    )
    return "".join(f"{line}\n" for line in lines)


def trec_qrels(run: Run) -> str:
    """What is relevant, a line for each part of the gold: question 0 passage 1.

    A part goes by the name of the first ranked passage that covers it, or of its own place where none does, so that
    trec_eval counts what `eval.metrics` counts. Where one passage covers several parts they are one to trec_eval.
    """
    lines = (f"{_word(record['id'])} 0 {name} 1" for record in run["records"] for name in dict.fromkeys(_found(record)))
    return "".join(f"{line}\n" for line in lines)


def write(text: str, path: Path) -> None:
    """Make a file hold the text; whoever reads it meanwhile sees the old one, or this one.

    Halves of characters, which no encoding has, are written out; in JSON that is what they are written as anyway.
    """
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    draft.replace(path)


def _found(record: Entry) -> Iterator[str]:
    for part in record["gold"]:
        covers = (place for place in record["ranking"] if any(metrics.covers(_span(place), _span(one)) for one in part))
        yield _id(next(covers, part[0]))


def _span(place: Entry) -> rag.Span:
    return rag.Span(place["document_id"], place["start"], place["end"])


def _id(place: Entry) -> str:
    """Names a place, without white space."""
    return f"{_word(place['document_id'])}:{place['start']}-{place['end']}"


def _word(name: str) -> str:
    return quote(name, safe="/.-_~", errors="backslashreplace")
