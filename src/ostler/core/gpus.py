"""GPUs by name: what is sold as what, how much of it a model can use, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ostler.errors import UnknownGpu

GB = 10**9
MIB = 2**20
UNIFIED = "unified memory"  # how the table marks a GPU that shares the system's memory


@dataclass(frozen=True, slots=True)
class Gpu:
    """One kind of GPU. `None` is a figure that nobody has published where we looked."""

    name: str
    aliases: tuple[str, ...]  # as drivers, clusters and clouds write it
    vendor: str  # "nvidia", "amd", "apple", "intel"
    arch: str
    capability: str  # compute capability, gfx name, or the vendor's word for neither
    memory_gb: float  # as sold
    usable_mib: int | None  # as nvidia-smi or a loader prints it
    bandwidth_gb_s: float | None
    fp8: bool | None
    interconnect: str
    source: str
    confidence: str  # "high", "medium", "low": datasheet figures from general knowledge

    @property
    def usable_bytes(self) -> int:
        """Bytes that a driver shows; where no figure is known, the least that the name promises.

        A GB of the name taken as 10^9 bytes is no more than what the driver shows, for each GPU
        of which both are known.
        """
        return int(self.memory_gb * GB) if self.usable_mib is None else self.usable_mib * MIB

    @property
    def unified(self) -> bool:
        """Its memory is the system's, which keeps a part."""
        return UNIFIED in self.arch or UNIFIED in self.interconnect

    @property
    def host(self) -> str:
        """The processor beside it, where the GPU is only sold with one: "arm64", else ""."""
        return "arm64" if "ARM" in self.arch or self.vendor == "apple" else ""


def parse(rows: Iterable[Mapping[str, str]]) -> tuple[Gpu, ...]:
    """Return the GPUs of a table with the columns of data/gpus.csv.

    Rows without a memory of their own, such as the CPU's, are left out.
    """
    return tuple(_gpu(row) for row in rows if row["memory_gb"])


def _gpu(row: Mapping[str, str]) -> Gpu:
    return Gpu(
        name=row["name"],
        aliases=tuple(alias for alias in row["aliases"].split("|") if alias),
        vendor=row["vendor"].lower(),
        arch=row["architecture"],
        capability=row["compute_capability_or_gfx"],
        memory_gb=float(row["memory_gb"]),
        usable_mib=int(row["usable_mib"]) if row["usable_mib"] else None,
        bandwidth_gb_s=float(row["bandwidth_gb_s"]) if row["bandwidth_gb_s"] else None,
        fp8={"yes": True, "no": False}.get(row["fp8"][:3].strip()),
        interconnect=row["interconnect"],
        source=row["source"],
        confidence=row["confidence"],
    )


def find(name: str, gpus: Sequence[Gpu]) -> Gpu:
    """Return the GPU that a name means: its own, or one of its aliases, however written.

    A name that several begin with, such as `H100`, is the one that carries it as an alias.
    Raises UnknownGpu with the close names.
    """
    wanted = folded(name)
    for gpu in gpus:
        if folded(gpu.name) == wanted:
            return gpu
    for gpu in gpus:
        if wanted in {folded(alias) for alias in gpu.aliases}:
            return gpu
    begins = [gpu for gpu in gpus if wanted and folded(gpu.name).startswith(wanted)]
    if len(begins) == 1:
        return begins[0]
    raise _unknown(name, [gpu.name for gpu in begins] or close(name, gpus))


def folded(name: str) -> str:
    """Return a GPU's name without case, spaces, marks and its maker."""
    plain = re.sub(r"\((r|tm)\)", "", name.lower())
    plain = re.sub(r"\b(nvidia|amd|geforce|instinct|intel|tesla|quadro)\b", " ", plain)
    return re.sub(r"[^a-z0-9]+", "", plain)


def close(name: str, gpus: Sequence[Gpu]) -> list[str]:
    """Return up to three names that somebody who wrote `name` may have meant."""
    from difflib import get_close_matches

    known = {folded(one): gpu.name for gpu in gpus for one in (*gpu.aliases, gpu.name)}
    wanted = folded(name)
    inside = [known[one] for one in known if wanted and (wanted in one or one in wanted)]
    near = [known[one] for one in get_close_matches(wanted, known, n=6, cutoff=0.5)]
    return list(dict.fromkeys([*near, *inside]))[:3]


def _unknown(name: str, names: Sequence[str]) -> UnknownGpu:
    near = f" Close to it: {', '.join(names)}." if names else ""
    return UnknownGpu(
        f"There is no GPU {name!r} in the table.{near}",
        hint="`ostler gpus` lists them all.",
        close=list(names),
    )
