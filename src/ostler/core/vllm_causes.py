"""What vLLM's log says when it dies; vLLM writes the same whoever starts it."""

from __future__ import annotations

from ostler.core.diagnosis import (
    DAMAGED_SAFETENSORS,
    FETCH_AGAIN,
    REMOTE_CODE,
    SMALLER,
    Pattern,
)

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "gpu_taken",
        r"Free memory on device .* is less than desired GPU memory utilization",
        "Other programs hold a part of the GPU that it was to have.",
        "`ostler ps` and `nvidia-smi` show who; stop them, or give it a smaller share.",
    ),
    Pattern(
        "context_too_large",
        r"is larger than the (maximum number of tokens that can be stored|available KV cache)"
        r"|No available memory for the cache blocks|on kv cache allocation is less than requested",
        "The KV cache for this context does not fit beside the weights.",
        SMALLER,
    ),
    Pattern(
        "context_exceeds_model",
        r"max_model_len \(\d+\) is greater than the derived max_model_len",
        "The context is longer than the model was made for.",
        "`ostler fit MODEL` shows the longest; take that or less with `--context`.",
    ),
    Pattern(
        "missing_file",
        r"Cannot find any model weights|is not a local folder and is not a valid model identifier"
        r"|HFValidationError: Repo id must be",
        "The weights are not in the model's folder.",
        FETCH_AGAIN,
    ),
    Pattern(
        "wrong_quantization",
        r"Cannot find the config file for (awq|gptq|\w+)|does not match the quantization method"
        r"|quantization method .* is not supported for the current|Unknown quantization method",
        "The weights are not quantized in the way that was asked for, or not for this device.",
        "Leave out --quantization: vLLM reads it from the model's config.json.",
    ),
    Pattern(
        "unknown_architecture",
        r"Model architectures .* (are not supported|failed to be inspected)"
        r"|does not recognize this architecture",
        "This version of vLLM does not know the model's architecture.",
        "Update it, or look for the model as GGUF: `ostler search MODEL gguf`.",
    ),
    Pattern(
        "unsupported_here",
        r"Unsupported CPU attention configuration|not supported for the current GPU"
        r"|requires (a )?(GPU|device) with compute capability",
        "vLLM has no kernel for this model on this device.",
        "Choose another engine: `ostler engine MODEL --explain`.",
    ),
    Pattern(
        "wrong_build",
        r"Failed to infer device type",
        "This build of vLLM is for another kind of device.",
        "Install the build for this machine: `ostler engine ls` shows which one is there.",
    ),
    DAMAGED_SAFETENSORS,
    Pattern(
        "bad_flag",
        r"unrecognized arguments?:(?P<which>.*)|got an unexpected keyword argument",
        "This version of vLLM does not know a flag that it was given.",
        "`ostler engine ls` shows its version; leave the flag out, or update vLLM.",
    ),
    REMOTE_CODE,
)
# What is said whatever its engine core died of; it only counts when nothing above names the reason.
LAST_RESORT = Pattern(
    "worker_died",
    r"EngineDeadError|[Ee]ngine core (exited unexpectedly|proc \S+ died)",
    "Its engine core died, and vLLM ends with that.",
    "`ostler logs MODEL` has what the core said before; `dmesg` tells of a kill by the system.",
)
