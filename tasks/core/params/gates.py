"""Settings of the release gates: metrics, bounds, the budget of the device."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.core.errors import ParamsError
from tasks.core.params import Fraction, Name, OpenFraction, Positive, Rate, Section, Seed

# What classifiers of every kind are measured by, as `tasks/metrics/classification.py` names it.
CLASSIFIER_METRICS = (
    "accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "precision_weighted",
    "recall_weighted", "f1_weighted", "top_{top_k}_accuracy", "log_loss", "calibration_error", "roc_auc_macro",
    "average_precision_macro", "roc_auc_micro", "average_precision_micro",
)  # fmt: skip


class Slice(Section):
    """A part of the test rows, by a column of the data; without bounds, one part for each value."""

    column: Name = Field(description="column of the data set or of its attributes")
    at_least: float | None = Field(None, description="smallest value of the part, null for no bound")
    below: float | None = Field(None, description="the part's values are smaller than this, null for no bound")


class Unsure(Section):
    """When a classifier says "unsure" instead of a class: its answers keep an error rate."""

    max_error: OpenFraction = Field(0.02, description="fraction of the answers that may be wrong, at most")
    confidence: OpenFraction = Field(
        0.9,
        description="with which the answers keep that rate; the threshold is chosen on the validation rows by it "
        "(Angelopoulos et al. 2021, arXiv:2110.01052)",
    )


class Evaluate(Section):
    """Metrics of the exported file on the test rows."""

    confidence: OpenFraction = Field(0.95, description="level of all confidence intervals")
    resamples: Annotated[int, Field(ge=100)] = Field(
        1000, description="resamples of the bootstrap (Efron 1979); 10,000 rows of ten classes take half a second"
    )
    seed: Seed = Field(0, description="seed of the bootstrap")
    top_k: Annotated[int, Field(ge=2)] = Field(
        3, description="k of the metric `top_k_accuracy`, such as top_3_accuracy; classifiers only"
    )
    calibration_bins: Annotated[int, Field(ge=2)] = Field(
        15, description="bins of the expected calibration error (Guo et al. 2017, arXiv:1706.04599); classifiers only"
    )
    slices: list[Slice] = Field(
        default_factory=list, description="parts of the test rows to measure beside those that the kind always measures"
    )
    unsure: Unsure | None = Field(
        None, description='when the model says "unsure" instead of a class; null: it always answers. Classifiers only'
    )


class Baseline(Section):
    """Simple methods that are measured on the same rows as the network."""

    max_rows: Annotated[int, Field(ge=100)] = Field(
        20_000, description="training rows that the simple methods are fitted on, at most; bounds their time"
    )
    seed: Seed = Field(0, description="seed of the choice of these rows")
    label_folds: Annotated[int, Field(ge=2)] | None = Field(
        3,
        description="folds in which the simple methods look for likely wrong labels where `cross_validate` is null; "
        "each costs what the stage baseline costs. null for no such list",
    )


Bounds = dict[Name, Annotated[float, Field(allow_inf_nan=False)]]


Growth = Annotated[float, Field(ge=0)]


class Accept(Section):
    """A candidate that is released at its owner's risk; `trimline release --accept` writes it."""

    recipe: Name = Field(description="the recipe, whatever its gates say")
    reason: Annotated[str, Field(min_length=1)] = Field(description="why; it stands in the manifest, card and page")
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = Field(
        description="digest of the recipe's .tflite file: another file is not accepted"
    )


