"""Two processes of a host that sum their gradients through memory: the bytes of TensorFlow's ring, and a clear end."""

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from benchmarks.training import free_ports

SHAPES = [(3, 5), (7,), ()]


def met(shapes: list[Any]) -> list[Any]:
    from tasks.models.shared_memory_allreduce import SharedMemoryAllreduce

    name = f"trimline-test-{uuid.uuid4()}"
    with ThreadPoolExecutor() as both:
        return list(both.map(lambda rank: SharedMemoryAllreduce(name, rank, shapes), range(2)))


def test_both_have_the_sum_of_each_turn() -> None:
    random = np.random.default_rng(0)
    turns = [[[random.normal(size=shape).astype(np.float32) for shape in SHAPES] for _ in range(50)] for _ in range(2)]
    with ThreadPoolExecutor() as both:
        found = list(both.map(lambda each, own: [each.sum(*arrays) for arrays in own], met(SHAPES), turns))
    expected = [[one + other for one, other in zip(*pair, strict=True)] for pair in zip(*turns, strict=True)]
    for mine in found:
        for turn, sums in zip(mine, expected, strict=True):
            assert all(np.array_equal(got, right) for got, right in zip(turn, sums, strict=True))


def test_the_end_of_the_other_is_no_hang() -> None:
    one, other = met(SHAPES)
    del other
    with pytest.raises(ConnectionError):
        one.sum(*[np.zeros(shape, np.float32) for shape in SHAPES])


STOPPED = """
import os, signal, sys
from tasks.models.shared_memory_allreduce import SharedMemoryAllreduce
other = SharedMemoryAllreduce(sys.argv[1], 1, [(2,)])
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_one_that_is_stopped_counts_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.models import shared_memory_allreduce

    monkeypatch.setattr(shared_memory_allreduce, "SECONDS_STOPPED", 2)
    name = f"trimline-test-{uuid.uuid4()}"
    other = subprocess.Popen([sys.executable, "-c", STOPPED, name])
    try:
        with pytest.raises(ConnectionError, match="stopped for 2 s"):
            shared_memory_allreduce.SharedMemoryAllreduce(name, 0, [(2,)]).sum(np.zeros(2, np.float32))
    finally:
        other.kill()
        other.wait()


def test_nobody_to_meet_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.models import shared_memory_allreduce

    monkeypatch.setattr(shared_memory_allreduce, "SECONDS_TO_CONNECT", 0.2)
    for rank in range(2):
        with pytest.raises(TimeoutError):
            shared_memory_allreduce.SharedMemoryAllreduce(f"trimline-test-{uuid.uuid4()}", rank, SHAPES)


STEPS = """
import hashlib, json, sys
from benchmarks.training import in_one_cluster
from tasks.core import environment
environment.set_threads(1, onednn=True)
ports, rank = json.loads(sys.argv[1]), int(sys.argv[2])
in_one_cluster(ports, rank)
import numpy as np
import tensorflow as tf
import tf_keras
from tasks.models.training_loop import accumulated_step
from tasks.models.shared_memory_allreduce import SharedMemoryAllreduce
from tasks.models.strategy import ReplicaContext
from tasks.models.training_loop import seed

strategy = tf.distribute.MultiWorkerMirroredStrategy()
replica = ReplicaContext(strategy, rank, 2)
random = np.random.default_rng(rank)
rows, labels = random.normal(size=(120, 6)).astype(np.float32), random.integers(0, 3, 120)

def looked_up(numbers):
    return tf_keras.layers.Flatten()(tf_keras.layers.Embedding(99, 4)(tf.cast(tf.abs(numbers) * 9, tf.int32)))

told = {}
for name, taken in (("whole", lambda numbers: numbers), ("rows", looked_up)):
    for summed in ("memory", "ring"):
        seed(0)
        with strategy.scope():
            numbers = tf_keras.layers.Input((6,))
            hidden = tf_keras.layers.BatchNormalization()(tf_keras.layers.Dense(40, "relu")(taken(numbers)))
            model = tf_keras.Model(numbers, tf_keras.layers.Dense(3)(hidden))
            loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(tf_keras.optimizers.Adam(0.01), loss, steps_per_execution=2)
        allreduce = SharedMemoryAllreduce.of(replica, model.trainable_variables) if summed == "memory" else None
        assert (allreduce is None) == (summed == "ring")
        model.train_step = accumulated_step(model, 1, allreduce)
        batches = tf.data.Dataset.from_tensor_slices((rows, labels)).repeat().batch(10)
        batches = batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        model.fit(strategy.distribute_datasets_from_function(lambda _: batches), epochs=2, steps_per_epoch=6, verbose=0)
        weights = b"".join(variable.numpy().tobytes() for variable in model.trainable_variables)
        told[f"{name} {summed}"] = hashlib.sha256(weights).hexdigest()
print(json.dumps(told))
"""


@pytest.mark.slow
def test_the_weights_are_those_of_the_ring() -> None:
    ports = json.dumps(free_ports(2))
    both = [
        subprocess.Popen([sys.executable, "-c", STEPS, ports, str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    one, other = [json.loads(process.communicate(timeout=200)[0].splitlines()[-1]) for process in both]
    assert one == other
    assert one["whole memory"] == one["whole ring"] != one["rows memory"] == one["rows ring"]
