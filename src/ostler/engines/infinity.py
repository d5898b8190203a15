"""infinity: embedding models and rerankers from safetensors, on any device."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.diagnosis import AS_GGUF, DAMAGED_SAFETENSORS, Pattern, diagnose
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

START_SECONDS = 120.0  # 7 s were measured on two cores; importing torch cold takes far longer

PATTERNS: tuple[Pattern, ...] = (
    DAMAGED_SAFETENSORS,
    Pattern(
        "unknown_architecture",
        r"does not recognize this architecture|Unrecognized configuration class",
        "This version of infinity does not know the model's architecture.",
        AS_GGUF,
    ),
)


class Infinity:
    """`infinity_emb`, one process per model, offline."""

    name = "infinity"

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether infinity can run this model here, with the reason either way."""
        no = refusal(facts)
        if no:
            return Verdict(self.name, False, no, installed)
        if installed is None:
            because = "not installed; `ostler engine install infinity` installs it"
            return Verdict(self.name, False, because)
        gpu = bool(hardware.of_kind("nvidia"))
        because = f"infinity {installed.version} serves {facts.task} models"
        return Verdict(self.name, True, because, installed, () if gpu else ("cpu",))

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process; its paths get the prefix of the OpenAI API."""
        words = [*installed.argv, "--model-id", model.folder, "--served-model-name", model.id]
        words += ["--host", host, "--port", str(port), "--url-prefix", "/v1"]
        words += ["--engine", "torch", "--no-bettertransformer", *extra(workload, self.name)]
        env = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        return process(
            *(self.name, words, model, host, port, START_SECONDS),
            env=env | threads(workload),
            metrics_path="/metrics",
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read infinity's log for a cause of death; None where it says nothing known."""
        return diagnose(log, exit_code, PATTERNS)


def refusal(facts: ModelFacts) -> str:
    """Why no infinity can run this model, or an empty text."""
    if facts.task not in (Task.EMBED, Task.RERANK):
        return "infinity serves embedding models and rerankers only"
    if facts.format is not Format.SAFETENSORS:
        return f"infinity is given safetensors here, and these weights are {facts.format}"
    return needs_code(facts)
