"""Cleans, splits and writes columns: `dvc repro preprocess@target`. 70,000 images of 28x28 take about half a second."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core import processes
from tasks.core.errors import DataError, ParamsError
from tasks.core.files import read_json, remove, replacing, sha256, sha256_tree, visible_files, write_json
from tasks.core.params.data import Comparable, Preprocess, Split
from tasks.core.processes import Each, Item, Result
from tasks.core.progress import Progress, say
from tasks.data import account, columns, rules, shards, split_keys
from tasks.data import schema as schemas
from tasks.data.cleaning import Block, Cleaning, Quarantine, Staged, clean, sources_of
from tasks.data.deduplication import Deduplicated, drop_duplicates, drop_repeats
from tasks.data.records import SPLITS, Array, Columns, objects
from tasks.data.shards import BESIDE, Shards, TrainingRows, divided, written
from tasks.kinds import data_of

STAGED = ".staged"
HALF = 500  # steps of progress


def preprocess(params: Preprocess, kind: str, *, raw: Path, schema: Path, ready: Path) -> None:
    """Write the rows of `raw` that keep the schema as columns, and name the others in `quarantine.csv`.

    Raises:
        DataError: a raw file is damaged, more than `max_bad_fraction` of the rows are bad, or a class has no rows.
        StageError: a worker was killed, or the disk has no room.
    """
    input_bytes = sum(path.stat().st_size for path in (raw / "files").rglob("*") if path.is_file())
    with ExitStack() as artifact, processes.process_pool(input_bytes, raw / "manifest.json") as each:
        data = data_of(kind)
        promised = schemas.load(schema, data.schema)
        if promised.kind != kind:
            raise DataError(
                got=f"{schema} of kind {promised.kind!r}",
                expected=f"{kind!r}, as params.yaml says",
                do="correct kind, or write a new schema: `trimline schema --replace`",
            )
        kept_rules = rules.require_valid(promised.rules, params, schema)
        params = data.completed(params, promised)
        folder = artifact.enter_context(replacing(ready))  # ends when nobody writes into it any more
        staged, progress = Staged(folder / STAGED), Progress(2 * HALF + 1)
        staged.folder.mkdir(parents=True)
        cleaning = Cleaning(data, params, promised, staged.folder)
        with Quarantine(folder / "quarantine.csv") as quarantine:
            with intact(raw, each):
                _require_beside(raw / "files", params.shipped)
                found = _clean(_followed(each, progress, "parts read"), cleaning, raw, staged, quarantine)
                books = account.opened(_reader(params), raw, params, each, *found)
            unique = drop_duplicates(each, staged, quarantine.take, keep=params.duplicates == "keep")
            unique = drop_repeats(staged, unique, kept_rules, quarantine.take)
        counts = unique.rows, quarantine.counts.total(), unique.repeated
        books.require_balance(*counts)
        quarantine.require_few(unique.rows, params.max_bad_fraction)
        shards, alike = _divide(each, cleaning, raw, staged, unique, folder)
        metadata = alike | _fitted(each, cleaning, raw, folder / columns.ASSETS, shards)
        metadata |= {"splits": written(_followed(each, progress, "shards written"), shards, data, folder)}
        account.require_shards(unique.rows, (shard["rows"] for some in metadata["splits"].values() for shard in some))
        remove(staged.folder)
        origin = {"schema_sha256": sha256(schema), "raw_manifest_sha256": sha256(raw / "manifest.json")}
        quarantined = dict(sorted(quarantine.counts.items()))
        write_json(
            folder / columns.DATASET,
            {"kind": kind, **metadata, "quarantined": quarantined, "account": books.recorded(*counts), **origin},
        )
    progress.advance(f"preprocess: {books.told(*counts)}", HALF)


@contextmanager
def intact(raw: Path, each: Each = map) -> Iterator[None]:
    """Compare the raw files with the manifest that ingest wrote, while they are read.

    Raises:
        DataError: a file was changed, added or removed since. That goes before an error that followed from it.
    """
    files = visible_files(raw / "files")
    sums = each(sha256, list(files.values()))
    try:
        yield
    except Exception:
        _require_alike(raw, files, sums)
        raise
    _require_alike(raw, files, sums)


def _require_alike(raw: Path, files: Iterable[str], sums: Iterable[str]) -> None:
    expected, got = read_json(raw / "manifest.json")["files"], dict(zip(files, sums, strict=True))
    if expected != got:
        wrong = sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name))
        raise DataError(
            got=f"{len(wrong)} files of {raw} have changed since ingest, such as {wrong[0]!r}",
            expected="the SHA-256 sums of manifest.json",
            do=f"delete {raw} and run `dvc repro` again; to use other data, change their source",
        )


def _require_beside(folder: Path, names: Iterable[str]) -> None:
    if missing := [name for name in names if not (folder / name).is_file()]:
        found = ", ".join(sorted(path.name for path in folder.iterdir()))
        raise DataError(
            got=f"no {', '.join(missing)} beside the rows, but {found}",
            expected="the file that preprocess.<role> names",
            do="ingest a folder or an archive that contains it, or correct the name",
        )


def _reader(params: Preprocess) -> Any:
    return import_module(f"tasks.data.formats.{params.format}")


def _clean(
    each: Each, cleaning: Cleaning, raw: Path, staged: Staged, quarantine: Quarantine
) -> tuple[Counter[str], Counter[str]]:
    """Clean all parts; return how many units of the files are no rows, by what they are, and what was done to rows."""
    parts = list(enumerate(_reader(cleaning.params).parts(raw / "files", cleaning.params)))
    blocks, skipped, notes = list[tuple[int, int, int]](), Counter[str](), Counter[str]()
    for (number, _), cleaned in zip(parts, each(partial(clean, cleaning), parts), strict=True):
        blocks += [(number, block, rows) for block, rows in enumerate(cleaned.blocks)]
        quarantine.take(cleaned.left_out)
        skipped.update(cleaned.skipped)
        notes.update(cleaned.notes)
    staged.index(blocks)
    if not staged.rows:
        quarantine.require_few(0, max_bad_fraction=0)
        raise DataError(got=f"no row in {raw}", do="correct ingest.<role>")
    return skipped, notes


def _divide(
    each: Each, cleaning: Cleaning, raw: Path, staged: Staged, unique: Deduplicated, folder: Path
) -> tuple[Shards, dict[str, Any]]:
    """Assign the unique rows to splits and shards, join the attribute columns to them, and list near copies.

    Returns:
        The shards, and what `dataset.json` says of near copies.
    """
    params = cleaning.params
    described: Columns = {}
    if params.attributes:
        blocks = [Block(staged.path(number)) for number in range(len(staged))]
        sources = objects([source for block in blocks for source in sources_of(block)])
        described = shards.read(raw / "files" / params.attributes, sources)
    keys = _split_keys(staged, described, params.split) if params.split.by else None
    names, described = sorted(described), {BESIDE + name: values for name, values in described.items()}
    if cleaning.kind.split_columns:
        codes = shards.together(cleaning.kind, staged, unique, params, described, keys)
    else:
        unique = unique if keys is None else unique.ranked(split_keys.ranks_of(keys, params.split))
        codes = shards.by_content(each, staged, unique, params.split, described)
    if keys is not None:
        codes = iter(_told_by_key(list(codes), keys, unique, params.split))
    codes, alike = _near_copies(each, cleaning, staged, unique, codes, folder)
    return Shards(staged, divided(unique, codes), params.shard_rows, names), alike


def _told_by_key(codes: list[Array], keys: Array, unique: Deduplicated, split: Split) -> list[Array]:
    """Say which values of the column that splits the rows came into which split."""
    rows = np.concatenate([records["row"] for records in unique.records()])
    parts = split_keys.told(keys[rows], np.concatenate(codes), split, SPLITS)
    say(f"preprocess: split by {split.by}: {', '.join(parts)}")
    return codes


def _near_copies(
    each: Each, cleaning: Cleaning, staged: Staged, unique: Deduplicated, codes: Iterator[Array], folder: Path
) -> tuple[Iterator[Array], dict[str, Any]]:
    """Find near copies, put them into one split where that is wanted, list them, and say how many there are."""
    params = cleaning.params
    if not isinstance(params, Comparable) or params.near_copies is None:
        return codes, {}
    from tasks.data import near_copies  # here: other kinds do not need it

    is_given = isinstance(params.split.validation, str) or isinstance(params.split.test, str) or params.split.by
    found = near_copies.find(each, staged, unique, cleaning.kind.compared)
    together = params.near_copies == "together" and not is_given
    parts, placed = near_copies.place(found, staged, unique, codes, together=together)
    summary = near_copies.write(folder / near_copies.LIST, placed, staged, unique)
    say(f"preprocess: {near_copies.described(summary)}")
    return iter(parts), {"near_copies": summary}


def _split_keys(staged: Staged, described: Columns, split: Split) -> Array:
    """Return what decides the split of each good row, from a column of its own or beside the data.

    Raises:
        ParamsError: there is no such column.
    """
    if split.by in described:
        return split_keys.of_attribute(described[split.by], split)
    found = staged.take(np.arange(staged.rows), (split_keys.KEY,)).get(split_keys.KEY)
    if found is None:
        raise ParamsError(
            got=f"split by {split.by}, which is no column of the rows",
            expected=f"a role of columns, or a column of attributes: {', '.join(described) or 'there are none'}",
            do="correct preprocess.<role>.split, or name the column in preprocess.<role>.columns",
        )
    return found


def _fitted(each: Each, cleaning: Cleaning, raw: Path, assets: Path, shards: Shards) -> dict[str, Any]:
    """Compute statistics on the training rows, write them into `assets`, and return the metadata for `dataset.json`."""
    assets.mkdir()
    for name in cleaning.params.shipped:
        shutil.copyfile(raw / "files" / name, assets / name)
    metadata = cleaning.kind.fit(TrainingRows(each, shards), cleaning.promised, cleaning.params, assets)
    described = {"attributes": shards.described, "assets": sha256_tree(assets)}
    return {"target": cleaning.kind.target, **metadata, **described}


def _followed(each: Each, progress: Progress, done: str) -> Each:
    """Report progress after each item; `done` names the items, such as `parts read`."""

    def followed(function: Callable[[Item], Result], items: Sequence[Item], /) -> Iterator[Result]:
        for number, result in enumerate(each(function, items)):
            yield result
            by = HALF * (number + 1) // len(items) - HALF * number // len(items)
            progress.advance(f"preprocess: {number + 1} of {len(items)} {done}", by)

    return followed
