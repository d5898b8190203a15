"""An engine's log -> why it died and what to do next; a table, read from the top.

Each engine puts its own patterns before the shared ones. In an advice the word MODEL stands for
the model's name, which a log does not know; `named` fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ostler.nouns import Diagnosis

SIGKILL = 9  # the numbers of POSIX
SIGTERM = 15
CRASHES = {4: "an illegal instruction", 6: "an abort", 7: "a bus error", 11: "a bad memory access"}
LONGEST_NAME = 100  # characters of a flag or a path that a sentence can carry
LONGEST_EVIDENCE = 300  # characters of a log line that an error message can carry


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression for one log line, and what it means when it is found.

    What its group `which` holds, such as the flag that is not known, is told with the meaning.
    """

    cause: str
    line: str
    what: str
    advice: str


SMALLER = (
    "Give it less to hold: a smaller `--context`, fewer sequences, or a smaller quantization; "
    "`ostler fit MODEL` shows what each part needs."
)
AS_GGUF = "Look for the model as GGUF: `ostler search MODEL gguf`."
FETCH_AGAIN = "`ostler verify MODEL` checks every byte; `ostler pull MODEL` fetches damaged files."

# What every engine that reads safetensors in Python says of a file that is not whole.
DAMAGED_SAFETENSORS = Pattern(
    "corrupt_file",
    r"SafetensorError|InvalidHeader|MetadataIncompleteBuffer|HeaderTooLarge",
    "A weight file is not a whole safetensors file.",
    FETCH_AGAIN,
)
REMOTE_CODE = Pattern(
    "remote_code",
    # Not the bare word: vLLM and SGLang write `trust_remote_code=False` into every log.
    r"trust_remote_code=True|--trust-remote-code|contains custom code which must be executed",
    "The model needs code from its own repository, which Ostler does not run.",
    AS_GGUF,
)

SHARED: tuple[Pattern, ...] = (
    Pattern(
        "missing_library",
        r"libgomp\.so\.1: cannot open shared object file",
        "It needs the system's OpenMP library, which is not installed.",
        "On Debian and Ubuntu: `apt install libgomp1`.",
    ),
    Pattern(
        "port_in_use",
        r"[Aa]ddress already in use|couldn't bind HTTP server socket"
        r"|error while attempting to bind",
        "Another program listens on its port.",
        "`ostler ps` shows what Ostler runs; set `OSTLER_ENGINE_PORTS` to a free range.",
    ),
    Pattern(
        "out_of_memory",
        r"CUDA out of memory|CUDA error.*out of memory|torch\.(cuda\.)?OutOfMemoryError"
        r"|cudaMalloc failed: out of memory|HIP out of memory",
        "The GPU has too little free memory for it.",
        SMALLER
        + " A smaller share of the GPU (`--flag gpu-memory-utilization=0.8` for vLLM) leaves "
        "room for others; `ostler ps` shows what else is on it.",
    ),
    Pattern(
        "wrong_driver",
        r"CUDA driver version is insufficient|driver (on your system )?is too old"
        r"|CUDA_ERROR_(SYSTEM_DRIVER_MISMATCH|UNSUPPORTED_PTX_VERSION)|forward compatibility was"
        r"|Driver/library version mismatch|the provided PTX was compiled with an unsupported",
        "The GPU's driver is older than the CUDA that the engine was built for.",
        "Update the driver (`nvidia-smi` shows its version), or install an engine for an older "
        "CUDA; after an update of the driver the machine must be started anew.",
    ),
    Pattern(
        "no_gpu",
        r"no CUDA-capable device|No CUDA GPUs are available|CUDA_ERROR_NO_DEVICE"
        r"|invalid device ordinal|Found no NVIDIA driver|HIP_ERROR_NoDevice|hipErrorNoDevice",
        "The GPU that it was to use is not there.",
        "`ostler hw` shows the GPUs of this machine; in a container, that it was given any.",
    ),
    Pattern(
        "no_kernel",
        r"no kernel image is available",
        "The engine was not built for a GPU of this kind.",
        "Install a build for it, or take another engine: `ostler engine MODEL --explain`.",
    ),
    Pattern(
        "cuda_error",
        r"CUDA error|CUDA_ERROR_\w+|NCCL error|HIP error",
        "The GPU or its driver refused.",
        "`nvidia-smi` shows whether the driver sees the GPU, `dmesg` whether the GPU has failed.",
    ),
    Pattern(
        "out_of_memory",
        r"insufficient memory|Cannot allocate memory|std::bad_alloc|\bMemoryError\b"
        r"|DefaultCPUAllocator: can't allocate|unable to allocate|[Oo]ut of memory",
        "The machine has too little free memory for it.",
        SMALLER,
    ),
    Pattern(
        "missing_dependency",
        r"ModuleNotFoundError|PackageNotFoundError|error while loading shared libraries"
        r"|cannot open shared object file",
        "A part of the engine itself is not installed.",
        "`ostler engine ls` shows the engines and how each is installed.",
    ),
    Pattern(
        "missing_file",
        r"No such file or directory|FileNotFoundError|does not appear to have a file named",
        "A file that it needs is not there.",
        FETCH_AGAIN,
    ),
    Pattern(
        "not_allowed",
        r"Permission denied|PermissionError",
        "It may not read a file or open its port.",
        "Look at the owner and rights of what the log line names.",
    ),
    Pattern(
        "bad_flag",
        r"(?:unrecognized arguments?|error: invalid argument|unknown argument|[Nn]o such option)"
        r":?(?P<which>.*)|error: argument ",
        "This version of the engine does not know one of its flags.",
        "`ostler engine ls` shows the version; update the engine.",
    ),
    Pattern(
        "killed",
        r"^ostler: ended by signal 9: not by the system",
        "It was killed (signal 9), and not by the system for want of memory.",
        "`ostler load MODEL` starts it again.",
    ),
)


