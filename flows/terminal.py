"""The terminal of a run: a line for each stage, renewed while the stage works."""

import logging
import re
import shutil
import sys

from flows.ui import PROGRESS_LINE

UNSAID = re.compile(  # of each stage, by DVC and by Prefect: a terminal has one line for it
    r"Running stage '|> |Stage '.+' didn't change|(Updating|Generating) lock file|Finished in state "
    r"|Beginning (sub)?flow run"
)
STAGE = re.compile(r"stage \d+ of \d+: ")
RENEW = "\r\x1b[K"  # to the begin of the line, which is cleared


class StageLines(logging.Handler):
    """Writes the line of a stage and renews it with each percentage; what else the stage says takes a line of its own.

    What DVC and Prefect say of each stage is left out: the commands, the states. A pipe or a file has all of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stage = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Python calls this."""
        message = self.format(record)
        if record.levelno < logging.WARNING and UNSAID.match(message):
            return
        if record.levelno < logging.WARNING and STAGE.match(message):
            self._write(f"\n{message}" if self._stage else message)
            self._stage = message
        elif said := PROGRESS_LINE.match(message):
            self._write(f"{RENEW}{_cut(f'{self._stage}  {message[said.start() :]}')}")
        else:
            self._write(f"{RENEW}{message}\n{_cut(self._stage)}")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _cut(text: str) -> str:
    """Return what fits a line: a longer one could not be renewed."""
    return text[: shutil.get_terminal_size().columns - 1]
