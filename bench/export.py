"""How many exports a second: from a model's facts to the text of each kind of file.

One export is what `ostler export` does beyond starting Python and reading the model's facts: the
engine describes the process, the description becomes a container, and the text is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from bench.rows import Row, alternate, median
from ostler.core import images
from ostler.core.containers import EVERYWHERE, contained, name_of
from ostler.engines.triton import Triton
from ostler.engines.vllm import Vllm
from ostler.exporters import commands, compose, quadlet, systemd, triton
from ostler.exporters.helm.chart import chart
from ostler.exporters.kubernetes.cluster import Cluster, storage_for
from ostler.exporters.kubernetes.kustomize import tree
from ostler.nouns import (
    Container,
    Format,
    LaunchSpec,
    ModelFacts,
    Mount,
    Place,
    Served,
    Task,
    Workload,
)

AT_LEAST = 200  # exports a second
EACH = 20  # exports in one sample
FILES = 12  # of the model; each is one mount
FOLDER = "/srv/ostler/views/hub/models--org--name/snapshots/0123456789abcdef"
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 8 << 30, 16 << 30, "BF16")
MODEL = Served("org/name", FOLDER, f"{FOLDER}/file-0", Task.CHAT, FACTS)
USER = "1000:1000"


def rows(rounds: int) -> list[Row]:
    """Alternate the kinds of export."""
    samples = alternate({name: timed(write) for name, write in kinds().items()}, rounds)
    found = []
    for name, taken in samples.items():
        rate = round(EACH / median(taken))
        target = f">= {AT_LEAST} a second"
        found.append(Row(f"export {name}", rate, "a second", target=target, ok=rate >= AT_LEAST))
    return found


def kinds() -> dict[str, Callable[[], str]]:
    """Each export, from the model to its text."""
    gpus = ("0", "1")

    def as_compose() -> str:
        ones = {name_of("org/name", (gpu,)): described((gpu,))[1] for gpu in gpus}
        return compose.document(ones, compose.Manner(("chat",)))

    return {
        "compose, two services": as_compose,
        "quadlet": lambda: quadlet.quadlet(described(gpus)[1], "name", "org/name"),
        "systemd": lambda: systemd.unit(described(gpus)[0], "anna"),
        "docker run": lambda: commands.docker(described(gpus)[1], "name"),
        "kubernetes": lambda: "".join(tree(described(gpus)[0], cluster()).values()),
        "helm": lambda: "".join(chart(described(gpus)[0], cluster()).values()),
        "triton": lambda: "".join(triton.repository([repository()]).values()),
    }


def cluster() -> Cluster:
    """What a cluster is asked for."""
    image, ref = images.image("vllm"), "hf:org/name@0123456789abcdef#safetensors"
    words, size = len(image.words), storage_for(16 << 30)
    return Cluster("name", image.reference, words, image.reference, ref, size, "/home", gpus=2)


def repository() -> LaunchSpec:
    """The process that brings Triton's model repository."""
    inside = images.inside("triton", "26.07")
    return Triton("/run").launch(inside, MODEL, Workload(8192, 6), EVERYWHERE, 8000)


def described(gpus: tuple[str, ...]) -> tuple[LaunchSpec, Container]:
    """The process, and its container."""
    image = images.image("vllm")
    load = Workload(8192, 6, tensor_parallel=len(gpus))
    spec = Vllm().launch(images.installed(image), MODEL, load, EVERYWHERE, 8000)
    spec = replace(spec, devices=tuple(f"nvidia:{gpu}" for gpu in gpus))
    files = tuple(Mount(f"/srv/ostler/blobs/{n}", f"{FOLDER}/file-{n}") for n in range(FILES))
    return spec, contained(spec, Place(image, files, USER))


def timed(write: Callable[[], str]) -> Callable[[], float]:
    """Seconds for EACH exports."""

    def once() -> float:
        began = time.perf_counter()
        for _ in range(EACH):
            if not write():
                raise SystemExit("an export wrote nothing")
        return time.perf_counter() - began

    return once
