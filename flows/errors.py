"""Errors that a flow may raise, each with its exit status on the command line.

FlowError             1
├── Refused          78   the request cannot be fulfilled; nothing was started
└── CommandFailed     *   a child's own status where it is a documented one, else 1
    └── StageFailed   *   the stage's
        └── Busy     75   passes by itself, so Prefect tries again
"""

from collections.abc import Sequence

STATUSES = (
    "exit status: 0 success; 1 failed, the message says why; 2 unknown option; 65 bad input data;\n"
    "75 temporary failure, retry; 78 bad configuration; 130 stopped, by Ctrl-C or SIGTERM"
)
DOCUMENTED = frozenset({1, 65, 75, 78, 130})


class FlowError(Exception):
    """A failure with a message for people and an exit status."""

    exit_status = 1


class Refused(FlowError):
    """The request makes no sense here (EX_CONFIG); the message says which would."""

    exit_status = 78


class CommandFailed(FlowError):
    """A child process ended with another status than 0."""

    def __init__(self, name: str, status: int, tail: Sequence[str]) -> None:
        """Keep the last lines of the child's output, in which it says why.

        Args:
            name: What to call the child in the message, such as `dvc push`.
            status: Its exit status; `-9` means killed by signal 9.
            tail: The last lines that it wrote.
        """
        super().__init__(name, status, list(tail))
        self.name, self.status, self.tail = name, status, list(tail)
        self.exit_status = status if status in DOCUMENTED else 1

    def __str__(self) -> str:
        return "\n".join([f"{self.name} ended with status {self.status}", *self.tail])

    def __repr__(self) -> str:
        """One line, without the child's output: Prefect writes it into its own messages."""
        return f"{type(self).__name__}({self.name!r}, {self.status})"


class StageFailed(CommandFailed):
    """A stage's command failed; `name` is the stage's."""

    result_table = ""  # what the stages before it have found, where the pages of the run were written by then

    def __str__(self) -> str:
        return "\n".join([f"stage {self.name!r} ended with status {self.status}", *self.tail])


class Busy(StageFailed):
    """The stage, or DVC, is at work in another process, or a server does not answer."""
