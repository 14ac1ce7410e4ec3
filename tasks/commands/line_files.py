"""Writes the files that a line has with the version of Trimline that runs, for `trimline upgrade` to compare.

    trimline line-files FOLDER

It reads the `params.yaml` of the working folder, and changes nothing there.
"""

import hashlib
import io
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.tokens import CommentToken

from tasks.commands import parser_of
from tasks.commands.set import editor, flow
from tasks.commands.stage import guarded
from tasks.core import environment
from tasks.core.code_digest import DATA_FOLDER, PACKAGE
from tasks.core.files import shipped
from tasks.core.params import Settings
from tasks.line import params_file
from tasks.line.params import from_0_1, shortened
from tasks.plan import data_packages

GRAPH = "dvc.yaml"
DEVICES = "presets/devices"
COPIED = ("prefect.yaml", "prefect.toml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore")
# What `plan` depends on in a checkout, and in a line without source.
WITH_SOURCE = "      - tasks\n      - presets/devices\n      - requirements.lock\n"
WITHOUT_SOURCE = f"      - {environment.ENVIRONMENT_LOCK}\n"
ONE_LINE = 60  # characters of a mapping that is written in one line
# Every section stood in a file of version 0.1, and `train.data` in none.
SECTIONS_0_1 = frozenset({"compute", "ingest", "preprocess", "train", "compress", "export", "profile", "release"})


def write(folder: Path) -> None:
    """Write the files into a folder: `params.yaml` in today's form, the graph, the lock, the settings of the tools.

    Raises:
        ParamsError: there is no `params.yaml`, or it breaks a rule.
    """
    files = {"params.yaml": params_text(params_file.PARAMS_FILE), GRAPH: graph()}
    files |= {name: shipped(name).read_text(encoding="utf-8") for name in COPIED}
    files[str(environment.ENVIRONMENT_LOCK)] = environment_lock(
        files[GRAPH], data_packages(_settings(files["params.yaml"]))
    )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _settings(text: str) -> Settings:
    return params_file.resolved(YAML(typ="safe").load(text))


def graph() -> str:
    """Return the dvc.yaml of a line without source: its plan depends on the installed packages, and on no folder."""
    text = shipped(GRAPH).read_text(encoding="utf-8")
    if text.count(WITH_SOURCE) != 1:
        raise RuntimeError(f"the plan of the shipped {GRAPH} has other dependencies than {WITH_SOURCE!r}")
    return text.replace(WITH_SOURCE, WITHOUT_SOURCE)


def environment_lock(graph_text: str, data_packages: Iterable[str] = ()) -> str:
    """Return what a result depends on: the packages, as `pip install -r` reads them, and digests of code and graph.

    Args:
        graph_text: content of dvc.yaml.
        data_packages: packages that the line takes files from.
    """
    packages = {*environment.COMPUTING_PACKAGES.values(), *environment.DATA_PACKAGES, *data_packages}
    names = (environment.PROJECT, *sorted(packages))
    versions = {name: environment.installed_version(name) for name in names}
    versions[environment.PROJECT] = environment.running_version()
    pinned = [f"{name}=={version}" for name, version in versions.items() if version]
    return "\n".join(
        [
            "# Written by `trimline upgrade`: what can change a result. `pip install -r environment.lock` installs it.",
            f"# code: sha256 {code_sha256()}",
            f"# {GRAPH}: sha256 {hashlib.sha256(graph_text.encode()).hexdigest()}",
            *pinned,
            "",
        ]
    )


def code_sha256() -> str:
    """Return a digest of all that `plan` reads of the package: two builds of one version may differ."""
    digest = hashlib.sha256()
    paths = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob(f"{DATA_FOLDER}/*.*")]
    files = {path.relative_to(PACKAGE).as_posix(): path for path in paths}
    files |= {f"{DEVICES}/{path.name}": path for path in shipped(DEVICES).iterdir()}
    for name, path in sorted(files.items()):
        digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def params_text(path: Path) -> str:
    """Return a line's parameters in the form of this version; a file that has it already is returned as it is.

    Raises:
        ParamsError: the file is missing, is no YAML, or breaks a rule.
    """
    raw = params_file.read(path)
    if not is_0_1(raw):
        params_file.check(raw, path)
        return path.read_text(encoding="utf-8")
    complete = from_0_1(_unshared(raw))
    params_file.check(complete, path)
    return _without_defaults(path, complete)


def is_0_1(raw: Any) -> bool:
    """Whether a parsed file is one of version 0.1: complete, and without `train.data`."""
    train = raw.get("train") if isinstance(raw, dict) else None
    return isinstance(train, dict) and "data" not in train and raw.keys() >= SECTIONS_0_1


def _without_defaults(path: Path, complete: Settings) -> str:
    """Return the text of a file without what equals a default; see `_commented` for the comments that stay."""
    yaml, text = editor(), io.StringIO()
    document = yaml.load(path)
    short = _commented(shortened(complete), document)
    short.ca.comment = document.ca.comment  # the head of the file
    yaml.dump(short, text)
    return text.getvalue()


def _commented(short: Settings, document: Any) -> CommentedMap:
    """Return a mapping to be written, with the comments that stand beside the same keys in a document.

    A comment on a line of its own is left out: what it is about may have gone.
    """
    node = CommentedMap()
    for key, value in short.items():
        before = document.get(key) if isinstance(document, dict) else None
        node[key] = _commented(value, before) if isinstance(value, dict) else flow(value)
        same = isinstance(value, dict) or value == before
        if same and (comment := _comment(document, key, before)):
            node.yaml_add_eol_comment(comment, key)
    if len(json.dumps(short)) < ONE_LINE and not node.ca.items and not any(_is_block(each) for each in node.values()):
        node.fa.set_flow_style()
    return node


def _is_block(value: Any) -> bool:
    return isinstance(value, CommentedMap) and not value.fa.flow_style()


def _comment(document: Any, key: str, value: Any) -> str:
    """Return the comment on the line of a key, empty where there is none."""
    tokens = getattr(document, "ca", CommentedMap().ca).items.get(key) or []
    starts = getattr(value, "ca", CommentedMap().ca).comment or []
    found = next((token for token in [*tokens[2:3], *starts[:1]] if isinstance(token, CommentToken)), None)
    line = found.value.partition("\n")[0].strip() if found else ""
    return line if line.startswith("#") else ""


def _unshared(raw: Any) -> Any:
    """Return a copy in which no two places are one object, as an alias in the file makes them."""
    if isinstance(raw, dict):
        return {key: _unshared(value) for key, value in raw.items()}
    return [_unshared(value) for value in raw] if isinstance(raw, list) else raw


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline line-files` and return its exit status."""
    parser = parser_of("line-files", "Write the files of a line without source.", "trimline line-files /tmp/line")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    return guarded(lambda: write(options.folder), "upgrade")


if __name__ == "__main__":
    sys.exit(main())
