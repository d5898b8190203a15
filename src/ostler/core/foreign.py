"""Configurations of the systems that came before, read as data; no code of theirs is run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ostler.core import catalogue
from ostler.errors import OstlerError, UsageError

SECRET = ("api_key", "token", "api_token", "password", "secret")
KNOWN = ("model_path", "gpu", "max_model_len", "max_concurrent", "dtype", "quantization")


@dataclass(frozen=True, slots=True)
class Soong:
    """What soong's configuration says of models, and what of it was left."""

    models: Mapping[str, Mapping[str, Any]]  # id -> fields, as the catalogue takes them
    faults: Mapping[str, str]  # id -> why it is not taken
    left: tuple[str, ...]  # settings that are no models; secrets by name alone


def soong(data: Any) -> Soong:
    """Return the models of soong's `custom_models`. Raises UsageError where it is no such file."""
    if not isinstance(data, dict) or not isinstance(data.get("custom_models") or {}, dict):
        raise UsageError(
            "There is no mapping `custom_models` in it.",
            hint="soong keeps its file at ~/.config/gpu-dashboard/config.yaml.",
        )
    models: dict[str, Mapping[str, Any]] = {}
    faults: dict[str, str] = {}
    for id, said in (data.get("custom_models") or {}).items():
        fields = {name: one for name, one in said.items() if name != "name"} if (
            isinstance(said, dict)
        ) else {}  # fmt: skip
        try:
            catalogue.own(str(id), fields)
            models[str(id)] = fields
        except OstlerError as error:
            faults[str(id)] = error.what
    return Soong(models, faults, tuple(_left(data)))


def _left(data: Mapping[str, Any]) -> list[str]:
    found = []
    for part, said in data.items():
        for name, value in said.items() if isinstance(said, dict) else ():
            if part != "custom_models" and value not in (None, ""):
                found.append(f"{part}.{name}" + " (a secret)" * (name in SECRET))
    return found


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the guide's MODEL_CONFIGS."""

    name: str
    path: str
    gpus: tuple[int, ...] = ()
    context: int | None = None
    concurrent: int | None = None
    dtype: str | None = None
    quantization: str | None = None

    @property
    def folder(self) -> str:
        """The last part of its path, which the guide names after the repository."""
        return self.path.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ModelConfigs:
    """The entries, and why others are not among them."""

    entries: tuple[Entry, ...]
    faults: Mapping[str, str] = field(default_factory=dict)


def model_configs(source: str, name: str) -> ModelConfigs:
    """Return the entries of the dict MODEL_CONFIGS in a Python file, which is parsed and not run.

    Raises UsageError where it is not Python or has no such dict.
    """
    try:
        tree = ast.parse(source, name)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        said = getattr(error, "msg", error)
        raise UsageError(f"{name} is not Python: line {line or 1}: {said}.") from None
    found = [value for node in tree.body for value in _assigned(node)]
    if not found or not isinstance(found[-1], ast.Dict):
        raise UsageError(
            f"{name} has no dict MODEL_CONFIGS.", hint="It is written in the file itself."
        )
    entries: list[Entry] = []
    faults: dict[str, str] = {}
    for key, value in zip(found[-1].keys, found[-1].values, strict=True):
        line = (key or value).lineno
        label = key.value if isinstance(key, ast.Constant) else f"line {line}"
        try:
            entries.append(_entry(str(label), ast.literal_eval(value)))
        except UsageError as error:
            faults[str(label)] = error.what
        except (ValueError, TypeError):
            faults[str(label)] = f"Line {line}: its value is computed, and no code is run for it."
    return ModelConfigs(tuple(entries), faults)


def _assigned(node: ast.stmt) -> list[ast.expr]:
    """What a statement assigns to MODEL_CONFIGS, if that is what it does."""
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign) and node.value:
        targets, value = [node.target], node.value
    else:
        return []
    named = any(isinstance(one, ast.Name) and one.id == "MODEL_CONFIGS" for one in targets)
    return [value] if named else []


def _entry(name: str, said: Any) -> Entry:
    if not isinstance(said, dict) or not isinstance(said.get("model_path"), str):
        raise UsageError("It has no model_path.")
    strange = [str(one) for one in said if one not in KNOWN]
    if strange:
        raise UsageError(f"It says {', '.join(strange)}, which is not known.")
    gpu = said.get("gpu")
    gpus = tuple(gpu) if isinstance(gpu, list | tuple) else () if gpu is None else (gpu,)
    for what, value in (("max_model_len", said.get("max_model_len")),
                        ("max_concurrent", said.get("max_concurrent")),
                        *(("gpu", one) for one in gpus)):  # fmt: skip
        if value is not None and (type(value) is not int or value < 0):
            raise UsageError(f"{what} is {value!r}, not a whole number.")
    return Entry(
        name, said["model_path"], gpus, said.get("max_model_len"), said.get("max_concurrent"),
        said.get("dtype"), said.get("quantization"),
    )  # fmt: skip
