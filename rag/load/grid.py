"""Tables on a page: cells between ruled lines, or columns of words that stand under each other."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from statistics import mean

from rag.load.geometry import Line, Rule, Word
from rag.load.table import is_header, is_value

_TOUCH = 3.0  # points: lines nearer than this meet
_MOST_RULES = 2000  # a page with more is a drawing, and the search for crossings is quadratic
_MOST_COLUMNS = 100  # likewise
_LEAST_RULE = 0.5  # of the longest
_LEAST_ROWS = 3  # lines: fewer with gaps at the same places may be chance
_PROSE = 5  # words a piece: two columns with more are columns of text
_TEXT_CELL = 40  # words a cell: boxes with more lay out a page
_SHORT_NAME = 60  # characters of a column's name


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell's words, as they are read."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words with spaces."""
        return " ".join(word.text for word in self.words)

    @property
    def bold(self) -> bool:
        """True if there are words and all of them are bold."""
        return bool(self.words) and all(word.bold for word in self.words)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, the words they hold, and the left edge of each column."""

    rows: tuple[tuple[Cell, ...], ...]
    words: frozenset[Word]
    columns: tuple[float, ...]

    @property
    def has_header(self) -> bool:
        """True if the first row names the columns: set in bold, or words where numbers stand below."""
        first, *rest = self.rows
        names = [cell.text for cell in first if cell.text]
        if not is_header([cell.text for cell in first]):
            return False
        if all(cell.bold for cell in first if cell.text):
            return True
        has_values = any(is_value(cell.text) for row in rest for cell in row)
        return has_values or (len(names) == len(first) and max(map(len, names)) <= _SHORT_NAME)

    def continues(self, above: "Table") -> bool:
        """True if its columns stand where those of the table above do."""
        return len(self.columns) == len(above.columns) and all(
            abs(mine - its) < _TOUCH for mine, its in zip(self.columns, above.columns, strict=True)
        )


def ruled_tables(words: Sequence[Word], rules: Sequence[Rule]) -> list[Table]:
    """The tables whose cells are drawn, each with at least two rows and two columns of words."""
    if len(rules) > _MOST_RULES:
        return []
    tables = [_ruled_table(words, group) for group in _crossing(rules)]
    return [table for table in tables if table is not None]


def _ruled_table(words: Sequence[Word], rules: Sequence[Rule]) -> Table | None:
    columns = _edges([(rule.left, rule.top - rule.bottom) for rule in rules if not rule.across])
    rows = _edges([(rule.bottom, rule.right - rule.left) for rule in rules if rule.across])
    if len(columns) < 3 or len(rows) < 3:
        return None
    cells: dict[tuple[int, int], list[Word]] = defaultdict(list)
    for word in words:
        row = _between(rows, word.baseline + 0.3 * word.size)
        column = _between(columns, (word.left + word.right) / 2)
        if row is not None and column is not None:
            cells[row, column].append(word)
    filled = sorted({row for row, _ in cells}, reverse=True)  # the first row is the highest
    used = sorted({column for _, column in cells})
    if len(filled) < 2 or len(used) < 2 or mean(map(len, cells.values())) > _TEXT_CELL:
        return None
    grid = tuple(tuple(Cell(tuple(cells.get((row, column), ()))) for column in used) for row in filled)
    held = frozenset(word for inside in cells.values() for word in inside)
    middle = (rows[filled[0]] + rows[filled[0] + 1]) / 2
    grid = _with_names(grid, [_is_drawn(rules, columns[column], middle) for column in used])
    return Table(grid, held, tuple(columns[column] for column in used))


def _is_drawn(rules: Sequence[Rule], column: float, height: float) -> bool:
    return any(
        not rule.across and abs(rule.left - column) <= 2 * _TOUCH and rule.bottom <= height <= rule.top
        for rule in rules
    )


def _with_names(grid: tuple[tuple[Cell, ...], ...], drawn: Sequence[bool]) -> tuple[tuple[Cell, ...], ...]:
    """The rows with the first two made one, where the first has names over several columns of the second.

    `drawn` says of each column whether the first row is parted there from the column before.
    """
    starts = [at for at, is_drawn in enumerate(drawn) if is_drawn or at == 0]
    if len(grid) < 3 or not 1 < len(starts) < len(drawn):
        return grid
    above: list[Cell] = []
    for start, end in pairwise([*starts, len(drawn)]):
        above += [Cell(tuple(word for cell in grid[0][start:end] for word in cell.words))] * (end - start)
    names = tuple(Cell(over.words + under.words) for over, under in zip(above, grid[1], strict=True))
    is_named = all(cell.words for at, cell in enumerate(grid[1]) if above.count(above[at]) > 1)
    has_values_below = any(is_value(cell.text) for row in grid[2:] for cell in row)
    has_values = any(is_value(cell.text) for cell in grid[1])
    is_two_rows = is_named and has_values_below and not has_values and is_header([cell.text for cell in names])
    return (names, *grid[2:]) if is_two_rows else grid


def aligned_tables(parts: Iterable[Line | Table]) -> Iterator[Line | Table]:
    """The same parts with runs of lines whose words stand in columns made tables; two columns of prose are unzipped."""
    run: list[Line] = []
    for part in parts:
        if isinstance(part, Line) and (len(part.fragments) > 1 or _is_wrapped(run, part)):
            run.append(part)
            continue
        yield from _aligned(run)
        run = []
        yield part
    yield from _aligned(run)


def _is_wrapped(run: Sequence[Line], line: Line) -> bool:
    """True for the second line of a cell that is not the first of its row."""
    if not run:
        return False
    above = run[-1]
    is_below = 0 < above.baseline - line.baseline < 1.6 * line.size
    return is_below and line.left > run[0].fragments[0].right and line.size <= above.size * 1.05


def _aligned(run: Sequence[Line]) -> Iterator[Line | Table]:
    columns = _columns(run)
    if sum(len(line.fragments) > 1 for line in run) < _LEAST_ROWS or not 2 <= len(columns) <= _MOST_COLUMNS:
        yield from run
        return
    placed = [_placed(line, columns) for line in run]
    if sum(sum(map(bool, row)) > 1 for row in placed) < 0.6 * len(run):
        yield from run
    elif len(columns) == 2 and mean(len(cell) for row in placed for cell in row if cell) > _PROSE:
        for column in range(2):
            yield from (Line(tuple(row[column])) for row in placed if row[column])
    else:
        yield _table(placed, columns, frozenset(word for line in run for word in line.words))


def _table(
    placed: Sequence[Sequence[list[Word]]], columns: Sequence[tuple[float, float]], held: frozenset[Word]
) -> Table:
    rows: list[list[list[Word]]] = []
    for line in placed:
        if rows and not line[0]:  # a cell that goes on below
            rows[-1] = [above + below for above, below in zip(rows[-1], line, strict=True)]
        else:
            rows.append(list(line))
    return Table(
        tuple(tuple(Cell(tuple(cell)) for cell in row) for row in rows), held, tuple(left for left, _ in columns)
    )


def _columns(run: Sequence[Line]) -> list[tuple[float, float]]:
    """The stretches across the page that words of the run stand on, gaps in every line between them."""
    columns: list[tuple[float, float]] = []
    for left, right in sorted((piece.left, piece.right) for line in run for piece in line.fragments):
        if columns and left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(right, columns[-1][1]))
        else:
            columns.append((left, right))
    return columns


def _placed(line: Line, columns: Sequence[tuple[float, float]]) -> list[list[Word]]:
    return [[word for word in line.words if left <= word.left <= right] for left, right in columns]


def _crossing(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Groups of rules that meet, directly or through others."""
    import numpy

    rules = list(dict.fromkeys(rules))
    left, bottom, right, top = numpy.array([astuple(rule) for rule in rules]).reshape(-1, 4).T
    is_free = numpy.ones(len(rules), dtype=bool)
    for seed in reversed(range(len(rules))):
        group = [seed] if is_free[seed] else []
        is_free[seed] = False
        for at in group:  # grows while it is walked
            is_beside = (left <= right[at] + _TOUCH) & (right >= left[at] - _TOUCH)
            is_level = (bottom <= top[at] + _TOUCH) & (top >= bottom[at] - _TOUCH)
            met = numpy.flatnonzero(is_free & is_beside & is_level)
            is_free[met] = False
            group += met.tolist()
        if group:
            yield [rules[at] for at in group]


def _edges(rules: Iterable[tuple[float, float]]) -> list[float]:
    """Places of the rules (place, length) in order; those that touch are one, and what runs half the way is left out.

    A form has boxes in boxes: its short rules part one box, not the rows or columns of a table.
    """
    edges: list[tuple[float, float]] = []
    for place, length in sorted(rules):
        if edges and place - edges[-1][0] <= _TOUCH:
            edges[-1] = (edges[-1][0], edges[-1][1] + length)
        else:
            edges.append((place, length))
    longest = max((length for _, length in edges), default=0.0)
    return [place for place, length in edges if length >= _LEAST_RULE * longest]


def _between(edges: Sequence[float], place: float) -> int | None:
    at = bisect_right(edges, place) - 1
    return at if 0 <= at < len(edges) - 1 else None
