"""An engine's own flags that a user adds: passed on, but for those that cannot be right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ostler.errors import EngineUnsupported
from ostler.nouns import Workload

# What Ostler decides, and how a user says the same to it.
OURS: Mapping[str, str] = {
    "host": "OSTLER_HOST is the gateway's; engines stay on loopback",
    "port": "OSTLER_ENGINE_PORTS",
    "model": "the model's name",
    "model-path": "the model's name",
    "served-model-name": "the model's name",
    "alias": "the model's name",
    "max-model-len": "--context",
    "context-length": "--context",
    "ctx-size": "--context",
    "tensor-parallel-size": "the number of GPUs",
    "tp-size": "the number of GPUs",
    "kv-cache-dtype": "--kv-dtype",
    "api-key": "`ostler keys`: a key in a command line can be read by everyone",
    "hf-token": "`ostler pull`: a token in a command line can be read by everyone",
    "trust-remote-code": "nothing: Ostler runs no code out of a model's repository",
}


def extra(
    workload: Workload,
    engine: str,
    handled: Collection[str] = (),
    refused: Callable[[str], str] = lambda name: "",
) -> list[str]:
    """Return the user's flags as words of a command line, without those in `handled`.

    `refused` says why this version of the engine takes no such flag. Raises EngineUnsupported.
    """
    words: list[str] = []
    for name, value in workload.flags:
        if name in handled:
            continue
        if name in OURS:
            raise EngineUnsupported(
                f"Ostler sets --{name} of {engine} itself.", hint=f"Use {OURS[name]}.", flag=name
            )
        why = refused(name)
        if why:
            raise EngineUnsupported(
                f"{why[0].upper()}{why[1:]}.",
                hint="`ostler engine ls` shows the version that is installed.",
                flag=name,
            )
        words += [f"--{name}", *([value] if value else [])]
    return words
