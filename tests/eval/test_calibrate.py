"""A probability is fitted to questions of one's own, and is kept only where it is better on others."""

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import rag
from eval import calibrate, calibration, command
from eval.calibrate import Asked
from eval.calibration import Decisions, value
from eval.dataset import DatasetError
from rag import Settings
from rag.answer.calibration import Point, of, shipped
from tests.fakes import LightEmbedding

PEOPLE = ("Anna", "Bruno", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas", "Klara", "Leo")
KEEPS = "keeps the key of room"


def asked(*, telling: bool, seed: int = 1, count: int = 120) -> list[Asked]:
    """Questions all of whose facts are chance, but the best sentence of the answerable ones, where it tells."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        answerable = number % 2 == 0
        facts = {name: draw.random() for name in shipped().weights if name != "bias"}
        facts["best"] += 0.7 * (telling and answerable)
        found.append(Asked(facts, answerable, wrong=not answerable))
    return found


def brier(decided: Decisions) -> float:
    """The mean Brier score."""
    return value(calibrate.brier, decided)


def test_a_probability_is_bettered_where_the_signs_tell() -> None:
    """What ships is sure of everything here; what is fitted is nearer, and tells more apart."""
    outcome = calibrate.calibrate(asked(telling=True))

    assert not outcome.kept
    assert brier(outcome.after) < brier(outcome.before) - 0.05
    assert value(calibration.auroc, outcome.after) > 0.8


def test_what_is_bettered_holds_for_other_questions() -> None:
    """The weights chosen on some questions are better than what ships on some that nobody had seen."""
    chosen, others = calibrate.calibrate(asked(telling=True)).chosen, asked(telling=True, seed=2)

    before, after = (
        brier(calibrate.decisions(others, np.array([way.probability(one.facts) for one in others])))
        for way in (shipped(), chosen)
    )

    assert after < before - 0.05


def test_chance_is_not_taken_for_knowledge() -> None:
    """Signs that tell nothing are at chance, because no question is judged by a fit that has seen it."""
    outcome = calibrate.calibrate(asked(telling=False, count=400))

    assert value(calibration.auroc, outcome.after) < 0.6


def test_what_ships_stays_where_nothing_is_better() -> None:
    """Sure and right about all of them: there is nothing to gain. The thresholds are those of these questions."""
    best = [
        Asked({**one.facts, "second": 90.0 if one.answerable else -90.0}, one.answerable, one.wrong)
        for one in (asked(telling=False))
    ]

    outcome = calibrate.calibrate(best)

    assert outcome.kept
    assert outcome.chosen.weights == shipped().weights
    assert outcome.chosen.points[-1] == Point(0.999, 60, 0)


def test_too_few_questions_are_refused() -> None:
    """Nine that the documents do not answer are not enough to tell anything from."""
    few = [one for number, one in enumerate(asked(telling=True)) if one.answerable or number < 18]

    with pytest.raises(DatasetError, match="there are 60 and 9"):
        calibrate.calibrate(few)


def test_points_count_what_would_be_answered() -> None:
    """By hand: from .3 on three answers of which two are wrong, from .8 on two and one, from .9 on one and none."""
    decided = Decisions(
        np.array([0.9, 0.3, 0.8]),
        np.array([True, False, True]),
        np.array([False, True, False]),
        np.array([False, True, True]),
    )

    ends = {(point.answered, point.wrong) for point in calibrate.points(decided)}

    assert ends == {(3, 2), (2, 1), (1, 0)}


def test_an_index_is_calibrated_from_a_file_of_questions(tmp_path: Path) -> None:
    """From a folder and a file to a calibration that the next chatbot uses, and a table of what it is worth."""
    settings, questions = town(tmp_path)
    said = io.StringIO()

    written = command.calibrate_home(questions, home=settings.home, console=Console(file=said, width=120))

    kept = json.loads(written.read_text(encoding="utf-8"))
    assert kept["questions"] == {"asked": 24, "answerable": 12}
    assert kept["figures"]["after"]["Brier"] <= kept["figures"]["before"]["Brier"]
    assert kept["points"][0]["answered"] == 24
    assert kept["points"][0]["wrong"] >= 12  # at least those that cannot be answered
    assert all(name in said.getvalue() for name in ("AUROC", "calibration error", "Brier", "RAG_MAX_WRONG"))
    assert of(settings).weights == kept["weights"]


def test_thresholds_are_measured_for_what_ships(tmp_path: Path) -> None:
    """The weights stay, and beside them stands what each threshold led to on the questions of all sets."""
    settings, questions = town(tmp_path)

    command.measure_thresholds([(questions, settings.home)], tmp_path / "weights.json")

    made = json.loads((tmp_path / "weights.json").read_text(encoding="utf-8"))
    assert made["answerable"] == shipped().weights
    assert made["operating"]["questions"] == {tmp_path.name: 24}
    assert made["operating"]["points"][0]["answered"] == 24


def town(folder: Path) -> tuple[Settings, Path]:
    """An index over one document, and questions about people of it and about others."""
    settings, questions = Settings(home=folder / "home"), folder / "questions.jsonl"
    lines = [f"{name} {KEEPS} {number}.\n" for number, name in enumerate(PEOPLE, 10)]
    (folder / "keys.txt").write_text("\n".join(lines), encoding="utf-8")
    rag.ingest(folder / "keys.txt", settings, embedder=LightEmbedding())
    known = [
        {"id": name, "kind": "single_fact", "question": f"Which room has {name} the key of?", "reference": str(number)}
        for number, name in enumerate(PEOPLE, 10)
    ]
    unknown = [
        {"id": f"no {name}", "kind": "unanswerable", "question": f"What did {name} eat in Paris?", "reference": ""}
        for name in PEOPLE
    ]
    entries = [{**one, "split": "dev", "gold": []} for one in (*known, *unknown)]
    questions.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return settings, questions
