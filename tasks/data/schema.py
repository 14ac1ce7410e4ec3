"""The schema of a data set: inferred once from its rows, kept under version control, enforced after."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.core.files import read_json, write_json
from tasks.core.params.data import Preprocess
from tasks.core.params.section import Section
from tasks.data.records import Chunk

AnySchema = TypeVar("AnySchema", bound="Schema")


class Schema(Section):
    """What the raw data of a kind look like; each kind adds its own keys."""

    kind: str


class Range(Section):
    """The least and the greatest value, both allowed."""

    min: float
    max: float


def load(path: Path, schema: type[AnySchema]) -> AnySchema:
    """Read a schema of a kind.

    Raises:
        DataError: the file is missing, or no schema.
    """
    try:
        return schema.model_validate(read_json(path))
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(
            got=f"{path}: {error}",
            expected="a schema as `trimline schema` writes it",
            do=f"`git checkout {path}` restores it, `trimline schema {path.stem} --replace` writes a new one",
        ) from None


def write(path: Path, schema: Schema) -> None:
    """Write a schema for people to read and git to keep."""
    write_json(path, _whole_numbers(schema.model_dump()))


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def rows_of(reader: Any, folder: Path, params: Preprocess) -> Iterator[Chunk]:
    """Yield the rows of every part of the files in a folder, by a module of `tasks.data.formats`.

    Raises:
        DataError: there is no file of the format, or one is damaged; see the module.
    """
    for part in reader.parts(folder, params):
        yield from reader.chunks(part, params)
