"""SGLang: safetensors on NVIDIA and AMD GPUs.

It needs a GPU to be tried at all. Its flags and words were read in the source of 0.5.23.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.diagnosis import DAMAGED_SAFETENSORS, SMALLER, Pattern, diagnose
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

START_SECONDS = 600.0  # kernels are compiled and graphs captured before it answers

HANDLED = ("mem-fraction-static", "max-running-requests")

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "context_too_large",
        r"Not enough memory\. Please try (to increase|increasing) --mem-fraction-static"
        r"|or increase --mem-fraction-static",
        "The KV cache for this context does not fit beside the weights.",
        SMALLER,
    ),
    Pattern(
        "unknown_architecture",
        r"Model architectures .* are not supported|does not recognize this architecture",
        "This version of SGLang does not know the model's architecture.",
        "Update it, or look for the model as GGUF: `ostler search MODEL gguf`.",
    ),
    DAMAGED_SAFETENSORS,
    Pattern(
        "bad_flag",
        r"unrecognized arguments?:(?P<which>.*)",
        "This version of SGLang does not know a flag that it was given.",
        "`ostler engine ls` shows its version; update it.",
    ),
)


class Sglang:
    """SGLang's OpenAI server."""

    name = "sglang"

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether SGLang can run this model here, with the reason either way."""
        no = refusal(facts, hardware)
        if no:
            return Verdict(self.name, False, no, installed)
        if installed is None:
            return Verdict(self.name, False, "not installed; `pip install sglang` installs it")
        because = f"sglang {installed.version} shares the prefixes of requests on the GPU"
        return Verdict(self.name, True, because, installed, ("nvidia", "amd"))

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process."""
        words = [*installed.argv, "--model-path", model.folder, "--served-model-name", model.id]
        words += ["--host", host, "--port", str(port), "--enable-metrics"]
        if workload.context:
            words += ["--context-length", str(workload.context)]
        many = workload.flag("max-running-requests") or str(workload.sequences)
        words += ["--max-running-requests", many]
        if workload.tensor_parallel > 1:
            words += ["--tp-size", str(workload.tensor_parallel)]
        if share := workload.flag("mem-fraction-static"):
            words += ["--mem-fraction-static", share]
        if workload.kv_dtype.startswith("fp8"):
            kind = workload.kv_dtype if "_" in workload.kv_dtype else "fp8_e4m3"
            words += ["--kv-cache-dtype", kind]
        if model.task is not Task.CHAT:
            words += ["--is-embedding"]
        words += extra(workload, self.name, HANDLED)
        env = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        return process(
            *(self.name, words, model, host, port, START_SECONDS),
            env=env | threads(workload),
            metrics_path="/metrics",
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read SGLang's log for a cause of death; None where it says nothing known."""
        return diagnose(log, exit_code, PATTERNS)


def refusal(facts: ModelFacts, hardware: Hardware) -> str:
    """Why no SGLang can run this model here, or an empty text."""
    if hardware.system != "linux" or not (hardware.of_kind("nvidia") or hardware.of_kind("amd")):
        return "sglang needs Linux with an NVIDIA or AMD GPU"
    if facts.format is not Format.SAFETENSORS:
        return f"sglang is given safetensors here, and these weights are {facts.format}"
    if facts.task is Task.RERANK:
        return (
            "sglang answers /v1/rerank in a shape of its own, which no other engine's client reads"
        )
    return needs_code(facts)
