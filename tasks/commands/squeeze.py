"""Compresses a user's model without training: `trimline squeeze MODEL --samples X.npz --max-size BYTES`."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.compression.finish.round_weights import Rounding
from tasks.core import environment
from tasks.core.errors import DataError, ParamsError, StageError, TrimlineError
from tasks.core.files import replacing
from tasks.core.isolation import ProcessEnded, RestartedProcess
from tasks.core.progress import say
from tasks.data import user_samples as own_samples
from tasks.data.records import Array
from tasks.data.user_samples import Samples
from tasks.metrics.bootstrap import accuracy_drop
from tasks.reporting.results import CONFIDENCE, Measured, squeezed_table
from tasks.tflite import measure
from tasks.tflite.file import File
from tasks.tflite.runtime import UserFile
from tasks.tflite.sizes import zip_bytes
from tasks.tflite.slim import slim

PROBABILITY_TOLERANCE = 0.05  # of the sum of a quantized softmax


@dataclass(frozen=True)
class Quality:
    """A measure, with the answers of the model that is the reference.

    Attributes:
        name: accuracy (labels are there), agreement (the outputs are probabilities: the same class is the likeliest),
            or fidelity (of other outputs: 1 less the error's root mean square, relative to the outputs' deviation).
        reference: outputs of the reference, (rows, ...).
        labels: (rows,), None where there are none.
    """

    name: Literal["accuracy", "agreement", "fidelity"]
    reference: Array
    labels: Array | None

    def score(self, outputs: Array) -> float:
        """Return the measure for the outputs on the same rows; 1 is best."""
        if self.name == "accuracy":
            return float((self._classes(outputs) == self.labels).mean())
        if self.name == "agreement":
            return float((self._classes(outputs) == self._classes(self.reference)).mean())
        return 1 - float(np.sqrt(np.square(outputs - self.reference).mean())) / deviation(self.reference)

    def drop(self, outputs: Array) -> float:
        """Return what is lost against the reference; negative where the outputs are better."""
        return self.score(self.reference) - self.score(outputs)

    def drop_interval(self, outputs: Array, confidence: float) -> list[float] | None:
        """Return the paired interval of the drop; None for fidelity, which is no share of rows."""
        if self.name == "fidelity":
            return None
        truth = self.labels if self.labels is not None else self._classes(self.reference)
        right, own = self._classes(self.reference) == truth, self._classes(outputs) == truth
        interval: list[float] = accuracy_drop(right, own, confidence)["accuracy_drop_interval"]
        return interval

    def _classes(self, outputs: Array) -> Array:
        if outputs.shape[1] > 1:
            return np.asarray(outputs.argmax(axis=1))
        within = self.reference.min() >= 0 and self.reference.max() <= 1  # a sigmoid's, else logits
        return np.asarray(outputs[:, 0] > (0.5 if within else 0), np.int64)


def quality_of(reference: Array, labels: Array | None) -> Quality:
    """Choose the measure for a model by its outputs, (rows, ...), and its labels.

    Raises:
        DataError: the outputs are the same for all rows, or labels are given and the outputs are no scores of classes.
    """
    if labels is not None:
        if reference.ndim != 2:
            raise DataError(
                got=f"labels, and outputs of shape {reference.shape[1:]} for each row",
                expected="a score for each class",
                do="leave y out: the files are then compared with the float model",
            )  # fmt: skip
        return Quality("accuracy", reference, labels)
    if not deviation(reference):
        raise DataError(
            got="the same outputs for all rows", do="prepare the samples as for the model's training",
        )  # fmt: skip
    return Quality("agreement" if are_probabilities(reference) else "fidelity", reference, None)


def deviation(outputs: Array) -> float:
    """Return the root mean square of the outputs around their mean."""
    return float(np.sqrt(np.square(outputs - outputs.mean(axis=0)).mean()))


def are_probabilities(outputs: Array) -> bool:
    """Whether the outputs of each row, (rows, classes), are those of a softmax."""
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        return False
    return bool(outputs.min() >= 0 and np.abs(outputs.sum(axis=1) - 1).max() < PROBABILITY_TOLERANCE)


FLOAT32 = "float32"  # all others are compared to it
PRECISIONS = ("float16", "dynamic", "int8")
PRELOADED = ["tasks.models.user_model", "tasks.commands.squeeze"]
CRASH_REMEDY = "replace the layers that TensorFlow's converter crashes on; recurrent ones with `unroll=True` often work"
NOISE_LADDER = (1e-8, 1e-7, 1e-6, 1e-5)
BISECTIONS = 4


class Candidates:
    """A folder with a file for each candidate.

    Attributes:
        files: by the candidate's name.
        left_out: why a candidate could not be made or run, by its name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, Path] = {}
        self.left_out: dict[str, str] = {}

    def add(self, name: str, content: bytes) -> int:
        """Write a candidate and return the bytes of its zip."""
        self.files[name] = self._folder / f"{name}.tflite"
        self.files[name].write_bytes(content)
        return zip_bytes(content)

    def add_precisions(self, float32: bytes, convert: Callable[[str], bytes]) -> None:
        """Add a slimmed file for each precision, as far as the converter can make one.

        Args:
            float32: the file that the others are compared to.
            convert: to another precision; its refusal, or its death, leaves that one out.
        """
        for precision in (FLOAT32, *PRECISIONS):
            try:
                content = float32 if precision == FLOAT32 else convert(precision)
            except (DataError, ProcessEnded) as error:
                self._leave_out(precision, error)
                continue
            self.add(precision, slim(content))
            say(f"{precision}: made")

    def add_rounded(self, name: str, rows: Array, max_zip_bytes: int) -> None:
        """Add coarser roundings of an int8 candidate, closing in on the finest that fits.

        Args:
            name: of the int8 candidate.
            rows: calibration rows as floats, (rows, ...).
            max_zip_bytes: that the zip may have.
        """
        rounding, prefix = Rounding(self.files[name].read_bytes(), rows), "int8" if name == "given" else name
        zips: dict[float, int] = {}
        for noise in NOISE_LADDER:
            zips[noise] = self._add_one(prefix, rounding, noise)
            if zips[noise] <= max_zip_bytes:
                break  # a coarser one would lose more
        for _ in range(BISECTIONS):
            fitting = [noise for noise, size in zips.items() if size <= max_zip_bytes]
            coarser = min(fitting, default=None)
            finer = max((noise for noise in zips if coarser is None or noise < coarser), default=None)
            if coarser is None or finer is None:  # none fits, or the finest does
                return
            middle = float(f"{np.sqrt(coarser * finer):.1e}")
            if middle in zips:
                return
            zips[middle] = self._add_one(prefix, rounding, middle)

    def runnable(self) -> dict[str, UserFile]:
        """Load the candidates, and leave those out that LiteRT cannot run.

        Raises:
            DataError: it cannot run the first, which the others are compared to.
        """
        loaded: dict[str, UserFile] = {}
        for name, path in self.files.items():
            try:
                loaded[name] = UserFile(path)
            except DataError as error:
                if not loaded:
                    raise
                self._leave_out(name, error)
        return loaded

    def _leave_out(self, name: str, error: TrimlineError) -> None:
        self.left_out[name] = error.got
        say(f"{name}: left out, {error.got}")

    def _add_one(self, prefix: str, rounding: Rounding, noise: float) -> int:
        rounded = slim(rounding.at(noise))
        size = self.add(f"{prefix} rounded {noise:.1e}", rounded)
        say(f"{prefix} rounded {noise:.1e}: {size:,} zip bytes")
        return size


