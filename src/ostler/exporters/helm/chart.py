"""The chart's folder: what it is, its values with their rules, a template for each object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ostler.exporters.blocks import dumped
from ostler.exporters.helm import holes
from ostler.exporters.kubernetes.cluster import MANY, ONCE, Cluster, Outside
from ostler.exporters.kubernetes.kustomize import FILES
from ostler.exporters.kubernetes.objects import ingress, objects, route
from ostler.nouns import LaunchSpec

HEAD = "# Written by `ostler export helm`; its command is what Ostler would run.\n"
VERSION = "0.1.0"  # of the chart: a new export takes the place of the old one
NOWHERE = ""
ONE_VOLUME = (
    '{{- if and (gt (int .Values.replicas) 1) (eq .Values.storage.access "ReadWriteOnce") }}\n'
    '{{- fail "several replicas need storage.access ReadWriteMany: a ReadWriteOnce volume is'
    ' mounted on one node" }}\n'
    "{{- end }}\n"
)
ASKS_NOBODY = (
    "{{- if not .Values.open }}\n"
    '{{- fail "no key is asked for: export again with --api-key-secret, or set open to let anyone'
    ' in" }}\n'
    "{{- end }}\n"
)
WHEN = {"Route": ".Values.route.host", "Ingress": ".Values.ingress.host"}
BECAUSE = {
    "replicas": "Pods; several need storage.access ReadWriteMany.",
    "image": "The engine's image, by its digest: what was tried is what runs.",
    "ostlerImage": "The image with Ostler, which pulls and proves the model.",
    "args": "The engine's arguments: what Ostler would run.",
    "tokenSecret": "The Secret with the hub's token; only the pull gets it.",
    "resources": "GPUs, and memory where the engine runs on the processor.",
    "startupFailures": "Times 10 seconds: how long loading may take before a pod starts anew.",
    "podSecurityContext": "On OpenShift: no user and no group, it assigns them.",
    "nodeSelector": "Which nodes, such as those with a certain GPU.",
    "tolerations": "Which taints the pods put up with; GPU nodes often have one.",
    "storage": "The volume with the weights; class: the cluster's default where it is empty.",
    "route": "An OpenShift Route; none where host is empty.",
    "ingress": "An Ingress; none where host is empty.",
    "open": "Whether a Route or an Ingress may let anyone in, with no key.",
}
DIGEST = {"type": "string", "pattern": "@sha256:[0-9a-f]{64}$"}
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["image", "ostlerImage", "replicas", "storage"],
    "properties": {
        "image": DIGEST,
        "ostlerImage": DIGEST,
        "replicas": {"type": "integer", "minimum": 0},
        "args": {"type": "array", "items": {"type": "string"}},
        "startupFailures": {"type": "integer", "minimum": 1},
        "storage": {
            "type": "object",
            "properties": {"access": {"enum": [ONCE, MANY]}, "size": {"type": "string"}},
        },
    },
}
NOTES = """\
{{ .Release.Name }} serves __MODEL__ within the cluster at
  http://{{ .Release.Name }}.{{ .Release.Namespace }}.svc:__PORT____BASE__
The first start pulls __SIZE__ GiB at most; `kubectl logs deploy/{{ .Release.Name }} -c pull` shows
how far it is.
"""


def chart(spec: LaunchSpec, cluster: Cluster) -> Mapping[str, str]:
    """Return the chart's files by name. Raises UsageError, EngineUnsupported."""
    every = [*objects(spec, replace(cluster, outside=None)), *_ways_in(cluster)]
    files = {f"templates/{FILES[one['kind']]}": _template(one, cluster) for one in every}
    return {
        "Chart.yaml": HEAD + dumped(_about(spec, cluster)),
        "values.yaml": HEAD + _values(holes.values(every) | {"open": cluster.open}),
        "values.schema.json": json.dumps(SCHEMA, indent=2) + "\n",
        **files,
        "templates/NOTES.txt": _notes(spec, cluster),
    }


def _ways_in(cluster: Cluster) -> list[dict[str, Any]]:
    asked = cluster.outside
    other = Outside(NOWHERE, "")
    by_route = asked if asked and asked.kind == "Route" else other
    by_ingress = asked if asked and asked.kind == "Ingress" else other
    return [route(cluster, by_route), ingress(cluster, by_ingress)]


def _template(one: dict[str, Any], cluster: Cluster) -> str:
    text = holes.template(one, cluster.name)
    if one["kind"] == "Deployment":
        text = ONE_VOLUME + text
    condition = WHEN.get(one["kind"])
    if not condition:
        return text
    guard = "" if cluster.key else ASKS_NOBODY
    return f"{{{{- if {condition} }}}}\n{guard}{text}{{{{- end }}}}\n"


def _about(spec: LaunchSpec, cluster: Cluster) -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "name": cluster.name,
        "description": f"{spec.model.id} served by {spec.engine}",
        "type": "application",
        "version": VERSION,
    }


def _values(values: Mapping[str, Any]) -> str:
    parts = (f"# {BECAUSE[name]}\n{dumped({name: value})}" for name, value in values.items())
    return "\n".join(parts)


def _notes(spec: LaunchSpec, cluster: Cluster) -> str:
    kserve = spec.health_path.startswith("/v2/")
    said = {
        "__MODEL__": spec.model.id,
        "__PORT__": str(spec.port),
        "__BASE__": f"/v2/models/{spec.model_name}/generate" if kserve else "/v1",
        "__SIZE__": str(cluster.storage >> 30),
    }
    text = NOTES
    for mark, value in said.items():
        text = text.replace(mark, value)
    return text
