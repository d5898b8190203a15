"""MLX: safetensors chat models on Apple silicon, by `mlx_lm.server`."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.diagnosis import FETCH_AGAIN, Pattern, diagnose
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

START_SECONDS = 60.0  # 1 to 3.3 s were measured; kernels may be compiled at the first request

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "unknown_architecture",
        r"Model type .* not supported",
        "This version of mlx-lm does not know the model's architecture.",
        "Update it, or look for the model as GGUF: `ostler search MODEL gguf`.",
    ),
    Pattern(
        "corrupt_file",
        r"\[load_safetensors\]|Missing \d+ parameters|Expected shape",
        "A weight file is not a whole safetensors file.",
        FETCH_AGAIN,
    ),
)


class Mlx:
    """`mlx_lm.server`, one process per model, offline.

    `run_dir` is where each process gets a working folder, absolute.
    """

    name = "mlx"

    def __init__(self, run_dir: str) -> None:
        self.run_dir = run_dir

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether MLX can run this model here, with the reason either way."""
        on_apple = hardware.system == "darwin" and bool(hardware.of_kind("apple"))
        no = refusal(facts)
        if no:
            return Verdict(self.name, False, no, installed)
        if installed is None:
            because = "not installed; `ostler engine install mlx` installs it"
            if not on_apple:
                because = f"mlx needs macOS on Apple silicon (arm64); its CPU build is {because}"
            return Verdict(self.name, False, because)
        if on_apple:
            because = f"mlx-lm {installed.version} is made for Apple's shared memory"
            return Verdict(self.name, True, because, installed, ("apple",))
        because = f"mlx-lm {installed.version} runs on the processor, to try it out"
        return Verdict(self.name, True, because, installed, ("cpu",))

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process.

        It takes a request's `model` for a path, so it is started in a folder where the served
        name is a link to the files. It has no flag for the context: it grows as it must.
        """
        folder = f"{self.run_dir}/{self.name}-{port}"
        name = model.id.partition("@")[0]
        env = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": folder}  # the folder must exist
        words = [*installed.argv, "--model", name, "--host", host, "--port", str(port)]
        words += extra(workload, self.name)
        return process(
            *(self.name, words, model, host, port, START_SECONDS),
            env=env | threads(workload),
            cwd=folder,
            links={name: model.folder},
            model_name=name,
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read the server's log for a cause of death; None where it says nothing known."""
        return diagnose(log, exit_code, PATTERNS)


def refusal(facts: ModelFacts) -> str:
    """Why no mlx-lm can run this model, or an empty text."""
    if facts.format is not Format.SAFETENSORS:
        return f"mlx-lm reads safetensors, and these weights are {facts.format}"
    if facts.task in (Task.EMBED, Task.RERANK):
        return f"mlx_lm.server has no endpoint for the task {facts.task}"
    return needs_code(facts)
