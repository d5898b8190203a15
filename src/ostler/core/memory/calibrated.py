"""Constants found by calibration. Written by `python -m tools.calibrate`; change them there."""

from __future__ import annotations

from typing import NamedTuple


class Constant(NamedTuple):
    """A measured number, and the rows it comes from."""

    value: float
    rows: str


CONSTANTS = {
    "transformers.base": Constant(
        70942392.32,
        "median of 48 rows: QwenLM/Qwen3",
    ),
    "transformers.gptq4_bits": Constant(
        0.0918,
        "median of 27 rows: QwenLM/Qwen3",
    ),
    "vllm.v0.sampler": Constant(
        9.7918,
        "median of 5 rows: vllm-project/vllm#10511, vllm-project/vllm#13061, "
        "vllm-project/vllm#13882, vllm-project/vllm#15815",
    ),
    "vllm.v0.non_torch": Constant(
        1191853424.64,
        "median of 4 rows: vllm-project/vllm#10511, vllm-project/vllm#15815, "
        "vllm-project/vllm#16570",
    ),
}
