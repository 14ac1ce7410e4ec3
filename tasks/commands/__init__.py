"""What people run beside the graph: `trimline NAME`. Each module has `main`, which returns its exit status."""

import argparse

STATUSES = """\
exit status:
   0  success
   1  failed; the message says why
   2  unknown option
  65  bad input data
  75  temporary failure, retry
  78  bad configuration"""


def parser_of(name: str, does: str, example: str) -> argparse.ArgumentParser:
    """Return the parser of a command, whose help ends with an example and the exit statuses.

    Args:
        name: after `trimline`.
        does: what the command does, in one or more sentences.
        example: a command line that works in a folder with the files that it names.
    """
    return argparse.ArgumentParser(
        prog=f"trimline {name}",
        description=does,
        epilog=f"example:\n  {example}\n\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
