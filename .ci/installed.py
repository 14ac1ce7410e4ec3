"""Names the installed packages whose files are not all there: `.venv/bin/python .ci/installed.py [FOLDER ...]`.

An installation that is killed leaves packages that look installed, and half of their files. Every wheel lists its files
with their sizes in RECORD, the list itself among them. Exit status 1 where a package is named.
"""

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path


def main() -> int:
    """Print a line for each package that is incomplete."""
    found = distributions(path=sys.argv[1:] or sys.path)
    broken = [f"{one.metadata['Name']}: {reason}" for one in found if (reason := missing(one))]
    sys.stdout.write("".join(f"{line}\n" for line in sorted(broken)))
    return int(bool(broken))


def missing(package: Distribution) -> str | None:
    """Say what a package lacks; None where it is whole."""
    if not package.read_text("METADATA"):
        return "no METADATA"
    files = package.files or []
    if not any(file.name == "RECORD" for file in files):
        return "a list of files that is cut off"
    lacking = [str(file) for file in files if file.suffix != ".pyc" and not is_whole(file.locate(), file.size)]
    return f"{len(lacking)} files are missing or cut off, such as {lacking[0]}" if lacking else None


def is_whole(path: object, size: int | None) -> bool:
    """Whether a file is there with the size that it should have; some have none in the list."""
    try:
        return Path(str(path)).stat().st_size == size or size is None
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main())
