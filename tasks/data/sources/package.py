"""A data file that an installed Python package ships."""

from importlib import util
from pathlib import Path

from tasks.core.errors import ParamsError
from tasks.core.params.data import PackageSource


def locate(source: PackageSource, _scratch: Path) -> Path:
    """Find the file; see `installed`."""
    return installed(source)


def installed(source: PackageSource) -> Path:
    """Find the file of a source; see `packaged_file`."""
    return packaged_file(source.package, source.path)


def packaged_file(package: str, path: str) -> Path:
    """Find a file that a package ships, without importing the package.

    Raises:
        ParamsError: the package is not installed, or ships no such file.
    """
    spec = util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise ParamsError(
            got=f"package {package!r}, which is not installed",
            expected="a package of requirements.lock",
            do="correct ingest.<role>.package, or add it to pyproject.toml, then `make lock` and `make test`",
        )
    file = Path(folders[0]) / path
    if not file.is_file():
        raise ParamsError(
            got=f"no file {path!r} in package {package!r}",
            do="correct ingest.<role>.path",
        )
    return file
