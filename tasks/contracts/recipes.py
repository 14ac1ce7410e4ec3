"""A recipe of compression as types: training steps, the precision of the file, and what is then done to the file."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.contracts.section import HalfOpenFraction, OpenFraction, Positive, Rate, Section, Seed
from tasks.contracts.training import Fit

Clusters = Annotated[int, Field(ge=2, le=256)]
WeightStep = Annotated[float, Field(ge=0.1, le=4)]


class Distillation(Section):
    """How much a training step listens to the float parent (Hinton et al. 2015, arXiv:1503.02531)."""

    weight: Annotated[float, Field(gt=0, le=1)]
    temperature: Rate


class TrainingStep(Section):
    """What every step that trains has."""

    distillation: Distillation | None
    fit: Fit


class Tune(TrainingStep):
    """More training and nothing else: what an uncompressed model makes of the same number of steps."""

    step: Literal["tune"]


class Prune(TrainingStep):
    """Magnitude pruning (Zhu and Gupta 2017, arXiv:1710.01878).

    `layers` gives single layers another sparsity, 0 leaves one dense. `2_of_4` keeps the two largest of each four
    weights; `block_1x4` and `block_4x4` prune whole blocks of dense layers, and convolutions without a pattern.
    """

    step: Literal["prune"]
    schedule: Literal["constant", "polynomial"]
    sparsity: OpenFraction
    layers: dict[str, HalfOpenFraction]
    pattern: Literal["unstructured", "2_of_4", "block_1x4", "block_4x4"]

    @model_validator(mode="after")
    def _two_of_four_is_a_half(self) -> Self:
        if self.pattern == "2_of_4" and (self.sparsity != 0.5 or any(self.layers.values())):
            raise ValueError("2_of_4 makes half of the weights zero: set sparsity: 0.5, and layers to 0 or not at all")
        return self


class ReEstimateBatchNorm(Section):
    """Batch-norm statistics measured again on training rows, after the weights have changed; nothing is trained."""

    step: Literal["re_estimate_batch_norm"]
    rows: Positive
    seed: Seed


class Cluster(TrainingStep):
    """Weight clustering: each kernel, or each output channel of a convolution, has `clusters` different values."""

    step: Literal["cluster"]
    clusters: Clusters
    layers: dict[str, Clusters]
    per_channel: bool
    preserve_sparsity: bool

    @model_validator(mode="after")
    def _zero_and_both_signs(self) -> Self:
        if self.preserve_sparsity and min(self.clusters, *self.layers.values(), 256) < 3:
            raise ValueError("with preserve_sparsity one cluster is zero: ask for 3 clusters at least")
        return self


class QuantizeAware(TrainingStep):
    """Quantization-aware training, int8 per channel (Jacob et al. 2017, arXiv:1712.05877).

    With a `weight_step` the kernels learn a coarser grid inside int8, that wide in root mean squares of their weights:
    the file is as big on the device and smaller on its way there. null leaves them int8's own grid. `layers` gives
    single layers another step.
    """

    step: Literal["quantize_aware"]
    preserve_sparsity: bool
    preserve_clusters: bool
    weight_step: WeightStep | None
    layers: dict[str, WeightStep | None]


class CorrectBias(Section):
    """Biases that take back the shift of each output channel's mean by quantization (Nagel et al. 2019)."""

    step: Literal["correct_bias"]


class RoundWeights(Section):
    """Entropy-aware rounding of the int8 kernels: rate against distortion, on the calibration rows, without labels.

    `noise_per_bit` is the output noise, relative to the output's power, that is accepted for each bit saved.
    """

    step: Literal["round_weights"]
    noise_per_bit: Rate


class Slim(Section):
    """The same outputs from fewer bytes: names, statistics, metadata and duplicates leave the file."""

    step: Literal["slim"]


Step = Annotated[Tune | Prune | ReEstimateBatchNorm | Cluster | QuantizeAware, Field(discriminator="step")]
Finish = Annotated[CorrectBias | RoundWeights | Slim, Field(discriminator="step")]


class Recipe(Section):
    """Training steps in their order, the precision of the exported file, and steps that work on the file."""

    steps: list[Step]
    precision: Literal["float32", "float16", "dynamic", "int8", "int16x8"]
    float_layers: list[str]
    finish: list[Finish]

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        for problem in (_repeated(self), _wrong_order(self), _not_preserved(self), _wrong_precision(self)):
            if problem:
                raise ValueError(problem)
        return self

    def names(self) -> list[str]:
        """Return the names of the training steps."""
        return [step.step for step in self.steps]


def _repeated(recipe: Recipe) -> str | None:
    for part in (recipe.names(), [step.step for step in recipe.finish]):
        if len(set(part)) < len(part):
            return f"steps {part} repeat a technique; name each once"
    return None


def _wrong_order(recipe: Recipe) -> str | None:
    names, finish = recipe.names(), [step.step for step in recipe.finish]
    if "quantize_aware" in names[:-1]:
        return "quantize_aware fixes the grid of the weights: make it the last step"
    if "cluster" in names and set(names[names.index("cluster") :]) & {"prune", "tune"}:
        return "prune and tune move weights out of their clusters: put them before cluster"
    if "prune" in names and "tune" in names[names.index("prune") :]:
        return "tune brings the pruned weights back: put it before prune"
    if "slim" in finish[:-1]:
        return "slim removes what the others read: make it the last step of finish"
    return None


def _not_preserved(recipe: Recipe) -> str | None:
    pruned, clustered = "prune" in recipe.names(), "cluster" in recipe.names()
    for step in recipe.steps:
        if isinstance(step, Cluster | QuantizeAware) and step.preserve_sparsity != pruned:
            return (
                f"{step.step} has preserve_sparsity: {step.preserve_sparsity}; true needs a prune step before it, "
                "and a prune step needs it"
            )
        if isinstance(step, QuantizeAware) and step.preserve_clusters != clustered:
            return "preserve_clusters: true needs a cluster step before it, and a cluster step needs it"
        if isinstance(step, QuantizeAware) and clustered and {step.weight_step, *step.layers.values()} != {None}:
            return "weight_step would merge clusters: set weight_step: null, or leave out the cluster step"
    return None


def _wrong_precision(recipe: Recipe) -> str | None:
    names, finish = recipe.names(), [step.step for step in recipe.finish]
    if "quantize_aware" in names and recipe.precision != "int8":
        return "quantize_aware trains for int8: set precision: int8"
    if recipe.float_layers and recipe.precision != "int8":
        return f"float_layers leaves layers of an int8 file in float: precision {recipe.precision} has no use for it"
    if recipe.float_layers and "quantize_aware" in names:
        return "float_layers works after training; quantize_aware names by itself the layers that it cannot take"
    for step in {"correct_bias", "round_weights"} & set(finish):
        if recipe.precision != "int8":
            return f"{step} works on an int8 file: set precision: int8, or leave the step out"
    if "correct_bias" in finish and "quantize_aware" in names:
        return "correct_bias compares with the model before quantization; quantize_aware has trained its biases since"
    return None
