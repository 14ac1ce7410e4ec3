"""Post-training quantization side by side: ours, ai-edge-quantizer and the plain converter, on the same float models.

All get the same float file and calibration rows and are measured on the same test rows; they are timed in turn. No
technique here trains or sees a label. ai-edge-quantizer has an environment of its own (`benchmarks/peer`).
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.float_models import DATA, FASHION, FloatModel, mobilenet, of_line, tuned_line
from benchmarks.processes import ROOT
from tasks.compression.finish.round_weights import Rounding
from tasks.data.records import Array
from tasks.reporting.results import markdown_table
from tasks.tflite.measure import in_turn
from tasks.tflite.runtime import UserFile
from tasks.tflite.sizes import zip_bytes
from tasks.tflite.slim import slim

PEER = ROOT / "benchmarks/peer"
NOISES = (1e-8, 3e-8, 5e-8, 1e-7, 3e-7, 1e-6)
WARM_UP_RUNS, RUNS = 20, 300


def main(say: Callable[[str], None]) -> None:
    """Print a table for each model whose data are there."""
    with tuned_line() as folder:
        show(say, of_line("default line (digits)", folder))
    if FASHION.exists():
        with tuned_line("fashion_mnist") as folder:
            show(say, of_line("Fashion-MNIST", folder))
    else:
        say(f"\nFashion-MNIST: left out, {FASHION} is not there")
    if (data := os.environ.get(DATA)) is not None:
        show(say, mobilenet(Path(data)))
    else:
        say(f"\nMobileNetV2: left out; {DATA} names no folder with weights/ and vision/")


def show(say: Callable[[str], None], model: FloatModel) -> None:
    """Print the table of a model."""
    with TemporaryDirectory() as folder:
        files = _files(model, Path(folder))
        say(f"\n{model.name}, {len(model.rows):,} test rows, {len(model.calibration)} calibration rows\n")
        say(_table(files, model))


def _files(model: FloatModel, folder: Path) -> dict[str, Path]:
    from tasks.models.user_model import UserModel

    own = UserModel(folder / "model", model.model, softmax=False)
    contents = {
        f"converter {name}": own.convert(name, model.calibration) for name in ("float32", "float16", "dynamic", "int8")
    }
    rounding = Rounding(contents["converter int8"], model.calibration)
    for noise in NOISES:
        contents[f"ours, {noise:g} noise per bit"] = slim(rounding.at(noise))
    files = {}
    for name, content in contents.items():
        files[name] = folder / f"{name}.tflite"
        files[name].write_bytes(content)
    return files | _of_peer(files["converter float32"], model.calibration, folder)


def _of_peer(float32: Path, calibration: Array, folder: Path) -> dict[str, Path]:
    np.save(folder / "rows.npy", calibration)
    command = [_peer_python(), PEER / "quantize.py", float32, folder / "rows.npy", folder / "peer"]
    subprocess.run(command, check=True, capture_output=True)
    names = ("static_int8", "dynamic_int8", "dynamic_int4")
    return {f"ai-edge-quantizer {name.replace('_', ' ')}": folder / f"peer/{name}.tflite" for name in names}


def _peer_python() -> Path:
    """Make the peer's environment from its lock, once."""
    python = ROOT / ".trimline/peer/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        install = ["uv", "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run([*map(str, install), PEER / "requirements.lock"], check=True, env=os.environ | {"PATH": path})
    return python


def _table(files: dict[str, Path], model: FloatModel) -> str:
    loaded = {name: UserFile(path) for name, path in files.items()}
    right = {name: file.answers(model.rows).argmax(axis=1) == model.labels for name, file in loaded.items()}
    sizes = {name: zip_bytes(path.read_bytes()) for name, path in files.items()}
    medians = [
        np.median(taken) / 1000
        for taken in in_turn([file.once({"x": model.rows}) for file in loaded.values()], WARM_UP_RUNS, RUNS)
    ]
    points = {name: (sizes[name], float(right[name].mean())) for name in files}
    shown: list[tuple[str, ...]] = [("file", "accuracy", "bytes", "zip bytes", "int8 / own", "median us", "front")]
    for name, microseconds in sorted(zip(files, medians, strict=True), key=lambda item: -sizes[item[0]]):
        beaten = any(
            size <= sizes[name] and accuracy >= points[name][1] and (size, accuracy) != points[name]
            for size, accuracy in points.values()
        )
        shown.append((
            name, f"{points[name][1]:.2%}", f"{files[name].stat().st_size:,}", f"{sizes[name]:,}",
            f"{sizes['converter int8'] / sizes[name]:.2f}", f"{microseconds:.1f}", "" if beaten else "yes",
        ))  # fmt: skip
    return markdown_table(shown)