def diagnose(
    log: Sequence[str], exit_code: int | None, patterns: Iterable[Pattern] = ()
) -> Diagnosis | None:
    """Return the first cause the log or the exit code tells of, or None.

    `log` holds the lines of this start only; `exit_code` is negative for a signal. Patterns are
    tried in order, those given before the shared ones.
    """
    for pattern in (*patterns, *SHARED):
        for line in log:
            if found := re.search(pattern.line, line):
                evidence = line.strip()[:LONGEST_EVIDENCE]
                which = (found.groupdict().get("which") or "").strip()[:LONGEST_NAME]
                what = f"{pattern.what.removesuffix('.')}: {which}." if which else pattern.what
                return Diagnosis(pattern.cause, what, pattern.advice, evidence)
    return from_exit(exit_code)


def from_exit(exit_code: int | None) -> Diagnosis | None:
    """What the way it ended says, where its log says nothing."""
    number = signal_of(exit_code)
    if number == SIGKILL:
        return Diagnosis(
            "killed",
            "It was killed from outside, most likely by the system for want of memory.",
            "`dmesg | grep -i 'out of memory'` tells whether it was. " + SMALLER,
            "ended by signal 9",
        )
    if number == SIGTERM:
        advice = "Start it again if that was not meant."
        return Diagnosis("stopped", "Someone asked it to stop.", advice, "ended by signal 15")
    if number in CRASHES:
        return Diagnosis(
            "crashed",
            f"It crashed with {CRASHES[number]}.",
            "This is a fault of the engine or, for an illegal instruction, a processor too old for "
            "it; try another engine or version: `ostler engine ls`.",
            f"ended by signal {number}",
        )
    return None


def signal_of(exit_code: int | None) -> int | None:
    """The signal's number in an exit code: -9 as Python gives it, 137 as a shell does."""
    if exit_code is None:
        return None
    return -exit_code if exit_code < 0 else exit_code - 128 if 128 < exit_code < 160 else None


def unknown(log: Sequence[str], exit_code: int | None) -> Diagnosis:
    """The answer when nobody knows: the last line it wrote, and how it ended."""
    last = next((line.strip() for line in reversed(log) if line.strip()), "")
    how = "gave no answer" if exit_code is None else f"ended with exit code {exit_code}"
    return Diagnosis(
        "unknown",
        f"The engine {how} and its log names no cause that Ostler knows.",
        "Read the end of its log: `ostler logs MODEL`.",
        last[:LONGEST_EVIDENCE],
    )


def named(diagnosis: Diagnosis, model: str) -> Diagnosis:
    """The same diagnosis with the model's name in its advice."""
    return replace(diagnosis, advice=diagnosis.advice.replace("MODEL", model))
