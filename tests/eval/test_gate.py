"""A gate is read whole, and says each thing that a run lacks."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import rag
from eval import command, difference, gate
from eval.run import run
from tests.eval.notebook import ANSWERS, QUESTIONS, Notebook, question

OWN = Path(command.__file__).with_name("gate.toml")


def results(answers: dict[str, str]) -> dict[str, Any]:
    """What a notebook with these answers gets, as its JSON."""
    return run(Notebook(answers), QUESTIONS, settings=rag.Settings()).to_dict()


def limits(tmp_path: Path, text: str) -> tuple[gate.Limit, ...]:
    """The limits of a file with this text."""
    path = tmp_path / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return gate.read(path)


def test_a_run_that_reaches_every_figure_passes(tmp_path: Path) -> None:
    """Half of all answers hold what is wanted, and half is the least; all that is wanted of dev is there."""
    wanted = limits(tmp_path, "[all.all]\ncontainment = {least = 0.5}\n[dev.all]\nwrong_abstention = {most = 0.0}\n")

    assert gate.broken(wanted, results(ANSWERS)) == []


def test_each_figure_that_is_not_reached_is_a_line(tmp_path: Path) -> None:
    """Too little, too much, and what the run does not have."""
    wanted = limits(
        tmp_path,
        "[all.all]\ncontainment = {least = 0.6}\nwrong_abstention = {most = 0.2}\nmagic = {least = 0}\n"
        "[dev.unanswerable]\nabstention_recall = {least = 0}\n",
    )

    assert gate.broken(wanted, results(ANSWERS)) == [
        "containment of all, all: 0.500, and 0.600 is the least",
        "wrong_abstention of all, all: 0.250, and 0.200 is the most",
        "magic of all, all: this run has no such figure",
        "abstention_recall of dev, unanswerable: this run has no such figure",
    ]


def test_a_significant_loss_of_a_gates_figure_breaks_it(tmp_path: Path) -> None:
    """Though the figure is above its least; a loss of another figure does not, nor does a gain."""
    asked = tuple(question(f"q{number}", f"When {number}?", "visit.md") for number in range(20))
    before, now = (
        run(Notebook({one.question: line for one in asked}), asked, settings=rag.Settings()).to_dict()
        for line in ("visit.md", "trade.md")
    )
    wanted = limits(tmp_path, "[all.all]\ncontainment = {least = 0}\n")
    lost, gained = (difference.compare(*runs).changes for runs in ((before, now), (now, before)))

    (line,) = gate.broken(wanted, now, lost)

    assert line.startswith("containment went from 1.000 to 0.000, which is no chance (p = 0.0")
    assert gate.broken(wanted, before, gained) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[all.all]\ncontainment = {lest = 0.5}\n", "lest: Extra inputs are not permitted"),
        ("[all.all]\ncontainment = 0.5\n", "all.all.containment: Input should be"),
        ("[all", "is no gate"),
        ("", "has no limits"),
    ],
)
def test_a_gate_that_is_none_is_told(tmp_path: Path, text: str, said: str) -> None:
    """A misspelt key would be a gate that everything passes."""
    with pytest.raises(gate.GateError, match=said):
        limits(tmp_path, text)


def test_the_gate_of_the_corpus_names_figures_that_runs_have() -> None:
    """A figure of another name would break every run."""
    names = set(results(ANSWERS)["figures"]["all"]["all"])

    assert {limit.figure for limit in gate.read(OWN)} <= names
    assert "all" in tomllib.loads(OWN.read_text(encoding="utf-8"))
