"""Where the time of two processes that train one model goes: a step without an exchange, and with one of each way.

`python -m benchmarks.exchange [--network small|large] [--rounds 8]` prints milliseconds a step, of the clock and of a
processor. The same two processes take in turn steps that know nothing of each other and steps that sum their
gradients, by TensorFlow's ring and through memory, on one batch in memory, so that neither data nor metrics count; what
a step takes beyond its time of a processor is spent waiting, for the exchange and for the slower of the two.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.training import NETWORKS, STEPS_PER_CALL, data_set, free_ports, in_one_cluster, section_of
from tasks.core import environment
from tasks.core.progress import say

STEPS, BATCH = STEPS_PER_CALL, 128


def measured(rank: int, network: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Return the milliseconds of each round's steps by what they do, of the clock and of processors."""
    import tensorflow as tf

    from tasks.models.shared_memory_allreduce import SharedMemoryAllreduce
    from tasks.models.strategy import ReplicaContext

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    alone, ring, memory = (_model(place, network, folder) for place in (None, strategy, strategy))
    neighbour = SharedMemoryAllreduce.of(ReplicaContext(strategy, rank, 2), memory.trainable_variables)
    ways = {
        "alone": _steps(alone, folder), "ring": _steps(ring, folder, strategy),
        "memory": _steps(memory, folder, strategy, neighbour),
    }  # fmt: skip

    @tf.function  # type: ignore[untyped-decorator]
    def begin() -> Any:
        return strategy.run(
            lambda: tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.zeros([]))
        )

    for run in ways.values():
        run()  # traced
    clock: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            begin()  # at once
            began, used = time.perf_counter(), time.process_time()
            run()
            clock[name].append(1000 * (time.perf_counter() - began) / STEPS)
            processor[name].append(1000 * (time.process_time() - used) / STEPS)
    return {
        "parameters": sum(variable.shape.num_elements() for variable in alone.trainable_variables),
        "clock": clock,
        "processor": processor,
    }


def _model(strategy: Any, network: str, folder: Path) -> Any:
    from contextlib import nullcontext

    import tf_keras

    from tasks.data import columns
    from tasks.models import saving
    from tasks.models.architectures import conv_net

    with strategy.scope() if strategy else nullcontext():
        model = conv_net.build(section_of(network, BATCH, workers=1), saving.metadata_of(columns.load(folder)))
        model.optimizer = tf_keras.optimizers.Adam(1e-3)
        model.optimizer.build(model.trainable_variables)
    return model


def _steps(model: Any, folder: Path, strategy: Any = None, neighbour: Any = None) -> Callable[[], None]:
    """Return what takes STEPS steps of a model, under the strategy if there is one."""
    import tensorflow as tf
    import tf_keras

    from tasks.data import columns

    data = columns.load(folder)
    images = tf.cast(data.column("train", "image").all()[:BATCH], tf.float32) / 255
    labels = data.column("train", "label").all()[:BATCH]
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")

    def step() -> None:
        with tf.GradientTape() as tape:
            found = tf.reduce_mean(loss(labels, model(images, training=True)))
        gradients = tape.gradient(found, model.trainable_variables)
        if neighbour:
            gradients = neighbour.summed(gradients)
        pairs = zip(gradients, model.trainable_variables, strict=True)
        model.optimizer.apply_gradients(pairs, skip_gradients_aggregation=neighbour is not None)

    @tf.function  # type: ignore[untyped-decorator]
    def steps() -> None:
        for _ in tf.range(STEPS):
            if strategy:
                strategy.run(step)
            else:
                step()

    run: Callable[[], None] = steps
    return run


def main(network: str, rounds: int) -> None:
    """Print the medians of the first process."""
    with TemporaryDirectory() as folder:
        data_set(Path(folder), 512)
        told = {"network": network, "folder": folder, "rounds": rounds, "ports": free_ports(2)}
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.exchange", "--work", json.dumps(told | {"rank": rank})],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            for rank in range(2)
        ]  # fmt: skip
        found, _ = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    say(f"{network}, {found['parameters']:,} parameters, batch {BATCH} per process, ms a step, {rounds} rounds:")
    for name, each in found["clock"].items():
        used = statistics.median(found["processor"][name])
        say(
            f"  {name:9} {statistics.median(each):6.1f}   {min(each):.1f} to {max(each):.1f}, of a processor {used:.1f}"
        )
    for name in ("ring", "memory"):
        ratios = [one / both for one, both in zip(found["clock"]["alone"], found["clock"][name], strict=True)]
        say(f"  alone / {name}: {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exchange", description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, default="small")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is None:
        main(options.network, options.rounds)
    else:
        work = json.loads(options.work)
        environment.set_threads(threads=1, onednn=True)
        in_one_cluster(work["ports"], work["rank"])
        say(json.dumps(measured(work["rank"], work["network"], Path(work["folder"]), work["rounds"])))