class Release(Section):
    """Gates that a released model passes, each recipe held to all of them.

    A value that breaks its bound fails. Where a value keeps its bound and the end of its confidence interval that is
    worse does not, the test rows cannot decide: the gate is undecided, and says how many rows it needs. Of the recipes
    that pass, the one with the smallest zip is released; one with no undecided gate comes first. Only the losses
    against float32 have bounds by default: these suit any data.
    """

    max_size_bytes: Positive | None = Field(
        None, description="bytes of the .tflite file on the device; null for no gate"
    )
    max_latency_us: Rate | None = Field(
        None,
        description="microseconds; median of one inference on one thread; null for no gate. Set at least 5 times what "
        "was measured: machines differ from day to day",
    )
    max_memory_bytes: Positive | None = Field(
        None, description="bytes of all tensors, weights included; null for no gate"
    )
    at_least: Bounds = Field(
        default_factory=dict,
        description="lower bounds by metric; `reports/evaluate` lists the metrics. Your mapping replaces the default "
        "as a whole",
    )
    at_most: Bounds = Field(default_factory=dict, description="upper bounds by metric; replaced as a whole")
    max_drop: Bounds = Field(
        default_factory=dict, description="largest losses against float32 on the same rows; replaced as a whole"
    )
    max_relative_drop: Bounds = Field(
        default_factory=dict,
        description="largest losses against float32 as fractions of its value, for metrics with a unit; replaced as a "
        "whole",
    )
    max_slice_drop: Fraction | None = Field(
        0.1, description="largest loss against float32 in any slice, as an estimate; null for no gate"
    )
    min_slice_rows: Positive = Field(30, description="slices with fewer test rows are not judged")
    min_agreement: Fraction | None = Field(
        None, description="fraction of the rows with the answer of float32; null for no gate"
    )
    undecided: Literal["allow", "refuse"] = Field(
        "allow", description="whether a gate that the test rows cannot decide stands in the way of a release"
    )
    worse_than_baseline: Literal["allow", "refuse"] = Field(
        "allow",
        description="whether a network that is no better than the strongest simple method may be released; the report "
        "says so first",
    )
    accept: Accept | None = Field(
        None, description="a candidate to release at your own risk; `trimline release --accept` writes it"
    )
    device: Name = Field(
        "phone_cpu_lookups", description="a file of `presets/devices`: the operators that the released file may use"
    )
    golden_rows: Positive = Field(16, description="inputs with outputs that the bundle holds, to be replayed")


class Compare(Section):
    """Gates of the command `compare`: a candidate against the current release on the same test rows."""

    max_drop: Bounds = Field(
        default_factory=dict, description="largest losses by metric, in its unit; replaced as a whole"
    )
    max_relative_drop: Bounds = Field(
        default_factory=dict,
        description="largest losses by metric as fractions of the current release's value; replaced as a whole",
    )
    max_slice_drop: Fraction | None = Field(
        0.1, description="largest loss in any slice, as an estimate; null for no gate"
    )
    min_slice_rows: Positive = Field(30, description="slices with fewer test rows are not judged")
    undecided: Literal["allow", "refuse"] = Field(
        "refuse",
        description="whether a gate that the test rows cannot decide lets the candidate through: a release that works "
        "is replaced by default only where the rows show that nothing is lost",
    )
    max_size_growth: Growth | None = Field(
        0.2, description="fraction of the current release's bytes on the device; null for no gate"
    )
    max_latency_growth: Growth | None = Field(
        1.0, description="fraction of the current release's median latency; both are timed in turn; null for no gate"
    )
    max_golden_difference: Fraction | None = Field(
        0.02,
        description="largest difference of an output when the current release's golden rows are replayed here; null "
        "for no gate",
    )


class Device(Section):
    """Operators by their TFLite names, the types of the tensors that they may write, and what the device has room for.

    A bound of `release` comes before one of its device.
    """

    description: str
    operators: list[str]
    types: list[str]
    max_size_bytes: Positive | None = None
    max_latency_us: Rate | None = None
    max_memory_bytes: Positive | None = None


def load(path: Path) -> Device:
    """Read a device's file.

    Raises:
        ParamsError: it is missing, or not of this form.
    """
    try:
        return Device.model_validate(YAML(typ="safe").load(path))
    except (OSError, YAMLError, ValidationError) as error:
        raise ParamsError(
            got=f"{path}: {error}",
            expected="a device profile: description, operators, types",
            do=f"correct release.device, or write {path.name} like the other profiles in its folder",
        ) from None
