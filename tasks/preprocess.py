"""Cleans, splits and writes columns: `dvc repro preprocess@target`. 70,000 images of 28x28 take about half a second."""

import csv
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts import stage
from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, replacing, require_free_space, sha256, sha256_tree, write_json
from tasks.contracts.params import Preprocess
from tasks.contracts.progress import say
from tasks.data import attributes, columns, splits
from tasks.data import schema as schemas
from tasks.data.records import SPLITS, Array, BadRow
from tasks.data.staging import Rows, Staging


def preprocess(params: Preprocess, kind: str, *, raw: Path, schema: Path, ready: Path) -> None:
    """Write the rows of `raw` that keep the schema as columns, and name the others in `quarantine.csv`.

    Raises:
        DataError: a raw file is damaged, more than `max_bad_fraction` of the rows are bad, or a class has no rows.
    """
    require_intact(raw)
    promised = schemas.load(schema)
    if promised.kind != kind:
        raise DataError(
            got=f"{schema} of kind {promised.kind!r}",
            expected=f"{kind!r}, as params.yaml says",
            do="correct kind, or write the schema anew: `python -m tasks.schema --replace`",
        )
    with replacing(ready) as folder:
        folder.mkdir()
        rows, bad = _clean(params, kind, raw, promised, folder)
        kept, copies = _first_of_each(rows)
        bad += copies
        _require_few(bad, len(kept) + len(bad), params.max_bad_fraction)
        _write_quarantine(folder / "quarantine.csv", bad)
        described = attributes.read(raw / "files" / params.attributes, rows.sources) if params.attributes else {}
        facts = _write_columns(params, folder, rows, kept, promised.classes, described)
        origin = {"schema_sha256": sha256(schema), "raw_manifest_sha256": sha256(raw / "manifest.json")}
        quarantined = dict(sorted(Counter(_kind_of(row) for row in bad).items()))
        write_json(folder / columns.DATASET, {"kind": kind, **facts, "quarantined": quarantined, **origin})
    say(f"[100%] preprocess: {len(kept)} rows kept, {len(bad)} in {ready}/quarantine.csv")


def require_intact(raw: Path) -> None:
    """Compare the raw files with the manifest that ingest wrote.

    Raises:
        DataError: a file was changed, added or removed since.
    """
    expected, got = read_json(raw / "manifest.json")["files"], sha256_tree(raw / "files")
    if expected != got:
        wrong = sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name))
        raise DataError(
            got=f"{len(wrong)} files of {raw} that are not as ingest left them, such as {wrong[0]!r}",
            expected="the bytes of manifest.json",
            do=f"delete {raw} and run `dvc repro` again; to change the data, change their source",
        )


def _clean(
    params: Preprocess, kind: str, raw: Path, promised: schemas.ImageSchema, folder: Path
) -> tuple[Rows, list[BadRow]]:
    module = import_module(f"tasks.kinds.{kind}.rows")
    reader = import_module(f"tasks.data.formats.{params.format}")
    staging, bad = Staging(folder, params.image_shape, promised.classes), list[BadRow]()
    for chunk in reader.read(raw / "files", params):
        good, wrong = module.good_rows(chunk, promised)
        bad += wrong
        require_free_space(folder, 2 * good.images.size)
        staging.append(good, module.model_input(good.images, params.image_shape, params.value_max))
    rows = staging.rows()
    if rows is None:
        _require_few(bad, len(bad), max_bad_fraction=0)
        raise DataError(got=f"no row in {raw}", expected="at least one", do="correct ingest.<role>")
    return rows, bad


def _first_of_each(rows: Rows) -> tuple[Array, list[BadRow]]:
    """Return the rows to keep, (kept,) of int64, and the copies of them."""
    first = splits.first_of_each(rows.digests, rows.given)
    own = np.arange(len(first))
    copies = []
    for copy in np.flatnonzero(first != own):
        another = " with another class" if rows.labels[copy] != rows.labels[first[copy]] else ""
        copies.append(BadRow(str(rows.sources[copy]), f"duplicate{another}: of {rows.sources[first[copy]]}"))
    return np.flatnonzero(first == own), copies


def _write_columns(
    params: Preprocess, folder: Path, rows: Rows, kept: Array, classes: list[str], described: dict[str, Array]
) -> dict[str, Any]:
    assigned = splits.assign(rows.digests[kept], rows.labels[kept], rows.given[kept], params.split)
    train = kept[assigned == "train"]
    if missing := [name for index, name in enumerate(classes) if index not in set(rows.labels[train].tolist())]:
        raise DataError(
            got=f"no training rows of class {missing}",
            expected="at least one row of each class of the schema",
            do="add rows, or write the schema anew: `python -m tasks.schema <role> --replace`",
        )
    everything = {"image": rows.images, "label": rows.labels, "row": np.arange(len(rows.labels)), **described}
    written = {
        name: columns.write_split(folder, name, everything, kept[assigned == name], params.shard_rows)
        for name in SPLITS
    }
    return {
        "classes": classes,
        "attributes": sorted(described),
        "image": {"shape": list(params.image_shape), "dtype": "uint8", "value_max": params.value_max},
        "normalisation": columns.normalisation(folder, written["train"]),
        "splits": written,
    }


def _write_quarantine(path: Path, bad: list[BadRow]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["source", "reason"])
        writer.writerows((row.source, row.reason) for row in bad)


def _require_few(bad: list[BadRow], total: int, max_bad_fraction: float) -> None:
    if len(bad) <= max_bad_fraction * total:
        return
    counts = ", ".join(f"{count} {reason}" for reason, count in Counter(map(_kind_of, bad)).most_common())
    first = "\n  ".join(f"{row.source}: {row.reason}" for row in bad[:10])
    raise DataError(
        got=f"{len(bad)} bad rows of {total} ({counts}), the first of them:\n  {first}",
        expected=f"at most {max_bad_fraction:.2%} bad rows (preprocess.<role>.max_bad_fraction)",
        do="mend the data; where they are right and the promise is old: `python -m tasks.schema <role> --replace`",
    )


def _kind_of(row: BadRow) -> str:
    return row.reason.split(":")[0]


if __name__ == "__main__":
    stage.run(preprocess)
