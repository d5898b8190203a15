"""Run the tools that make weights smaller: each as a child that dies with us, and can be ended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ostler.core import quantizing, secrets
from ostler.core.facts import facts as facts_of
from ostler.core.quantizing import Method
from ostler.errors import Cancelled, EngineFailed
from ostler.nouns import Format, Installed, Job
from ostler.programs import guard
from ostler.store.jobs import Jobs
from ostler.verbs.inspect import table_of

LOOK_AGAIN = 0.2  # seconds between two looks whether somebody cancelled
LAST_WORDS = 20  # lines of a tool that failed
STEP = re.compile(r"^\[ *(\d+)/ *(\d+)\]")  # llama-quantize: `[  12/ 291] blk.0.attn_k.weight`
SHORTEST, MOST = 200, 256  # letters of a text to learn from, and how many texts


class Making:
    """A job under way: tells how far it is, hears whether it is cancelled."""

    def __init__(
        self, jobs: Jobs, job: Job, report: Callable[[Job], None], threads: int = 1
    ) -> None:
        self.jobs, self.job, self._report, self.threads = jobs, job, report, threads

    def stage(self, name: str) -> None:
        """Begin the next part of the work."""
        self.say(replace(self.job, stage=name, done=0, total=0))

    def at(self, done: int, total: int, unit: str) -> None:
        """Say how far this part is."""
        self.say(replace(self.job, done=done, total=total, unit=unit))

    def say(self, job: Job) -> None:
        self.job = job
        self.jobs.tell(job)
        self._report(job)

    def check_cancelled(self) -> None:
        """Raises Cancelled where somebody asked for that."""
        if self.jobs.cancelled(self.job.id):
            raise Cancelled(
                f"The job {self.job.id} was cancelled; nothing of it was kept.",
                hint=f"ostler quantize {self.job.model} --to ... begins anew.",
            )

    @contextmanager
    def child(self, argv: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
        """Run a tool under the guard, so that it and its children end when we do."""
        words = [sys.executable, "-I", "-S", guard.__file__, *argv]
        child = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            env=_environment(self.threads),
        )  # fmt: skip
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(child, over), daemon=True)
        watch.start()
        try:
            yield child
        finally:
            over.set()
            if child.poll() is None:
                child.terminate()
            child.wait()
            watch.join()
            if child.stdout:
                child.stdout.close()

    def _watch(self, child: subprocess.Popen[str], over: threading.Event) -> None:
        while not over.wait(LOOK_AGAIN):
            if self.jobs.cancelled(self.job.id):
                child.terminate()
                return


def _environment(threads: int) -> dict[str, str]:
    """Ours, without secrets. More threads than these would spin on shared cores."""
    ours = {name: value for name, value in os.environ.items() if name not in secrets.VARIABLES}
    return ours | {"OMP_NUM_THREADS": str(threads)}


VERSIONS = "`ostler engine ls` shows the versions that are here."


def run(
    making: Making, tool: Installed, argv: Sequence[str], folder: Path, hint: str = VERSIONS
) -> None:
    """Run a tool to its end. Raises Cancelled, EngineFailed with the tool's own last words."""
    said: deque[str] = deque(maxlen=LAST_WORDS)
    with making.child(argv, folder) as child:
        for line in child.stdout or ():
            if not hear(making, line):
                said.append(line.strip())
        code = child.wait()
    making.check_cancelled()
    if code:
        words = next((line for line in reversed(said) if line), "it said nothing")
        raise EngineFailed(
            f"{tool.engine} ended with exit code {code}: {words.removeprefix('ostler: ')}",
            hint=f"Nothing was kept. {hint}",
            exit_code=code,
            output=list(said),
        )


def hear(making: Making, line: str) -> bool:
    """Take a tool's line for progress where it is that."""
    step = STEP.match(line)
    if step:
        making.at(int(step[1]), int(step[2]), "tensors")
        return True
    try:
        said = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return False
    if not isinstance(said, dict):
        return False
    done, total, stage = said.get("done"), said.get("total"), said.get("stage")
    if isinstance(done, int) and isinstance(total, int):
        making.at(done, total, "bytes")
    elif isinstance(stage, str):
        making.stage(stage)
    return True


def convert(tool: Installed, folder: Path, target: Path, making: Making) -> Path:
    """Write a safetensors model as one GGUF file with 16-bit floats."""
    making.stage("converting")
    argv = [*tool.argv, str(folder), "--outfile", str(target), "--outtype", "bf16"]
    stem = quantizing.stem(making.job.model.partition("#")[0])
    hint = (
        "A newer convert_hf_to_gguf.py knows more models; most exist as GGUF: "
        f"`ostler search {stem} gguf`."
    )
    run(making, tool, argv, target.parent, hint)
    return target


def make(
    tool: Installed, method: Method, weights: Sequence[Path], folder: Path, result: Path,
    name: str, making: Making,
) -> None:  # fmt: skip
    """Write the smaller weights into `result`. Raises Cancelled, CorruptFile, EngineFailed."""
    making.stage("quantizing")
    task = result.parent / "task.json"
    if tool.engine == "llama-quantize":
        argv = [str(weights[0]), str(result / name), method.name.upper(), str(making.threads)]
    elif tool.engine == "llamacpp":
        task.write_text(json.dumps(for_kernels(method, weights, result / name, making.threads)))
        argv = [str(task)]
    else:
        words = {"source": str(folder), "target": str(result), "method": method.name}
        task.write_text(json.dumps({**words, "scheme": method.scheme, "texts": texts()}))
        argv = [str(task)]
    run(making, tool, [*tool.argv, *argv], result.parent)


def for_kernels(
    method: Method, weights: Sequence[Path], target: Path, threads: int
) -> dict[str, object]:
    """What our own program round llama.cpp's kernels is to do."""
    tables = [table_of(place, Format.GGUF) for place in weights]
    facts = facts_of(Format.GGUF, tables, None, weight_bytes=0)
    return {
        "sources": [str(place) for place in weights],
        "target": str(target),
        "types": quantizing.types(tables, facts, method.name),
        "settings": {
            "general.file_type": quantizing.FILE_TYPES[method.name],
            "general.quantization_version": quantizing.QUANTIZATION_VERSION,
        },
        "threads": threads,
    }


def texts() -> list[str]:
    """What the importance of weights is learnt from: prose that every Python brings along."""
    from pydoc_data.topics import topics

    parts = [part.strip() for page in topics.values() for part in page.split("\n\n")]
    return [part for part in parts if len(part) >= SHORTEST][:MOST]
