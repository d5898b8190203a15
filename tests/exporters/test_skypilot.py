"""A SkyPilot task: accepted by SkyPilot's own schema, secrets by name, the GPU that holds it."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ostler import data
from ostler.engines.vllm import Vllm
from ostler.errors import UsageError
from ostler.exporters import skypilot
from ostler.nouns import Format, Installed, LaunchSpec, ModelFacts, Served, Workload
from ostler.nouns import Task as Kind

SCHEMAS = json.loads((Path(__file__).parent / "schemas/skypilot-0.14.1.json").read_text())
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Kind.CHAT, 10, 100, "BF16")
TASK = skypilot.Task(
    "acme/It's 1", "c" * 40, ("config.json", "a b.safetensors"), 15 * 10**9, True, "RTX-A6000", 2,
    "20.0 GiB needed on each, 48.0 GiB there.", "vllm==0.27.1",
)  # fmt: skip


def spec() -> LaunchSpec:
    installed = Installed("vllm", "0.27.1", ("env/bin/vllm", "serve"), "pip")
    folder = skypilot.folder(TASK.repo)
    served = Served(TASK.repo, folder, folder, Kind.CHAT, FACTS)
    return Vllm().launch(installed, served, Workload(8192, 4, tensor_parallel=2), "0.0.0.0", 8000)


def written(task: skypilot.Task = TASK) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(skypilot.document(spec(), task))
    return found


@pytest.mark.parametrize("task", [TASK, replace(TASK, gated=False, gpu="L4", gpus=1)])
def test_skypilots_own_schema_accepts_it(task: skypilot.Task) -> None:
    found = written(task)
    jsonschema.validate(found, SCHEMAS["task"])
    jsonschema.validate(found["resources"], SCHEMAS["resources"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "gpu": "A100"}, SCHEMAS["task"])


def test_secrets_are_named_and_have_no_value() -> None:
    assert written()["secrets"] == {"VLLM_API_KEY": None, "HF_TOKEN": None}
    assert written(replace(TASK, gated=False))["secrets"] == {"VLLM_API_KEY": None}


def test_what_runs_is_what_the_engine_describes() -> None:
    last = written()["run"].strip().splitlines()[-1]
    assert shlex.split(last) == ["exec", *spec().argv]
    assert "--tensor-parallel-size 2" in last


def test_the_scripts_are_a_shells_and_refuse_to_serve_everybody() -> None:
    for part in ("setup", "run"):
        subprocess.run(["bash", "-n"], input=written()[part], text=True, check=True)
    guard = written()["run"].splitlines()[2]
    done = subprocess.run(
        ["bash", "-c", guard], env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nobody would be kept out" in done.stdout


def test_the_disk_holds_the_files_and_more() -> None:
    assert written()["resources"]["disk_size"] == 100
    assert skypilot.disk_gb(140 * 10**9) == 200


@pytest.mark.parametrize("gpu", [*skypilot.NAMES, *skypilot.SAME])
def test_every_gpu_with_a_name_there_is_one_of_ours(gpu: str) -> None:
    assert gpu in {one.name for one in data.gpus()}
    assert skypilot.accelerators(gpu, 2)


def test_a_gpu_without_a_name_there_is_refused() -> None:
    with pytest.raises(UsageError, match="Apple-M1"):
        skypilot.accelerators("Apple-M1", 1)
