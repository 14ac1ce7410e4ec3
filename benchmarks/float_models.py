"""The float models that are compressed side by side: those of two lines, and one that Trimline did not train."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from PIL import Image

from benchmarks.processes import clean_clone, dvc, run
from tasks.data import columns
from tasks.data.records import Array

CALIBRATION_ROWS = 400
FASHION = Path("/usr/share/datasets/fashion-mnist")
# A folder with weights/mobilenetv2_a035_imagenet_notop.npz and vision/clothing96_cc0.zip.
DATA = "TRIMLINE_BENCH_DATA"


@dataclass(frozen=True)
class FloatModel:
    """A model with what it is calibrated and measured on.

    Attributes:
        name: of the model.
        model: of tf_keras; it gives scores of classes.
        calibration, rows: as the model takes them, (rows, ...) of float32.
        labels: of `rows`, (rows,).
    """

    name: str
    model: Any
    calibration: Array
    rows: Array
    labels: Array


@contextmanager
def tuned_line(preset: str | None = None) -> Iterator[Path]:
    """Yield a clone in which a line, the default one or a preset's, has been run up to its tuned model."""
    with clean_clone() as clone:
        if preset:
            (clone / "params.yaml").write_bytes((clone / f"presets/{preset}.yaml").read_bytes())
            run(dvc("repro", "ingest"), clone)
            run([sys.executable, "-m", "flows.cli", "schema", "--replace"], clone)
        run(dvc("repro", "fine_tune"), clone)
        yield clone


def of_line(name: str, folder: Path) -> FloatModel:
    """Return the tuned model of a line with its own rows."""
    from tasks.models import saving

    model, metadata = saving.load(folder / "models/tuned")
    data = columns.load(folder / "data/ready/target")
    train = data.column("train", "image")

    def normalised(images: Array) -> Array:
        return np.asarray((images.astype(np.float32) - metadata.mean) / np.float32(metadata.std))

    test = data.column("test", "image").all()
    return FloatModel(
        name, model, normalised(train.take(_chosen(len(train)))), normalised(test), data.column("test", "label").all()
    )


def mobilenet(data: Path) -> FloatModel:
    """Return MobileNetV2 0.35, trained on ImageNet, with a logistic regression on ten kinds of clothing as its head."""
    import tasks.models.quiet_tensorflow  # noqa: F401, I001  (before tf_keras: it starts TensorFlow quietly)
    from sklearn.linear_model import LogisticRegression
    from tf_keras import Model, applications, layers

    base = applications.MobileNetV2((96, 96, 3), alpha=0.35, include_top=False, weights=None, pooling="avg")
    with np.load(data / "weights/mobilenetv2_a035_imagenet_notop.npz") as file:
        for weight in base.weights:
            weight.assign(file[weight.name] if weight.name in file else file[weight.name.removesuffix(":0")])
    images, labels = _clothing(data / "vision/clothing96_cc0.zip", "train")
    head = LogisticRegression(C=0.1, max_iter=2000).fit(base.predict(images, verbose=0), labels)
    dense = layers.Dense(len(head.classes_), name="head")
    model = Model(base.input, dense(base.output))
    dense.set_weights([head.coef_.T, head.intercept_])
    rows, truth = _clothing(data / "vision/clothing96_cc0.zip", "test")
    more, also = _clothing(data / "vision/clothing96_cc0.zip", "validation")
    return FloatModel(
        "MobileNetV2 0.35 with a linear head (clothing)", model, images[_chosen(len(images))],
        np.concatenate([rows, more]), np.concatenate([truth, also]),
    )  # fmt: skip


def _clothing(archive: Path, split: str) -> tuple[Array, Array]:
    """Return images as the network takes them, (rows, 96, 96, 3) in -1 to 1, and class indices."""
    with ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if f"{split}/" in name and name.endswith(".jpg"))
        images = [np.asarray(Image.open(BytesIO(file.read(name))).convert("RGB")) for name in names]
    classes = sorted({name.split("/")[-2] for name in names})
    labels = np.array([classes.index(name.split("/")[-2]) for name in names])
    return np.stack(images).astype(np.float32) / 127.5 - 1, labels


def _chosen(rows: int) -> Array:
    return np.sort(np.random.default_rng(0).choice(rows, min(CALIBRATION_ROWS, rows), replace=False))
