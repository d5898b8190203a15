"""Which parts of the objects are values of the chart, and how an object becomes a template."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.exporters.blocks import dumped
from ostler.exporters.kubernetes.objects import Object

Step = str | int
POD = ("spec", "template", "spec")
ENGINE, PULL = (*POD, "containers", 0), (*POD, "initContainers", 0)
TOKEN = (*PULL, "env", -1, "valueFrom", "secretKeyRef")
# What holds texts that only look like the release's name.
NOT_NAMES = ("env", "args", "command", "data", "annotations", "host")
MARK = re.compile(r"HOLE(\d+)ELOH")


@dataclass(frozen=True, slots=True)
class Hole:
    """A part of one kind of object that the chart's values decide."""

    kind: str
    path: tuple[Step, ...]
    value: str  # its place in values.yaml: "storage.size"
    left_out: bool = False  # where the value is empty, the field is not there at all


HOLES = (
    Hole("Deployment", ("spec", "replicas"), "replicas"),
    Hole("Deployment", (*PULL, "image"), "ostlerImage"),
    Hole("Deployment", (*TOKEN, "name"), "tokenSecret.name"),
    Hole("Deployment", (*TOKEN, "key"), "tokenSecret.key"),
    Hole("Deployment", (*ENGINE, "image"), "image"),
    Hole("Deployment", (*ENGINE, "args"), "args"),
    Hole("Deployment", (*ENGINE, "resources"), "resources"),
    Hole("Deployment", (*ENGINE, "startupProbe", "failureThreshold"), "startupFailures"),
    Hole("Deployment", (*POD, "securityContext"), "podSecurityContext"),
    Hole("Deployment", (*POD, "nodeSelector"), "nodeSelector", left_out=True),
    Hole("Deployment", (*POD, "tolerations"), "tolerations", left_out=True),
    Hole("PersistentVolumeClaim", ("spec", "accessModes", 0), "storage.access"),
    Hole("PersistentVolumeClaim", ("spec", "resources", "requests", "storage"), "storage.size"),
    Hole("PersistentVolumeClaim", ("spec", "storageClassName"), "storage.class", left_out=True),
    Hole("Route", ("spec", "host"), "route.host"),
    Hole("Ingress", ("spec", "rules", 0, "host"), "ingress.host"),
    Hole("Ingress", ("spec", "ingressClassName"), "ingress.class", left_out=True),
    Hole("Ingress", ("spec", "tls"), "ingress.tls", left_out=True),
)
EMPTY: Mapping[str, Any] = {
    "nodeSelector": {},
    "tolerations": [],
    "storage.class": "",
    "ingress.class": "",
    "ingress.tls": [],
}


def values(objects: Sequence[Object]) -> dict[str, Any]:
    """Return what values.yaml holds: what stands in the holes of the objects, as they are."""
    found: dict[str, Any] = {}
    for hole in HOLES:
        for one in objects:
            if one["kind"] == hole.kind:
                _set(found, hole.value, _at(one, hole.path, EMPTY.get(hole.value)))
    return found


def template(one: Object, name: str) -> str:
    """Return an object as a template: the release's name for `name`, values in its holes."""
    marked = _named(copy.deepcopy(one), name)
    expressions: list[str] = []
    left_out: set[int] = set()
    for hole in HOLES:
        if hole.kind != one["kind"]:
            continue
        number = len(expressions)
        if _put(marked, hole, f"HOLE{number}ELOH"):
            expressions.append(f".Values.{hole.value}")
            left_out |= {number} if hole.left_out else set()
    text = dumped(marked).replace("{{", '{{ "{{" }}')
    lines = (_filled(line, expressions, left_out) for line in text.splitlines())
    return "\n".join(lines).replace(RELEASE_MARK, "{{ .Release.Name }}") + "\n"


RELEASE_MARK = "RELEASE-NAME-HERE"


def _filled(line: str, expressions: Sequence[str], left_out: set[int]) -> str:
    """Put the expression into a line; JSON is YAML too, whatever the value is."""
    found = MARK.search(line)
    if not found:
        return line
    expression = expressions[int(found[1])]
    if int(found[1]) not in left_out:
        return MARK.sub(f"{{{{ {expression} | toJson }}}}", line)
    whole = MARK.sub("{{ . | toJson }}", line)
    return f"{{{{- with {expression} }}}}\n{whole}\n{{{{- end }}}}"


def _named(value: Any, name: str) -> Any:
    """Return a tree with a mark where an object's name stands."""
    if isinstance(value, dict):
        return {k: v if k in NOT_NAMES else _named(v, name) for k, v in value.items()}
    if isinstance(value, list):
        return [_named(one, name) for one in value]
    if isinstance(value, str) and value in (name, f"{name}-weights", f"{name}-files"):
        return RELEASE_MARK + value.removeprefix(name)
    return value


def _put(tree: Any, hole: Hole, mark: str) -> bool:
    """Put a mark into a hole; one that may be left out is made where it is not there."""
    place = tree
    for step in hole.path[:-1]:
        place = place[step]
    last = hole.path[-1]
    if isinstance(place, dict) and last not in place and not hole.left_out:
        return False
    place[last] = mark
    return True


def _at(tree: Any, path: Sequence[Step], absent: Any) -> Any:
    for step in path:
        if isinstance(tree, dict) and step not in tree:
            return absent
        tree = tree[step]
    return tree


def _set(tree: dict[str, Any], name: str, value: Any) -> None:
    *folders, last = name.split(".")
    for one in folders:
        tree = tree.setdefault(one, {})
    tree[last] = value
