"""Settings of text classification: texts with one class each."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.core.params import Name, Positive, Section, Settings
from tasks.core.params.data import Comparable, Place, Records
from tasks.core.params.gates import CLASSIFIER_METRICS
from tasks.core.params.recipes import FLOAT16, INTEGER_ARITHMETIC, SLIM_DYNAMIC

ROLES = {"text", "label"}
METRICS = CLASSIFIER_METRICS
DEFAULTS: Settings = {
    "baseline": {"max_rows": 50_000},
    "train": {"architecture": "separable_text"},
    "fine_tune": None,
    "cross_validate": None,
    "compress": {**FLOAT16, **INTEGER_ARITHMETIC, **SLIM_DYNAMIC},
    "export": {"calibration_rows": 100},
    "evaluate": {"top_k": 2},
    "search": None,
    "release": {"max_drop": {"accuracy": 0.02, "calibration_error": 0.05}},
    "compare": {"max_drop": {"accuracy": 0.01}, "max_slice_drop": 0.05},
}


class Lines(Section):
    """How the format `lines_by_class` reads its files."""

    files: str = Field("*.txt", description="pattern of the names of the files, such as rt-polarity.*")
    encoding: Literal["utf-8", "latin-1"] = Field("utf-8", description="encoding of the files")
    class_name: Literal["suffix", "stem"] = Field(
        "stem", description="part of a file's name that is its class: of rt-polarity.neg the suffix is neg"
    )


class Text(Section):
    """Normalization of a text."""

    unicode: Literal["NFC", "NFKC"] = Field(
        "NFC", description="Unicode normal form; NFKC also makes full-width letters and ligatures plain ones"
    )
    strip_html: bool = Field(True, description="remove tags, and turn entities such as &amp; into letters")
    min_characters: Positive = Field(1, description="characters of a normalized text; shorter ones are quarantined")
    max_characters: Positive = Field(2000, description="characters of a normalized text; longer ones are quarantined")


class TrainedTokenizer(Section):
    """Byte-pair encoding that is trained on the training rows (Sennrich et al. 2016, arXiv:1508.07909)."""

    vocabulary: Annotated[int, Field(ge=10)] = Field(4000, description="number of tokens, at most")
    lowercase: bool = Field(False, description="whether case is ignored")


class PackagedTokenizer(Section):
    """The tokenizer of a pretrained model: a `tokenizer.json` that an installed package ships."""

    package: str = Field(description="name that the package is imported by")
    path: str = Field(description="path of the tokenizer.json inside the package")


class Preprocess(Records, Comparable):
    """From raw texts to clean columns."""

    SHARED: ClassVar[tuple[str, ...]] = ("text", "tokenizer", "max_tokens")

    columns: dict[Name, Place] = Field(
        description="columns of the roles `text` and `label`: names in the file, or numbers; {} for lines_by_class"
    )
    lines: Lines | None = Field(None, description="of the format `lines_by_class` alone, null for all others")
    text: Text = Field(default_factory=Text, description="normalization of a text")
    tokenizer: TrainedTokenizer | PackagedTokenizer = Field(
        default_factory=TrainedTokenizer,
        description="subword tokenizer: trained here, or of a pretrained model. Replaced as a whole",
    )
    max_tokens: Positive = Field(
        64, description="tokens of a text; the rest is cut off, and a shorter text is padded with token 0"
    )

    @model_validator(mode="after")
    def _lines_or_columns(self) -> Self:
        if (self.format == "lines_by_class") != (self.lines is not None):
            raise ValueError("lines says how lines_by_class reads: give it there, and write `lines: null` elsewhere")
        if self.roles != (set() if self.lines else ROLES):
            raise ValueError(
                f"columns has {sorted(self.columns)}; it names `text` and `label`, or is {{}} for lines_by_class"
            )
        return self
