"""Brings a data set in as it is, with a manifest of SHA-256 sums: `dvc repro ingest@target`."""

import shutil
from importlib import import_module
from pathlib import Path

from tasks.core.errors import DataError
from tasks.core.files import is_hidden, remove, replacing, require_free_space, sha256_tree, write_json
from tasks.core.params.data import Ingest
from tasks.core.progress import say
from tasks.data import archives

MANIFEST = "manifest.json"


def ingest(params: Ingest, *, raw: Path) -> None:
    """Copy, fetch or unpack a source's files into `raw/files`, and write `raw/manifest.json` beside them.

    Raises:
        DataError: the source is missing, empty or a damaged archive.
        TransientError: it lies on another machine, and that does not answer or is being written to.
    """
    locate = import_module(f"tasks.data.sources.{params.source}").locate
    with replacing(raw) as folder:
        files, scratch = folder / "files", folder / "scratch"
        files.mkdir(parents=True)
        source = locate(params, scratch)
        if archives.is_archive(source):
            archives.unpack(source, files)
        elif source.is_relative_to(scratch):  # fetched, and ours
            source.rename(files if source.is_dir() else files / source.name)
        elif source.is_dir():
            copy_folder(source, files)
        else:
            require_free_space(folder, source.stat().st_size)
            shutil.copyfile(source, files / source.name)
        remove(scratch)
        sums = sha256_tree(files)
        if not sums:
            raise DataError(got=f"no file in {source.name}", do="correct ingest.<role>")
        write_json(folder / MANIFEST, {"files": sums})
        say(f"[100%] ingest: {len(sums)} files from {source.name}")


def copy_folder(source: Path, files: Path) -> None:
    """Copy the files of a folder and of those in it, hidden ones left out."""
    found = {path.relative_to(source): path for path in source.rglob("*") if path.is_file()}
    visible = {name: path for name, path in found.items() if not is_hidden(name)}
    require_free_space(files, sum(path.stat().st_size for path in visible.values()))
    for name, path in visible.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, files / name)
