"""A data file that an installed Python package ships."""

from importlib import util
from pathlib import Path

from tasks.contracts.errors import ParamsError
from tasks.contracts.ingesting import PackageSource


def locate(source: PackageSource, _scratch: Path) -> Path:
    """Find the file; see `installed`."""
    return installed(source)


def installed(source: PackageSource) -> Path:
    """Find the file without importing the package.

    Raises:
        ParamsError: the package is not installed, or ships no such file.
    """
    spec = util.find_spec(source.package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise ParamsError(
            got=f"package {source.package!r}, which is not installed",
            expected="a package of requirements.lock",
            do="correct ingest.<role>.package, or add it to pyproject.toml, then `make lock` and `make test`",
        )
    path = Path(folders[0]) / source.path
    if not path.is_file():
        raise ParamsError(
            got=f"no file {source.path!r} in package {source.package!r}",
            expected="a file that the installed version ships",
            do="correct ingest.<role>.path",
        )
    return path
