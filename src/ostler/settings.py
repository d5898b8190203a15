"""Settings, read once at the door: flag over environment over file over default.

`load` returns the values and, beside them, where each came from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ostler.errors import UsageError


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user can set. Each field is `OSTLER_<NAME>` in the environment."""

    home: Path = field(default_factory=lambda: Path.home() / ".ostler")
    endpoint: str = "https://huggingface.co"  # or several mirrors, by commas, tried in order
    offline: bool = False  # ask no hub: use only what is kept here
    engines: Path | None = None  # where engine environments are; None: <home>/engines
    host: str = "127.0.0.1"
    port: int = 8077
    engine_ports: str = "21000-21999"  # below the ephemeral range, see docs/decisions
    workers: int = 4  # files fetched at once
    max_speed: str = ""  # of all downloads of one pull together, such as 2MB/s; empty: no cap
    reserve: str = ""  # bytes that stay free, such as 5GB; empty: 1 GiB, or 5 % where that is less
    budget: str = ""  # bytes that all models together may take, such as 500GB; empty: the disk
    threads: int | None = None  # engine threads; None: the engine's own choice
    context: int | None = None
    licence_use: str = ""  # private, research or commercial; empty: as the policy file says
    licence_policy: Path | None = None  # None: <home>/licences.yaml, where there is one
    pickle: str = "warn"  # weights that run code when loaded: allow, warn or block
    allow: str = ""  # sources to fetch from, as globs; empty: all
    trash_days: int = 7  # how long a removed model can be had back
    disk_warn_gb: int = 50  # GB (10^9) free, below which `ostler du` warns; seed I's figures
    disk_critical_gb: int = 20
    allow_hosts: str = ""  # other names by which callers without a key may call us, by commas
    allow_origins: str = ""  # web pages that may ask, such as https://chat.example, by commas
    monthly_usd: int | None = None  # US dollars a month for rented GPUs; None: no budget
    launcher: str = "process"  # how engines are run: process or container
    container_socket: str = ""  # of Docker or Podman; empty: DOCKER_HOST's, or the usual place
    container_user: str = ""  # uid:gid that engines in containers run as; empty: the models' owner
    otlp: str = ""  # where traces of requests go, such as http://127.0.0.1:4318; empty: nowhere
    dashboard: bool = True  # web pages at /dashboard; they start when a browser first asks
    database: str = ""  # URL of a PostgreSQL database for the records; empty: <home>/ostler.db
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def engines_dir(self) -> Path:
        return self.engines or self.home / "engines"

    @property
    def run_dir(self) -> Path:
        return self.home / "run"

    @property
    def logs_dir(self) -> Path:
        return self.home / "logs"


LAUNCHERS = ("process", "container")
LONGEST_CONTEXT = 2**31 - 1  # tokens; engines count them in 32 bits
# The least and the most of whole numbers; None: no most.
BOUNDS: dict[str, tuple[int, int | None]] = {
    "port": (0, 65_535), "workers": (1, 64), "threads": (1, 4096), "context": (1, LONGEST_CONTEXT),
    "trash_days": (0, None), "disk_warn_gb": (0, None), "disk_critical_gb": (0, None),
    "monthly_usd": (0, None),
}  # fmt: skip
# Names that other tools made common; ours win where both are set.
ALSO = {"home": "MODEL_BASE_PATH", "endpoint": "HF_ENDPOINT", "offline": "HF_HUB_OFFLINE"}
FILE = "settings.toml"  # in the home
TYPES: dict[str, type] = {"path": str, "str": str, "int": int, "bool": bool}
NAMED = {"path": "a text", "str": "a text", "int": "a whole number", "bool": "true or false"}
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def load(env: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Return the settings; flags that are None do not count. Raises UsageError."""
    env = os.environ if env is None else env
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    written: dict[str, Any] = {}
    for name, kind in KINDS.items():  # `home` comes first, and says where the file is
        text, origin = _from_env(env, name)
        if name in written:
            values[name], origins[name] = _read(name, kind, written[name], FILE), FILE
        if text is not None:
            values[name], origins[name] = _read(name, kind, text, origin), origin
        if flags.get(name) is not None:
            values[name], origins[name] = _read(name, kind, flags[name], "flag"), "flag"
        if name == "home":
            written = _from_file(values.get("home") or Settings().home)
    if "," in env.get(ALSO["endpoint"], ""):  # the Hub's own client cannot even be imported then
        raise UsageError(
            "HF_ENDPOINT names one hub.", hint="OSTLER_ENDPOINT and --endpoint take several."
        )
    settings = Settings(**values)
    if settings.launcher not in LAUNCHERS:
        raise UsageError(
            f"Engines are run as a process or in a container, not as {settings.launcher!r}.",
            hint="OSTLER_LAUNCHER=process, or OSTLER_LAUNCHER=container",
        )
    return replace(settings, origins={name: origins.get(name, "default") for name in KINDS})


def _from_file(home: Path) -> dict[str, Any]:
    """Return what the home's own file says; nothing where there is none. Raises UsageError."""
    path = home / FILE
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    import tomllib

    try:
        said = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}.") from error
    for name, value in said.items():
        if name not in KINDS or name == "home":
            hint = "`ostler config` lists the settings; `home` itself cannot stand there."
            raise UsageError(f"{path} sets {name!r}, which is no setting.", hint=hint)
        if type(value) is not TYPES[KINDS[name]]:
            kind = NAMED[KINDS[name]]
            raise UsageError(f"{path}: {name} must be {kind}, not {value!r}.")
    return said


def _from_env(env: Mapping[str, str], name: str) -> tuple[str | None, str]:
    for variable in (f"OSTLER_{name.upper()}", ALSO.get(name, "")):
        if env.get(variable):
            return env[variable], variable
    return None, "default"


def _read(name: str, kind: str, value: Any, origin: str) -> Any:
    try:
        if kind == "path":
            return Path(value).expanduser().absolute()
        if kind == "bool":
            return _yes_or_no(name, str(value), origin)
        return _whole(name, value, origin) if kind == "int" else str(value).rstrip("/")
    except ValueError:
        what = f"{origin}: {name} must be a whole number, not {value!r}."
        raise UsageError(what, hint=_else(name)) from None


def _whole(name: str, value: Any, origin: str) -> int:
    number = int(value)
    least, most = BOUNDS.get(name, (0, None))
    if number < least or (most is not None and number > most):
        to = "or more" if most is None else f"to {most:,}"
        what = f"{origin}: {name} must be {least} {to}, not {value}."
        raise UsageError(what, hint=_else(name))
    return number


def _else(name: str) -> str:
    usual = getattr(Settings(), name)
    if usual is None:
        return "Mend it, or leave it out."
    said = ("no", "yes")[usual] if isinstance(usual, bool) else usual
    return f"Mend it, or leave it out: then it is {said}."


def _yes_or_no(name: str, text: str, origin: str) -> bool:
    if text.lower() not in (*YES, *NO):
        what = f"{origin}: {name} must be yes or no, not {text!r}."
        raise UsageError(what, hint=_else(name))
    return text.lower() in YES


def _kind(type_: str) -> str:
    if "Path" in type_:
        return "path"
    return next((kind for kind in ("int", "bool") if kind in type_), "str")


KINDS = {f.name: _kind(str(f.type)) for f in fields(Settings) if f.name != "origins"}
