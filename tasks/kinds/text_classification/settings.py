"""The section `preprocess` of texts with one class each."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.contracts.records import Place, Records
from tasks.contracts.section import Name, Positive, Section

ROLES = {"text", "label"}


class Lines(Section):
    """Which files of `lines_by_class` are read, and how; the suffix of rt-polarity.neg is neg, its stem rt-polarity."""

    files: str
    encoding: Literal["utf-8", "latin-1"]
    class_name: Literal["suffix", "stem"]


class Text(Section):
    """How a text is normalised, and how long it may be after that, in characters."""

    unicode: Literal["NFC", "NFKC"]
    strip_html: bool
    min_characters: Positive
    max_characters: Positive


class TrainedTokenizer(Section):
    """Byte-pair encoding that is trained on the training rows; `vocabulary` is the most tokens it may have."""

    vocabulary: Annotated[int, Field(ge=10)]
    lowercase: bool


class PackagedTokenizer(Section):
    """The tokenizer of a pretrained model: a `tokenizer.json` that an installed package ships."""

    package: str
    path: str


class Preprocess(Records):
    """From raw texts to clean columns.

    Attributes:
        lines: of the format `lines_by_class` alone, null for the others.
        max_tokens: of a text as the model is fed; the rest is cut off, and a shorter text is padded with token 0.
    """

    SHARED: ClassVar[tuple[str, ...]] = ("text", "tokenizer", "max_tokens")

    columns: dict[Name, Place]
    lines: Lines | None
    text: Text
    tokenizer: TrainedTokenizer | PackagedTokenizer
    max_tokens: Positive

    @model_validator(mode="after")
    def _lines_or_columns(self) -> Self:
        if (self.format == "lines_by_class") != (self.lines is not None):
            raise ValueError("lines says how lines_by_class reads: give it there, and write `lines: null` elsewhere")
        if set(self.columns) != (set() if self.lines else ROLES):
            raise ValueError(
                f"columns has {sorted(self.columns)}; it names `text` and `label`, or is {{}} for lines_by_class"
            )
        return self
