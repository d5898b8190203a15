"""`python -m tools.seed_compose`: write docs/explanation/seed-compose.md, every correction applied.

The seed is the guide of an infrastructure of two GPUs that Ostler replaces: a service of a Compose
file and an entry of a Python dict, both written by hand. They are held here against what Ostler
writes and reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from ostler.core import images
from ostler.core.containers import EVERYWHERE, contained
from ostler.core.foreign import model_configs
from ostler.engines.vllm import Vllm
from ostler.exporters.compose import Manner, content
from ostler.faces.cli.import_config import wish
from ostler.nouns import Format, ModelFacts, Mount, Place, Served, Task, Workload

PAGE = Path(__file__).resolve().parents[1] / "docs/explanation/seed-compose.md"
SEED = """\
new_model_0:
  image: vllm/vllm-openai:v0.6.0
  container_name: new_model_0
  environment:
    NVIDIA_VISIBLE_DEVICES: "0"
  volumes:
    - ${MODEL_BASE_PATH}/new-model:/model:ro
  command:
    - --model
    - /model
    - --max-model-len
    - "8192"
    - --gpu-memory-utilization
    - "0.9"
  networks:
    - llm_net
  deploy:
    resources:
      reservations:
        devices:
          - driver: nvidia
            count: 1
            capabilities: [gpu]
"""
ENTRY = """\
MODEL_CONFIGS = {
    # ... existing models ...

    "new_model_0": {
        "model_path": "/path/to/models/new-model",
        "gpu": 0,
        "max_model_len": 8192,
        "max_concurrent": 3,
        "dtype": "float16",
        "quantization": None,  # or "awq" for quantized
    },
}
"""
FACTS = ModelFacts(Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 8 * 10**9, 16 * 10**9, "BF16")
FOLDER = "/home/anna/.ostler/view/new-model"
MODEL = Served("acme/new-model", FOLDER, f"{FOLDER}/model.safetensors", Task.CHAT, FACTS)
BLOB = "/home/anna/.ostler/blobs/sha256/ab/ab12"
WHY = (
    ("image", "a tag can be another image tomorrow; a digest cannot. v0.6.0 lacks two years of "
     "models, and of fixes"),
    ("entrypoint", "said outright: the image's own has changed between versions"),
    ("command: --served-model-name", "without it vLLM calls the model `/model`, and answers the "
     "guide's own request for `new_model` with 404"),
    ("command: --max-num-seqs", "the entry allows 3 at once, and nothing told vLLM"),
    ("command: --host, --port", "said, so that the health check and the published port are right"),
    ("environment", "`NVIDIA_VISIBLE_DEVICES` goes: which GPU is said by `device_ids`. Offline and "
     "without telemetry: the weights are here, and proved"),
    ("volumes", "each file of this one model, read-only; not whatever the folder holds, and no "
     "variable that is empty where `.env` is missing"),
    ("ports", "the guide publishes none, so its test `curl localhost:8000` reaches the router, "
     "which answers 401 without a key. Loopback only"),
    ("healthcheck", "there was none; until the deadline of its start a failure does not count"),
    ("restart, init, stop_grace_period", "a crash starts it again; a stop drains first"),
    ("user, read_only, tmpfs, cap_drop, security_opt", "its own security page asks for these, its "
     "file had none"),
    ("shm_size", "vLLM's workers share memory; Docker's 64 MB are too few for two GPUs"),
    ("logging", "or one chatty engine fills the disk"),
    ("deploy: device_ids", "`count: 1` is any one GPU, so two services with it can land on one"),
    ("networks", "as it was; the network itself must be in the file, as the guide's is"),
)  # fmt: skip


def service() -> str:
    """Return the service that `ostler export compose` writes for the seed's."""
    image = next(one for one in images.known() if one.engine == "vllm")
    spec = Vllm().launch(images.installed(image), MODEL, Workload(8192, 3), EVERYWHERE, 8000)
    place = Place(image, (Mount(BLOB, f"{FOLDER}/model.safetensors"),), "1000:1000", 8001)
    one = contained(replace(spec, devices=("nvidia:0",)), place)
    made = content({"new_model_0": one}, Manner(network="llm_net"))
    text: str = yaml.safe_dump(made["services"], sort_keys=False, width=100)
    return text


def wishes() -> str:
    """Return what `ostler import-config` puts into ostler.yaml for the seed's entry."""
    (entry,) = model_configs(ENTRY, "router/config.py").entries
    text: str = yaml.safe_dump({"models": {MODEL.id: wish(entry, {})}}, sort_keys=False)
    return text


def changed() -> list[str]:
    """Return the keys of the service that are new or others; each must have its reason."""
    before, after = yaml.safe_load(SEED)["new_model_0"], yaml.safe_load(service())["new_model_0"]
    return [key for key, value in after.items() if before.get(key) != value]


def page() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from HEAD.splitlines()
    yield from (
        "",
        "## The service",
        "",
        "The guide's, to be copied for each model:",
        "",
        "```yaml",
    )
    yield from SEED.splitlines()
    yield from ("```", "", "What `ostler export compose acme/new-model --gpu 0 --context 8192 "
                "--network llm_net` writes:", "", "```yaml")  # fmt: skip
    yield from service().splitlines()
    yield from ("```", "", "| what | why |", "|---|---|")
    yield from (f"| {what} | {why}. |" for what, why in WHY)
    yield from AFTER.splitlines()
    yield from ("```python", *ENTRY.splitlines(), "```", "")
    yield from BETWEEN.splitlines()
    yield from ("```yaml", *wishes().splitlines(), "```", "")
    yield from ("| what | why |", "|---|---|")
    yield from (f"| {what} | {why}. |" for what, why in ENTRY_WHY)


HEAD = """\
# The seed's Compose service and its table of models

One of the systems that Ostler replaces is two GPUs with vLLM in containers, behind a router. Its
guide adds a model by hand, in two files. Here are both, with every correction and its reason.
Written by `python -m tools.seed_compose`; a test makes it anew."""
AFTER = """
`ostler export compose --into docker-compose.yml` puts the service into a file that is there, and
leaves every other byte as it is. The guide's commands are those of `docker-compose` 1, which is
gone: `docker compose up -d new_model_0`.

## The entry of MODEL_CONFIGS

The guide says to edit `router/config.py`. The router it describes has no such file: its models
are in its code, and an entry made as the guide says has no effect.
"""
BETWEEN = """\
`ostler import-config model-configs router/config.py` reads the dict as data, runs no code, and puts
into `ostler.yaml`:
"""
ENTRY_WHY = (
    ("model_path", "found by the folder's name among the models that are kept here; where it is "
     "not, `ostler import` takes it in, proved against the hub"),
    ("gpu", "left: Ostler places models where they fit, and `ostler pool` binds one to a GPU"),
    ("max_model_len", "`context`. Longer than the files say is told, not kept silent"),
    ("max_concurrent", "`max_concurrent`: one more is answered 429 with Retry-After"),
    ("dtype", "left: the files say it. In float16 some models made in bfloat16 overflow"),
    ("quantization", "left: `config.json` says it. Where the entry says otherwise you are told: "
     "`quantization_mismatch`"),
    ("the name", "two aliases, since the table says `new_model_0` and the guide's own request "
     "`new_model`"),
)  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