def is_int8(content: bytes) -> bool:
    """Whether a file has operators with int8 inputs and int8 kernels."""
    return any(_is_int8(File(content)))


def _is_int8(file: File) -> Iterator[bool]:
    for operator in file.weighted():
        yield file.dtype(operator.kernel) == np.int8 and file.dtype(operator.inputs) == np.int8


WARM_UP_RUNS, RUNS = 10, 100
DESCRIPTION = """\
Compress a model of yours without training it. Files of several precisions are made, int8 kernels are rounded ever more
coarsely, and each file is measured on samples that it was not calibrated on. The file that loses least within
--max-size is written."""


@dataclass(frozen=True)
class Options:
    """What the user asks for.

    Attributes:
        model: a Keras file, a SavedModel's folder, or a `.tflite` file.
        samples: an `.npz` file.
        test: an `.npz` file of the rows to measure on; without one, part of `samples`.
        max_size: bytes of the zip (deflate) of the file: what travels to the device.
        max_drop: of accuracy, agreement or fidelity.
        output: to be written.
    """

    model: Path
    samples: Path
    test: Path | None
    max_size: int
    max_drop: float
    output: Path


def squeeze(options: Options) -> None:
    """Write the best candidate.

    Raises:
        DataError: the model or the samples are not taken.
        ParamsError: an option makes no sense.
        StageError: no candidate keeps the bounds; nothing is written.
    """
    _require_sensible(options)
    given = own_samples.load(options.samples)
    test = own_samples.load(options.test) if options.test else None
    with tempfile.TemporaryDirectory() as folder:
        candidates = Candidates(Path(folder))
        measuring = _make(candidates, options, given, test)
        quality, measured = _measure(candidates, measuring)
        inside = [one for one in measured if not one.broken(options.max_size, options.max_drop)]
        best = min(inside, key=lambda one: (max(one.drop, 0), one.zip_bytes), default=None)
        say(squeezed_table(measured, best, options.max_size, options.max_drop, quality.name, len(quality.reference)))
        if best is None:
            raise StageError(
                got="no candidate within the bounds:\n  "
                + "\n  ".join(
                    [f"{one.name}: {', '.join(one.broken(options.max_size, options.max_drop))}" for one in measured]
                    + [f"{name}: left out, {reason}" for name, reason in candidates.left_out.items()]
                ),
                expected=f"at most {options.max_size:,} zip bytes and a drop of {options.max_drop:g}",
                do="raise --max-size or --max-drop, or train the model for compression: docs/how-to/own-model.md",
            )
        with replacing(options.output) as partial:
            partial.write_bytes(candidates.files[best.name].read_bytes())
    say(f"{options.output}: {best.name}, {best.zip_bytes:,} zip bytes ({best.size_bytes:,} on the device)")


