"""The section `preprocess` of translation: pairs of a sentence and what it is in another language."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.contracts import preprocessing
from tasks.contracts.records import Place, Records
from tasks.contracts.section import Name, Positive, Section

ROLES = {"source", "target"}


class Split(preprocessing.Split):
    """Which pairs train, stop the training, and are measured on.

    Pairs that share a sentence, directly or through others, are never parted.

    Attributes:
        min_words: of every source of a validation or test pair; shorter sentences train.
        max_linked: pairs that may hang together in validation and test; larger groups train.
    """

    min_words: Positive
    max_linked: Positive


class Sentences(Section):
    """How both sentences of a pair are normalised, and what is wrong with one after that.

    Attributes:
        max_length_ratio: of the characters of the longer sentence to the shorter's, 10 added to both: of short
            sentences one may well be twice as long.
        min_character_rows: a character that fewer pairs have, in that language, is unknown.
    """

    unicode: Literal["NFC", "NFKC"]
    min_words: Positive
    max_words: Positive
    max_characters: Positive
    max_length_ratio: Annotated[float, Field(ge=1)]
    min_character_rows: Positive


class Tokenizers(Section):
    """Byte-pair encodings, trained on the training rows; `vocabulary` is the most tokens that a language may have."""

    vocabulary: Annotated[int, Field(ge=20)]
    lowercase_source: bool


class Preprocess(Records):
    """From raw pairs to clean columns.

    Attributes:
        max_tokens: of a sentence with its end; the rest is cut off, and a shorter one is padded with token 0.
    """

    SHARED: ClassVar[tuple[str, ...]] = ("sentences", "tokenizers", "max_tokens")

    columns: dict[Name, Place]
    split: Split
    sentences: Sentences
    tokenizers: Tokenizers
    max_tokens: Annotated[int, Field(ge=3)]

    @model_validator(mode="after")
    def _both_sides(self) -> Self:
        if set(self.columns) != ROLES:
            raise ValueError(f"columns has {sorted(self.columns)}; it names `source` and `target`")
        return self
