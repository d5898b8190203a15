"""Look at a home and at projects: what is there, without reading any model's bytes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ostler.core import checkup
from ostler.core.checkup import Finding
from ostler.core.sizes import counted
from ostler.nouns import Manifest
from ostler.store import Store

# In the home: keys, the records, and what a service is given.
SECRETS = ("run/serve.json", "ostler.db", "hub/token", "serve.env")
SHOWN = ("ostler.yaml",)  # in the home, and likely to be shown to others


def rights(home: Path) -> Iterator[Finding]:
    """Judge who may look into the home, and into what in it is secret."""
    if not home.exists():
        yield Finding("permissions", "ok", f"{home} is made by the first pull, for you alone.")
        return
    if not home.is_dir():
        fix = "Set OSTLER_HOME to a folder"
        yield Finding("permissions", "fail", f"{home} is no folder.", fix)
        return
    if not os.access(home, os.W_OK | os.X_OK):
        fix = f"chmod u+rwx {shlex.quote(str(home))}, or set OSTLER_HOME to another folder"
        yield Finding("permissions", "fail", f"{home} may not be written.", fix)
    state = home.stat()
    yield checkup.permissions(str(home), state.st_mode, state.st_uid == os.getuid())
    for path in (home / name for name in SECRETS):
        if path.is_file():
            yield checkup.secret(str(path), path.stat().st_mode)


def secrets(home: Path, token: Path) -> Iterator[Finding]:
    """Judge what could give a secret away: the hub's token, passwords in addresses."""
    if token.is_file():
        yield checkup.secret(str(token), token.stat().st_mode)
    own = home / "settings.toml"  # may hold the password of a database, if nobody else can read it
    if own.is_file() and checkup.addresses(str(own), own.read_text(errors="replace")):
        yield checkup.secret(str(own), own.stat().st_mode)
    found = [
        one
        for path in (home / name for name in SHOWN)
        if path.is_file()
        for one in checkup.addresses(str(path), path.read_text(errors="replace"))
    ]
    yield from found or [Finding("secrets", "ok", "No address in ostler.yaml holds a password.")]


def room(store: Store, warn_gb: int, critical_gb: int) -> Finding:
    """Judge the disk."""
    return checkup.disk(*store.disk(), warn_gb, critical_gb)


def models(store: Store) -> Iterator[Finding]:
    """Judge every kept model by the sizes of its files, and the store by what nothing names."""
    kept = store.manifests()
    for manifest in kept:
        yield whole(store, manifest)
    if not kept:
        yield Finding("store", "info", "Nothing is kept yet.", "ostler pull ORG/NAME")
    if unfinished := list(store.partials.names()):
        what = f"{counted(len(unfinished), 'file is', 'files are')} half fetched."
        yield Finding("store", "info", what, "Pull again to go on; ostler gc gives them up")


def whole(store: Store, manifest: Manifest) -> Finding:
    """Judge one kept model by the sizes of its files."""
    missing, short = [], []
    for file in manifest.files:
        try:
            size = store.blob_path(file.sha256).stat().st_size
        except FileNotFoundError:
            missing.append(file.path)
        else:
            short += [file.path] * (size != file.size)
    return checkup.whole(manifest.name, missing, short)


def project(folder: Path) -> list[Finding]:
    """Judge a git repository: git must neither track weights nor take them."""
    listed = _git(folder, "ls-files", "-z")
    if listed is None:
        return [Finding("project", "info", f"{folder} is no git repository.")]
    files = {}
    for name in filter(None, listed.split("\0")):
        try:
            files[name] = (folder / name).lstat().st_size
        except OSError:
            files[name] = 0  # tracked, and removed from the work tree
    passed = {
        pattern: _git(folder, "check-ignore", "-q", f"ostler-doctor{pattern[1:]}") is not None
        for pattern in checkup.IGNORE
    }
    return checkup.tracked(str(folder), files, passed)


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says; None where it refuses, or is not here."""
    program = shutil.which("git")
    if program is None:
        return None
    # a repository's own settings may name a program that git runs to learn what has changed
    asked = [program, "-C", str(folder), "-c", "core.fsmonitor=false", *words]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
