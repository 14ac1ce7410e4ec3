"""Each training step of a recipe does what it says, measured on the weights, on real digits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.errors import ParamsError, StageError
from tasks.core.params.recipes import Cluster, Distillation, Prune, QuantizeAware, Recipe, ReEstimateBatchNorm, Tune
from tasks.core.params.sections import Export
from tasks.data import columns
from tasks.data.records import Array
from tests.tasks import line

LAYERS = ["conv_0", "conv_1", "logits"]
BOTH_OR_NEITHER_AND_SLOWLY_EACH = [
    (False, False),
    (True, True),
    *(pytest.param(*one, marks=pytest.mark.slow) for one in ((False, True), (True, False))),
]


@dataclass(frozen=True)
class Lab:
    """A tiny network that knows its digits, its metadata and its rows."""

    model: Any
    metadata: Any
    data: columns.Dataset

    def training(self, checkpoint: Callable[[str], Any] = lambda name: None) -> Any:
        from tasks.compression.steps import Training

        return Training(self.data, self.task, self.model, "test", checkpoint)

    @property
    def task(self) -> Any:
        from tasks.models.learning_task import IMAGES, LearningTask

        return LearningTask(IMAGES, self.metadata)

    def images(self) -> Array:
        return normalised(self.data, "test", self.metadata)

    def logits(self, model: Any) -> Array:
        return np.asarray(model(self.images(), training=False))

    def accuracy(self, model: Any) -> float:
        return float((self.logits(model).argmax(axis=1) == self.data.column("test", "label").all()).mean())

    def prune(self, model: Any = None, **changes: Any) -> Any:
        from tasks.compression.steps.prune import prune

        seeded()
        return prune(model or self.model, Prune.model_validate(line.prune_step(**changes)), self.training())[0]

    def cluster(self, model: Any, **changes: Any) -> Any:
        from tasks.compression.steps.cluster import cluster

        seeded()
        return cluster(model, Cluster.model_validate(line.cluster_step(**changes)), self.training())[0]

    def quantize_aware(self, model: Any, **changes: Any) -> Any:
        from tasks.compression.steps.quantize_aware import quantize_aware

        seeded()
        step = QuantizeAware.model_validate(line.aware_step(**changes))
        return quantize_aware(model, step, self.training())[0]

    def int8(self, model: Any) -> bytes:
        from tasks.models import conversion

        rows = conversion.calibration(
            self.data, self.metadata, Export.model_validate({"calibration_rows": 50, "seed": 0})
        )
        return conversion.int8(model, self.metadata, rows, [])


def normalised(data: columns.Dataset, split: Any, metadata: Any) -> Array:
    return np.asarray((data.column(split, "image").all().astype(np.float32) - metadata.mean) / metadata.std)


def seeded() -> None:
    from tasks.models.training_loop import seed

    seed(0)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    from tasks.models import saving

    folder = tmp_path_factory.mktemp("steps")
    data = columns.load(line.prepared(folder, line.csv_of(folder / "in", line.digits(0, 400)), line.section()))
    metadata = saving.metadata_of(data)
    seeded()
    lab = Lab(line.conv_net([8, 16], (16, 16, 1)), metadata, data)
    tune(lab.model, lab, epochs=8)
    assert lab.accuracy(lab.model) > 0.85
    return lab


@pytest.fixture(scope="module")
def pruned(lab: Lab) -> Any:
    return lab.prune(layers={"conv_0": 0.0, "logits": 0.8})


def tune(model: Any, lab: Lab, *, epochs: int = 4, distillation: Distillation | None = None) -> None:
    """Train a model in place."""
    step = {"step": "tune", "distillation": distillation, "fit": line.fit(epochs)}
    lab.training().run(model, Tune.model_validate(step))


def weights(model: Any) -> list[Array]:
    return [weight.copy() for weight in model.get_weights()]


def same(one: list[Array], other: list[Array]) -> bool:
    return len(one) == len(other) and all((left == right).all() for left, right in zip(one, other, strict=True))


def test_the_distilled_loss_is_that_of_the_paper(lab: Lab) -> None:
    import tensorflow as tf

    from tasks.models.training_loop import Teacher

    def softmax(values: Array) -> Array:
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 10, 7), random.normal(size=(7, 10)).astype(np.float32)
    teacher = Teacher(lab.model, Distillation(weight=0.3, temperature=4.0))
    _, targets = teacher.add_logits(tf.constant(lab.images()[:7]), tf.constant(labels, tf.int32))
    parent = lab.logits(lab.model)[:7]
    hard = -np.log(softmax(logits)[np.arange(7), labels])
    soft = softmax(parent / 4) * (np.log(softmax(parent / 4)) - np.log(softmax(logits / 4)))
    expected = 0.7 * hard + 0.3 * 16 * soft.sum(axis=1)
    assert np.allclose(teacher.loss(targets, tf.constant(logits)).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_a_student_that_listens_to_its_parent_alone_does_not_hear_wrong_labels(lab: Lab, tmp_path: Path) -> None:
    from tasks.compression.steps import tune as tuned

    lines = [f"{row[: row.rindex(',')]},{(int(row[row.rindex(',') + 1 :]) + 1) % 10}" for row in line.digits(0, 400)]
    wrong = columns.load(line.prepared(tmp_path, line.csv_of(tmp_path / "in", lines), line.section()))
    misled = Lab(lab.model, lab.metadata, wrong).training()
    step = {"step": "tune", "fit": line.fit(6)}
    before = weights(lab.model)
    heard, _ = tuned(lab.model, Tune.model_validate(step | {"distillation": None}), misled)
    parent = Distillation(weight=1.0, temperature=2.0)
    listened, history = tuned(lab.model, Tune.model_validate(step | {"distillation": parent}), misled)
    assert lab.accuracy(heard) < 0.5
    assert lab.accuracy(listened) > 0.85
    assert same(before, weights(lab.model))
    assert set(history[0]) == {"run", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"}


def test_each_layer_gets_its_own_sparsity_and_the_source_stays_dense(lab: Lab, pruned: Any) -> None:
    from tasks.compression.steps.sparsity import sparsities_of, sparsity_of

    assert sparsities_of(pruned) == pytest.approx({"conv_0": 0.0, "conv_1": line.SPARSITY, "logits": 0.8}, abs=0.01)
    assert sparsity_of(lab.model) == 0
    assert not any("prune" in type(layer).__name__.lower() for layer in pruned.layers)
    assert lab.accuracy(pruned) > 0.8


def test_a_name_that_no_layer_has_is_refused_with_those_that_there_are(lab: Lab) -> None:
    for call, changes in ((lab.prune, {}), (lab.cluster, {}), (lab.quantize_aware, {"weight_step": 1.0})):
        with pytest.raises(ParamsError, match=r"\['conv_9'\]") as caught:
            call(lab.model, layers={"conv_9": 3 if call == lab.cluster else 0.5}, **changes)
        assert all(name in str(caught.value.expected) for name in LAYERS)


@pytest.mark.parametrize("pattern", ["2_of_4", "block_1x4", "block_4x4"])
def test_a_pattern_is_in_the_weights(pattern: str, lab: Lab) -> None:
    from tasks.models.layers import kernels_of

    changes = {"pattern": pattern, "sparsity": 0.5, "schedule": "constant", "fit": line.fit(1)}
    kernels = kernels_of(lab.prune(**changes))
    dense = kernels["logits"]  # (256 inputs, 10 outputs)
    if pattern == "2_of_4":
        for name in ("conv_1", "logits"):
            fours = np.moveaxis(kernels[name], -2, -1).reshape(-1, 4)
            assert ((fours != 0).sum(axis=1) == 2).all()
        assert (kernels["conv_0"] != 0).all()  # one input channel: there are no four
    elif pattern == "block_1x4":
        zeros = (dense.T.reshape(10, 64, 4) == 0).sum(axis=2)
        assert set(np.unique(zeros)) == {0, 4} and (zeros == 4).mean() == pytest.approx(0.5, abs=0.01)
    else:
        zeros = (dense[:, :8].reshape(64, 4, 2, 4) == 0).sum(axis=(1, 3))
        assert set(np.unique(zeros)) == {0, 16}
        assert (kernels["conv_1"] == 0).mean() == pytest.approx(0.5, abs=0.01)  # without a pattern
        assert not set(np.unique((kernels["conv_1"].reshape(-1, 4, 4) == 0).sum(axis=(1, 2)))) <= {0, 16}


def test_a_schedule_that_cannot_end_is_refused_by_layer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.compression.steps import prune as module

    monkeypatch.setattr(module, "RAMP_FRACTION", 10.0)
    with pytest.raises(StageError, match=r"conv_1 \d+\.\d% of 60\.0%"):
        lab.prune(fit=line.fit(1))


def test_a_broken_pattern_is_seen() -> None:
    from tasks.compression.steps.sparsity import crowded_fours, zero_blocks

    kernel = np.zeros((6, 1))
    kernel[:3] = 1
    assert crowded_fours(kernel) == 1 and crowded_fours(kernel[1:]) == 0
    assert zero_blocks(kernel, (4, 1)).tolist() == [[False], [True]]


@pytest.mark.parametrize(("per_channel", "sparse"), BOTH_OR_NEITHER_AND_SLOWLY_EACH)
def test_kernels_have_as_many_values_as_clusters(
    per_channel: bool, sparse: bool, lab: Lab, pruned: Any, tmp_path: Path
) -> None:
    from tasks.compression.steps.sparsity import clusters_of, sparsities_of
    from tasks.models import saving

    source = pruned if sparse else lab.model
    before = weights(source)
    changes = {"per_channel": per_channel, "preserve_sparsity": sparse, "layers": {"logits": 16}}
    clustered = lab.cluster(source, **changes)
    assert same(before, weights(source))
    assert clusters_of(clustered, per_channel=per_channel) == {"conv_0": 8, "conv_1": 8, "logits": 16}
    assert (clusters_of(clustered)["conv_1"] > 8) == per_channel
    if sparse:
        assert sparsities_of(clustered)["logits"] >= 0.8 and sparsities_of(clustered)["conv_1"] >= 0.59
    assert lab.accuracy(clustered) > 0.7

    saving.save(clustered, lab.metadata, tmp_path / "model")
    assert (lab.logits(saving.load(tmp_path / "model")[0]) == lab.logits(clustered)).all()
    if per_channel and sparse:
        assert same(weights(clustered), weights(lab.cluster(source, **changes)))


def test_what_cannot_be_clustered_per_channel_is_clustered_whole_or_left(lab: Lab, pruned: Any) -> None:
    from tasks.compression.steps.cluster import way_of
    from tasks.compression.steps.sparsity import clusters_of

    random = np.random.default_rng(0).normal(size=(3, 3, 1, 16))
    assert way_of(random, 8, per_channel=True, sparse=False) == "per_channel"
    assert way_of(random, 9, per_channel=True, sparse=False) == "whole"
    assert way_of(random, 144, per_channel=True, sparse=False) == "as_it_is"
    empty_channel = random * (np.arange(16) > 0)
    assert way_of(empty_channel, 8, per_channel=True, sparse=True) == "whole"
    assert way_of(empty_channel * 0, 8, per_channel=True, sparse=True) == "as_it_is"

    clustered = lab.cluster(lab.model, clusters=72, per_channel=True, fit=line.fit(1))
    assert clusters_of(clustered)["conv_0"] == 72  # 72 weights for 72 clusters
    assert (clustered.get_layer("conv_0").kernel.numpy() == lab.model.get_layer("conv_0").kernel.numpy()).all()
    assert 60 < clusters_of(clustered)["conv_1"] <= 72  # 72 weights a channel: as a whole


def test_batch_norm_statistics_are_those_of_its_inputs_and_nothing_else_changes(lab: Lab, pruned: Any) -> None:
    from tf_keras import Model

    from tasks.compression.steps.re_estimate_batch_norm import re_estimate_batch_norm

    step = ReEstimateBatchNorm(step="re_estimate_batch_norm", rows=10_000, seed=0)
    measured, history = re_estimate_batch_norm(pruned, step, lab.training())
    images = normalised(lab.data, "train", lab.metadata)
    for name in ("batch_norm_0", "batch_norm_1"):
        layer = measured.get_layer(name)
        inputs = np.asarray(Model(measured.input, layer.input)(images, training=False), np.float64)
        assert np.allclose(layer.moving_mean.numpy(), inputs.mean(axis=(0, 1, 2)), atol=1e-5)
        assert np.allclose(layer.moving_variance.numpy(), inputs.var(axis=(0, 1, 2)), rtol=1e-5)
    changed = [
        weight.name.rsplit("/")[-1]
        for weight, old in zip(measured.weights, pruned.get_weights(), strict=True)
        if (weight.numpy() != old).any()
    ]
    assert set(changed) == {"moving_mean:0", "moving_variance:0"} and history == []


def test_a_model_without_batch_norm_has_nothing_to_measure(lab: Lab) -> None:
    from tf_keras import Model, layers

    from tasks.compression.steps.re_estimate_batch_norm import re_estimate_batch_norm

    images = layers.Input((16, 16, 1))
    step = ReEstimateBatchNorm(step="re_estimate_batch_norm", rows=10, seed=0)
    with pytest.raises(ParamsError, match="remove the step"):
        re_estimate_batch_norm(Model(images, layers.Dense(10)(layers.Flatten()(images))), step, lab.training())


@pytest.mark.parametrize(("clustered", "sparse"), BOTH_OR_NEITHER_AND_SLOWLY_EACH)
def test_zeros_and_clusters_survive_quantization_aware_training(
    clustered: bool, sparse: bool, lab: Lab, pruned: Any, tmp_path: Path
) -> None:
    from tasks.compression.steps.sparsity import clusters_of, sparsities_of
    from tasks.models import saving
    from tasks.models.layers import kernels_of
    from tasks.tflite.file import File

    source = pruned if sparse else lab.model
    if clustered:
        source = lab.cluster(source, preserve_sparsity=sparse, fit=line.fit(1, 1e-3))
    before = weights(source)
    aware = lab.quantize_aware(source, preserve_sparsity=sparse, preserve_clusters=clustered)
    assert same(before, weights(source))
    assert all(np.abs(kernels_of(aware)[name] - kernels_of(source)[name]).max() > 1e-4 for name in LAYERS)
    if sparse:
        assert sparsities_of(aware) == sparsities_of(source)
    if clustered:
        assert clusters_of(aware) == clusters_of(source)

    saving.save(aware, replace(lab.metadata, steps=["quantize_aware"]), tmp_path / "model")
    assert (lab.logits(saving.load(tmp_path / "model")[0]) == lab.logits(aware)).all()

    file = File(lab.int8(aware))
    scales, zero_points = file.scales(file.model.subgraphs[0].inputs[0])
    assert scales == pytest.approx(1 / lab.metadata.std, rel=1e-5) and zero_points == lab.metadata.mean - 128
    kernels = [file.values(operator.kernel) for operator in file.weighted()]
    assert [kernel.dtype for kernel in kernels] == [np.int8] * 3
    for kernel, name in zip(kernels, LAYERS, strict=True):
        if sparse:
            assert (kernel == 0).mean() >= sparsities_of(source)[name]
        if clustered:
            assert max(len(np.unique(channel)) for channel in kernel) <= 8


def test_a_weight_step_leaves_few_levels_in_the_int8_file(lab: Lab, tmp_path: Path) -> None:
    from tasks.models import saving
    from tasks.models.layers import kernels_of
    from tasks.tflite.file import File

    aware = lab.quantize_aware(lab.model, weight_step=1.0, layers={"logits": None}, fit=line.fit(6, 1e-2))
    assert lab.accuracy(aware) > 0.75
    file = File(lab.int8(aware))
    conv_0, conv_1, logits = (file.values(operator.kernel) for operator in file.weighted())
    for kernel, name in ((conv_0, "conv_0"), (conv_1, "conv_1")):
        assert (kernels_of(aware)[name] != kernels_of(lab.model)[name]).any()
        for channel, trained in zip(kernel, np.moveaxis(kernels_of(aware)[name], -1, 0), strict=True):
            used = np.unique(trained)
            assert len(np.unique(channel)) <= len(used) <= 13
            assert np.allclose(used / np.diff(used).min(), np.round(used / np.diff(used).min()), atol=1e-3)
    assert len(np.unique(logits)) > 60  # int8's own grid

    saving.save(aware, replace(lab.metadata, steps=["quantize_aware"]), tmp_path / "model")
    assert (lab.logits(saving.load(tmp_path / "model")[0]) == lab.logits(aware)).all()


def test_gradients_pass_through_levels_and_are_shared_within_clusters() -> None:
    import tensorflow as tf

    from tasks.compression.steps.sparsity import Levels, values_of, zeros_of

    kernel = np.array([[0.0, 1.0], [1.0, -2.0]], np.float32)
    upstream = np.array([[5.0, 1.0], [3.0, 7.0]], np.float32)

    def gradient(projection: Callable[[Any], Any]) -> list[list[float]]:
        weight = tf.Variable(kernel)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(projection(weight) * upstream)
        return np.asarray(tf.convert_to_tensor(tape.gradient(loss, weight))).tolist()  # type: ignore[no-any-return]

    assert gradient(Levels(0.7, per_channel=True)) == upstream.tolist()
    assert gradient(zeros_of(kernel)) == [[0.0, 1.0], [3.0, 7.0]]
    assert gradient(values_of(kernel)) == [[0.0, 2.0], [2.0, 7.0]]


class Killed(Exception):
    """Stands for a signal."""


class KilledAfter:
    """A checkpoint that ends the run after its first epoch, and then lets the next one go on from there."""

    def __init__(self) -> None:
        self.state: Any = None

    def read(self) -> Any:
        return self.state

    def write(self, state: Any) -> None:
        from copy import deepcopy

        is_first = self.state is None
        self.state = deepcopy(state)
        if is_first:
            raise Killed


@pytest.mark.parametrize(
    "step", ["prune", *(pytest.param(step, marks=pytest.mark.slow) for step in ("cluster", "quantize_aware"))]
)
def test_a_step_that_was_killed_goes_on_to_the_same_weights(step: str, lab: Lab, pruned: Any) -> None:
    from importlib import import_module

    function = getattr(import_module(f"tasks.compression.steps.{step}"), step)
    source = lab.model if step == "prune" else pruned
    params = {
        "prune": Prune.model_validate(line.prune_step(fit=line.fit(3))),
        "cluster": Cluster.model_validate(line.cluster_step(preserve_sparsity=True, fit=line.fit(3))),
        "quantize_aware": QuantizeAware.model_validate(
            line.aware_step(preserve_sparsity=True, weight_step=0.5, fit=line.fit(3))
        ),
    }[step]
    seeded()
    undisturbed, history = function(source, params, lab.training())
    checkpoint = KilledAfter()
    training = lab.training(lambda name: checkpoint)
    seeded()
    with pytest.raises(Killed):
        function(source, params, training)
    seeded()
    resumed, resumed_history = function(source, params, training)
    assert same(weights(undisturbed), weights(resumed)) and history == resumed_history


def test_a_recipe_applies_its_steps_in_order_and_leaves_the_tuned_model_alone(lab: Lab) -> None:
    from tasks.compression.recipe import train
    from tasks.compression.steps.sparsity import sparsity_of

    parent = {"weight": 0.5, "temperature": 2.0}
    steps = [
        line.prune_step(distillation=parent, fit=line.fit(2)),
        {"step": "re_estimate_batch_norm", "rows": 100, "seed": 0},
        line.cluster_step(preserve_sparsity=True, per_channel=True, distillation=parent, fit=line.fit(1, 1e-3)),
        line.aware_step(preserve_sparsity=True, preserve_clusters=True, distillation=parent, fit=line.fit(1, 1e-3)),
    ]
    recipe = Recipe.model_validate({"steps": steps, "precision": "int8", "float_layers": [], "finish": []})
    before = weights(lab.model)
    network, metadata, history = train(lab.model, lab.task, recipe, lab.data, "all", lambda name: None)
    assert same(before, weights(lab.model))
    assert metadata.steps == ["prune", "re_estimate_batch_norm", "cluster", "quantize_aware"]
    assert metadata.sparsity == sparsity_of(network) >= line.SPARSITY - 0.01
    assert [str(row["run"]) for row in history] == ["all-prune", "all-prune", "all-cluster", "all-quantize_aware"]
    assert lab.accuracy(network) > 0.6
