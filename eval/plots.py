"""Small plots as SVG for a report: coloured by its style sheet, so that they are right in light and in dark."""

from collections.abc import Sequence
from html import escape
from math import log10

from eval.calibration import Bin

_WIDTH, _HEIGHT = 360, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 10, 40
_BARS = 24

Point = tuple[float, float]


def reliability(bins: Sequence[Bin]) -> str:
    """The share of questions that the documents answer over the confidence; the larger a dot, the more questions."""
    most = max((one.count for one in bins), default=1)
    dots = "".join(
        _dot(one.confidence, one.answerable, 3 + 7 * (one.count / most) ** 0.5, f"{one.count} questions")
        for one in bins
    )
    even = _line([(0, 0), (1, 1)], "even")
    line = _line([(one.confidence, one.answerable) for one in bins], "now")
    return _framed("confidence", "share that the documents answer", even + line + dots)


def risk_coverage(points: Sequence[Point], at: Point | None) -> str:
    """The share of wrong answers over the share of questions answered; the dot is the threshold in use."""
    dot = _dot(*at, 6, f"in use: {at[0]:.0%} answered, {at[1]:.0%} of these wrong") if at else ""
    return _framed("share of questions answered", "share of answers wrong", _line(points, "now") + dot)


def latency(seconds: Sequence[float]) -> str:
    """How many questions took how long, the seconds on a logarithmic scale."""
    logs = [log10(max(each, 1e-4)) for each in seconds]
    low, high = min(logs, default=0.0), max(logs, default=1.0)
    width = max(high - low, 0.1)
    counts = [0] * _BARS
    for each in logs:
        counts[min(int((each - low) / width * _BARS), _BARS - 1)] += 1
    most = max(counts)
    bars = "".join(
        _bar(at / _BARS, 1 / _BARS, count / max(most, 1), f"{count} questions") for at, count in enumerate(counts)
    )
    ticks = [(share, _seconds(10 ** (low + share * width))) for share in (0, 0.25, 0.5, 0.75, 1)]
    return _framed("seconds to an answer", "questions", bars, across=ticks, up=[(0, "0"), (1, str(most))])


def _framed(
    across_title: str,
    up_title: str,
    inside: str,
    *,
    across: Sequence[tuple[float, str]] = (),
    up: Sequence[tuple[float, str]] = (),
) -> str:
    """Axes from 0 to 1 with a grid, or with the ticks that are given, around what is drawn."""
    even = [(at / 4, f"{at / 4:g}") for at in range(5)]
    grid = "".join(_tick_across(*tick) for tick in across or even) + "".join(_tick_up(*tick) for tick in up or even)
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    titles = (
        f'<text x="{_across(0.5):.1f}" y="{_HEIGHT - 6}" class="middle">{escape(across_title)}</text>'
        f'<text transform="rotate(-90 12 {middle})" x="12" y="{middle}" class="middle">{escape(up_title)}</text>'
    )
    told = escape(f"{up_title} over {across_title}")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}">{grid}{titles}{inside}</svg>'


def _tick_across(share: float, label: str) -> str:
    x = _across(share)
    return (
        f'<path class="grid" d="M{x:.1f} {_up(0):.1f}V{_up(1):.1f}"/>'
        f'<text class="middle" x="{x:.1f}" y="{_up(0) + 15:.1f}">{escape(label)}</text>'
    )


def _tick_up(share: float, label: str) -> str:
    y = _up(share)
    return (
        f'<path class="grid" d="M{_across(0):.1f} {y:.1f}H{_across(1):.1f}"/>'
        f'<text class="end" x="{_across(0) - 5:.1f}" y="{y + 4:.1f}">{escape(label)}</text>'
    )


def _line(points: Sequence[Point], kind: str) -> str:
    path = " ".join(f"{_across(x):.1f},{_up(y):.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{path}"/>'


def _dot(x: float, y: float, radius: float, told: str) -> str:
    return f'<circle cx="{_across(x):.1f}" cy="{_up(y):.1f}" r="{radius:.1f}"><title>{escape(told)}</title></circle>'


def _bar(x: float, width: float, height: float, told: str) -> str:
    left, right = _across(x) + 0.5, _across(x + width) - 0.5
    place = f'x="{left:.1f}" y="{_up(height):.1f}" width="{right - left:.1f}" height="{_up(0) - _up(height):.1f}"'
    return f"<rect {place}><title>{escape(told)}</title></rect>"


def _across(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _up(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
