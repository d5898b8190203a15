"""llama.cpp: GGUF files on any processor, through its wheel or a `llama-server` binary."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.diagnosis import FETCH_AGAIN, SMALLER, Pattern, diagnose
from ostler.core.flags import extra
from ostler.core.launching import process
from ostler.core.memory import DEFAULT_CONTEXT
from ostler.core.scores import of_llamacpp
from ostler.errors import EngineUnsupported
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

# What a llama-server reads from its environment: a version that does not know one of these passes
# it over, where an unknown flag would end it.
SETTINGS = {
    "LLAMA_ARG_CACHE_RAM": "0",  # by default it keeps 8 GiB of prompts, which no estimate counts
    "LLAMA_ARG_FIT": "off",  # what fits was decided before it was started
    "LLAMA_ARG_CORS_ORIGINS": "",  # no web page may read from its port
    "LLAMA_ARG_SSE_PING_INTERVAL": "1",  # asked to end during a stream, it ends at its next ping
    "LLAMA_ARG_UI": "0",
    "LLAMA_ARG_NO_WEBUI": "1",  # the same, before it was renamed
    "LLAMA_ARG_LOG_VERBOSITY": "4",  # at which it says what it loads, what that takes, why it fails
}
START_SECONDS = 60.0  # libraries, tokenizer and warm-up, on a busy small machine

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "context_too_large",
        r"failed to allocate buffer for kv cache|failed to initialize the context: std::bad_alloc",
        "The KV cache for this context does not fit in memory.",
        SMALLER,
    ),
    Pattern(
        "unknown_architecture",
        r"unknown model architecture",
        "This version of llama.cpp does not know the model's architecture.",
        "Update it (`pip install --upgrade xllamacpp`), or choose another engine: "
        "`ostler engine MODEL --explain`.",
    ),
    Pattern(
        "corrupt_file",
        r"invalid magic characters|failed to read magic|failed to read key-value pairs"
        r"|failed to read tensor info|model is corrupted or incomplete|invalid GGUF"
        r"|gguf_init_from_\w+: (failed to read|bad|invalid|encountered)",
        "The weight file is not a whole GGUF file.",
        FETCH_AGAIN,
    ),
    Pattern(
        "missing_file",
        r"failed to open GGUF file",
        "The weight file is not there, or may not be read.",
        FETCH_AGAIN,
    ),
    Pattern(
        "unsupported_cache",
        r"V cache quantization requires flash_attn|unsupported cache type",
        "This model cannot keep its KV cache in the type that was asked for.",
        "Start it with the default, `--kv-dtype f16`.",
    ),
)
# What llama.cpp says of any failed load; it only counts when nothing above names the reason.
LAST_RESORT = Pattern(
    "model_loading_failure",
    r"error loading model|exiting due to model loading error",
    "llama.cpp could not load the model.",
    "Read the whole of its log: `ostler logs MODEL`.",
)


class LlamaCpp:
    """llama.cpp's HTTP server."""

    name = "llamacpp"

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether llama.cpp can run this model here, with the reason either way."""
        no = refusal(facts)
        if no:
            return Verdict(self.name, False, no, installed)
        if installed is None:
            because = "not installed; `pip install xllamacpp` installs it"
            return Verdict(self.name, False, because)
        gpu = runs_on_gpu(hardware, installed)
        where = "the GPU" if gpu else "the processor"
        because = f"llama.cpp {installed.version} reads GGUF and runs it on {where}"
        return Verdict(self.name, True, because, installed, () if gpu else ("cpu",))

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process; the wheel and the binary differ only in their flags."""
        flags = wheel_flags if installed.via == "wheel" else binary_flags
        if installed.via == "wheel" and workload.flags:
            raise EngineUnsupported(
                f"llama.cpp's wheel takes no flags of llama-server's: --{workload.flags[0][0]}.",
                hint="Put a llama-server into <engines>/llamacpp/bin; `ostler engine ls` shows "
                "which one is used.",
            )
        words = (*installed.argv, *flags(model, workload, host, port))
        return process(
            *(self.name, words, model, host, port, START_SECONDS),
            metrics_path="/metrics",
            env={} if installed.via == "wheel" else SETTINGS,
            watches_parent=installed.via == "wheel",
            scores=of_llamacpp(model.facts),
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read llama.cpp's log for a cause of death; None where it says nothing known."""
        return diagnose(log, None, PATTERNS) or diagnose(log, exit_code, (LAST_RESORT,))


class AmpereLlamaCpp(LlamaCpp):
    """The build of llama.cpp by the maker of the Ampere processors, which are ARM processors.

    The name has misled others: NVIDIA's Ampere GPUs (A100, RTX 30) have nothing to do with it.
    """

    name = "ampere"

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether this build suits the processor, with the reason either way."""
        if hardware.machine not in ("aarch64", "arm64") or "ampere" not in hardware.cpu.lower():
            because = "made for Ampere's ARM processors (Altra, AmpereOne), not for NVIDIA's Ampere"
            return Verdict(self.name, False, because, installed)
        if installed is None and not refusal(facts):
            because = "not installed; put its `llama-server` into <engines>/ampere/bin"
            return Verdict(self.name, False, because)
        return super().judge(facts, hardware, installed)


def refusal(facts: ModelFacts) -> str:
    """Why no llama.cpp can run this model, or an empty text."""
    if facts.format is not Format.GGUF:
        return f"reads GGUF files only, and these weights are {facts.format}"
    if facts.task is None and facts.architecture is None:
        return "the file names neither an architecture nor a task"
    return ""


def runs_on_gpu(hardware: Hardware, installed: Installed) -> bool:
    """Whether its layers go to a GPU: the Linux wheel from PyPI is built for processors only."""
    if installed.via == "wheel":
        return hardware.system == "darwin" and bool(hardware.of_kind("apple"))
    return any(device.kind != "cpu" for device in hardware.devices)


def context_of(model: Served, workload: Workload) -> int:
    """Tokens per sequence: what was asked, else the model's own up to DEFAULT_CONTEXT."""
    return workload.context or min(model.facts.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def wheel_flags(model: Served, workload: Workload, host: str, port: int) -> tuple[str, ...]:
    """The arguments of our own program round the wheel; it multiplies the context itself."""
    words = [
        *(model.weights, "--host", host, "--port", str(port), "--task", str(model.task)),
        *("--context", str(context_of(model, workload)), "--parallel", str(workload.sequences)),
        *("--kv-dtype", workload.kv_dtype, "--alias", model.id),
    ]
    if workload.threads:
        words += ["--threads", str(workload.threads)]
    return tuple(words)


def binary_flags(model: Served, workload: Workload, host: str, port: int) -> tuple[str, ...]:
    """The arguments of llama-server; its context is divided among the sequences."""
    context = context_of(model, workload)
    words = [
        *("-m", model.weights, "--alias", model.id, "--host", host, "--port", str(port)),
        *("-c", str(context * workload.sequences), "-np", str(workload.sequences)),
        *("-ctk", workload.kv_dtype, "-ctv", workload.kv_dtype),
        *("--metrics", "--offline"),
    ]
    if model.task is not Task.CHAT:
        # An encoder reads the whole text at once, so one batch must hold a whole sequence.
        words += ["--embedding" if model.task is Task.EMBED else "--reranking"]
        words += ["-b", str(max(512, context)), "-ub", str(max(512, context))]
    if workload.threads:
        words += ["-t", str(workload.threads)]
    return (*words, *extra(workload, "llama-server"))
