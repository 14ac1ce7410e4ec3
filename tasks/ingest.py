"""Brings a data set in as it is, with a manifest of SHA-256 sums: `dvc repro ingest@target`."""

import shutil
from collections import Counter
from importlib import import_module
from pathlib import Path

from tasks.core.errors import DataError
from tasks.core.files import remove, replacing, require_free_space, sha256_tree, write_json
from tasks.core.params.data import Ingest
from tasks.core.progress import say
from tasks.data import archives
from tasks.data.source_folder import files_below, kind_of_hidden

MANIFEST = "manifest.json"


def ingest(params: Ingest, *, raw: Path) -> None:
    """Copy, fetch or unpack a source's files into `raw/files`, and write `raw/manifest.json` beside them.

    Raises:
        DataError: the source is missing, empty, a damaged archive, or a folder with links that lead out of it.
        TransientError: it lies on another machine, and that does not answer or is being written to.
    """
    locate = import_module(f"tasks.data.sources.{params.source}").locate
    with replacing(raw) as folder:
        files, scratch = folder / "files", folder / "scratch"
        files.mkdir(parents=True)
        source, left_out = locate(params, scratch), Counter[str]()
        if archives.is_archive(source):
            left_out.update(map(kind_of_hidden, archives.unpack(source, files)))
        elif source.is_relative_to(scratch):  # fetched, and ours
            source.rename(files if source.is_dir() else files / source.name)
        elif source.is_dir():
            left_out = copy_folder(source, files)
        else:
            require_free_space(folder, source.stat().st_size)
            shutil.copyfile(source, files / source.name)
        remove(scratch)
        sums = sha256_tree(files)
        if not sums:
            raise DataError(got=f"no file in {source.name}", do="correct ingest.<role>")
        hidden = {"left_out": dict(sorted(left_out.items()))} if left_out else {}
        write_json(folder / MANIFEST, {"files": sums, **hidden})
        others = f"; {left_out.total()} hidden ones left out" if left_out else ""
        say(f"[100%] ingest: {len(sums)} files from {source.name}{others}")


def copy_folder(source: Path, files: Path) -> Counter[str]:
    """Copy the files of a folder and of those in it; return the kinds of those that are left out.

    Raises:
        DataError: see `files_below`.
    """
    visible, left_out = files_below(source)
    require_free_space(files, sum(path.stat().st_size for path in visible.values()))
    for name, path in visible.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, files / name)
    return left_out
