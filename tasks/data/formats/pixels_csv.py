"""Comma-separated files, gzipped or not, without a header: a row's pixels, then its label."""

import gzip
import math
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.data.images import ImageParams
from tasks.data.records import BadRow, Chunk


def parts(folder: Path, params: ImageParams) -> list[Path]:
    """Return what can be read by itself: the files.

    Raises:
        DataError: there is no CSV file.
    """
    beside = folder / (params.attributes or "")
    files = sorted(path for path in folder.rglob("*") if path.name.endswith((".csv", ".csv.gz")) and path != beside)
    if not files:
        raise DataError(
            got=f"no CSV file among {sorted(path.name for path in folder.rglob('*'))[:5]}",
            expected="a .csv or .csv.gz file",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    return files


def chunks(path: Path, params: ImageParams) -> Iterator[Chunk]:
    """Yield the rows of a file; one that is not square, or has a cell that is no number, is unreadable.

    Raises:
        DataError: the file is not gzip or text.
    """
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            numbered = enumerate(lines, start=1)
            while block := list(islice(numbered, params.shard_rows)):
                yield _chunk(path.name, block, params.image_shape[2])
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(
            got=f"{path.name}: {error}", expected="text, or gzipped text", do="get it from its source again"
        ) from None


def _chunk(file: str, block: list[tuple[int, str]], channels: int) -> Chunk:
    rows, labels, sources, unreadable = [], [], [], []
    length = _usual_length([line for _, line in block])
    side = max(1, math.isqrt(length // channels))
    for number, line in block:
        source = f"{file}:{number}"
        *cells, label = line.strip().split(",")
        if len(cells) != length or side * side * channels != length:
            unreadable.append(BadRow(source, f"missing column: {len(cells)} pixels and a label, expected {length}"))
            continue
        try:
            rows.append(np.array(cells, dtype=np.float32))
        except ValueError as error:
            unreadable.append(BadRow(source, f"unreadable: {error}"))
            continue
        labels.append(_class_name(label))
        sources.append(source)
    images = np.array(rows, np.float32).reshape(-1, side, side, channels)
    columns = {"image": images, "label": np.array(labels, np.str_)}
    return Chunk(columns, np.array(sources, np.str_), None, unreadable)


def _usual_length(lines: list[str]) -> int:
    """Return the number of pixels that most rows have."""
    return int(np.bincount([line.count(",") for line in lines]).argmax())


def _class_name(label: str) -> str:
    """Write the label 3, 3.0 or 3.0e0 as "3"; leave words as they are."""
    try:
        number = float(label)
    except ValueError:
        return label.strip()
    return str(int(number)) if number.is_integer() else label.strip()
