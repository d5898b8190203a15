"""Write `src/ostler/data/architectures.json`: which architectures each engine loads.

The lists are read out of the engines' own packages as PyPI has them, and nothing of them is run.
Which versions are read stands in WANTED; give it a folder, in which the archives are kept:

    python tools/architectures.py /tmp/archives
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import tarfile
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "src" / "ostler" / "data" / "architectures.json"
INDEX = "https://pypi.org"
Read = Callable[[Callable[[str], bool]], Iterator[tuple[str, str]]]
AUTO = "transformers/models/auto"
# What `transformers serve` loads, and what sentence-transformers loads, which infinity is made of.
SERVED = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
)
ENCODED = ("MODEL_MAPPING_NAMES", "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One engine's list: the package that has it, and how it is read."""

    package: str
    version: str
    ending: str  # of the archive's name
    by: str  # what the names are: "architectures", "model_type" (or both), "general.architecture"
    names: Callable[[Read], set[str]]
    dropped: Callable[[Read], dict[str, str]] = lambda read: {}
    fallback: str = ""  # the engine whose list it falls back on
    engine: str = ""  # the engine's version, where the package is another
    via: str = ""  # the way of installing that brings exactly this package; empty: each


def main() -> int:
    """Fetch what is not there, read every list, write them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    DATA.write_text(json.dumps({e: made(w, folder) for e, w in WANTED.items()}, indent=1) + "\n")
    return 0


def made(wanted: Wanted, folder: Path) -> dict[str, object]:
    """Return one engine's list with its version, date and source."""
    archive, date = fetched(wanted, folder)

    def read(wants: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
        return inside(archive, wants)

    names = sorted(wanted.names(read))
    if not names:
        raise ValueError(f"{archive.name} shows no architectures")
    return {
        "version": wanted.engine or wanted.version,
        "date": date,
        "source": archive.name,
        "by": wanted.by,
        "via": wanted.via,
        "fallback": wanted.fallback,
        "dropped": dict(sorted(wanted.dropped(read).items())),
        "names": names,
    }


def fetched(wanted: Wanted, folder: Path) -> tuple[Path, str]:
    """Return the archive and the day of its release. Raises OSError, ValueError."""
    page = f"{INDEX}/simple/{wanted.package}/"
    stem = f"{wanted.package.replace('-', '_')}-{wanted.version}"
    told = get(page).decode()
    pattern = rf'href="([^"]*/({re.escape(stem)}[^"/]*{re.escape(wanted.ending)}))#sha256=(\w+)"'
    found = re.search(pattern, told)
    if found is None:
        raise ValueError(f"{page} has no {stem}*{wanted.ending}")
    place = folder / found[2]
    if not place.exists():
        place.write_bytes(get(urllib.parse.urljoin(page, found[1])))
    if hashlib.sha256(place.read_bytes()).hexdigest() != found[3]:
        raise ValueError(f"{place} is not what {page} names")
    releases = json.loads(get(f"{INDEX}/pypi/{wanted.package}/json"))["releases"]
    return place, releases[wanted.version][0]["upload_time"][:10]


def get(address: str) -> bytes:
    """Return what an address of the index answers. Raises OSError."""
    with urllib.request.urlopen(address, timeout=600) as answer:
        body: bytes = answer.read()
    return body


def inside(archive: Path, wants: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Yield path and text of the wanted files of a wheel or an sdist."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in filter(wants, wheel.namelist()):
                yield name, wheel.read(name).decode()
        return
    with tarfile.open(archive) as sdist:
        for member in sdist:
            path = member.name.partition("/")[2]
            body = sdist.extractfile(member) if wants(path) else None
            if body:
                yield path, body.read().decode()


def assigned(text: str) -> Mapping[str, ast.expr]:
    """Return what is assigned to each name at the top of a module."""
    found: dict[str, ast.expr] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = node.value
    return found


def one(read: Read, path: str) -> str:
    """Return the text of one file."""
    return next(text for name, text in read(lambda name: name == path))


def vllm(read: Read) -> set[str]:
    """Every key of the registry's tables, but drafts', which serve no requests alone."""
    tables = assigned(one(read, "vllm/model_executor/models/registry.py"))
    skip = ("_SPECULATIVE_DECODING_MODELS", "_PREVIOUSLY_SUPPORTED_MODELS")
    named = {n: t for n, t in tables.items() if n.endswith("_MODELS") and n not in skip}
    return {
        key.value
        for table in named.values()
        if isinstance(table, ast.Dict)
        for key in table.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def vllm_dropped(read: Read) -> dict[str, str]:
    """Architectures that it had, each with the last version that had it."""
    tables = assigned(one(read, "vllm/model_executor/models/registry.py"))
    found: dict[str, str] = ast.literal_eval(tables["_PREVIOUSLY_SUPPORTED_MODELS"])
    return found


def sglang(read: Read) -> set[str]:
    """The classes that each of its modules gives out as EntryClass."""
    names: set[str] = set()
    for _, text in read(
        lambda path: re.fullmatch(r"sglang/srt/models/[\w/]+\.py", path) is not None
    ):
        entry = assigned(text).get("EntryClass")
        parts = entry.elts if isinstance(entry, ast.List | ast.Tuple) else [entry]
        names |= {part.id for part in parts if isinstance(part, ast.Name)}
    return names


def transformers(*tables: str) -> Callable[[Read], set[str]]:
    """The model types and the classes of these tables."""

    def names(read: Read) -> set[str]:
        found = assigned(one(read, f"{AUTO}/modeling_auto.py"))
        words: set[str] = set()
        for table in tables:
            call = found[table]
            assert isinstance(call, ast.Call), table
            rows = [row for row in ast.walk(call) if isinstance(row, ast.Tuple)]
            words |= {
                part.value
                for row in rows
                for part in ast.walk(row)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
        return words

    return names


def mlx(read: Read) -> set[str]:
    """Its modules that have a Model, and the model types that it takes for one of them."""
    modules = {
        path.rpartition("/")[2].removesuffix(".py")
        for path, text in read(
            lambda path: path.startswith("mlx_lm/models/") and path[-3:] == ".py"
        )
        if re.search(r"^class Model\b", text, re.M)
        or re.search(r"^from .* import .*\bModel\b", text, re.M)
    }
    renamed = ast.literal_eval(assigned(one(read, "mlx_lm/utils.py"))["MODEL_REMAPPING"])
    return modules | {name for name, module in renamed.items() if module in modules}


def llamacpp(read: Read) -> set[str]:
    """The names of LLM_ARCH_NAMES, but the one that stands for none and that of projectors."""
    text = one(read, "thirdparty/llama.cpp/src/llama-arch.cpp")
    table = text.partition("LLM_ARCH_NAMES = {")[2].partition("};")[0]
    return set(re.findall(r'\{\s*LLM_ARCH_\w+,\s*"([^"]+)"', table)) - {"(unknown)", "clip"}


WANTED = {
    "vllm": Wanted(
        "vllm", "0.33.0", ".tar.gz", "architectures", vllm, vllm_dropped, "transformers"
    ),
    "sglang": Wanted(
        "sglang", "0.5.23", "x86_64.whl", "architectures", sglang, fallback="transformers"
    ),
    "transformers": Wanted(
        *("transformers", "5.23.0", ".whl", "model_type and architectures", transformers(*SERVED))
    ),
    "infinity": Wanted(
        *("transformers", "4.57.6", ".whl", "model_type and architectures"),
        transformers(*ENCODED),
        engine="0.0.78",
        via="environment",
    ),
    "mlx": Wanted("mlx-lm", "0.32.2", ".whl", "model_type", mlx),
    "llamacpp": Wanted(
        *("xllamacpp", "2026.10.11549", ".tar.gz", "general.architecture", llamacpp), via="wheel"
    ),
}

if __name__ == "__main__":
    sys.exit(main())
