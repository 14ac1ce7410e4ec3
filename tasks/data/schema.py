"""What a data set promises: written once from the data by `python -m tasks.schema`, kept in git, enforced after."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, write_json
from tasks.contracts.section import Section

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
            expected="a schema as `python -m tasks.schema` writes it",
            do=f"`git checkout {path}` restores it, `python -m tasks.schema {path.stem} --replace` writes a new one",
        ) from None


def write(path: Path, schema: Schema) -> None:
    """Write a schema for people to read and git to keep."""
    write_json(path, _whole_numbers(schema.model_dump()))


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
