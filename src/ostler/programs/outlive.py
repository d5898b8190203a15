"""Start a program that outlives whoever started it, and print its process id.

`python -I -S outlive.py PROGRAM ARG ...`. The program gets a session of its own, our stderr for
all that it says, and runs only once we are gone: so its parent, from its first moment to its last,
is the system, and it does not take our end for a reason to end as well.
"""

from __future__ import annotations

import os
import sys


def main(argv: list[str]) -> None:
    """Leave the program behind."""
    ours, held = os.pipe()  # its other end closes when we end
    child = os.fork()
    if child:
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os._exit(0)
    os.close(held)
    os.setsid()
    os.dup2(2, 1)
    os.read(ours, 1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"ostler: cannot start {argv[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
