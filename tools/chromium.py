"""Bring Debian's Chromium, its libraries and fonts for the tests of the dashboard; install nothing.

The packages that `chromium.sha256` pins are unpacked into `.consumers/chromium`. Should Debian have
dropped one, what its signed index offers now is taken instead, which apt proves. Where neither can
be done the reason is printed, and the tests that need a browser say that they are skipped.

`make consumers` runs this. `python -m tools.chromium --pin` writes the pins anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from tools import debs
from tools.debs import SERVER, bring, unpack

HERE = Path(__file__).resolve().parent
PINS = HERE / "chromium.sha256"
PLACE = HERE.parent / ".consumers" / "chromium"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
WANTED = ("chromium-headless-shell", "fonts-liberation", "fonts-dejavu-core")
# Every system has the first; the others are for a desktop, or for installing.
NEEDLESS = ("libc6", "debconf", "sysvinit-utils", "x11-utils", "xdg-utils")
MAIN, SECURITY = ("debian", "bookworm"), ("debian-security", "bookworm-security")
# Without a desktop's settings Chromium asks fontconfig; relative, so that the folder can move.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <match><test name="family"><string>sans-serif</string></test>
    <edit name="family" mode="prepend"><string>Liberation Sans</string></edit></match>
  <match><test name="family"><string>system-ui</string></test>
    <edit name="family" mode="prepend"><string>Liberation Sans</string></edit></match>
  <match><test name="family"><string>monospace</string></test>
    <edit name="family" mode="prepend"><string>Liberation Mono</string></edit></match>
</fontconfig>
"""


def main(words: Sequence[str]) -> None:
    """Unpack the packages, once; say why where it cannot be done."""
    if "--pin" in words:
        lines = [f"{sha256}  {path}\n" for path, sha256 in sorted(offered(MAIN).items())]
        PINS.write_text("".join(lines))
        return
    missing = bring(PLACE, edition(), fill)
    if missing:
        print(f"NO BROWSER for the tests: {missing}. Those of the dashboard will be skipped.")


def ready() -> bool:
    """Whether what is pinned, or what stood in for it, has been unpacked."""
    return debs.ready(PLACE, edition())


def edition() -> str:
    """One word for what is unpacked."""
    return hashlib.sha256(PINS.read_bytes() + FONTS.encode()).hexdigest()


def fill(folder: Path, tree: Path) -> None:
    """Unpack what is pinned, or what Debian has in its place, and see that the browser starts."""
    print("Fetching Chromium for the tests (130 MB, once)", flush=True)
    try:
        unpack(pinned(), folder, tree)
    except OSError as gone:
        print(f"  A pinned package is gone ({gone}): asking Debian's index", flush=True)
        unpack(offered(MAIN, SECURITY), folder, tree)
    (tree / "fonts.conf").write_text(FONTS)
    print(f"  {version(tree)}", flush=True)


def pinned() -> dict[str, str]:
    """The SHA-256 of every pinned package by its path below the server."""
    lines = (line.split() for line in PINS.read_text().splitlines())
    return {path: sha256 for sha256, path in lines}


def offered(*suites: tuple[str, str]) -> dict[str, str]:
    """What apt would fetch for a system that has next to nothing, from an index whose signature it
    proves: SHA-256 by path below the server. Raises OSError."""
    if not shutil.which("apt-get") or not KEYRING.is_file():
        raise OSError(f"apt-get and {KEYRING} are needed to prove Debian's index")
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        (state / "lists/partial").mkdir(parents=True)
        (state / "cache/archives/partial").mkdir(parents=True)
        (state / "status").write_text("".join(said_to_be_there(name) for name in NEEDLESS))
        (state / "sources").write_text(
            "".join(
                f"deb [signed-by={KEYRING}] {SERVER}{at} {suite} main\n" for at, suite in suites
            )
        )
        settings = {
            "Dir::State": folder, "Dir::State::status": state / "status",
            "Dir::Cache": state / "cache", "Dir::Etc::sourcelist": state / "sources",
            "Dir::Etc::sourceparts": "-", "Acquire::Languages": "none",
            "Acquire::ForceHash": "SHA256", "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
        }  # fmt: skip
        words = [f"-o{name}={value}" for name, value in settings.items()]
        apt(*words, "update", "--error-on=any")
        found = apt(*words, "install", "--print-uris", "--no-install-recommends", "-y", *WANTED)
    lines = (line.split() for line in found.splitlines() if line.startswith("'"))
    return {
        urllib.parse.unquote(uri.strip("'")).removeprefix(SERVER): hash.removeprefix("SHA256:")
        for uri, _, _, hash in lines
    }


def said_to_be_there(name: str) -> str:
    """One entry of dpkg's status, so that neither the package nor what it needs is fetched."""
    return (
        f"Package: {name}\nStatus: install ok installed\nVersion: 99\nArchitecture: amd64\n"
        "Multi-Arch: same\nMaintainer: nobody <nobody@localhost>\nDescription: there\n\n"
    )


def apt(*words: str) -> str:
    done = subprocess.run(["apt-get", "-qq", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout


def program(place: Path = PLACE) -> Path:
    """Where the browser is."""
    return place / "usr/lib/chromium/chromium-headless-shell"


def environment(place: Path = PLACE) -> dict[str, str]:
    """What it must find in its environment beside what is there."""
    libraries = place / "usr/lib/x86_64-linux-gnu"
    own = (libraries / "nss", libraries / "pulseaudio")  # folders that their packages search
    folders = (libraries, *own, place / "lib/x86_64-linux-gnu")
    return {
        "LD_LIBRARY_PATH": os.pathsep.join(str(folder) for folder in folders),
        "FONTCONFIG_FILE": str(place / "fonts.conf"),
    }


def version(place: Path = PLACE) -> str:
    """What the browser says that it is. Raises OSError."""
    done = subprocess.run(
        [program(place), "--version"], env={**os.environ, **environment(place)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise OSError(f"it does not start here: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
