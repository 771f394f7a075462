"""The command line, a thin layer over the public API: one file a command, heavy imports only where they are needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]

INTERRUPTED = 130
USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command. Exit code 0: done; 2: something the user can mend, said in one sentence; 130: interrupted."""
    from deepspace.cli.app import app
    from deepspace.errors import DeepspaceError

    try:
        app(args=None if arguments is None else list(arguments), prog_name="deepspace", standalone_mode=True)
    except DeepspaceError as error:
        sentence = " ".join(str(error).split())
        print(f"deepspace: {sentence}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough (`deepspace schema data.csv | head`).
        sys.stdout = None
        sys.exit(1)
    sys.exit(0)
