"""Cleans, splits and writes columns: `dvc repro preprocess@target`. 70,000 images of 28x28 take about half a second."""

import shutil
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.contracts import pool, stage
from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, remove, replacing, sha256, sha256_tree, write_json
from tasks.contracts.pool import Each
from tasks.contracts.preprocessing import Preprocess
from tasks.contracts.progress import say
from tasks.data import attributes, columns, dividing
from tasks.data import schema as schemas
from tasks.data.cleaning import BAD, Cleaning, clean, sources_of
from tasks.data.dividing import Kept, divided, without_copies
from tasks.data.quarantine import Quarantine
from tasks.data.records import Columns, objects
from tasks.data.shards import BESIDE, Shards, TrainingRows, written
from tasks.data.staging import Block, Staged

STAGED = ".staged"


def preprocess(params: Preprocess, kind: str, *, raw: Path, schema: Path, ready: Path) -> None:
    """Write the rows of `raw` that keep the schema as columns, and name the others in `quarantine.csv`.

    Raises:
        DataError: a raw file is damaged, more than `max_bad_fraction` of the rows are bad, or a class has no rows.
        StageError: a worker was killed, or the disk has no room.
    """
    input_bytes = sum(path.stat().st_size for path in (raw / "files").rglob("*") if path.is_file())
    with replacing(ready) as folder, pool.opened(input_bytes, raw / "manifest.json") as each:
        require_intact(raw, each)
        _require_beside(raw / "files", params.shipped)
        module = import_module(f"tasks.kinds.{kind}.rows")
        promised = schemas.load(schema, module.Schema)
        if promised.kind != kind:
            raise DataError(
                got=f"{schema} of kind {promised.kind!r}",
                expected=f"{kind!r}, as params.yaml says",
                do="correct kind, or write the schema anew: `python -m tasks.schema --replace`",
            )
        staged = Staged(folder / STAGED)
        staged.folder.mkdir(parents=True)
        with Quarantine(folder / "quarantine.csv") as quarantine:
            _clean(each, Cleaning(kind, params, promised, staged.folder), raw, staged, quarantine)
            kept = without_copies(staged, quarantine.add)
        quarantine.require_few(kept.rows, params.max_bad_fraction)
        shards = _divide(params, module, raw, staged, kept)
        facts = _write_columns(each, params, kind, promised, raw, folder, shards)
        remove(staged.folder)
        origin = {"schema_sha256": sha256(schema), "raw_manifest_sha256": sha256(raw / "manifest.json")}
        quarantined = dict(sorted(quarantine.counts.items()))
        write_json(folder / columns.DATASET, {"kind": kind, **facts, "quarantined": quarantined, **origin})
    say(f"[100%] preprocess: {kept.rows} rows kept, {quarantine.counts.total()} in {ready}/quarantine.csv")


def require_intact(raw: Path, each: Each = map) -> None:
    """Compare the raw files with the manifest that ingest wrote.

    Raises:
        DataError: a file was changed, added or removed since.
    """
    expected, got = read_json(raw / "manifest.json")["files"], sha256_tree(raw / "files", each)
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


def _clean(each: Each, told: Cleaning, raw: Path, staged: Staged, quarantine: Quarantine) -> None:
    reader = import_module(f"tasks.data.formats.{told.params.format}")
    parts = list(enumerate(reader.parts(raw / "files", told.params)))
    blocks = list[tuple[int, int, int]]()
    for (number, _), cleaned in zip(parts, each(partial(clean, told), parts), strict=True):
        blocks += [(number, block, rows) for block, rows in enumerate(cleaned.blocks)]
        quarantine.take(told.folder / BAD.format(part=number), cleaned)
    staged.index(blocks)
    if not staged.rows:
        quarantine.require_few(0, max_bad_fraction=0)
        raise DataError(got=f"no row in {raw}", expected="at least one", do="correct ingest.<role>")


def _divide(params: Preprocess, module: Any, raw: Path, staged: Staged, kept: Kept) -> Shards:
    """Divide the rows that are kept, and join to them the columns that describe them."""
    described: Columns = {}
    if params.attributes:
        blocks = [Block(staged.path(number)) for number in range(len(staged))]
        sources = objects([source for block in blocks for source in sources_of(block)])
        described = attributes.read(raw / "files" / params.attributes, sources)
    names, described = sorted(described), {BESIDE + name: values for name, values in described.items()}
    if hasattr(module, "arranged"):
        codes = dividing.arranged(module, staged, kept, params.split, described)
    else:
        codes = dividing.by_content(staged, kept, params.split, described)
    return Shards(staged, divided(kept, codes), params.shard_rows, names)


def _write_columns(
    each: Each, params: Preprocess, kind: str, promised: Any, raw: Path, folder: Path, shards: Shards
) -> dict[str, Any]:
    """Fit what the training rows fit, encode all rows with it, and return what `dataset.json` says."""
    module, assets = import_module(f"tasks.kinds.{kind}.rows"), folder / columns.ASSETS
    assets.mkdir()
    for name in params.shipped:
        shutil.copyfile(raw / "files" / name, assets / name)
    facts = module.fitted(TrainingRows(each, shards), promised, params, assets)
    return {
        "target": module.TARGET,
        **facts,
        "attributes": shards.described,
        "assets": sha256_tree(assets),
        "splits": written(each, shards, kind, folder),
    }


if __name__ == "__main__":
    stage.run(preprocess)
