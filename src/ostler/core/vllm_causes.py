"""What vLLM's log says when it dies; vLLM writes the same whoever starts it."""

from __future__ import annotations

from ostler.core.diagnosis import DAMAGED_SAFETENSORS, REMOTE_CODE, SMALLER, Pattern

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
        r"|No available memory for the cache blocks",
        "The KV cache for this context does not fit beside the weights.",
        SMALLER,
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
        r"unrecognized arguments?:|got an unexpected keyword argument",
        "This version of vLLM does not know a flag that it was given.",
        "`ostler engine ls` shows its version; update it, or tell us which it is.",
    ),
    REMOTE_CODE,
)
