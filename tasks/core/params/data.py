"""Settings of a data set: its source, its format, its cleaning, its splits."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.core.params import Fraction, Name, Positive, Section, Seed, one_of


class PackageSource(Section):
    """A data file inside an installed Python package."""

    source: Literal["package"] = Field(description="the data come from an installed package")
    package: str = Field(description="name that the package is imported by")
    path: str = Field(description="path of the file inside the package")
    tracked: Literal["plan/ingest/base.json", "plan/ingest/target.json"] = Field(
        description="what DVC watches for new data: the plan file of this stage, which holds the package's version"
    )


class PathSource(Section):
    """A file, a folder or an archive (zip, tar) of your own."""

    source: Literal["path"] = Field(description="the data lie on this machine")
    tracked: str = Field(description="the file, folder or archive; DVC watches it for new data")


class UrlSource(Section):
    """A file, a folder or an archive on another machine, by any protocol that fsspec knows."""

    source: Literal["url"] = Field(description="the data lie on another machine")
    url: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://[^/].*$")] = Field(
        description="address of the file, folder or archive, such as s3://bucket/images"
    )
    tracked: str = Field(
        description="what DVC watches for new data: the URL again where DVC knows the protocol (s3, gs, azure, https, "
        "ssh); otherwise, or where asking takes too long, a file that you change when the data change"
    )

    @field_validator("url", "tracked")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if ":" in value.partition("://")[2].rpartition("@")[0].partition("/")[0]:
            raise ValueError("a password in it; this file is in git: credentials are environment (AWS_PROFILE ...)")
        return value


Ingest = Annotated[PackageSource | PathSource | UrlSource, Field(discriminator="source")]


class Split(Section):
    """Training, validation and test rows."""

    validation: Fraction | Literal["given"] = Field(
        0.1,
        description="fraction of the rows that choose weights and stop the training; `given` where the source names "
        "the split, such as by folders",
    )
    test: Fraction | Literal["given"] = Field(
        0.2, description="fraction of the rows that are only measured on, or `given`"
    )
    seed: Seed = Field(0, description="seed of the split")
    group: str | None = Field(
        None,
        description="a role of `columns`, or a column of `attributes`: rows of one group, such as a customer or a "
        "patient, are in one split; null where rows have nothing from each other",
    )
    time: str | None = Field(
        None,
        description="a role of `columns`, or a column of `attributes`, with numbers or dates like 2024-05-31: the "
        "latest rows are the test rows, those before them validation; null for a split by chance",
    )

    @property
    def by(self) -> str | None:
        """The column that decides the split, null where the content of a row does."""
        return self.group or self.time

    @model_validator(mode="after")
    def _one_thing_decides(self) -> Self:
        if self.group and self.time:
            raise ValueError(
                f"group: {self.group} and time: {self.time}: only one can decide the split; write one of them"
            )
        if self.by and "given" in (self.validation, self.test):
            raise ValueError(f"`given` and a split by {self.by}: only one can decide; write fractions, or no column")
        return self

    @model_validator(mode="after")
    def _leave_rows_to_train_on(self) -> Self:
        taken = sum(part for part in (self.validation, self.test) if not isinstance(part, str))
        if taken >= 1:
            raise ValueError(f"validation + test = {taken:g} leaves no rows to train on; keep it under 1")
        return self


class Preprocess(Section):
    """From raw files to clean columns.

    Attributes:
        SHARED: keys in which base and target have to agree.
    """

    SHARED: ClassVar[tuple[str, ...]] = ()

    format: Annotated[Name, one_of("data/formats")] = Field(
        "csv", description="format of the raw files: a module of `tasks/data/formats`"
    )
    split: Split = Field(default_factory=Split, description="training, validation and test rows")
    attributes: str | None = Field(
        None,
        description="a CSV file beside the raw data: the source of a row, then columns to slice or group by; null for "
        "none",
    )
    duplicates: Literal["drop", "keep"] = Field(
        "drop",
        description="what becomes of a row that equals another: dropped and listed in quarantine.csv, or kept, in the "
        "split of the other. It counts as no bad row either way, unless the two contradict each other",
    )
    max_bad_fraction: Fraction = Field(0.01, description="fraction of the rows; when more are bad, the stage fails")
    shard_rows: Positive = Field(10_000, description="rows per .npy file; bounds the memory of every stage")

    @property
    def shipped(self) -> tuple[str, ...]:
        """Raw files that hold no rows and lie in the assets when `fit` of the kind is called, which takes them."""
        return ()


class Comparable(Preprocess):
    """From raw pictures or texts, of which some may be near copies of others."""

    SHARED: ClassVar[tuple[str, ...]] = ()

    near_copies: Literal["together", "named"] | None = Field(
        "together",
        description="near copies: pictures encoded or resized again, texts of which few letters differ. `together`: "
        "they are in one split, unless the source gives the splits; `named`: they stay where they are; both list them "
        "in near_copies.csv. null does not look for them",
    )


Place = str | Annotated[int, Field(ge=0)]


class Records(Preprocess):
    """From files of records to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ()

    columns: Annotated[dict[Name, Place], Field(min_length=1)] = Field(
        description="column of each role: its name in the file, or its number from 0"
    )
    header: bool = Field(
        True, description="whether the first line of a .csv or .tsv file has the names; other formats always have them"
    )
    separator: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="what stands between two cells, such as `;` or `::`; null for the comma in csv and the tab in tsv, "
        "or, where the first line has none, for the `;`, tab, `|` or comma that it has",
    )

    @property
    def roles(self) -> set[str]:
        """The roles that are no reason for a split alone."""
        return set(self.columns) - {self.split.by}

    @model_validator(mode="after")
    def _quotes_need_a_single_sign(self) -> Self:
        if self.format == "csv" and len(self.separator or ",") > 1:
            raise ValueError(f"separator {self.separator!r} has several signs: write `format: tsv`, which takes any")
        return self

    @model_validator(mode="after")
    def _names_need_a_header(self) -> Self:
        named = [place for place in self.columns.values() if isinstance(place, str)]
        if named and not self.header:
            raise ValueError(f"columns {named} are names, and header: false says that the files have none: number them")
        return self


