"""`trimline run`: the flow `pipeline` on the current folder, for people at a terminal.

    trimline run [--stages compress,release] [--set train.fit.epochs=3] [--no-pull]

Set TRIMLINE_TRACEBACK=1 to see where in the code a failure arose. Prefect is imported by the functions that need it, so
that `--help` and a mistyped option do not wait for it: 2 s.
"""

import argparse
import atexit
import copy
import json
import logging
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from flows.errors import STATUSES, FlowError, StageFailed
from flows.serve import free_port, running_server
from flows.upgrade import require_upgraded


class Terse(logging.Formatter):
    """`12:01:59 train | [ 40%] epoch 4 of 10`; of a failure only the first line, since `main` says the rest."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, stage or flow, and what was said, without a traceback."""
        terse = copy.copy(record)  # Prefect's own handlers still send the whole record to the API
        terse.exc_info = terse.exc_text = None
        message = record.getMessage()
        if record.levelno >= logging.ERROR or message.startswith("Finished in state"):
            message = message.partition("\n")[0].partition("\\n")[0]  # the second form is in the repr of a message
        terse.msg, terse.args = message, None
        terse.subject = getattr(record, "task_run_name", None) or getattr(record, "flow_name", None) or record.name
        return super().format(terse)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow; returns the exit status of the stage that failed, or 0."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, stop)
    wants_traceback = os.environ.get("TRIMLINE_TRACEBACK") == "1"
    try:
        table = run(options, terse=not wants_traceback)
    except FlowError as error:
        if wants_traceback:
            raise
        if isinstance(error, StageFailed) and error.result_table:
            say_results(error.result_table, in_clone=bool(options.set))
        sys.stderr.write(f"\n{error}\n\nTRIMLINE_TRACEBACK=1 shows where in the code.\n")
        return error.exit_status
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on from here.\n")
        return 130
    say_results(table, in_clone=bool(options.set))
    return 0


def stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, with a documented status; Prefect hands the signal on after it has ended the run."""
    raise KeyboardInterrupt


def run(options: argparse.Namespace, *, terse: bool) -> str:
    """Run the flow with the command line's options; returns the result table."""
    require_upgraded(Path.cwd())
    from flows.pipeline import pipeline

    if terse:
        make_terse()
    with some_server():
        return pipeline(stages=options.stages, overrides=dict(options.set), pull=options.pull)


def say_results(table: str, *, in_clone: bool) -> None:
    """Print the result table, and the path of the report where it outlives the run."""
    from flows.ui import REPORT

    sys.stdout.write(f"\n{wrapped(table) if sys.stdout.isatty() else table}\n")
    if REPORT.exists() and not in_clone:
        sys.stdout.write(f"The whole report: {REPORT}\n")
    sys.stdout.flush()


def wrapped(text: str) -> str:
    """Return a text whose sentences fit the terminal; rows of tables stay as they are."""
    columns = shutil.get_terminal_size().columns
    lines = (line if line.startswith("|") else textwrap.fill(line, columns) for line in text.split("\n"))
    return "\n".join(lines)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options, each as the flow's parameter of that name takes it."""
    parser = argparse.ArgumentParser(
        prog="trimline run",
        description="Runs every out-of-date stage, then prints the results and the path of the report.",
        epilog="Example: trimline run --set train.fit.epochs=3\n\n" + STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stages", type=lambda text: text.split(","), help="only these, such as compress@int8,release")
    parser.add_argument(
        "--set",
        type=override,
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="try another value of a setting, in a clean clone of the last commit; may be repeated",
    )
    parser.add_argument("--no-pull", dest="pull", action="store_false", help="fetch nothing from the DVC remote")
    return parser.parse_args(arguments)


def override(text: str) -> tuple[str, Any]:
    """`train.fit.epochs=3` as key and value; a value that is not JSON is a string."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected section.key=value, such as train.fit.epochs=3")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def make_terse() -> None:
    """Give every handler that writes to the terminal the terse format, and leave out links that lead nowhere."""
    from prefect.settings import PREFECT_API_URL

    from flows.terminal import StageLines

    root = logging.getLogger()
    if sys.stdout.isatty():
        root.handlers = [StageLines()]
    shape = "%(message)s" if sys.stdout.isatty() else "%(asctime)s %(subject)s | %(message)s"
    for handler in root.handlers:
        handler.setFormatter(Terse(shape, datefmt="%H:%M:%S"))
        if not PREFECT_API_URL.value():  # a server without pages, gone when this command is done
            handler.addFilter(lambda record: not record.getMessage().startswith("View at "))


@contextmanager
def some_server() -> Iterator[None]:
    """The server that PREFECT_API_URL names, or else one for this run alone.

    Prefect would start one, too, but that one stays for ever if this process is killed.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    server = ExitStack()
    # It ends after Prefect's own exit handlers, registered later and so called earlier, have sent the last logs.
    atexit.register(server.close)
    url, _ = server.enter_context(
        running_server(Path.cwd(), free_port(), "--no-ui", "--no-scheduler", "--no-late-runs")
    )
    with temporary_settings({PREFECT_API_URL: url}):
        yield
