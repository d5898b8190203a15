"""`python -m tools.seed_triton`: write docs/explanation/seed-triton.md, every correction applied.

The seed is the document of a service on OpenShift that Ostler replaces: a Triton repository made
by hand. Its files are held here against what `ostler triton check` says and what Ostler writes.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path

from ostler.core.triton import finding
from ostler.core.triton.check import check
from ostler.core.triton.finding import Tree
from ostler.core.triton.repository import files
from ostler.nouns import Format, ModelFacts, Served, Task, Workload

PAGE = Path(__file__).resolve().parents[1] / "docs/explanation/seed-triton.md"
NAME = "vllm_model"
WEIGHTS = "/opt/app-root/mnt/model_repository/vllm_model/Llama-2-7b-hf"
ARGUMENTS = f"""{{
    "model": "{WEIGHTS}",
    "disable_log_requests": "true",
    "gpu_memory_utilization": 1
}}
"""
CONFIG = """backend: "vllm"

instance_group [
  {
    count: 1
    kind: KIND_MODEL
  }
]

model_transaction_policy {
  decoupled: True
}

max_batch_size: 0

# https://github.com/triton-inference-server/server/issues/6578#issuecomment-1813112797
# Note: The vLLM backend uses the following input and output names.
# Any change here needs to also be made in model.py

input [
  {
    name: "text_input"
    data_type: TYPE_STRING
    dims: [ 1 ]
  },
  {
    name: "stream"
    data_type: TYPE_BOOL
    dims: [ 1 ]
  },
  {
    name: "sampling_parameters"
    data_type: TYPE_STRING
    dims: [ 1 ]
    optional: true
  }
]

output [
  {
    name: "text_output"
    data_type: TYPE_STRING
    dims: [ -1 ]
  }
]
"""
TREE = Tree(
    frozenset({NAME, f"{NAME}/1", f"{NAME}/Llama-2-7b-hf", f"{NAME}/Llama-2-7b-hf/.git"}),
    {
        f"{NAME}/config.pbtxt": len(CONFIG),
        f"{NAME}/1/model.json": len(ARGUMENTS),
        f"{NAME}/Llama-2-7b-hf/model-00001-of-00002.safetensors": 9_976_576_152,
        f"{NAME}/Llama-2-7b-hf/model-00002-of-00002.safetensors": 3_500_296_424,
        f"{NAME}/Llama-2-7b-hf/pytorch_model-00001-of-00002.bin": 9_976_620_122,
        f"{NAME}/Llama-2-7b-hf/pytorch_model-00002-of-00002.bin": 3_500_315_539,
    },
    {
        f"{NAME}/config.pbtxt": CONFIG,
        f"{NAME}/1/model.json": ARGUMENTS,
        f"{NAME}/Llama-2-7b-hf/.git/config": "url = https://user:token@huggingface.co/",
    },
    {f"{NAME}/1/model.json": finding.WEIGHTS},
)
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 6_738_415_616, 13_476_831_232,
                   "F16", context_length=4096)  # fmt: skip
HOME = "/var/lib/ostler/views/hub/models--meta-llama--Llama-2-7b-hf/snapshots/01c7f73"
MODEL = Served("meta-llama/Llama-2-7b-hf", HOME, f"{HOME}/model", Task.CHAT, FACTS)
RELEASES = ("24.05", "26.07")
MANIFESTS = (
    ("the clone in the main container, before the server listens",
     "an init container; the start's own clock begins after it"),
    ("liveness after 60 s: a long download or load is killed, and begins anew",
     "a startup probe as long as the estimate of the load, liveness only then"),
    ("no check of what was fetched, `sleep infinity` after a failure",
     "every byte held against the hub's hashes; a failed pull fails the pod, which says so"),
    ("the whole repository, PyTorch and safetensors: about twice the bytes",
     "one format"),
    ("`git pull` at each start", "the commit is part of the name; a second start asks no hub"),
    ("the token in the clone's address, so in `.git/config` and the list of processes",
     "a Secret, named, in the environment of the init container alone"),
    ("weights and repository in one volume, writable", "weights read-only for the server"),
    ("the tag 24.05-vllm-python-py3", "an image by its digest; a tag is refused"),
    ("ReadWriteOnce, and replicas to come", "two replicas and ReadWriteOnce are refused"),
    ("a ConfigMap over a folder of the repository",
     "each file mounted by itself: Triton takes a ConfigMap's `..data` for a model and stops"),
    ("`poll` every 60 s through the weights", "no polling; a changed file makes new pods"),
)  # fmt: skip


def findings() -> Iterator[str]:
    """Yield a line for each thing that is wrong with the seed's tree."""
    yield "| | where | what | what to do |"
    yield "|---|---|---|---|"
    for one in check(TREE):
        yield f"| {one.level} | `{one.path}` | {one.what} | {one.do} |"


def difference(path: str, before: str, release: str) -> Iterator[str]:
    """Yield the lines that change from the seed's file to ours."""
    ours = files(MODEL, Workload(4096, 8), release, NAME)[path]
    if path.endswith(".json"):
        before = json.dumps(json.loads(before), indent=2) + "\n"
    lines = difflib.unified_diff(before.splitlines(), ours.splitlines(), "the seed", "Ostler",
                                 lineterm="", n=1)  # fmt: skip
    return (line.rstrip() for line in lines)


def page() -> str:
    """Return the page."""
    lines = [
        "# The seed's Triton repository",
        "",
        "One of the systems that Ostler replaces is a Triton server on OpenShift, with a model",
        "repository made by hand. Here is that repository with every correction and its reason.",
        "Written by `python -m tools.seed_triton`; a test makes it anew.",
        "",
        "## Its tree, as `ostler triton check` sees it",
        "",
        "A model's folder with `config.pbtxt`, `1/model.json` and, beside them, the clone of",
        "`meta-llama/Llama-2-7b-hf`:",
        "",
        *findings(),
        "",
        "tritonserver says of the folder: `ignore version directory 'Llama-2-7b-hf' which fails",
        "to convert to integral number`. `tests/triton` breaks a repository in some two dozen",
        "ways and holds what we say against what a real server does.",
        "",
        "## What changes in config.pbtxt",
        "",
        "```diff",
        *difference(f"{NAME}/config.pbtxt", CONFIG, RELEASES[0]),
        "```",
        "",
        "`stream` becomes optional, as in the backend's own configuration. The comment goes, since",
        "nobody is to edit the file. The rest was right, KIND_MODEL included: the backend refuses",
        "KIND_GPU for a model on several GPUs.",
        "",
        "## What changes in model.json",
        "",
    ]
    for release in RELEASES:
        lines += [f"With release {release}:", "", "```diff",
                  *difference(f"{NAME}/1/model.json", ARGUMENTS, release), "```", ""]  # fmt: skip
    lines += [
        "- **The path** leads to a store outside the repository: Triton lists every folder in it,",
        "  and reads through all of them when it polls.",
        "- **0.9 of the GPU**, not all of it: CUDA, NCCL and the graphs want memory beside vLLM's.",
        "- **A context**, since without one the cache must hold the model's longest, or the start",
        "  fails.",
        '- **A boolean** where the seed has a text, for which `"false"` would count as true. From',
        "  25.08 on it is left out: vLLM refuses the argument from 0.10 on, where it logs no",
        "  requests unless asked to. One too many ends the load; one too few only fills the log.",
        "- **Sequences**, so that the memory is what was estimated.",
        "",
        "## The manifests that grew from it",
        "",
        "| there | `ostler export kubernetes --engine triton` |",
        "|---|---|",
        *(f"| {there} | {here} |" for there, here in MANIFESTS),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
