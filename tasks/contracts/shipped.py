"""The files of the shipped line: its graph, its settings, the presets and the device profiles.

In a checkout they lie at the top of the repository; a wheel has a copy of them beside the package's modules (setup.py).
"""

from pathlib import Path

import tasks
from tasks.contracts.errors import StageError

PACKAGE = Path(tasks.__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return the path of a file or folder of the shipped line, such as `presets/devices/phone_cpu.yaml`.

    Raises:
        StageError: the installation has no such file.
    """
    path = root() / name
    if not path.exists():
        raise StageError(
            got=f"no {name} in the installed package, {root()}",
            expected="a complete installation",
            do="install Trimline again: pip install --force-reinstall --no-deps trimline",
        )
    return path


def root() -> Path:
    """Return the folder that the shipped line's files lie in."""
    packaged = PACKAGE / "shipped_line"
    return packaged if packaged.is_dir() else PACKAGE.parent
