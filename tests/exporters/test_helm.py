"""The chart is accepted by Helm, and makes the same objects as the kustomize folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.exporters.consumers import accepted, program, run
from tests.exporters.test_kubernetes import EVERY, asked, described

from ostler.exporters.helm.chart import chart
from ostler.exporters.kubernetes.objects import objects


def written(folder: Path, engine: str = "vllm", **said: Any) -> Path:
    spec, words = described(engine)
    for name, text in chart(spec, asked(words=words, **said)).items():
        place = folder / "chart" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder / "chart"


def rendered(place: Path, *flags: str, release: str = "tiny") -> dict[str, Any]:
    done = run([program("helm"), "template", release, str(place), *flags])
    assert done.returncode == 0, done.stderr
    return {one["kind"]: one for one in yaml.safe_load_all(done.stdout) if one}


def refused(place: Path, *flags: str) -> str:
    done = run([program("helm"), "template", "tiny", str(place), *flags])
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize(("engine", "said"), EVERY)
def test_it_makes_what_the_kustomize_folder_holds(
    tmp_path: Path, engine: str, said: dict[str, Any]
) -> None:
    spec, words = described(engine)
    cluster = asked(words=words, **said, open="key" not in said)
    place = written(tmp_path, engine, **said, open="key" not in said)
    assert rendered(place) == {one["kind"]: one for one in objects(spec, cluster)}


def test_helm_and_kubernetes_find_nothing_wrong(tmp_path: Path) -> None:
    place = written(tmp_path)
    done = run([program("helm"), "lint", "--strict", str(place)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 chart(s) failed" in done.stdout
    found = rendered(place, "--set", "ingress.host=h.example,open=true,ingress.class=nginx")
    accepted("---\n".join(yaml.safe_dump(one) for one in found.values()), tmp_path)


def test_another_release_has_other_names_throughout(tmp_path: Path) -> None:
    found = rendered(written(tmp_path), release="second")
    deployment = found["Deployment"]["spec"]
    volumes = {one["name"]: one for one in deployment["template"]["spec"]["volumes"]}
    claim = volumes["weights"]["persistentVolumeClaim"]["claimName"]
    assert claim == found["PersistentVolumeClaim"]["metadata"]["name"] == "second-weights"
    assert volumes["files"]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    selected = deployment["selector"]["matchLabels"]
    assert selected == found["Service"]["spec"]["selector"]
    assert selected.items() <= deployment["template"]["metadata"]["labels"].items()
    assert selected["app.kubernetes.io/name"] == "second"


def test_values_are_held_against_the_same_rules(tmp_path: Path) -> None:
    place = written(tmp_path)
    assert "ReadWriteMany" in refused(place, "--set", "replicas=2")
    assert "image" in refused(place, "--set", "image=vllm/vllm-openai:latest")
    assert "no key is asked for" in refused(place, "--set", "route.host=h.example")
    many = rendered(place, "--set", "replicas=2,storage.access=ReadWriteMany")
    assert many["Deployment"]["spec"]["replicas"] == 2
