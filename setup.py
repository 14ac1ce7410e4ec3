"""Builds the package with the files of the shipped line in it. Each has one source, at the top of the repository.

A line in a folder without source takes them from the package: `shipped` in `tasks/core/files.py`.
All else is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

LINE = (
    "dvc.yaml", "params.yaml", "prefect.yaml", "prefect.toml", "presets/*.yaml", "presets/devices/*.yaml",
    ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore",
)  # fmt: skip


class BuildWithLine(build_py):
    """Copies the line's files to `tasks/shipped_line` of what is built, except for an editable installation."""

    def run(self) -> None:
        """Build from nothing: a module that was removed since the last build must not be in the wheel."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        for source in (file for pattern in LINE for file in sorted(Path().glob(pattern))):
            target = Path(self.build_lib, "tasks", "shipped_line", source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithLine})
