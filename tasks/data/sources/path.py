"""A file, folder or archive of the user's own."""

from pathlib import Path

from tasks.core.errors import DataError
from tasks.core.params.data import PathSource


def locate(source: PathSource, _scratch: Path) -> Path:
    """Find the file or folder.

    Raises:
        DataError: there is nothing at `tracked`, or an empty folder.
    """
    path = Path(source.tracked)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        raise DataError(
            got=f"{'an empty folder' if path.exists() else 'nothing'} at {source.tracked!r}",
            expected="the file, folder or archive that ingest.<role>.tracked names",
            do="put it there (`dvc pull` if DVC tracks it), or correct the path",
        )
    return path
