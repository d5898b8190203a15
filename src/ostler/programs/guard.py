"""Run a program so that nothing of it outlives whoever started it.

`python -I -S guard.py PROGRAM ARG ...`, for engines that do not watch their parent themselves. The
guard passes SIGTERM on and makes the second one a SIGKILL; it ends with the program's exit code
(128 + N for signal N), and on Linux kills every process that the program left behind. With
`OSTLER_LINGER` (see `lingering`) it does not end with its parent at once, but waits for another.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

GRACE = 10.0  # seconds between asking the program to end and making it
TICK = 1.0  # seconds between two looks at the parent, where the kernel does not tell of its death
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
LINUX = sys.platform.startswith("linux")
WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM}


def main(argv: list[str]) -> None:
    """Start the program, wait for its end, end with its exit code."""
    parent = int(os.environ.get("OSTLER_PARENT") or os.getppid())
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    tell_kernel((PR_SET_CHILD_SUBREAPER, 1))
    if os.environ.get("OSTLER_LINGER"):
        is_deserted, looks = neighbour("lingering").from_environment().is_over, True
    else:
        tell_kernel((PR_SET_PDEATHSIG, signal.SIGTERM))
        is_deserted, looks = lambda: os.getppid() != parent, not LINUX
    child = os.fork()
    if child == 0:
        execute(argv)
    code = wait_for(child, is_deserted, looks)
    kill_the_rest()
    os._exit(code)


def neighbour(name: str) -> Any:
    """Load a file beside this one: alone as it runs, it finds no package."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(name, os.path.join(os.path.dirname(__file__), f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tell_kernel(*options: tuple[int, int]) -> None:
    """Set process options that only Linux has."""
    if LINUX:
        import ctypes

        libc = ctypes.CDLL(None)
        for option, value in options:
            libc.prctl(option, value)


def execute(argv: list[str]) -> None:
    """Become the program; it dies at once if the guard is killed."""
    tell_kernel((PR_SET_PDEATHSIG, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"ostler: cannot start {argv[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)


def wait_for(child: int, is_deserted: Callable[[], bool], looks: bool) -> int:
    """Pass signals on until the program has ended; return its exit code.

    `looks` means that only looking now and then tells whether we are deserted.
    """
    asked = False
    if looks:
        signal.setitimer(signal.ITIMER_REAL, TICK, TICK)
    while True:
        if not asked and is_deserted():
            asked = ask(child)
        came = signal.sigwait(WATCHED)
        if came == signal.SIGCHLD:
            code = reap(child)
            if code is not None:
                return code
        elif asked:  # asked twice, or given time enough
            os.kill(child, signal.SIGKILL)
        elif came != signal.SIGALRM:
            asked = ask(child)


def ask(child: int) -> bool:
    """Ask the program to end, and set the clock for making it."""
    os.kill(child, signal.SIGTERM)
    signal.setitimer(signal.ITIMER_REAL, GRACE, GRACE)
    return True


def reap(child: int) -> int | None:
    """Collect everything that has ended; return the program's exit code if it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            ended = os.waitstatus_to_exitcode(status)
            code = ended if ended >= 0 else 128 - ended


def kill_the_rest() -> None:
    """Kill what the program left: on Linux its orphans have become the guard's children."""
    path = f"/proc/self/task/{os.getpid()}/children"
    while LINUX:
        with open(path) as file:
            left = [int(word) for word in file.read().split()]
        if not left:
            return
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