class Tables(Records):
    """From tables to clean columns: which roles of `columns` are numbers, which are categories, which is the target."""

    SHARED: ClassVar[tuple[str, ...]] = ("numeric", "categorical", "target")
    TARGET_IS_NUMBER: ClassVar[bool] = False

    duplicates: Literal["drop", "keep"] = Field(
        "keep",
        description="what becomes of a row that equals another in all its columns: kept in the split of the other, as "
        "two records may well have equal values, or dropped and listed in quarantine.csv. It counts as no bad row",
    )
    columns: dict[Name, Place] = Field(
        default_factory=dict,
        description="column of each role: its name in the file, or its number from 0; {} for all columns of the file, "
        "which `trimline schema` reads and records",
    )
    numeric: list[str] | None = Field(
        None,
        description="roles that are numbers; a missing one is replaced by the median of the training rows, and the "
        "model sees that it was missing. null: those columns that hold numbers, as `trimline schema` finds and records",
    )
    categorical: list[str] | None = Field(
        None,
        description="roles that are texts or numbers with few different values; unseen and missing ones have an index. "
        "null: all other columns, but for identifiers and free texts, which `trimline schema` names",
    )
    ignore: list[str] = Field(
        default_factory=list, description="columns that the model is not to see, where `columns` is {}"
    )
    target: Annotated[str, Field(min_length=1)] = Field(
        description="role, or column, that the model predicts; a row without it is quarantined"
    )
    decimal: Literal[".", ","] = Field(
        ".", description="sign before the decimals of a number; with a comma, points may stand between thousands"
    )

    @property
    def is_complete(self) -> bool:
        """Whether all columns and their types are known; else the schema says what params leave open."""
        return bool(self.columns) and self.numeric is not None and self.categorical is not None

    @property
    def numbers(self) -> list[str]:
        """The roles that are numbers, as far as they are known."""
        return self.numeric or []

    @property
    def categories(self) -> list[str]:
        """The roles that are categories, as far as they are known."""
        return self.categorical or []

    @model_validator(mode="after")
    def _every_column_has_one_role(self) -> Self:
        named = [*self.numbers, *self.categories, self.target]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)}: name each column once in numeric, categorical and target")
        if self.columns and self.ignore:
            raise ValueError("columns and ignore: a column that columns does not name is ignored; write one of them")
        if self.columns and (absent := sorted(set(named) - set(self.columns))):
            raise ValueError(f"columns lacks {', '.join(absent)}, which numeric, categorical or target names")
        if self.numeric is None or self.categorical is None:
            return self
        if len(named) < 2:
            raise ValueError("numeric and categorical are both empty: name what the model is fed")
        if unused := sorted(self.roles - set(named)):
            raise ValueError(f"columns has {', '.join(unused)}, which is in none of numeric, categorical and target")
        return self

    @model_validator(mode="after")
    def _split_by_a_column_that_is_there(self) -> Self:
        by = self.split.by
        if by and self.columns and by not in self.columns and not self.attributes:
            raise ValueError(f"split by {by}: columns has no such role; name its column there")
        return self


class TimeSplit(Split):
    """The last ratings of each user are the test rows, those before them validation, the rest training rows."""

    validation: Fraction = Field(0.1, description="fraction of each user's ratings, those before the test ratings")
    test: Fraction = Field(0.1, description="fraction of each user's ratings, the last ones")
    min_ratings: Positive = Field(10, description="ratings of a user; a user with fewer is used for training only")
    history: Annotated[int, Field(ge=2)] = Field(
        100, description="ratings before a row that the model sees as the user's history, the latest ones"
    )
    order: Literal["random", "file"] = Field(
        "random",
        description="what stands for the time of a rating where `columns` has no `time`: chance, or the place in the "
        "file, if that grows with time",
    )

    @model_validator(mode="after")
    def _users_and_times_decide(self) -> Self:
        if self.by:
            raise ValueError(f"split by {self.by}: ratings are split by user and time; name the time in `columns`")
        return self


class Ratings(Section):
    """The scale of the ratings, both ends allowed."""

    min: Annotated[float, Field(allow_inf_nan=False)] = Field(
        description="lowest rating, also 0 or less; rows below it are quarantined"
    )
    max: Annotated[float, Field(allow_inf_nan=False)] = Field(
        description="highest rating; rows above it are quarantined"
    )

    @property
    def offset(self) -> float:
        """What is added to ratings where they are stored: there 0 means that a rating is unknown."""
        return 0.0 if self.min > 0 else 1.0 - self.min

    @model_validator(mode="after")
    def _some_are_different(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min: {self.min:g} is not below max: {self.max:g}")
        return self


class Items(Section):
    """A text file beside the ratings with the titles of the items; its first line shows what separates the cells."""

    file: str = Field(description="path of the file below the raw data")
    id: Place = Field(description="column of the item's id: its name, or its number from 0 in a file without names")
    title: Place = Field(description="column of the item's title")

    @model_validator(mode="after")
    def _both_are_names_or_numbers(self) -> Self:
        if isinstance(self.id, str) != isinstance(self.title, str):
            raise ValueError("id and title: write two names, or two numbers for a file without names")
        return self
