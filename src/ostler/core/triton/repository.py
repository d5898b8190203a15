"""The two files that make a model servable by Triton's vLLM backend; the weights stay outside.

`<name>/config.pbtxt` tells Triton of the model, `<name>/1/model.json` goes to vLLM as the keyword
arguments of its `AsyncEngineArgs`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ostler.core.flags import extra
from ostler.core.versions import version_of
from ostler.nouns import Served, Workload

VERSION = "1"  # Triton's name for the only version of the model
SHARE = "gpu-memory-utilization"
UTILIZATION = 0.9  # of a GPU's memory, vLLM's own default; 1.0 leaves CUDA itself nothing
MOST_UTILIZATION = 0.95  # above it, what CUDA and NCCL take beside vLLM does not fit
# Releases of Triton, which are named by year and month. From 25.08 on, their vLLM may refuse
# disable_log_requests, which it no longer needs. One flag too many and the model does not load;
# one too few and prompts are logged: so it is given only where it is known to be taken.
QUIET_SINCE = (25, 8)
CONFIG = """\
backend: "vllm"

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
    optional: true
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


def directory(model_id: str) -> str:
    """Return the model's name in Triton, which is the name of one folder: `org--name`."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", model_id.replace("/", "--"))
    return plain.strip(".-") or "model"


def files(
    model: Served, workload: Workload, release: str, name: str | None = None
) -> Mapping[str, str]:
    """Return the repository's files by their path in it. `release` is Triton's, such as 25.06."""
    folder = name or directory(model.id)
    arguments = engine_arguments(model, workload, release)
    return {
        f"{folder}/config.pbtxt": CONFIG,
        f"{folder}/{VERSION}/model.json": json.dumps(arguments, indent=2) + "\n",
    }


def engine_arguments(model: Served, workload: Workload, release: str) -> dict[str, object]:
    """Return what vLLM is started with; numbers and booleans as JSON has them."""
    share = workload.flag(SHARE)
    found: dict[str, object] = {
        "model": model.folder,
        "gpu_memory_utilization": min(float(share) if share else UTILIZATION, MOST_UTILIZATION),
        "max_num_seqs": workload.sequences,
    }
    if workload.context:
        found["max_model_len"] = workload.context
    if workload.tensor_parallel > 1:
        found["tensor_parallel_size"] = workload.tensor_parallel
    if workload.kv_dtype.startswith("fp8"):
        found["kv_cache_dtype"] = workload.kv_dtype
    if version_of(release) < QUIET_SINCE:
        found["disable_log_requests"] = True
    extra(workload, "triton", (SHARE,))  # refuses what Ostler itself decides
    return found | dict(_argument(*flag) for flag in workload.flags if flag[0] != SHARE)


def _argument(name: str, text: str) -> tuple[str, object]:
    """Return a flag of vLLM's command line as the argument that it stands for."""
    plain = name.replace("-", "_")
    if not text:
        return plain.removeprefix("no_"), not plain.startswith("no_")
    try:
        return plain, json.loads(text)
    except ValueError:
        return plain, text
