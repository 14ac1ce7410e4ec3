"""Training over several processes, in parts of a batch, in another arithmetic; and what a killed run goes on with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.params.training import Fit, Speed
from tasks.data import columns
from tasks.data.columns import Dataset
from tests.tasks import line

SPEED: dict[str, Any] = {
    "gpus_per_worker": 0, "precision": "float32", "xla": False, "accumulate": 1, "steps_per_call": 1,
    "warm_up_steps": 0,
}  # fmt: skip

Digits = tuple[Dataset, Any]


@pytest.fixture
def digits(tiny_line: Path, monkeypatch: pytest.MonkeyPatch) -> Digits:
    from tasks.models import saving

    monkeypatch.chdir(tiny_line)
    base = columns.load(tiny_line / "data/ready/base")
    return base, saving.metadata_of(base)


def network(metadata: Any, dropout: float = 0.0) -> Any:
    from tf_keras import Model, layers

    from tasks.models.training_loop import seed

    seed(0)
    image = layers.Input(metadata.image_shape)
    hidden = layers.Dense(32, activation="relu")(layers.Flatten()(image))
    return Model(image, layers.Dense(len(metadata.classes), name="logits")(layers.Dropout(dropout)(hidden)))


def trained(digits: Digits, fit: dict[str, Any], **changes: Any) -> tuple[Any, list[dict[str, float]]]:
    from tasks.models.learning_task import IMAGES, LearningTask
    from tasks.models.strategy import of_this_machine
    from tasks.models.training_loop import fit as fit_

    data, metadata = digits
    model = network(metadata)
    replica = of_this_machine(Speed(**SPEED | changes))
    return model, fit_(model, data, LearningTask(IMAGES, metadata), Fit(**fit), None, name="run", replica=replica)


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all((first == second).all() for first, second in pairs)


def test_a_killed_run_of_a_network_with_dropout_goes_on_to_the_same_weights(digits: Digits) -> None:
    from tf_keras.callbacks import Callback

    from tasks.models.checkpoint import Checkpoint
    from tasks.models.learning_task import IMAGES, LearningTask
    from tasks.models.training_loop import fit

    class Killed(Exception):
        pass

    class Kill(Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise Killed

    data, metadata = digits
    params = Fit(**line.fit(4))

    def run(name: str, callbacks: Callable[[], list[Any]] = list) -> Any:
        model = network(metadata, dropout=0.5)
        fit(
            model,
            data,
            LearningTask(IMAGES, metadata),
            params,
            Checkpoint(name, params, []),
            name=name,
            callbacks=callbacks,
        )
        return model

    undisturbed = run("undisturbed")
    with pytest.raises(Killed):
        run("killed", lambda: [Kill()])
    assert same(undisturbed, run("killed"))
    assert not same(undisturbed, network(metadata))


def test_a_batch_in_parts_has_the_gradient_of_the_whole(digits: Digits) -> None:
    fit = line.fit(2, 1e-3) | {"augment": None}
    whole, _ = trained(digits, fit)
    parts, _ = trained(digits, fit, accumulate=4)
    differences = [
        np.abs(one - other).max() for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True)
    ]
    assert 0 < max(differences) < 1e-4  # float32 sums in another order


def test_many_steps_in_a_call_change_nothing(digits: Digits) -> None:
    one, history = trained(digits, line.fit(2))
    many, other = trained(digits, line.fit(2), steps_per_call=7)
    assert same(one, many) and history[-1]["val_loss"] == other[-1]["val_loss"]


def test_bfloat16_learns_and_leaves_a_model_of_float32(digits: Digits) -> None:
    model, history = trained(digits, line.fit(4), precision="bfloat16")
    assert history[-1]["val_accuracy"] > 0.8
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert {weight.dtype for weight in model.get_weights()} == {np.dtype(np.float32)}


def test_xla_learns(digits: Digits) -> None:
    _, history = trained(digits, line.fit(4), xla=True)
    assert history[-1]["val_accuracy"] > 0.8


def test_a_warm_up_rises_to_the_rate_and_falls_to_nothing(digits: Digits) -> None:
    from tasks.models.learning_task import IMAGES
    from tasks.models.training_loop import compile_

    model = network(digits[1])
    compile_(model, IMAGES, Fit(**line.fit(1, 0.5)), 100, speed=Speed(**SPEED | {"warm_up_steps": 10}))
    rates = [float(model.optimizer._learning_rate(step)) for step in (0, 5, 10, 55, 100)]
    assert rates == pytest.approx([0, 0.25, 0.5, 0.25, 0], abs=1e-6)