def _require_sensible(options: Options) -> None:
    if options.max_size <= 0 or not 0 <= options.max_drop < 1:
        raise ParamsError(
            got=f"--max-size {options.max_size} --max-drop {options.max_drop}",
            expected="a size over 0 and a drop from 0 to under 1", do="correct the options",
        )  # fmt: skip
    if options.output.resolve() == options.model.resolve() or options.output.is_dir():
        raise ParamsError(
            got=f"--output {options.output}", expected="a path that is none of the inputs", do="choose another name"
        )


def _make(candidates: Candidates, options: Options, given: Samples, test: Samples | None) -> Samples:
    """Make the candidates; return the rows to measure on, as real values."""
    if options.model.suffix == ".tflite":
        first = UserFile(options.model)
        calibration, measuring = _rows(first, options, given, test)
        _add_given(candidates, options, calibration)
        return measuring
    with RestartedProcess(PRELOADED, "the conversion", CRASH_REMEDY) as process:

        def convert(precision: str, rows: Array) -> bytes:
            content, notes = process.compute(converted, options.model, precision, rows)
            for note in notes if precision == FLOAT32 else []:
                say(f"{options.model}: {note}")
            return bytes(content)

        float32 = convert(FLOAT32, given.x[:0])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "model.tflite").write_bytes(float32)
            calibration, measuring = _rows(UserFile(Path(folder) / "model.tflite"), options, given, test)
        candidates.add_precisions(float32, lambda precision: convert(precision, calibration.x))
    if "int8" in candidates.files:
        candidates.add_rounded("int8", calibration.x, options.max_size)
    return measuring


