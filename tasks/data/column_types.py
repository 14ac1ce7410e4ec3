"""Types of the columns of a table, read from its cells: numbers, categories, or nothing that a model can use.

A column is one of numbers where all but a few of its cells are, of categories where its texts return. A column of texts
that hardly return is an identifier or free text, and a column that counts the rows tells nothing: both are left out,
and said.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.core.errors import DataError, ParamsError
from tasks.core.params.data import Place, Tables
from tasks.core.progress import say
from tasks.data.names import name_of, names_of, roles_of, tell_near_equal
from tasks.data.records import Array, Chunk
from tasks.data.tables import MISSING, TableSchema, numbers_of

MAX_WRONG = 0.01  # fraction of a column of numbers that may hold none
MAX_CATEGORIES = 1000
MIN_ROWS_OF_CATEGORY = 2  # on average; with fewer, a text does not return
SHOWN = 12


@dataclass
class Notes:
    """What is noted of a column.

    Attributes:
        rows: how many.
        missing: of them without a value.
        wrong: of them with something that is no number.
        texts: the different ones, as far as they are counted.
        grows: whether each number is by one greater than the number before.
        last: the last number.
    """

    rows: int = 0
    missing: int = 0
    wrong: int = 0
    texts: set[str] = field(default_factory=set)
    grows: bool = True
    last: float | None = None

    def take(self, cells: Array, decimal: str) -> None:
        """Note some rows more."""
        values, wrong = numbers_of(cells, decimal)
        present = [text for text in cells.tolist() if str(text).strip().casefold() not in MISSING]
        self.rows, self.missing = self.rows + len(cells), self.missing + len(cells) - len(present)
        self.wrong += len(wrong)
        if len(self.texts) <= MAX_CATEGORIES:
            self.texts.update(names_of(map(str, present)))
        steps = np.diff(values if self.last is None else np.append(self.last, values))
        self.grows, self.last = self.grows and bool((steps == 1).all()), float(values[-1]) if len(values) else self.last

    @property
    def present(self) -> int:
        """How many rows have a value."""
        return self.rows - self.missing

    @property
    def is_number(self) -> bool:
        """Whether nearly all values are numbers."""
        return self.present > 0 and self.wrong <= MAX_WRONG * self.present

    @property
    def useless(self) -> str:
        """Why a model can do nothing with the column, empty where it can."""
        if not self.present:
            return "it has no values"
        if len(self.texts) == 1 and not self.missing:
            return "all its values are equal"
        if self.is_number:
            return "it counts the rows" if self.grows and not self.missing and self.rows > 2 else ""
        if len(self.texts) > MAX_CATEGORIES:
            return f"it holds over {MAX_CATEGORIES} different texts"
        if self.present < MIN_ROWS_OF_CATEGORY * len(self.texts):
            return f"its texts hardly return: {len(self.texts)} different ones in {self.present} rows"
        return ""

    def __str__(self) -> str:
        """Say what the column holds."""
        missing = f", {self.missing} missing" if self.missing else ""
        strange = f", {self.wrong} no numbers" if self.is_number and self.wrong else ""
        more = "over " if len(self.texts) > MAX_CATEGORIES else ""
        return f"{more}{min(len(self.texts), MAX_CATEGORIES)} different values{missing}{strange}"


def all_columns(found: list[str] | int, params: Tables) -> Tables:
    """Return params that read every column as text, from the names of a file's columns or from their number.

    Raises:
        ParamsError: params name a column that the file lacks.
    """
    if params.columns:
        columns: dict[str, Place] = dict(params.columns)
    else:
        names = list(map(name_of, found)) if isinstance(found, list) else list(range(found))
        places: list[Place] = list(names)
        columns = dict(zip(roles_of([str(name) for name in names]), places, strict=True))
    meant = {name: _role(name, columns) for name in (*_mentioned(params), params.target) if name}
    for name in params.ignore:
        columns.pop(_role(name, columns))
    by = params.split.by
    split = params.split if by is None or by not in meant else _split_by(params, meant[by])
    texts = [role for role in columns if role != meant[params.target]]
    return params.model_copy(
        update={"columns": columns, "numeric": [], "categorical": texts, "target": meant[params.target], "split": split}
    )


def _mentioned(params: Tables) -> list[str]:
    by = params.split.by if not params.attributes else None
    return [*params.numbers, *params.categories, *([by] if by else [])]


def _split_by(params: Tables, role: str) -> Any:
    return params.split.model_copy(update={"group" if params.split.group else "time": role})


def _role(name: str, columns: dict[str, Place]) -> str:
    """Return the role that a name in params means: a role, or the column in the file."""
    for role, place in columns.items():
        if name_of(name) in {role, name_of(str(place))}:
            return role
    shown = ", ".join(str(place) for place in list(columns.values())[:SHOWN])
    raise ParamsError(got=f"no column {name!r}; the file has {shown}", do="correct preprocess.<role>")


def detected(chunks: Iterable[Chunk], whole: Tables, params: Tables) -> Tables:
    """Return params with the types of all columns, and tell people about them.

    Args:
        chunks: all rows, every column as text.
        whole: what they were read by; see `all_columns`.
        params: as people wrote them; what they say of a type goes before what the cells say.

    Raises:
        DataError: no column is left.
    """
    notes = {role: Notes() for role in whole.columns}
    for chunk in chunks:
        for role, cells in chunk.columns.items() if len(chunk) else ():
            notes[role].take(cells, params.decimal)
    numeric = [_role(name, whole.columns) for name in params.numbers]
    categorical = [_role(name, whole.columns) for name in params.categories]
    by = None if params.attributes else whole.split.by
    for role in whole.columns:
        if role == whole.target:
            say(f"  {role}: the target, {notes[role]}")
        elif role in numeric or role in categorical:
            say(f"  {role}: {'numbers' if role in numeric else 'categories'} as params say, {notes[role]}")
        elif role == by:
            say(f"  {role}: decides the split, {notes[role]}")
        elif notes[role].useless:
            say(f"  {role}: left out, as {notes[role].useless}; `numeric` or `categorical` takes it in")
        elif notes[role].is_number:
            numeric.append(role)
            say(f"  {role}: numbers, {notes[role]}")
        else:
            categorical.append(role)
            say(f"  {role}: categories, {notes[role]}")
            tell_near_equal(f"categories of {role}", notes[role].texts)
    if not numeric and not categorical:
        raise DataError(
            got=f"no column beside the target {whole.target} that a model can use: "
            + "; ".join(f"{role}: {note.useless}" for role, note in notes.items() if note.useless),
            do="name columns in preprocess.<role>.numeric or categorical, or bring other data",
        )
    used = {*numeric, *categorical, whole.target, by}
    columns = {role: place for role, place in whole.columns.items() if role in used}
    numeric = [role for role in columns if role in numeric]  # in the order of the file
    categorical = [role for role in columns if role in categorical]
    return whole.model_copy(update={"columns": columns, "numeric": numeric, "categorical": categorical})


def completed(params: Tables, schema: TableSchema) -> Tables:
    """Return params with what the schema knows of the columns, where params leave it open."""
    if params.is_complete:
        return params
    columns: dict[str, Place] = dict(schema.columns or params.columns)
    target = _role(params.target, columns)
    by = None if params.attributes else params.split.by
    return params.model_copy(
        update={
            "columns": columns,
            "numeric": list(schema.numeric),
            "categorical": schema.categorical,
            "target": target,
            "split": _split_by(params, _role(by, columns)) if by else params.split,
        }
    )
