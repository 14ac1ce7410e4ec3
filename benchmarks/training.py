"""Networks and data that the measurements of training share, and clusters of processes that train together."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.params.training import Fit, Speed
from tasks.data import columns
from tasks.data.columns import Dataset
from tasks.data.shards import write_split

VALIDATION, EPOCHS, STEPS_PER_CALL = 256, 3, 20
NETWORKS = {"small": [32, 64, 64], "large": [64, 128, 320]}  # filters; the small one is presets/fashion_mnist.yaml's
ROWS = {"small": 25_600, "large": 7_680}  # some seconds an epoch


def data_set(folder: Path, rows: int) -> Dataset:
    """Write random images as `preprocess` writes real ones; the speed of training does not know the difference."""
    random = np.random.default_rng(0)
    splits = {}
    for split, count in (("train", rows), ("validation", VALIDATION), ("test", VALIDATION)):
        image = random.integers(0, 256, (count, 28, 28, 1), np.uint8)
        shards = [{"image": image, "label": random.integers(0, 10, count).astype(np.int32)}]
        splits[split] = write_split(folder, split, shards)
    metadata = {
        "kind": "image_classification", "target": "label", "classes": [str(number) for number in range(10)],
        "inputs": {"image": {"shape": [28, 28, 1], "dtype": "uint8"}}, "normalisation": {"mean": 128, "std": 74.0},
        "attributes": [], "assets": {}, "splits": splits,
    }  # fmt: skip
    (folder / columns.DATASET).write_text(json.dumps(metadata))
    return columns.load(folder)


def section_of(network: str, batch: int, workers: int) -> Any:
    """Return the section `train` of a network, for a batch of all workers together."""
    from tasks.models.architectures.conv_net import Train

    speed = Speed(
        gpus_per_worker=0, precision="float32", xla=False, accumulate=1, warm_up_steps=0, steps_per_call=STEPS_PER_CALL
    )
    params = Fit(epochs=EPOCHS, batch_size=batch, learning_rate=1e-3, patience=EPOCHS, augment=None, seed=0)
    return Train(
        architecture="conv_net", tracked="plan/train.json", data="base", filters=NETWORKS[network], fit=params,
        workers=workers, speed=speed,
    )  # fmt: skip


def in_one_cluster(ports: list[int], rank: int) -> None:
    """Make this process one of a cluster of TensorFlow's on this machine, before TensorFlow is imported."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": rank}})


def free_ports(count: int) -> list[int]:
    """Return ports of this host that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
