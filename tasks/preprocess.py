"""Cleans, splits and writes columns: `dvc repro preprocess@target`. 70,000 images of 28x28 take about half a second."""

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts import stage
from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, replacing, require_free_space, sha256, sha256_tree, write_json
from tasks.contracts.preprocessing import Preprocess
from tasks.contracts.progress import say
from tasks.data import attributes, columns, splits
from tasks.data import schema as schemas
from tasks.data.records import SPLITS, Array, BadRow, Columns, SplitName
from tasks.data.staging import Rows, Staging


def preprocess(params: Preprocess, kind: str, *, raw: Path, schema: Path, ready: Path) -> None:
    """Write the rows of `raw` that keep the schema as columns, and name the others in `quarantine.csv`.

    Raises:
        DataError: a raw file is damaged, more than `max_bad_fraction` of the rows are bad, or a class has no rows.
    """
    require_intact(raw)
    _require_beside(raw / "files", params.shipped)
    module = import_module(f"tasks.kinds.{kind}.rows")
    promised = schemas.load(schema, module.Schema)
    if promised.kind != kind:
        raise DataError(
            got=f"{schema} of kind {promised.kind!r}",
            expected=f"{kind!r}, as params.yaml says",
            do="correct kind, or write the schema anew: `python -m tasks.schema --replace`",
        )
    with replacing(ready) as folder:
        folder.mkdir()
        rows, bad = _clean(params, module, raw, promised, folder)
        strata = module.strata(rows.take(np.arange(len(rows.sources)), module.STRATA))
        kept, copies = _first_of_each(rows, strata)
        bad += copies
        _require_few(bad, len(kept) + len(bad), params.max_bad_fraction)
        _write_quarantine(folder / "quarantine.csv", bad)
        described = attributes.read(raw / "files" / params.attributes, rows.sources) if params.attributes else {}
        arranged = module.arranged(rows.take(kept, module.STRATA), rows.digests[kept], rows.given[kept], params.split)
        parts = {name: kept[arranged.splits == name] for name in SPLITS}
        facts = _write_columns(
            params, module, promised, raw, folder, rows.joined(kept, arranged.columns), parts, described
        )
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


def _require_beside(folder: Path, names: Iterable[str]) -> None:
    if missing := [name for name in names if not (folder / name).is_file()]:
        found = ", ".join(sorted(path.name for path in folder.iterdir()))
        raise DataError(
            got=f"no {', '.join(missing)} beside the rows, but {found}",
            expected="the file that preprocess.<role> names",
            do="ingest a folder or an archive that holds it, or correct the name",
        )


def _clean(params: Preprocess, module: Any, raw: Path, promised: Any, folder: Path) -> tuple[Rows, list[BadRow]]:
    reader = import_module(f"tasks.data.formats.{params.format}")
    staging, bad = Staging(folder), list[BadRow]()
    for chunk in reader.read(raw / "files", params):
        good, wrong = module.good_rows(chunk, promised, params)
        bad += wrong
        if len(good):
            require_free_space(folder, 2 * sum(values.nbytes for values in good.columns.values()))
            staging.append(good, module.contents(good))
    rows = staging.rows()
    if rows is None:
        _require_few(bad, len(bad), max_bad_fraction=0)
        raise DataError(got=f"no row in {raw}", expected="at least one", do="correct ingest.<role>")
    return rows, bad


def _first_of_each(rows: Rows, strata: Array) -> tuple[Array, list[BadRow]]:
    """Return the rows to keep, (kept,) of int64, and the copies of them."""
    first = splits.first_of_each(rows.digests, rows.given)
    own = np.arange(len(first))
    copies = []
    for copy in np.flatnonzero(first != own):
        another = " with another class" if strata[copy] != strata[first[copy]] else ""
        copies.append(BadRow(str(rows.sources[copy]), f"duplicate{another}: of {rows.sources[first[copy]]}"))
    return np.flatnonzero(first == own), copies


def _write_columns(
    params: Preprocess,
    module: Any,
    promised: Any,
    raw: Path,
    folder: Path,
    rows: Rows,
    parts: dict[SplitName, Array],
    described: Columns,
) -> dict[str, Any]:
    """Fit what the training rows fit, encode all rows with it, and return what `dataset.json` says."""
    assets = folder / columns.ASSETS
    assets.mkdir()
    for name in params.shipped:
        shutil.copyfile(raw / "files" / name, assets / name)

    def shards(split: SplitName) -> Iterator[Array]:
        for start in range(0, len(parts[split]), params.shard_rows):
            yield parts[split][start : start + params.shard_rows]

    facts = module.fitted(lambda: map(rows.take, shards("train")), promised, params, assets)
    encoder = module.Encoder(assets)
    written = {
        split: columns.write_split(
            folder,
            split,
            (
                {
                    **encoder.encoded(rows.take(chosen)),
                    "row": chosen,
                    **{name: values[chosen] for name, values in described.items()},
                }
                for chosen in shards(split)
            ),
        )
        for split in SPLITS
    }
    return {
        "target": module.TARGET,
        **facts,
        "attributes": sorted(described),
        "assets": sha256_tree(assets),
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
