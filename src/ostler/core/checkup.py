"""What the facts of an installation mean: well, worth a look, or broken; and what mends it.

Each function takes what was found and returns findings. None of them looks for itself.
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ostler.core.addresses import without_password
from ostler.core.kernels import LEAST_PLAIN
from ostler.core.prices import STALE_DAYS, Offer
from ostler.core.sizes import counted, duration, file_size
from ostler.core.versions import version_of
from ostler.nouns import Device

State = Literal["ok", "info", "warn", "fail"]
ORDER: tuple[State, ...] = ("ok", "info", "warn", "fail")
GB = 10**9
SKEW = 300  # seconds between our clock and a hub's, beyond which TLS and signed links fail
WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".msgpack")
LARGE = 10 * 2**20  # bytes; a smaller .bin or .pt in a repository may be anything
IGNORE = ("*.safetensors", "*.gguf", "*.bin", "*.pt", "*.pth", "*.ckpt")
# File systems on another machine, where a lock may hold for one machine alone.
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "lustre", "beegfs", "afs",
          "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.juicefs")  # fmt: skip
# The first driver of Linux for what is built with CUDA 12, by NVIDIA's table of compatibility.
CUDA_12_DRIVER = (525, 60, 13)
ENCRYPTED = ("ecryptfs", "fuse.encfs", "fuse.gocryptfs")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str  # "disk", "permissions", ...
    state: State
    what: str
    fix: str = ""  # a command, or what to do; empty where all is well


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The file system that a folder is on. `encrypted` is None where nobody can tell."""

    kind: str
    device: str
    encrypted: bool | None
    how: str = ""  # why it is held to be encrypted or not


def worst(findings: Iterable[Finding]) -> State:
    """Return the gravest state among findings; "ok" where there are none."""
    return max((one.state for one in findings), key=ORDER.index, default="ok")


def permissions(path: str, mode: int, ours: bool) -> Finding:
    """Judge who may look into a folder of ours."""
    bits = stat.S_IMODE(mode)
    if not ours:
        fix = f"sudo chown -R $USER {shlex.quote(path)}"
        return Finding("permissions", "warn", f"{path} belongs to another user.", fix)
    if bits & 0o077:
        fix = f"chmod 700 {shlex.quote(path)}"
        what = f"{path} has mode {bits:o}: other users can look inside."
        return Finding("permissions", "warn", what, fix)
    return Finding("permissions", "ok", f"{path} is its owner's alone ({bits:o}).")


def secret(path: str, mode: int) -> Finding:
    """Judge who may read a file with a secret."""
    bits = stat.S_IMODE(mode)
    if bits & 0o077:
        what = f"{path} holds a secret and has mode {bits:o}: others can read it."
        return Finding("permissions", "fail", what, f"chmod 600 {shlex.quote(path)}")
    return Finding("permissions", "ok", f"{path} is readable by its owner alone.")


def addresses(path: str, text: str) -> list[Finding]:
    """Judge a file that others may be shown: no address in it holds a password."""
    flaws = []
    for number, line in enumerate(text.splitlines(), 1):
        if (hidden := without_password(line)) != line:
            what = f"{path}, line {number}, holds a password: {hidden.strip()[:200]}"
            fix = "Take it out, and change it; git keeps credentials, a hub takes HF_TOKEN"
            flaws.append(Finding("secrets", "fail", what, fix))
    return flaws


def disk(free: int, total: int, warn_gb: int, critical_gb: int) -> Finding:
    """Judge the room that is left for models."""
    what = f"{file_size(free)} free of {file_size(total)}."
    fix = "ostler du shows what models take; ostler gc frees what none needs"
    if free < critical_gb * GB:
        return Finding("disk", "fail", f"{what} Less than {critical_gb} GB is critical.", fix)
    if free < warn_gb * GB:
        return Finding("disk", "warn", f"{what} Less than {warn_gb} GB is little.", fix)
    return Finding("disk", "ok", what)


def file_system(path: str, mount: FileSystem | None) -> list[Finding]:
    """Judge the file system of the store: whether locks can be trusted, whether it is encrypted."""
    if mount is None:
        return [Finding("file system", "info", f"Which one {path} is on is unknown here.")]
    found = []
    if mount.kind in REMOTE:
        what = (
            f"{path} is on {mount.kind} ({mount.device}). Several machines may share it only if "
            "file locks work between them."
        )
        fix = "Mount it with locks (NFS 4, not nolock), or let the others fetch: ostler hub serve"
        found.append(Finding("file system", "warn", what, fix))
    elif mount.kind in ("tmpfs", "ramfs", "overlay"):
        what = f"{path} is on {mount.kind}: it is gone after a restart, or takes memory."
        fix = "Set OSTLER_HOME to a folder on a disk."
        found.append(Finding("file system", "warn", what, fix))
    else:
        found.append(Finding("file system", "ok", f"{path} is on {mount.kind} ({mount.device})."))
    word = {True: "encrypted", False: "not encrypted", None: "of unknown encryption"}
    how = f": {mount.how}" if mount.how else ""
    found.append(
        Finding("encryption", "info", f"The store's disk is {word[mount.encrypted]}{how}.")
    )
    return found


def clock(ours: float, theirs: float, hub: str) -> Finding:
    """Judge our clock (seconds since 1970) against a hub's."""
    skew = ours - theirs
    side = "ahead of" if skew > 0 else "behind"
    if abs(skew) > SKEW:
        what = f"The clock is {duration(abs(skew))} {side} {hub}'s: signed links will be refused."
        return Finding("clock", "fail", what, "timedatectl set-ntp true")
    return Finding("clock", "ok", f"The clock agrees with {hub}'s within {SKEW // 60} min.")


