"""How sure an answer must be is told by what was measured: what ships, or an index's own."""

import json
import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag import Chatbot, Settings
from rag.answer import calibration
from rag.answer.calibration import Calibration, Point
from rag.errors import ConfigError
from tests.fakes import LightEmbedding

POINTS = (Point(0.2, 200, 60), Point(0.5, 150, 15), Point(0.8, 100, 1), Point(0.95, 4, 0))
OPENED = "When was the archive opened?"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index over one short document."""
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "archive.md").write_text("Anna Weber opened the archive in 1921.\n", encoding="utf-8")
    rag.ingest(folder / "archive.md", Settings(home=folder / "home"), embedder=LightEmbedding())
    return folder / "home"


@pytest.fixture
def home(indexed: Path) -> Iterator[Path]:
    """That index without a calibration, before and after."""
    yield indexed
    (indexed / calibration.FILE).unlink(missing_ok=True)


def calibrated(home: Path, **changed: object) -> Settings:
    """The settings of an index for which nothing speaks for any answer, and of which these points were measured."""
    settings = Settings(home=home)
    entry = {
        "fingerprint": calibration.fingerprint(settings),
        "weights": dict.fromkeys(calibration.shipped().weights, 0.0),
        "curve": [[-1.0, 0.25], [1.0, 0.75]],
        "points": calibration.as_json(POINTS),
    }
    (home / calibration.FILE).write_text(json.dumps(entry | changed), encoding="utf-8")
    return settings


@pytest.mark.parametrize(
    ("answered", "wrong", "at_most"),
    [(52, 0, 0.0495), (1, 0, 0.7302), (100, 5, 0.0992), (10, 10, 1.0)],  # z² / (n + z²) where none is wrong
)
def test_few_answers_promise_little(answered: int, wrong: int, at_most: float) -> None:
    """The upper end of Wilson's interval, worked by hand: 52 right answers promise 5 %, a single one 73 %."""
    assert Point(0.5, answered, wrong).at_most == pytest.approx(at_most, abs=1e-4)


@pytest.mark.parametrize(("most_wrong", "threshold"), [(0.5, 0.2), (0.2, 0.5), (0.1, 0.8)])
def test_the_lowest_threshold_that_keeps_the_promise_is_taken(most_wrong: float, threshold: float) -> None:
    """It answers as much as it may; a threshold that gave few answers and none wrong is not trusted for it."""
    assert Calibration({"bias": 0.0}, points=POINTS).threshold(most_wrong) == threshold


def test_a_promise_that_nothing_keeps_is_refused() -> None:
    """The error says what the best threshold led to, and what to do."""
    with pytest.raises(ConfigError, match=r"RAG_MAX_WRONG=0\.01 .* 0\.8, gave 100 answers of which 1 .* rag calibrate"):
        Calibration({"bias": 0.0}, points=POINTS).threshold(0.01)


@given(
    at=st.lists(st.floats(-30, 30), min_size=1, max_size=8, unique=True),
    heights=st.lists(st.floats(0, 1), min_size=8, max_size=8),
    facts=st.lists(st.floats(-40, 40), min_size=2, max_size=2),
)
def test_a_curve_never_falls(at: list[float], heights: list[float], facts: list[float]) -> None:
    """More log-odds are no less probability, which stays between the curve's ends."""
    curve = tuple(zip(sorted(at), sorted(heights), strict=False))
    made = Calibration({"bias": 0.0, "best": 1.0}, curve)

    low, high = (made.probability({"best": value}) for value in sorted(facts))

    assert curve[0][1] - 1e-9 <= low <= high + 1e-9 <= curve[-1][1] + 2e-9


def test_a_curve_is_straight_between_its_points() -> None:
    """A quarter of the way up there, three quarters here: half-way is the middle."""
    made = Calibration({"bias": 0.0, "best": 1.0}, ((-1.0, 0.25), (1.0, 0.75)))

    assert [made.probability({"best": at}) for at in (-9, -1, 0, 1, 9)] == [0.25, 0.25, 0.5, 0.75, 0.75]


def test_no_evidence_is_no_probability() -> None:
    """Where nothing was found nothing answers, whatever the curve says."""
    assert Calibration({"bias": 9.0}, ((0.0, 0.9),)).probability({}) == 0


def test_what_ships_was_measured() -> None:
    """The higher the threshold, the fewer answers it gave."""
    points = calibration.shipped().points

    assert points
    assert all(low.threshold < high.threshold and low.answered >= high.answered for low, high in pairwise(points))


def test_an_index_answers_by_its_own_calibration(home: Path) -> None:
    """Its weights and its curve are those that a chatbot uses which is opened on it."""
    bot = Chatbot.open(calibrated(home))

    confidence = bot.explain(OPENED).confidence
    bot.close()

    assert confidence == 0.5  # the middle of the curve, as no sign has any weight


def test_a_calibration_of_other_evidence_is_not_used(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was fitted to another model's figures is set aside, and it says so."""
    settings = calibrated(home, fingerprint="another")

    with caplog.at_level(logging.WARNING):
        found = calibration.of(settings)

    assert found == calibration.shipped()
    assert "is not used" in caplog.text


@pytest.mark.parametrize("damage", [{"points": [{}]}, {"weights": 3}, {"curve": [["a", 1]]}])
def test_a_damaged_calibration_is_refused(home: Path, damage: dict[str, object]) -> None:
    """It is named, not passed over."""
    settings = calibrated(home, **damage)

    with pytest.raises(ConfigError, match="damaged"):
        calibration.of(settings)


@pytest.mark.parametrize("changed", [{"lexical_weight": 1.0}, {"reranker": "another"}, {"chunk_size": 99}])
def test_what_evidence_is_made_with_changes_its_name(changed: dict[str, object]) -> None:
    """Another ranking or another index is other evidence; a threshold is not."""
    named = [calibration.fingerprint(settings) for settings in (Settings(), Settings.model_validate(changed))]

    assert named[0] != named[1]
    assert named[0] == calibration.fingerprint(Settings(answer_threshold=0.9, max_wrong=0.1))


def test_a_share_of_wrong_answers_sets_the_threshold(home: Path) -> None:
    """RAG_MAX_WRONG takes the place of RAG_ANSWER_THRESHOLD; whoever chooses a threshold later has it."""
    settings = calibrated(home).model_copy(update={"max_wrong": 0.1, "answer_threshold": 0.3})

    bot = Chatbot.open(settings)
    chosen = bot.adjusted(passages=6, sentences=3, threshold=0.4)
    bot.close()

    assert (bot.settings.answer_threshold, chosen.settings.answer_threshold) == (0.8, 0.4)


def test_a_chatbot_whose_promise_cannot_be_kept_does_not_open(home: Path) -> None:
    """It is told at once, not by declining every question."""
    settings = calibrated(home).model_copy(update={"max_wrong": 0.001})

    with pytest.raises(ConfigError, match="cannot be kept"):
        Chatbot.open(settings)
