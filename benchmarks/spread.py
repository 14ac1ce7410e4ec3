"""Two processes that train one model, beside two that train one each, and one process beside a hand-written loop.

`python -m benchmarks.spread [--network small|large] [--batch 128] [--rounds 5] [--modes MODE ...]` prints the median
and the range of ratios of interleaved rounds; two to three minutes a round of all modes. The ceiling is what two
trainings that know nothing of each other reach together at the same batch per process: they share the machine's memory
and caches, and no strategy can be faster.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import BaseModel

from benchmarks.training import EPOCHS, NETWORKS, ROWS, VALIDATION, data_set, free_ports, in_one_cluster, section_of
from tasks.core import environment
from tasks.core.params.training import Fit
from tasks.core.progress import say
from tasks.data import columns
from tasks.data.columns import Dataset
from tasks.data.records import Array, SplitName

MODES = {"ceiling": 2, "plain": 2, "ours": 2, "by hand": 1, "one worker": 1}
RATIOS = (("ours", "ceiling"), ("plain", "ceiling"), ("ours", "plain"), ("one worker", "by hand"))


class Work(BaseModel):
    """What the processes of a mode are told."""

    mode: str
    network: str
    batch: int
    data: Path
    ports: list[int]


def round_of(work: Work) -> tuple[float, float]:
    """Return the examples a second of all processes of a mode together, and the processor's microseconds for one."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.spread", "--rank", str(rank), "--work", work.model_dump_json()],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for rank in range(MODES[work.mode])
    ]  # fmt: skip
    told: list[dict[str, float]] = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    rates, used = [one["rate"] for one in told], statistics.mean(one["used"] for one in told)
    if work.mode == "ceiling":  # only the time in which both were at work counts
        begin, end = max(one["begin"] for one in told), min(one["end"] for one in told)
        assert end > begin, "the two trainings did not overlap"
    return sum(rates) if work.mode == "ceiling" else min(rates), used


def measured(work: Work, rank: int) -> dict[str, float]:
    """Train as one process of a mode; return its examples a second, all epochs but the first, and when they were."""
    environment.set_threads(threads=1, onednn=True)
    shared = work.mode in {"plain", "ours"}
    if shared:
        in_one_cluster(work.ports, rank)
    import tensorflow as tf
    import tf_keras

    from tasks.models import saving
    from tasks.models.architectures import conv_net
    from tasks.models.learning_task import IMAGES, LearningTask
    from tasks.models.strategy import ReplicaContext
    from tasks.models.training_loop import fit, seed

    class Clock(tf_keras.callbacks.Callback):  # type: ignore[misc]
        times: list[float] = []  # noqa: RUF012
        used: list[float] = []  # noqa: RUF012

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            Clock.times.append(time.time())
            Clock.used.append(time.process_time())

    target = columns.load(work.data)
    metadata = saving.metadata_of(target)
    ours = work.mode in {"ours", "one worker"}
    size = 2 if shared else 1
    section = section_of(work.network, work.batch * size, size)
    strategy, params = tf.distribute.MultiWorkerMirroredStrategy() if shared else None, section.fit
    if ours:
        seed(0)
        replica = ReplicaContext(strategy, rank if shared else 0, size, section.speed)
        model = conv_net.build(section, metadata)
        fit(
            model,
            target,
            LearningTask(IMAGES, metadata),
            params,
            None,
            name=work.mode,
            callbacks=lambda: [Clock()],
            replica=replica,
        )
    else:
        _by_hand(target, metadata, section, params, strategy, Clock())
    seconds = Clock.times[-1] - Clock.times[0]
    rows = (EPOCHS - 1) * (target.rows("train") // params.batch_size) * params.batch_size
    used = 1e6 * (Clock.used[-1] - Clock.used[0]) / (rows / size)
    return {"rate": rows / seconds, "used": used, "begin": Clock.times[0], "end": Clock.times[-1]}


def _by_hand(target: Dataset, metadata: Any, section: Any, params: Fit, strategy: Any, clock: Any) -> None:
    """What most would write: arrays in memory, tf.data, `model.fit`; under the strategy as its tutorial has it."""
    from contextlib import nullcontext

    import tensorflow as tf
    import tf_keras

    from tasks.models.architectures import conv_net

    def arrays(split: SplitName) -> tuple[Array, Array]:
        images = (target.column(split, "image").all().astype(np.float32) - metadata.mean) / metadata.std
        return images.astype(np.float32), target.column(split, "label").all()

    with strategy.scope() if strategy else nullcontext():
        model = conv_net.build(section, metadata)
        loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(tf_keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    rows, held = map(tf.data.Dataset.from_tensor_slices, (arrays("train"), arrays("validation")))
    rows = rows.shuffle(target.rows("train"), seed=0).batch(params.batch_size, drop_remainder=True)
    batches, held = rows.with_options(options).prefetch(2), held.batch(VALIDATION).with_options(options)
    model.fit(batches, epochs=params.epochs, verbose=0, validation_data=held, callbacks=[clock])


def main(network: str, batch: int, rounds: int, modes: list[str]) -> None:
    """Print the medians and the ratios."""
    rates: dict[str, list[float]] = {mode: [] for mode in modes}
    used: dict[str, list[float]] = {mode: [] for mode in modes}
    with TemporaryDirectory() as folder:
        data_set(Path(folder), ROWS[network])
        for number in range(rounds):
            for mode in modes:
                work = Work(mode=mode, network=network, batch=batch, data=Path(folder), ports=free_ports(2))
                for kept, value in zip((rates, used), round_of(work), strict=True):
                    kept[mode].append(value)
            say(f"round {number + 1}: " + ", ".join(f"{mode} {found[-1]:,.0f}" for mode, found in rates.items()))
    say(f"{network}, batch {batch} per process, examples/s, median of {rounds} interleaved rounds:")
    for mode, each in rates.items():
        processor = f"{statistics.median(used[mode]):.0f} us of a processor"
        say(f"  {mode:12} {statistics.median(each):10,.0f}   {min(each):,.0f} to {max(each):,.0f}   {processor}")
    for one, other in RATIOS:
        if one in rates and other in rates:
            ratios = [mine / its for mine, its in zip(rates[one], rates[other], strict=True)]
            say(f"  {one} / {other}: {statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=NETWORKS, default="small")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--modes", choices=MODES, nargs="+", default=list(MODES))
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is None:
        main(options.network, options.batch, options.rounds, options.modes)
    else:
        say(json.dumps(measured(Work.model_validate_json(options.work), options.rank)))
