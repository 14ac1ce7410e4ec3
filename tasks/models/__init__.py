"""Everything that needs TensorFlow. It is imported here, once, without the lines that it says of itself."""

import os
import sys
from tempfile import TemporaryFile


def _import_tensorflow() -> None:
    """Import TensorFlow with the C library's stderr kept aside, and show what was said there only if it fails.

    Its start-up lines cannot be turned off: they are written before its own switch (TF_CPP_MIN_LOG_LEVEL) is read.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            kept.seek(0)
            os.write(stderr, kept.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


_import_tensorflow()
