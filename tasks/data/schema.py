"""The schema of a data set, with the contract by which a kind cleans, splits, encodes its rows.

Cleaning, splitting and encoding are handed the object; nothing here knows which kinds there are. It travels to other
processes by pickle, that is by the name of its class.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import Field, ValidationError

from tasks.core.errors import DataError
from tasks.core.files import read_json, write_json
from tasks.core.params import Section
from tasks.core.params.data import Preprocess
from tasks.data.records import Array, BadRow, Chunk, Columns, Train
from tasks.data.splits import Arranged

AnySchema = TypeVar("AnySchema", bound="Schema")


class Schema(Section):
    """What the raw data of a kind look like; each kind adds its own keys."""

    kind: str
    rules: list[str] = Field(default_factory=list)  # of the user's, which rows keep; see `tasks.data.rules`


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


def rules_in(path: Path) -> list[str]:
    """Return the rules of a schema, of any kind; none where there is no file, or no JSON."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return []
    rules = found.get("rules", []) if isinstance(found, dict) else []
    return [rule for rule in rules if isinstance(rule, str)] if isinstance(rules, list) else []


def write(path: Path, schema: Schema) -> None:
    """Write a schema for people to read and git to keep."""
    document = schema.model_dump(exclude=set() if schema.rules else {"rules"})
    write_json(path, _whole_numbers(document))


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


SchemaT = TypeVar("SchemaT", bound=Schema)
PreprocessT_contra = TypeVar("PreprocessT_contra", bound=Preprocess, contravariant=True)


class Encoder(Protocol):
    """Turns good rows into the columns on disk. It reads what it needs from the assets, when it is made."""

    def encode(self, columns: Columns) -> Columns:
        """Return the model's inputs, what they were made of, and the target where it is known; (rows, ...) each."""


class KindData(Protocol[SchemaT, PreprocessT_contra]):
    """What a good row is, which rows are duplicates, what is fitted on the training rows, how a row becomes an input.

    Attributes:
        schema: the type of `schemas/<role>.json`.
        target: the column on disk that a model learns.
        raw: the columns on disk that the inputs are encoded from; none where a row is stored as the model takes it.
        output_assets: the assets that say what an output means, such as the vocabulary of a translation.
        compared: the column of pictures or texts by which near copies are found; empty where none are looked for.
        split_columns: what `split_together` needs of the rows. None: the split of a row follows from its own content.
    """

    schema: type[SchemaT]
    target: ClassVar[str]
    raw: ClassVar[tuple[str, ...]]
    output_assets: ClassVar[tuple[str, ...]] = ()
    split_columns: ClassVar[tuple[str, ...]] = ()
    compared: ClassVar[str] = ""

    def observe(self, chunks: Iterable[Chunk], kind: str, params: PreprocessT_contra) -> SchemaT:
        """Describe the readable rows.

        Raises:
            DataError: nothing can be learnt from them.
        """

    def good_rows(self, chunk: Chunk, schema: SchemaT, params: PreprocessT_contra) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows, cleaned, and its bad ones, each with its reason."""

    def completed(self, params: PreprocessT_contra, schema: SchemaT) -> Any:
        """Return params with what the schema knows and params leave open: all of them, where nothing is left open."""
        return params

    def content_digests(self, chunk: Chunk) -> Array:
        """Return a digest of the content of each good row, (rows,) of void; of equal rows the first stays."""

    def strata(self, columns: Columns) -> Array:
        """Return the stratum of each row, (rows,): a split takes its fraction of every stratum."""

    def split_together(self, columns: Columns, digests: Array, given: Array, params: PreprocessT_contra) -> Arranged:
        """Divide rows whose splits depend on one another, all in memory.

        Args:
            columns: `split_columns` of all rows, and what decides their split where a column does; see `split_keys`.
            digests: of their contents, (rows,) of void.
            given: the splits that their source puts them in, (rows,) of str, empty where it does not say.
            params: the section `preprocess.<role>`.

        Raises:
            TypeError: the kind has no `split_columns`.
        """
        raise TypeError(f"{type(self).__name__} divides each row by its own content")

    def fit(self, train: Train, schema: SchemaT, params: PreprocessT_contra, assets: Path) -> dict[str, Any]:
        """Fit statistics on the training rows and write into `assets` what a device needs of them.

        Returns:
            What `dataset.json` says of it: `inputs`, and what else the model depends on.

        Raises:
            DataError: the training rows lack what the schema promises.
        """

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets that `fit` wrote."""

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read a row that a person wrote on the command line, ready to be encoded.

        Raises:
            DataError: it cannot be read.
        """


# Which schema goes with which section is known when the kind is: `schema` reads the one, params.yaml has the other.
AnyKindData = KindData[Schema, Preprocess]
