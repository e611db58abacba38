"""A gate: the figures that a run must reach, in TOML, and what a run lacks of them.

[all.all]                               # split and kind of question, "all" being every one
"recall@5" = {least = 0.93}
wrong_abstention = {most = 0.10}
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

import rag
from eval import resample
from eval.difference import Change
from eval.run import Run


class GateError(rag.RagError):
    """A gate that cannot be read, or one that a run did not pass."""


class _Bounds(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    least: float | None = None
    most: float | None = None


_FILE = TypeAdapter(dict[str, dict[str, Annotated[dict[str, _Bounds], Field(min_length=1)]]])


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure of a group of questions may be."""

    split: str
    kind: str
    figure: str
    least: float
    most: float


def read(path: Path) -> tuple[Limit, ...]:
    """The limits of a file; GateError says what is wrong with it."""
    try:
        groups = _FILE.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise GateError(f"{path} is no gate: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise GateError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    limits = [
        Limit(split, kind, figure, _or(bounds.least, -1), _or(bounds.most, 1))
        for split, kinds in groups.items()
        for kind, figures in kinds.items()
        for figure, bounds in figures.items()
    ]
    if not limits:
        raise GateError(f"{path} has no limits, so that every run would pass it.")
    return tuple(limits)


def broken(limits: Sequence[Limit], run: Run, changes: Sequence[Change] = ()) -> list[str]:
    """A line for each limit that the run does not keep, and for each change beside an earlier run that is no chance.

    Of the changes only those of the gate's own figures count, each beside the others of them. A figure that the run
    does not have is not reached.
    """
    named = {limit.figure for limit in limits}
    own = [change for change in changes if change.name in named]
    adjusted = resample.holm({change.name: change.alone for change in own})
    beside = (replace(change, p=adjusted[change.name]) for change in own)
    return [*_beyond(limits, run), *(_fallen(one) for one in beside if one.significant and one.worse)]


def _beyond(limits: Sequence[Limit], run: Run) -> Iterator[str]:
    for limit in limits:
        group = run["figures"].get(limit.split, {}).get(limit.kind, {})
        found = group.get(limit.figure, {}).get("mean")
        where = f"{limit.figure} of {limit.split}, {limit.kind}"
        if found is None:
            yield f"{where}: this run has no such figure"
        elif found < limit.least:
            yield f"{where}: {found:.3f}, and {limit.least:.3f} is the least"
        elif found > limit.most:
            yield f"{where}: {found:.3f}, and {limit.most:.3f} is the most"


def _fallen(change: Change) -> str:
    return f"{change.name} went from {change.before:.3f} to {change.now:.3f}, which is no chance (p = {change.p:.4f})"


def _or(bound: float | None, other: float) -> float:
    return other if bound is None else bound
