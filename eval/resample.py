"""Chance: the interval of a figure of many questions, and whether two runs of the same questions differ by more.

A sample is a row of weights, how often each question stands in it: see `eval.calibration`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from eval.calibration import Decisions, Figure, Floats
from eval.metrics import SEED, samples

_SWAPS = 1999  # the smallest p-value is then .0005, which stays below .05 beside a hundred others


def interval(figure: Figure, decided: Decisions, *, seed: int = SEED) -> tuple[float, float]:
    """The 95 % bootstrap interval of a figure; nan below two questions. Source as for `metrics.interval`."""
    return _middle(figure(decided, samples(len(decided), seed))) if len(decided) > 1 else (np.nan, np.nan)


def change_interval(figure: Figure, before: Decisions, now: Decisions, *, seed: int = SEED) -> tuple[float, float]:
    """The 95 % bootstrap interval of the change of a figure over the same questions in order, drawn in pairs."""
    if len(now) < 2:
        return np.nan, np.nan
    drawn = samples(len(now), seed)
    return _middle(figure(now, drawn) - figure(before, drawn))


def p_value(before: Sequence[float], now: Sequence[float], *, seed: int = SEED) -> float:
    """The probability of a change of the mean at least so large if it were chance which run a score is of; two-sided.

    A paired randomisation test: the scores of a question are swapped or not, 1,999 times. Smucker, Allan & Carterette,
    A Comparison of Statistical Significance Tests for IR Evaluation, CIKM 2007. nan where no question has a score.
    """
    scores = np.array([before, now])
    scores = scores[:, ~np.isnan(scores).all(axis=0)]
    known = ~np.isnan(scores)
    if not known.any(axis=1).all():
        return np.nan
    filled = np.where(known, scores, 0)
    kept = np.vstack([np.ones((1, scores.shape[1])), _kept(scores.shape[1], seed)])
    sums, counts = (kept @ side.T + (1 - kept) @ side[::-1].T for side in (filled, known.astype(float)))
    with np.errstate(invalid="ignore"):  # a swap may leave a run without a score
        return _beyond(np.diff(sums / counts, axis=1)[:, 0])


def figure_p_value(figure: Figure, before: Decisions, now: Decisions, *, seed: int = SEED) -> float:
    """As `p_value`, of a figure of many questions."""
    if not len(now):
        return np.nan
    kept = np.vstack([np.ones((1, len(now))), _kept(len(now), seed)])
    both = before + now
    return _beyond(figure(both, np.hstack([1 - kept, kept])) - figure(both, np.hstack([kept, 1 - kept])))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Each p-value as it counts beside the others: the chance that any of them all is this small without a change.

    Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics, 1979.
    """
    known = sorted((p, name) for name, p in p_values.items() if not np.isnan(p))
    adjusted = np.maximum.accumulate([min(1.0, p * (len(known) - at)) for at, (p, _) in enumerate(known)])
    return dict(p_values) | {name: float(p) for (_, name), p in zip(known, adjusted, strict=True)}


@lru_cache(maxsize=2)
def _kept(count: int, seed: int) -> Floats:
    """1 where a question's scores are left as they are, 0 where they are swapped, shape (1999, count)."""
    return np.random.default_rng(seed).integers(0, 2, size=(_SWAPS, count)).astype(float)


def _beyond(changes: Floats) -> float:
    """The share of the changes at least as large as the first, which is the one that was seen, itself among them."""
    known = changes[~np.isnan(changes)]
    if np.isnan(changes[0]):
        return np.nan
    return float((np.abs(known) >= abs(changes[0]) - 1e-12).mean())


def _middle(figures: Floats) -> tuple[float, float]:
    known = figures[~np.isnan(figures)]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
