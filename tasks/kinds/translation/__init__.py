"""Settings of translation: sentences in two languages."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.core.params import Fraction, Name, Positive, Section, Settings
from tasks.core.params import data as data_params
from tasks.core.params.data import Place, Records
from tasks.core.params.recipes import FLOAT16, SLIM_DYNAMIC

ROLES = {"source", "target"}
METRICS = ("bleu", "chrf")
PRECISIONS = ("float32", "float16", "dynamic")
DECODES = True  # a model in memory, which is given true predecessors, has no score
DEFAULTS: Settings = {
    "preprocess": {"format": "tab_pairs", "max_bad_fraction": 0.05, "shard_rows": 20_000},
    "baseline": {"max_rows": 150_000},
    "train": {"architecture": "translator_gru"},
    "fine_tune": None,
    "cross_validate": None,
    "compress": {**FLOAT16, **SLIM_DYNAMIC},
    "export": {"calibration_rows": 100},
    "evaluate": {"top_k": 2},
    "profile": {"warm_up_runs": 10, "runs": 200},
    "search": None,
    "release": {"max_drop": {"bleu": 1.5}, "device": "phone_cpu_translation"},
    "compare": {"max_drop": {"bleu": 1.5}, "max_golden_difference": 0.0},
}


class Split(data_params.Split):
    """Training, validation and test pairs; pairs that share a sentence, directly or through others, stay together."""

    validation: Fraction | Literal["given"] = Field(
        0.03, description="fraction of the pairs that choose the weights and stop the training"
    )
    test: Fraction | Literal["given"] = Field(0.03, description="fraction of the pairs that are only measured on")
    min_words: Positive = Field(
        3, description="words of every source of a validation or test pair; shorter sentences are training rows"
    )
    max_linked: Positive = Field(
        4, description="pairs that share sentences in validation and test, at most; larger groups are training rows"
    )


class Sentences(Section):
    """Normalization of both sentences of a pair; pairs outside of these bounds are quarantined."""

    unicode: Literal["NFC", "NFKC"] = Field(
        "NFC", description="Unicode normal form; NFKC also makes full-width letters and ligatures plain ones"
    )
    min_words: Positive = Field(1, description="words of either sentence, at least")
    max_words: Positive = Field(
        20, description="words of either sentence, at most; a batch takes as long as its longest sentence"
    )
    max_characters: Positive = Field(200, description="characters of either sentence, at most")
    max_length_ratio: Annotated[float, Field(ge=1)] = Field(
        2.5, description="characters of the longer sentence to those of the shorter, 10 added to both"
    )
    min_character_rows: Positive = Field(
        5, description="pairs that have a character, in that language; with fewer the character is unknown"
    )


class Tokenizers(Section):
    """Byte-pair encodings, one per language, trained on the training rows (Sennrich et al. 2016, arXiv:1508.07909)."""

    vocabulary: Annotated[int, Field(ge=20)] = Field(3000, description="tokens of each language, at most")
    lowercase_source: bool = Field(True, description="whether case is ignored in the source language")


class Preprocess(Records):
    """From raw pairs to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ("sentences", "tokenizers", "max_tokens")

    columns: dict[Name, Place] = Field(
        default={"source": 0, "target": 1},
        description="columns of the roles `source` and `target`: names in the file, or numbers from 0",
    )
    split: Split = Field(default_factory=Split, description="training, validation and test pairs")
    header: bool = Field(
        False, description="whether the first line of a .csv or .tsv file has the names; other formats always have them"
    )
    sentences: Sentences = Field(default_factory=Sentences, description="normalization of both sentences")
    tokenizers: Tokenizers = Field(default_factory=Tokenizers, description="subword tokenizers")
    max_tokens: Annotated[int, Field(ge=3)] = Field(
        26,
        description="tokens of a sentence with its end; the rest is cut off, and a shorter one is padded with token 0",
    )

    @model_validator(mode="after")
    def _both_sides(self) -> Self:
        if self.roles != ROLES:
            raise ValueError(f"columns has {sorted(self.columns)}; it names `source` and `target`")
        return self