def converted(path: Path, precision: str, rows: Array) -> tuple[bytes, list[str]]:
    """Return the file of a precision of a user's model, and what was changed in the model for that.

    It is for a process of its own: TensorFlow's converter may crash, and the caller needs no TensorFlow.
    """
    model = _loaded(path, rows.shape[1:])
    return model.convert(precision, rows), model.notes


@lru_cache(maxsize=1)
def _loaded(path: Path, row_shape: tuple[int, ...]) -> Any:
    from tasks.models.user_model import load_user_model

    return load_user_model(path, row_shape)


def _rows(file: UserFile, options: Options, given: Samples, test: Samples | None) -> tuple[Samples, Samples]:
    """Return calibration rows and measuring rows, as real values of the shape that the model takes."""
    classes = max(2, file.output_shape[-1])
    own_samples.require_fit(given, file.row_shape, classes, str(options.samples))
    given = Samples(file.real(given.x), given.y)
    if test is None:
        return own_samples.split(given)
    own_samples.require_fit(test, file.row_shape, classes, str(options.test))
    test = Samples(file.real(test.x), test.y)
    return own_samples.calibration_beside(given, test, str(options.test)), test


def _add_given(candidates: Candidates, options: Options, calibration: Samples) -> None:
    content = options.model.read_bytes()
    candidates.add("given", content)
    candidates.add("given, slim", slim(content))
    if is_int8(content):
        candidates.add_rounded("given", calibration.x, options.max_size)
    else:
        say("a .tflite file of floats is slimmed and measured, no more: int8 would need the model that it came from")


def _measure(candidates: Candidates, rows: Samples) -> tuple[Quality, list[Measured]]:
    """Measure every candidate against the first; they are timed in turn."""
    files = candidates.runnable()
    outputs = {name: file.answers(rows.x) for name, file in files.items()}
    quality = quality_of(next(iter(outputs.values())), rows.y)
    timed = measure.in_turn([file.once({"x": rows.x}) for file in files.values()], WARM_UP_RUNS, RUNS)
    return quality, [
        Measured(
            name, quality.score(outputs[name]), quality.drop(outputs[name]),
            quality.drop_interval(outputs[name], CONFIDENCE), candidates.files[name].stat().st_size,
            zip_bytes(candidates.files[name].read_bytes()), measure.latency_summary(taken),
        )
        for name, taken in zip(files, timed, strict=True)
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline squeeze` and return its exit status."""
    example = "trimline squeeze model.h5 --samples samples.npz --max-size 100000"
    parser = parser_of("squeeze", DESCRIPTION, example)
    parser.add_argument("model", type=Path, help="an .h5 or .keras file of tf_keras, a SavedModel, or a .tflite file")
    parser.add_argument("--samples", type=Path, required=True, metavar="FILE.npz", help="x (rows, ...), and y if known")
    parser.add_argument("--test", type=Path, metavar="FILE.npz", help="rows to measure on; else a part of the samples")
    parser.add_argument(
        "--max-size", type=int, required=True, metavar="BYTES",
        help="of the zip of the file, which is what travels: rounding lowers it, and leaves the bytes on the device",
    )  # fmt: skip
    parser.add_argument("--max-drop", type=float, default=0.01, help="of accuracy; without y, of the likeness to float")
    parser.add_argument("--output", type=Path, default=Path("squeezed.tflite"), metavar="FILE.tflite")
    options = Options(**vars(parser.parse_args(arguments)))
    environment.set_threads(threads=1, onednn=False)
    return guarded(lambda: squeeze(options), "squeeze")


if __name__ == "__main__":
    sys.exit(main())
