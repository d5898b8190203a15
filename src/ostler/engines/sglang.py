"""SGLang: safetensors on NVIDIA and AMD GPUs, and on processors by a CPU build.

Its makers publish no CPU build to PyPI; one that was made from source is used where it is found.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.diagnosis import DAMAGED_SAFETENSORS, FETCH_AGAIN, SMALLER, Pattern, diagnose
from ostler.core.flags import extra
from ostler.core.launching import needs_code, process, threads
from ostler.core.memory import DEFAULT_CONTEXT
from ostler.core.scores import of_sglang
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

HANDLED = ("mem-fraction-static", "max-running-requests", "attention-backend")
GPUS = ("nvidia", "amd")
# An encoder reads a whole text at once: a cached beginning or a part of it would be wrong, and the
# engine dies of it (an assertion in models/roberta.py).
WHOLE_TEXTS = ("--disable-radix-cache", "--chunked-prefill-size", "-1")
CPU_SHARE = "0.5"  # of the free memory, at most; the tokens below are what it really takes
CROSS_ENCODER = "ForSequenceClassification"

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "context_too_large",
        r"Not enough memory\. Please try (to increase|increasing) --mem-fraction-static"
        r"|or increase --mem-fraction-static|leave no GPU memory for the KV cache",
        "The KV cache for this context does not fit beside the weights.",
        SMALLER,
    ),
    Pattern(
        "unknown_architecture",
        r"Model architectures .* are not supported|does not recognize this architecture",
        "This version of SGLang does not know the model's architecture.",
        "Update it, or look for the model as GGUF: `ostler search MODEL gguf`.",
    ),
    Pattern(
        "missing_file",
        r"Cannot find any model weights",
        "The weights are not in the model's folder.",
        FETCH_AGAIN,
    ),
    DAMAGED_SAFETENSORS,
    Pattern(
        "bad_flag",
        r"unrecognized arguments?:(?P<which>.*)",
        "This version of SGLang does not know a flag that it was given.",
        "`ostler engine ls` shows its version; update it.",
    ),
)


# It kills all of its processes, itself too, when one has failed; this only counts when nothing
# above names the reason.
LAST_RESORT = Pattern(
    "worker_died",
    r"Scheduler hit an exception|Received sigquit from a child process"
    r"|Subprocess \S+ .*crashed with exit code",
    "One of its processes failed, and SGLang ended them all.",
    "`ostler logs MODEL` has what that one said.",
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
        kinds = devices(hardware, installed)
        if not kinds:
            because = f"sglang {installed.version} is a build for GPUs, and there is none here"
            return Verdict(self.name, False, because, installed)
        where = "the processor" if kinds == ("cpu",) else "the GPU"
        because = f"sglang {installed.version} shares the prefixes of requests on {where}"
        return Verdict(self.name, True, because, installed, kinds)

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process."""
        words = [*installed.argv, "--model-path", model.folder, "--served-model-name", model.id]
        words += ["--host", host, "--port", str(port), "--enable-metrics"]
        words += memory_flags(installed, model, workload)
        words += kernels(installed, model, workload)
        if model.task is not Task.CHAT:
            words += ["--is-embedding"]
        if is_encoder(model):
            words += WHOLE_TEXTS
        words += extra(workload, self.name, HANDLED)
        env = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        if is_cpu_build(installed):
            env["SGLANG_USE_CPU_ENGINE"] = "1"
        return process(
            *(self.name, words, model, host, port, START_SECONDS),
            env=env | threads(workload),
            metrics_path="/metrics",
            scores=of_sglang(model.facts),
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read SGLang's log for a cause of death; None where it says nothing known."""
        found = diagnose(log, exit_code, PATTERNS)
        if found is None or found.cause == "killed":
            return diagnose(log, None, (LAST_RESORT,)) or found
        return found


def refusal(facts: ModelFacts, hardware: Hardware) -> str:
    """Why no SGLang can run this model here, or an empty text."""
    if hardware.system != "linux":
        return f"sglang needs Linux, and this is {hardware.system}"
    if facts.format is not Format.SAFETENSORS:
        return f"sglang is given safetensors here, and these weights are {facts.format}"
    if facts.task is Task.RERANK and not (facts.architecture or "").endswith(CROSS_ENCODER):
        return "sglang reranks with cross-encoders; others need a chat template of their own there"
    return needs_code(facts)


def is_cpu_build(installed: Installed) -> bool:
    """Whether it is built for processors."""
    return "cpu" in installed.version


def devices(hardware: Hardware, installed: Installed) -> tuple[str, ...]:
    """The kinds of device that this build uses here."""
    if is_cpu_build(installed):
        return ("cpu",)
    return GPUS if any(hardware.of_kind(kind) for kind in GPUS) else ()


def is_encoder(model: Served) -> bool:
    """Whether it reads texts and writes none: its architecture is no language model's."""
    decodes = (model.facts.architecture or "").endswith("ForCausalLM")
    return model.task is not Task.CHAT and not decodes


def memory_flags(installed: Installed, model: Served, workload: Workload) -> list[str]:
    """What decides how much memory it takes; on a processor no share of it is to be had."""
    words = ["--context-length", str(workload.context)] if workload.context else []
    many = workload.flag("max-running-requests") or str(workload.sequences)
    words += ["--max-running-requests", many]
    if workload.tensor_parallel > 1:
        words += ["--tp-size", str(workload.tensor_parallel)]
    if share := workload.flag("mem-fraction-static"):
        words += ["--mem-fraction-static", share]
    elif is_cpu_build(installed):
        context = workload.context or model.facts.context_length or DEFAULT_CONTEXT
        words += ["--mem-fraction-static", CPU_SHARE]  # its own guess can be less than nothing
        words += ["--max-total-tokens", str(context * max(int(many), 2))]
    if workload.kv_dtype.startswith("fp8"):
        kind = workload.kv_dtype if "_" in workload.kv_dtype else "fp8_e4m3"
        words += ["--kv-cache-dtype", kind]
    return words


def kernels(installed: Installed, model: Served, workload: Workload) -> list[str]:
    """The device, and the attention that works there; elsewhere SGLang's own choice is best."""
    words = ["--device", "cpu"] if is_cpu_build(installed) else []
    chosen = workload.flag("attention-backend")
    if chosen is None and is_cpu_build(installed):
        chosen = "torch_native"  # its own choice needs a processor with AMX
    elif chosen is None and is_encoder(model):
        chosen = "triton"  # the only one that SGLang documents for encoders
    return [*words, "--attention-backend", chosen] if chosen else words
