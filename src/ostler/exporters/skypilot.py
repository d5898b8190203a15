"""A task for SkyPilot: rent a GPU that holds the model, fetch it there, serve it.

Fields as in https://docs.skypilot.co/en/latest/reference/yaml-spec.html. Secrets stand in it by
name alone; SkyPilot asks for their values when it launches.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.core.containers import slug
from ostler.errors import UsageError
from ostler.exporters.blocks import dumped
from ostler.nouns import LaunchSpec

# SkyPilot's names for GPUs, where they are not ours; several are sold as one.
NAMES: Mapping[str, tuple[str, ...]] = {
    "V100-16GB": ("V100",),
    "A100-40GB-PCIe": ("A100",),
    "A100-40GB-SXM": ("A100",),
    "A100-80GB-PCIe": ("A100-80GB",),
    "A100-80GB-SXM": ("A100-80GB",),
    "H100-80GB-PCIe": ("H100",),
    "H100-80GB-SXM": ("H100",),
    "H200-SXM": ("H200",),
    "GH200-96GB": ("GH200",),
    "RTX-6000-Turing": ("RTX6000",),
    "RTX-A4000": ("RTXA4000",),
    "RTX-A5000": ("RTXA5000",),
    "RTX-A6000": ("A6000", "RTXA6000"),
    "RTX-6000-Ada": ("RTX6000-Ada",),
    "RTX-3090": ("RTX3090",),
    "RTX-4090": ("RTX4090",),
    "RTX-5090": ("RTX5090",),
}
SAME = ("T4", "A10", "A10G", "A40", "L4", "L40", "L40S", "V100-32GB", "B200", "B300", "GB200",
        "MI300X")  # fmt: skip
FOLDER = "ostler"  # in the home of whoever runs there
KEY, TOKEN = "VLLM_API_KEY", "HF_TOKEN"
SPARE_GB = 60  # the image, the engine's environment, kernels that it compiles
HEAD = """\
# Written by `ostler export skypilot`. Launch it with your own values for its secrets:
#   sky launch -c {name} THIS_FILE {secrets}
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What the task is made of."""

    repo: str  # org/name
    commit: str
    files: Sequence[str]  # of the repository, those that the engine reads
    bytes: int  # of these files
    gated: bool
    gpu: str  # as core.gpus names it
    gpus: int
    why: str  # what says that it fits
    package: str  # of the engine, with its version: "vllm==0.27.1"


def document(spec: LaunchSpec, task: Task) -> str:
    """Return the task's YAML. Raises UsageError for a GPU that SkyPilot has no name for."""
    name = slug(task.repo.rpartition("/")[2])
    secrets = [KEY, *([TOKEN] if task.gated else [])]
    content = {
        "name": name,
        "resources": {
            "accelerators": accelerators(task.gpu, task.gpus),
            "disk_size": disk_gb(task.bytes),
            "ports": [spec.port],
        },
        "secrets": dict.fromkeys(secrets),
        "setup": setup(task),
        "run": run(spec),
    }
    asked = " ".join(f"--secret {one}" for one in secrets)
    head = HEAD.format(name=name, secrets=asked) + f"# {task.why}\n"
    return head + dumped(content)


def accelerators(gpu: str, count: int) -> Any:
    """Return the GPU as SkyPilot names it: `H100:2`, or a choice of several names."""
    names = NAMES.get(gpu, (gpu,) if gpu in SAME else ())
    if not names:
        raise UsageError(
            f"SkyPilot's name for {gpu} is not known here.",
            hint=f"Take another with --gpu: {', '.join((*NAMES, *SAME))}.",
        )
    return f"{names[0]}:{count}" if len(names) == 1 else dict.fromkeys(names, count)


def disk_gb(count: int) -> int:
    """Return GB (10^9) for the files, and room for everything else."""
    return max(100, -(-count // 10**9) + SPARE_GB)


def folder(repo: str) -> str:
    """Return where the files lie, from the folder that `run` works in."""
    return f"models/{repo.replace('/', '--')}"


def setup(task: Task) -> str:
    """Install the engine and the Hub's client, and fetch the files at their commit."""
    fetch = ["hf", "download", task.repo, *task.files]
    fetch += ["--revision", task.commit, "--local-dir", folder(task.repo)]
    return "\n".join(
        [
            "set -e",
            f"mkdir -p ~/{FOLDER} && cd ~/{FOLDER}",
            "test -x env/bin/python || python3 -m venv env",
            f"env/bin/pip install -q {shlex.quote(task.package)} 'huggingface_hub>=1'",
            f"env/bin/{shlex.join(fetch)}",
            "",
        ]
    )


def run(spec: LaunchSpec) -> str:
    """Start the engine; callers must send the secret, which it reads from its environment."""
    env = [f"export {name}={shlex.quote(value)}" for name, value in sorted(spec.env.items())]
    return "\n".join(
        [
            "set -e",
            f"cd ~/{FOLDER}",
            f'test -n "${KEY}" || {{ echo "{KEY} is empty: nobody would be kept out"; exit 1; }}',
            *env,
            f"exec {shlex.join(spec.argv)}",
            "",
        ]
    )
