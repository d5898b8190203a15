"""Hugging Face transformers: `transformers serve`, for safetensors chat models on any device.

It is the slowest of the engines and the one that knows the most architectures.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.diagnosis import (
    AS_GGUF,
    DAMAGED_SAFETENSORS,
    FETCH_AGAIN,
    REMOTE_CODE,
    Pattern,
    diagnose,
)
from ostler.core.flags import extra
from ostler.core.launching import needs_code, process, threads
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

START_SECONDS = 120.0  # importing torch alone took 4 to 12 s on two cores, ten times that when cold
INSTALL = "`ostler engine install transformers` installs it"

PATTERNS: tuple[Pattern, ...] = (
    DAMAGED_SAFETENSORS,
    Pattern(
        "unknown_architecture",
        r"does not recognize this architecture|Unrecognized configuration class",
        "This version of transformers does not know the model's architecture.",
        AS_GGUF,
    ),
    REMOTE_CODE,
    Pattern(
        "missing_dependency",
        r"requires the following packages|but was not found in your environment",
        "The model needs a package that the engine's environment does not have.",
        AS_GGUF,
    ),
    Pattern(
        "missing_file",
        r"We couldn't connect to|Can't load the configuration of|no file named"
        r"|LocalEntryNotFound|Unrecognized model in .* config\.json",
        "A file that it needs is not in the model's folder.",
        FETCH_AGAIN,
    ),
)


class Transformers:
    """`transformers serve`, one process per model, offline.

    `run_dir` is where each process gets a working folder, absolute.
    """

    name = "transformers"

    def __init__(self, run_dir: str) -> None:
        self.run_dir = run_dir

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether transformers can run this model here, with the reason either way."""
        no = refusal(facts)
        if no:
            return Verdict(self.name, False, no, installed)
        if installed is None:
            return Verdict(self.name, False, f"not installed; {INSTALL}")
        because = (
            f"transformers {installed.version} reads {facts.format} "
            f"and runs it on {device_of(hardware)}"
        )
        return Verdict(self.name, True, because, installed)

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process.

        It takes only requests whose `model` is the path on its command line, so it is started in
        a folder where the served name is a link to the files.
        """
        folder = f"{self.run_dir}/{self.name}-{port}"
        env = {
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_CACHE": folder,  # must exist, or listing the models fails
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        words = [*installed.argv, model.id, "--host", host, "--port", str(port)]
        words += extra(workload, self.name)
        return process(
            *(self.name, words, model, host, port, START_SECONDS),
            env=env | threads(workload),
            cwd=folder,
            links={model.id.partition("@")[0]: model.folder},  # what follows @ is a revision
            adds_done=True,
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read the server's log for a cause of death; None where it says nothing known."""
        return diagnose(log, exit_code, PATTERNS)


def refusal(facts: ModelFacts) -> str:
    """Why no installation of transformers can run this model, or an empty text."""
    if facts.format is Format.GGUF:
        return "would unpack a GGUF file to full precision first; llamacpp runs it as it is"
    if facts.format is Format.PYTORCH:
        return "reading a PyTorch checkpoint can run code that is in it; only safetensors is read"
    if facts.task in (Task.EMBED, Task.RERANK):
        return f"`transformers serve` has no endpoint for the task {facts.task}"
    if facts.quantization:
        return f"its environment has no kernels for {facts.quantization} weights"
    return needs_code(facts)


def device_of(hardware: Hardware) -> str:
    """Where torch will put the model, in words."""
    gpus = [device.name for device in hardware.devices if device.kind != "cpu"]
    return gpus[0] if gpus else "the processor"
