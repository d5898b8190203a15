"""Build llama.cpp's own programs for the tests: `python -m tools.llama_server`, once.

The source is in the sdist of the wheel that Ostler brings, so both are of one version. What comes
out lies in `.consumers/llama.cpp/bin`: `llama-server`, `llama-quantize`, and
`convert_hf_to_gguf.py`, which runs with the Python of the transformers engine. Takes about 7
minutes of one core. Where it cannot be built the reason is printed, and the tests that need it say
that they are skipped.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".consumers" / "llama.cpp"
STAMP = ".ready"
INDEX = "https://pypi.org/simple/xllamacpp/"
PINNED = re.compile(r"^xllamacpp==(\S+).*\\\n((?:    --hash=sha256:\w+ ?\\?\n)+)", re.MULTILINE)
SOURCE = "thirdparty/llama.cpp"
TARGETS = ("llama-server", "llama-quantize")
CONVERTER = ("convert_hf_to_gguf.py", "conversion", "gguf-py")
NEEDED = Path(__file__).with_suffix(".requirements.txt")  # by the converter
# The converter knows a tokenizer by what it makes of a text, and refuses those it does not know.
# The tiny chat model's is added as its makers ask one to.
KNOWN = "8d3ef2dc9c84969c70feaca439b52972b97a9ce99511adeb8a135eb42e6d83a2"
UNKNOWN = "        if res is None:\n"
# -O1 takes half the time of -O2 to compile, and the tests' models are tiny.
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG", "-DBUILD_SHARED_LIBS=OFF", "-DGGML_NATIVE=ON",
    "-DGGML_LLAMAFILE=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
)  # fmt: skip


def main() -> int:
    """Build what is not there yet; say why where it cannot be done."""
    if ready():
        return 0
    missing = [name for name in ("cmake", "ninja", "g++") if not shutil.which(name)]
    problem = f"{' and '.join(missing)} not on PATH" if missing else ""
    if not problem:
        try:
            build()
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            problem = str(error)
    if problem:
        print(f"No llama-server for the tests: {problem}. Those that need it will be skipped.")
    return 0


def edition() -> str:
    """One word for the source and how it is built."""
    parts = (version("xllamacpp"), *OPTIONS, KNOWN, NEEDED.read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def ready() -> bool:
    """Whether just this has been built."""
    try:
        return (PLACE / STAMP).read_text() == edition()
    except FileNotFoundError:
        return False


def build() -> None:
    """Fetch, prove, compile; into its place by one rename. Raises OSError, ValueError."""
    print("Building llama-server for the tests (about 7 minutes of one core, once)", flush=True)
    PLACE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE.parent) as folder:
        source, tree = unpacked(Path(folder)), Path(folder, "tree")
        made = Path(folder, "made")
        words = ("cmake", "-S", source, "-B", made, "-G", "Ninja", *OPTIONS)
        run(*words)
        jobs = str(min(2, os.cpu_count() or 1))
        run("cmake", "--build", made, "-j", jobs, "--target", *TARGETS)
        (tree / "bin").mkdir(parents=True)
        for name in TARGETS:
            shutil.copy(made / "bin" / name, tree / "bin")
        converter(source, tree)
        (tree / STAMP).write_text(edition())
        shutil.rmtree(PLACE, ignore_errors=True)
        tree.rename(PLACE)


def run(*words: str | Path) -> None:
    """Run a step of the build, with its words only where it fails. Raises ValueError."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line]
        raise ValueError(f"{words[0]} ended with {done.returncode}: {said[:1]}")


def converter(source: Path, tree: Path) -> None:
    """Put the converter and what it imports into its place. Raises ValueError."""
    for name in CONVERTER:
        shutil.move(source / name, tree / name)
    tokenizers = tree / "conversion" / "base.py"
    text = tokenizers.read_text()
    if UNKNOWN not in text:
        raise ValueError(f"{tokenizers.name} has no place for another tokenizer")
    known = f'        if chkhsh == "{KNOWN}":\n            res = "gpt-2"\n{UNKNOWN}'
    tokenizers.write_text(text.replace(UNKNOWN, known, 1))
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--no-deps", "--require-hashes", "--target", tree / "python", "-r", NEEDED)
    python = ROOT / ".engines" / "transformers" / "bin" / "python"
    program = tree / "bin" / CONVERTER[0]
    words = f'PYTHONPATH="{PLACE}/python" exec "{python}" -s "{PLACE / CONVERTER[0]}" "$@"'
    program.write_text(f"#!/bin/sh\n{words}\n")
    program.chmod(0o755)


def unpacked(folder: Path) -> Path:
    """Return llama.cpp's tree out of the sdist. Raises OSError, ValueError."""
    name = f"xllamacpp-{version('xllamacpp')}"
    with urllib.request.urlopen(INDEX, timeout=60) as answer:
        page = answer.read().decode()
    found = re.search(rf'href="([^"]*{re.escape(name)}\.tar\.gz)#sha256=(\w+)"', page)
    if found is None:
        raise ValueError(f"{INDEX} has no {name}.tar.gz")
    if found[2] not in pinned():
        raise ValueError(f"{name}.tar.gz is not the file that requirements.lock pins")
    place = folder / "sdist.tar.gz"
    with urllib.request.urlopen(urllib.parse.urljoin(INDEX, found[1]), timeout=600) as answer:
        place.write_bytes(answer.read())
    if hashlib.sha256(place.read_bytes()).hexdigest() != found[2]:
        raise ValueError(f"{name}.tar.gz came damaged")
    with tarfile.open(place) as archive:
        inside = f"{name}/{SOURCE}/"
        wanted = [one for one in archive.getmembers() if one.name.startswith(inside)]
        archive.extractall(folder, wanted, filter="data")
    return folder / inside


def pinned() -> set[str]:
    """The hashes that the lock allows for the wheel and its sdist. Raises ValueError."""
    found = PINNED.search((ROOT / "requirements.lock").read_text())
    if found is None or found[1] != version("xllamacpp"):
        raise ValueError("requirements.lock pins another xllamacpp than the one installed")
    return set(re.findall(r"sha256:(\w+)", found[2]))


if __name__ == "__main__":
    sys.exit(main())
