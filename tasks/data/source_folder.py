"""The files of a folder that people hand over: links that are followed, hidden files, names of other systems."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from tasks.core.errors import DataError
from tasks.core.files import is_hidden

# DVC may keep a tracked folder as links into its cache, wherever that is; what they lead to has this form.
DVC_OBJECT = re.compile(r"(/files/md5)?/[0-9a-f]{2}/[0-9a-f]{30}$")
KEPT_APART = {".DS_Store", "__MACOSX"}  # what the Finder writes; `._name` beside a file, too
NO_FILE = "neither file nor folder"
SHOWN = 5


def files_below(source: Path) -> tuple[dict[Path, Path], Counter[str]]:
    """Return every visible file below a folder, by its path relative to it, and count what is left out.

    Symbolic links are followed to files and folders below the same folder, and to objects of a DVC cache.

    Raises:
        DataError: a link leads elsewhere, to nothing or round in a circle, a folder cannot be listed, or a name is not
            UTF-8.
    """
    found, left_out, astray = dict[Path, Path](), Counter[str](), list[Path]()
    root = _real(source)
    for path in _walked(source, root):
        name = path.relative_to(source)
        if is_hidden(name):
            left_out[kind_of_hidden(name)] += 1
        elif path.is_symlink() and not _is_followed(path, root):
            astray.append(path)
        elif path.is_file():
            found[name] = path
        else:
            left_out[NO_FILE] += 1
    _require_utf8(found)
    if astray:
        raise DataError(
            got=f"{len(astray)} symbolic links in {source.name} that lead out of it, to nothing, or to a folder above "
            f"them: {_few([f'{path.relative_to(source)} -> {path.readlink()}' for path in astray])}",
            expected="files, folders, and links to others of the same folder",
            do="put the files there instead of the links (`cp -rL FOLDER COPY` does it), or remove the links",
        )
    return found, left_out


def _walked(source: Path, root: Path) -> Iterator[Path]:
    """Yield every path below a folder that is no folder to go into; what lies behind a link is below it, too."""
    for folder, folders, files in os.walk(source, onerror=_refused, followlinks=True):
        here = Path(folder)
        above = {_real(one) for one in (here, *here.parents) if one.is_relative_to(source)}
        links = [name for name in folders if (here / name).is_symlink()]
        targets = {name: _real(here / name) for name in links}
        astray = [name for name, path in targets.items() if path in above or not path.is_relative_to(root)]
        folders[:] = sorted(set(folders) - set(astray))
        yield from (here / name for name in sorted([*files, *astray]))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links go round in a circle


def _refused(error: OSError) -> None:
    raise DataError(
        got=f"{error.filename}: {error.strerror}", do="let the user of this process list and read the folder"
    ) from None


def _is_followed(path: Path, root: Path) -> bool:
    target = _real(path)
    return target.is_file() and (target.is_relative_to(root) or DVC_OBJECT.search(target.as_posix()) is not None)


def _require_utf8(names: Iterable[Path]) -> None:
    wrong = [repr(str(name)) for name in names if not _is_utf8(str(name))]
    if wrong:
        raise DataError(
            got=f"{len(wrong)} names of files that are not UTF-8: {_few(wrong)}",
            do="rename them; `convmv -r -f latin1 -t utf8 --notest FOLDER` does it for names of older systems",
        )


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _few(texts: list[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")


def kind_of_hidden(name: PurePath) -> str:
    """Return what a hidden file is counted as: by its hidden folder, or as one of the names that everybody has."""
    first = next(part for part in name.parts if part.startswith(".") or part in KEPT_APART)
    if first != name.parts[-1]:
        return f"{first}/"
    if first in KEPT_APART:
        return first
    return "._*" if first.startswith("._") else ".*"
