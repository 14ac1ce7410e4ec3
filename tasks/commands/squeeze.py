"""Compresses a user's model without training: `trimline squeeze MODEL --samples X.npz --max-size BYTES`."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.compression.candidates import Candidates, is_int8
from tasks.core import environment
from tasks.core.errors import ParamsError, StageError
from tasks.core.files import replacing
from tasks.core.progress import say
from tasks.data import user_samples as own_samples
from tasks.data.user_samples import Samples
from tasks.metrics.quality import Quality, quality_of
from tasks.reporting.squeezed import CONFIDENCE, Measured, squeezed_table
from tasks.tflite import measure
from tasks.tflite.runtime import UserFile
from tasks.tflite.sizes import zip_bytes
from tasks.tflite.slim import slim

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
                do="raise --max-size or --max-drop, or train the model for it: docs/how-to/own-model.md",
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
        raise ParamsError(got=f"--output {options.output}", expected="a file of its own", do="choose another name")


def _make(candidates: Candidates, options: Options, given: Samples, test: Samples | None) -> Samples:
    """Make the candidates; return the rows to measure on, as real values."""
    if options.model.suffix == ".tflite":
        first = UserFile(options.model)
        calibration, measuring = _rows(first, options, given, test)
        _add_given(candidates, options, calibration)
        return measuring
    from tasks.models.user_model import load_user_model

    model = load_user_model(options.model)
    with tempfile.TemporaryDirectory() as folder:
        float32 = Path(folder) / "model.tflite"
        float32.write_bytes(model.convert("float32", given.x[:0]))
        calibration, measuring = _rows(UserFile(float32), options, given, test)
    candidates.add_precisions(lambda precision: model.convert(precision, calibration.x))
    if "int8" in candidates.files:
        candidates.add_rounded("int8", calibration.x, options.max_size)
    return measuring


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
