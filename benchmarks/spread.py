"""Two processes that train one model, beside two that train one each, and one process beside a hand-written loop.

`python -m benchmarks.spread [--network small|large] [--batch 128] [--rounds 5]` prints the median and the range of
ratios of interleaved rounds; about a minute and a half a round. The ceiling is what two trainings that know nothing of
each other reach together at the same batch per process: they share the machine's memory and caches, and no strategy can
be faster.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import BaseModel

from tasks.contracts import environment
from tasks.contracts.progress import say
from tasks.contracts.training import Fit, Speed
from tasks.data import columns
from tasks.data.columns import Dataset

VALIDATION, EPOCHS, STEPS_PER_CALL = 256, 3, 20
# Filters, and training rows: some seconds an epoch. The small one is that of presets/fashion_mnist.yaml.
NETWORKS = {"small": ([32, 64, 64], 25_600), "large": ([64, 128, 320], 7_680)}
MODES = {"ceiling": 2, "plain": 2, "ours": 2, "by hand": 1, "one worker": 1}
RATIOS = (("ours", "ceiling"), ("plain", "ceiling"), ("ours", "plain"), ("one worker", "by hand"))


class Work(BaseModel):
    """What the processes of a mode are told."""

    mode: str
    network: str
    batch: int
    data: Path
    ports: list[int]


def data_set(folder: Path, rows: int) -> Dataset:
    """Write random images as `preprocess` writes real ones; the speed of training does not know the difference."""
    random = np.random.default_rng(0)
    splits = {}
    for split, count in (("train", rows), ("validation", VALIDATION), ("test", VALIDATION)):
        image = random.integers(0, 256, (count, 28, 28, 1), np.uint8)
        shards = [{"image": image, "label": random.integers(0, 10, count).astype(np.int32)}]
        splits[split] = columns.write_split(folder, split, shards)
    facts = {
        "kind": "image_classification", "target": "label", "classes": [str(number) for number in range(10)],
        "inputs": {"image": {"shape": [28, 28, 1], "dtype": "uint8"}}, "normalisation": {"mean": 128, "std": 74.0},
        "attributes": [], "assets": {}, "splits": splits,
    }  # fmt: skip
    (folder / columns.DATASET).write_text(json.dumps(facts))
    return columns.load(folder)


def round_of(work: Work) -> float:
    """Return the examples a second of all processes of a mode together."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.spread", "--rank", str(rank), "--work", work.model_dump_json()],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for rank in range(MODES[work.mode])
    ]  # fmt: skip
    told: list[dict[str, float]] = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    rates = [one["rate"] for one in told]
    if work.mode == "ceiling":  # only the time in which both were at work counts
        begin, end = max(one["begin"] for one in told), min(one["end"] for one in told)
        assert end > begin, "the two trainings did not overlap"
    return sum(rates) if work.mode == "ceiling" else min(rates)


def measured(work: Work, rank: int) -> dict[str, float]:
    """Train as one process of a mode; return its examples a second, all epochs but the first, and when they were."""
    environment.set_threads(threads=1, onednn=True)
    shared = work.mode in {"plain", "ours"}
    if shared:
        addresses = [f"127.0.0.1:{port}" for port in work.ports]
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
        )
    import tensorflow as tf
    import tf_keras

    from tasks.contracts.architectures.conv_net import Train
    from tasks.models import saving
    from tasks.models.architectures import conv_net
    from tasks.models.fitting import fit
    from tasks.models.place import Place
    from tasks.models.seeding import seed

    class Clock(tf_keras.callbacks.Callback):  # type: ignore[misc]
        times: list[float] = []  # noqa: RUF012

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            Clock.times.append(time.time())

    target = columns.load(work.data)
    facts = saving.facts_of(target)
    ours = work.mode in {"ours", "one worker"}
    speed = Speed(
        gpus_per_worker=0, precision="float32", xla=False, accumulate=1, warm_up_steps=0,
        steps_per_call=STEPS_PER_CALL if ours else 1,
    )  # fmt: skip
    size, filters = 2 if shared else 1, NETWORKS[work.network][0]
    params = Fit(epochs=EPOCHS, batch_size=work.batch * size, learning_rate=1e-3, patience=EPOCHS, augment=None, seed=0)
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if shared else None
    section = Train(
        architecture="conv_net", tracked="requirements.lock", filters=filters, fit=params, workers=size, speed=speed
    )
    if ours:
        seed(0)
        place = Place(strategy, rank if shared else 0, size, speed)
        model = conv_net.build(section, facts)
        fit(model, target, facts, params, None, name=work.mode, callbacks=lambda: [Clock()], place=place)
    else:
        _by_hand(target, facts, section, params, strategy, Clock())
    seconds = Clock.times[-1] - Clock.times[0]
    rows = (EPOCHS - 1) * (target.rows("train") // params.batch_size) * params.batch_size
    return {"rate": rows / seconds, "begin": Clock.times[0], "end": Clock.times[-1]}


def _by_hand(target: Dataset, facts: Any, section: Any, params: Fit, strategy: Any, clock: Any) -> None:
    """What most would write: arrays in memory, tf.data, `model.fit`; under the strategy as its tutorial has it."""
    from contextlib import nullcontext

    import tensorflow as tf
    import tf_keras

    from tasks.models.architectures import conv_net

    images = ((target.column("train", "image").all().astype(np.float32) - facts.mean) / facts.std).astype(np.float32)
    labels = target.column("train", "label").all()
    with strategy.scope() if strategy else nullcontext():
        model = conv_net.build(section, facts)
        loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(tf_keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    rows = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels), seed=0)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    batches = rows.batch(params.batch_size, drop_remainder=True).with_options(options).prefetch(2)
    model.fit(batches, epochs=params.epochs, verbose=0, callbacks=[clock])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def main(network: str, batch: int, rounds: int) -> None:
    """Print the medians and the ratios."""
    with TemporaryDirectory() as folder:
        data_set(Path(folder), NETWORKS[network][1])
        rates: dict[str, list[float]] = {mode: [] for mode in MODES}
        for number in range(rounds):
            for mode in MODES:
                work = Work(mode=mode, network=network, batch=batch, data=Path(folder), ports=_free_ports(2))
                rates[mode].append(round_of(work))
            say(f"round {number + 1}: " + ", ".join(f"{mode} {found[-1]:,.0f}" for mode, found in rates.items()))
    say(f"{network}, batch {batch} per process, examples/s, median of {rounds} interleaved rounds:")
    for mode, each in rates.items():
        say(f"  {mode:12} {statistics.median(each):10,.0f}   {min(each):,.0f} to {max(each):,.0f}")
    for one, other in RATIOS:
        ratios = [mine / its for mine, its in zip(rates[one], rates[other], strict=True)]
        say(f"  {one} / {other}: {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, default="small")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is None:
        main(options.network, options.batch, options.rounds)
    else:
        say(json.dumps(measured(Work.model_validate_json(options.work), options.rank)))