def ports(first: int, last: int, ephemeral: tuple[int, int] | None) -> Finding:
    """Judge the ports of engines: the kernel gives those of its ephemeral range to anybody."""
    said = f"Engines take ports {first} to {last}"
    if ephemeral is None:
        return Finding("ports", "info", f"{said}; the system's ephemeral range is unknown.")
    low, high = ephemeral
    if first <= high and last >= low:
        what = f"{said}, and the system gives {low} to {high} to outgoing connections."
        fix = f"Set OSTLER_ENGINE_PORTS below {low}, for example 21000-21999."
        return Finding("ports", "warn", what, fix)
    return Finding("ports", "ok", f"{said}, outside the system's ephemeral range.")


def prices(offers: Sequence[Offer], today: date, own: bool) -> Finding:
    """Judge how old the newest price is."""
    dated = [one.as_of for one in offers if one.as_of]
    if not dated:
        return Finding("prices", "warn", "No price has a day.", "ostler prices update FILE")
    age = (today - max(dated)).days
    whose = "yours" if own else "those that come along"
    if age > STALE_DAYS:
        what = f"The newest price ({whose}) is {counted(age, 'day')} old."
        fix = "ostler prices update FILE, or --from gpuhunt"
        return Finding("prices", "warn", what, fix)
    return Finding("prices", "ok", f"The newest price ({whose}) is {counted(age, 'day')} old.")


def tracked(project: str, files: Mapping[str, int], ignored: Mapping[str, bool]) -> list[Finding]:
    """Judge a git repository: no weights in it, and none can get in.

    `files` are those that git tracks, with bytes; `ignored` says of the names in IGNORE whether
    git would pass them over.
    """
    inside = [name for name, size in sorted(files.items()) if is_weights(name, size)]
    found = []
    for name in inside:
        what = f"{project}: git tracks the weights {name} ({file_size(files[name])})."
        fix = f"git -C {shlex.quote(project)} rm --cached {shlex.quote(name)}"
        found.append(Finding("project", "fail", what, fix))
    open_ = [name for name in IGNORE if not ignored.get(name)]
    if open_:
        what = f"{project}: .gitignore lets weights in: {', '.join(open_)}."
        place = shlex.quote(f"{project}/.gitignore")
        fix = f"printf '%s\\n' {' '.join(shlex.quote(one) for one in open_)} >> {place}"
        found.append(Finding("project", "warn", what, fix))
    return found or [Finding("project", "ok", f"{project}: git has no weights and takes none.")]


def is_weights(name: str, size: int) -> bool:
    """Say whether a tracked file is weights: by its name, and its size where that can mislead."""
    suffix = f".{name.rpartition('.')[2].lower()}"
    return suffix in WEIGHTS and (suffix in (".safetensors", ".gguf") or size >= LARGE)


def gpu(one: Device) -> Finding:
    """Judge a GPU and its driver by what engines are built for."""
    what = f"{one.id}: {one.name}, driver {one.driver or 'unknown'}"
    if one.kind != "nvidia":
        return Finding("gpu", "ok", f"{what}.")
    if one.driver and version_of(one.driver) < CUDA_12_DRIVER:
        needed = ".".join(map(str, CUDA_12_DRIVER))
        why = f"engines that are built with CUDA 12 want {needed} or newer."
        return Finding("gpu", "warn", f"{what}; {why}", "Install a newer driver of NVIDIA")
    if one.capability is not None and one.capability < LEAST_PLAIN:
        why = f"vLLM wants compute capability {LEAST_PLAIN}, and it has {one.capability}."
        fix = "Take GGUF: llama.cpp runs on it"
        return Finding("gpu", "warn", f"{what}; {why}", fix)
    return Finding("gpu", "ok", f"{what}.")


def stale(engine: str, because: str) -> Finding:
    """Say that an engine's environment is not the one that this version of Ostler pins."""
    return Finding("engines", "warn", f"{engine}: {because}.", f"ostler engine install {engine}")


def engines(installed: Mapping[str, str], devices: Sequence[str]) -> list[Finding]:
    """Judge what is installed, {name: version}, for these kinds of device."""
    found = [
        Finding("engines", "ok", f"{name} {version} is installed.")
        for name, version in sorted(installed.items())
    ]
    if not found:
        what = "No engine is installed."
        found = [Finding("engines", "fail", what, "ostler engine install transformers")]
    gpus = [kind for kind in devices if kind != "cpu"]
    if "nvidia" in gpus and not {"vllm", "sglang"} & installed.keys():
        what = "There is an NVIDIA GPU, and neither vLLM nor SGLang beside Ostler."
        fix = "pip install vllm, or run it in a container: OSTLER_LAUNCHER=container"
        found.append(Finding("engines", "info", what, fix))
    if not gpus:
        found.append(Finding("gpu", "info", "No GPU is seen; engines run on the processor."))
    return found


def whole(name: str, missing: Sequence[str], short: Sequence[str]) -> Finding:
    """Judge a kept model by what its files' sizes tell; only `verify` reads the bytes."""
    if missing or short:
        parts = [f"missing {', '.join(missing)}"] * bool(missing)
        parts += [f"of another size {', '.join(short)}"] * bool(short)
        what = f"{name}: {'; '.join(parts)}."
        return Finding("store", "fail", what, f"ostler verify {name} --repair")
    return Finding("store", "ok", f"{name}: every file is here, in its size.")
