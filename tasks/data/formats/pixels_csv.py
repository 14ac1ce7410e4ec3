"""Comma-separated files, gzipped or not, without a header: a row's pixels, then its label."""

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from tasks.core.errors import DataError
from tasks.data.images import ImageParams
from tasks.data.names import COMPRESSED, name_of, suffix_of
from tasks.data.records import BadRow, Chunk
from tasks.data.text_lines import FileChunk, count_lines, lines_of

UNIT, units = "lines", count_lines


def files(folder: Path, params: ImageParams) -> list[Path]:
    """Return the files of the format.

    Raises:
        DataError: there is no CSV file.
    """
    beside = folder / (params.attributes or "")
    there = sorted(path for path in folder.rglob("*") if path.is_file() and path != beside)
    found = [path for path in there if suffix_of(path).removesuffix(COMPRESSED) == ".csv"]
    if not found:
        raise DataError(
            got=f"no CSV file among {[path.name for path in there[:5]]}",
            expected="a .csv or .csv.gz file",
            do="correct ingest.<role>, or preprocess.<role>.format",
        )
    return found


parts = files  # each can be read by itself


def chunks(path: Path, params: ImageParams) -> Iterator[Chunk]:
    """Yield the rows of a file; one that is not square, or has a cell that is no number, is unreadable.

    Raises:
        DataError: the file is not gzip or text.
    """
    numbered = enumerate(lines_of(FileChunk(path)), start=1)
    while block := list(islice(numbered, params.shard_rows)):
        yield _chunk(path.name, block, params.image_shape[2])


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
        return name_of(label)
    return str(int(number)) if number.is_integer() else name_of(label)
