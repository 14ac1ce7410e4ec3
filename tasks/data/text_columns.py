"""Texts of any length as two arrays: their bytes in UTF-8, and where each of them ends."""

import numpy as np

from tasks.data.records import Array


class Texts:
    """Texts that lie in memory maps or arrays; it is indexed as an array is."""

    dtype = np.dtype(object)
    shape = (0,)

    def __init__(self, content: Array, ends: Array) -> None:
        """`ends` begins with the 0 at which the first text starts."""
        self._content, self._ends = content, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, rows: Array) -> Array:
        found = np.empty(len(rows), object)
        starts, ends = self._ends[:-1][rows].tolist(), self._ends[1:][rows].tolist()
        found[:] = [self._content[start:end].tobytes().decode("utf-8") for start, end in zip(starts, ends, strict=True)]
        return found


def encoded(values: Array) -> tuple[Array, Array]:
    """Return the bytes of texts, (rows,) of str objects, and their ends, (rows + 1,) of int64 from 0."""
    texts = [text.encode("utf-8") for text in values.tolist()]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return np.frombuffer(b"".join(texts), np.uint8), ends
