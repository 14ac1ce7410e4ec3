"""Candidate files of one model: precisions, then int8 kernels rounded ever more coarsely."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tasks.compression.finish.round_weights import Rounding
from tasks.core.errors import DataError
from tasks.core.progress import say
from tasks.data.records import Array
from tasks.tflite.file import File
from tasks.tflite.runtime import UserFile
from tasks.tflite.sizes import zip_bytes
from tasks.tflite.slim import slim

PRECISIONS = ("float32", "float16", "dynamic", "int8")
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

    def add_precisions(self, convert: Callable[[str], bytes]) -> None:
        """Add a slimmed file for each precision; float32, which the others are compared to, has to work.

        Raises:
            DataError: the model cannot be converted at all.
        """
        for precision in PRECISIONS:
            try:
                content = convert(precision)
            except DataError as error:
                if precision == "float32":
                    raise
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

    def _leave_out(self, name: str, error: DataError) -> None:
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
