"""Why a model is where it is: what its size and the devices' order left to choose."""

from __future__ import annotations

from collections.abc import Sequence

from ostler.core.sizes import memory


def why_there(
    places: Sequence[str], could: Sequence[str], needs: int, engine: str, pool: str = ""
) -> str:
    """Say why a unit was put on `places`; it `could` have gone to these devices, best first.

    `needs` are the bytes on each of its devices, margin included.
    """
    size = memory(needs)
    within = f" The pool {pool} keeps it to its own memory." if pool else ""
    if len(places) > 1:
        return f"It needs {size} on each of {len(places)} devices at once: {_list(places)}.{within}"
    here = places[0]
    if len(could) < 2:
        return f"{here} is the only device that {engine} can run it on: it needs {size}.{within}"
    if here == could[0]:
        return (
            f"It needs {size}. {here} comes first of the devices it could take ({_list(could)}): "
            f"GPUs before the CPU, then the most free memory.{within}"
        )
    before = could[: could.index(here)] if here in could else could
    lacked = f"{_list(before)} had no room for {size} when it came"
    return f"{here}, because {lacked}.{within}"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
