"""Triton with its vLLM backend: safetensors on NVIDIA GPUs, from NVIDIA's container.

From release 25.02 on the container carries a frontend that speaks the OpenAI API; before it,
tritonserver alone speaks KServe's protocol: `/v2/models/NAME/generate`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.deadlines import deadline
from ostler.core.diagnosis import Pattern, diagnose
from ostler.core.triton.repository import directory, files
from ostler.core.vllm_causes import PATTERNS as VLLM
from ostler.nouns import (
    Diagnosis,
    Format,
    Hardware,
    Installed,
    LaunchSpec,
    ModelFacts,
    Served,
    Task,
    Verdict,
    Workload,
)

START_SECONDS = 600.0  # vLLM's own, which compiles kernels and captures graphs before it answers
REPOSITORY = "model_repository"
FRONTEND = "openai_frontend/main.py"
GRPC, METRICS = 8001, 8002  # Triton's own defaults; in a container nobody else has them
DRAIN_SECONDS = 30  # how long a stopping tritonserver waits for requests on their way

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "bad_repository",
        r"must be configured to use decoupled model transaction policy"
        r"|KIND_GPU is currently for single-GPU models"
        r"|'model\.json' containing vllm engine args must be provided"
        r"|failed to poll from model repository|Poll failed for model directory"
        r"|at least one version must be available|in auto-complete-config",
        "Triton does not accept the model's files in its repository.",
        "`ostler triton check DIR` says which file, and what to write instead.",
    ),
    Pattern(
        "missing_backend",
        r"unable to find backend library for backend|triton_python_backend_stub. ?is not found"
        r"|Invalid argument: unable to find '.*libtriton_",
        "This Triton has no vLLM backend.",
        "Take NVIDIA's image with -vllm-python-py3 in its tag.",
    ),
    Pattern(
        "shared_memory",
        r"Unable to initialize shared memory key|shm-region-prefix-name|Failed to increase the "
        r"shared memory pool size",
        "Triton's backend has too little shared memory, or a killed one left its own behind.",
        "Give the container --shm-size=1g; remove /dev/shm/triton_* where none runs.",
    ),
    Pattern(
        "missing_tokenizer",
        r"Can't load tokenizer for|OSError: .*tokenizer",
        "The frontend finds no tokenizer among the model's files.",
        "`ostler pull MODEL` fetches files that are missing.",
    ),
    *VLLM,
)


class Triton:
    """NVIDIA's Triton; its repository is written into the process's own folder."""

    name = "triton"

    def __init__(self, run_dir: str) -> None:
        self.run_dir = run_dir

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether Triton can run this model here, with the reason either way."""
        no = refusal(facts, hardware)
        if no:
            return Verdict(self.name, False, no, installed)
        if installed is None:
            because = "not installed; it comes as NVIDIA's container: `ostler export triton MODEL`"
            return Verdict(self.name, False, f"{because} writes what it needs")
        speaks = "the OpenAI API" if has_frontend(installed) else "KServe's protocol alone"
        because = f"triton {installed.version} runs vLLM and speaks {speaks}"
        return Verdict(self.name, True, because, installed, ("nvidia",))

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process and the model repository that it reads."""
        folder = f"{self.run_dir}/triton-{port}"
        written = files(model, workload, installed.version)
        frontend = has_frontend(installed)
        words = openai_words if frontend else kserve_words
        alone = installed.via == "image"
        return LaunchSpec(
            engine=self.name,
            argv=(*installed.argv, *words(f"{folder}/{REPOSITORY}", model, host, port, alone)),
            model=model,
            host=host,
            port=port,
            env=environment(workload),
            cwd=folder,
            files={f"{REPOSITORY}/{name}": text for name, text in written.items()},
            also={} if frontend or not alone else {"grpc": GRPC, "metrics": METRICS},
            health_path="/health/ready" if frontend else "/v2/health/ready",
            metrics_path="/metrics" if frontend else None,
            model_name=directory(model.id),
            deadline=deadline(START_SECONDS, model.facts.weight_bytes),
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read Triton's log, and vLLM's in it, for a cause of death; None where it says nothing."""
        return diagnose(log, exit_code, PATTERNS)


def refusal(facts: ModelFacts, hardware: Hardware) -> str:
    """Why no Triton can run this model here, or an empty text."""
    if hardware.system != "linux" or not hardware.of_kind("nvidia"):
        return "triton's vLLM backend needs Linux with an NVIDIA GPU"
    if facts.format is not Format.SAFETENSORS:
        return f"triton's vLLM backend is given safetensors here, and these are {facts.format}"
    if facts.task in (Task.EMBED, Task.RERANK):
        return "triton's vLLM backend generates text; vllm itself serves embeddings and scores"
    if facts.remote_code:
        return "the model needs code from its own repository, which Ostler does not run"
    return ""


def has_frontend(installed: Installed) -> bool:
    """Whether it is started through the frontend that speaks the OpenAI API."""
    return any(word.endswith(FRONTEND) for word in installed.argv)


def openai_words(
    repository: str, model: Served, host: str, port: int, alone: bool
) -> tuple[str, ...]:
    """The frontend's arguments; it carries Triton within its own process."""
    words = ("--model-repository", repository, "--tokenizer", model.folder, "--backend", "vllm")
    return (*words, "--host", host, "--openai-port", str(port))


def kserve_words(
    repository: str, model: Served, host: str, port: int, alone: bool
) -> tuple[str, ...]:
    """tritonserver's arguments. Where others run beside it, it takes one port and no more."""
    words = ("--model-repository", repository, "--http-address", host, "--http-port", str(port))
    stops = ("--exit-timeout-secs", str(DRAIN_SECONDS))
    if alone:
        return (*words, *stops)
    region = f"python,shm-region-prefix-name=ostler-{port}"
    return (*words, *stops, "--allow-grpc=false", "--allow-metrics=false",
            "--backend-config", region)  # fmt: skip


def environment(workload: Workload) -> dict[str, str]:
    """Offline, and silent towards vLLM's makers."""
    env = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    return env | ({"OMP_NUM_THREADS": str(workload.threads)} if workload.threads else {})
