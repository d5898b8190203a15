"""Which GGML type each tensor of a GGUF file gets: llama.cpp's `llama_tensor_get_type`.

A file named Q4_K_M is a mixture: which matrix gets more bits depends on its role, its layer, the
group size of its attention and the number of its experts. Without an importance matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostler.core.dtypes import GGML_BY_NAME, Blocks

# The type of most tensors of a mixture; a file type that is not here is a type by itself.
BASE = {
    "Q2_K_S": "Q2_K",
    "Q3_K_S": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_L": "Q3_K",
    "Q4_K_S": "Q4_K",
    "Q4_K_M": "Q4_K",
    "Q5_K_S": "Q5_K",
    "Q5_K_M": "Q5_K",
    "IQ2_M": "IQ2_S",
    "IQ3_XS": "IQ3_S",
    "IQ3_M": "IQ3_S",
}
# Types of ik_llama.cpp (ggml.h there): bits per weight, row scales left out. R4 and R8 are the
# same weights in another order.
OF_IK = {
    "IQ2_K": 2.375, "IQ2_KS": 2.1875, "IQ3_K": 3.4375, "IQ3_KS": 3.1875, "IQ4_K": 4.5,
    "IQ4_KS": 4.25, "IQ4_KSS": 4.0, "IQ5_K": 5.5, "IQ5_KS": 5.25, "IQ6_K": 6.625, "Q6_0": 6.5,
}  # fmt: skip
# What stands in for a type whose blocks a row does not fill.
FALLBACK = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
            "TQ1_0": "Q4_0", "TQ2_0": "Q4_0"}  # fmt: skip
TINY = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M")
EXPERT_OUTPUT = (
    "Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S",
    "IQ3_M", "IQ4_XS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a mixture looks at beside a tensor's own role and layer."""

    file_type: str  # "Q4_K_M"
    layers: int
    group: int  # query heads per KV head
    experts: int
    tied: bool
    split_experts: bool = False  # each expert a tensor of its own, which no rule matches

    def type_of(self, role: str, columns: int, layer: int) -> Blocks:
        """Return the type of one matrix: `layer` is its place, `columns` the length of its rows."""
        name = self._named(role, layer) or BASE.get(self.file_type, self.file_type)
        if name in OF_IK:
            return Blocks(name, 256, round(OF_IK[name] * 32))
        blocks = GGML_BY_NAME[name]
        if self._is_output(role) and columns % self._block():
            return GGML_BY_NAME["Q8_0"]
        if columns % blocks.elements and name not in ("F32", "F16", "BF16"):
            return GGML_BY_NAME[FALLBACK.get(name, "IQ4_NL")]
        return blocks

    def _block(self) -> int:
        """Return how many elements a block of most tensors has."""
        base = GGML_BY_NAME.get(BASE.get(self.file_type, self.file_type))
        return base.elements if base else 256

    def _is_output(self, role: str) -> bool:
        return role == "output" or (role == "token_embd" and self.tied)

    def _named(self, role: str, layer: int) -> str | None:
        """Return the type a rule gives this role; None where the base type stays."""
        kind = self.file_type
        if kind in ("F32", "F16", "BF16", "Q8_0") or kind.endswith("_MOE"):
            return None
        if self._is_output(role):
            return "Q5_K" if kind in TINY or kind == "IQ3_XXS" else "Q6_K"
        if role in ("token_embd", "per_layer_token_embd"):
            return self._embedding()
        if role.endswith("_exps"):
            if self.split_experts:
                return None
            role = role.removesuffix("_exps")
        if kind in TINY:
            return self._tiny(role, layer)
        rules = {
            "attn_v": self._values,
            "attn_k": self._keys,
            "attn_q": self._queries,
            "attn_qkv": self._fused,
            "ffn_down": self._down,
            "attn_output": self._attention_output,
            "ffn_gate": self._up,
            "ffn_up": self._up,
        }
        rule = rules.get(role.removesuffix("_shexp"))
        return rule(layer) if rule else None

    def _embedding(self) -> str | None:
        if self.file_type in ("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ1_M"):
            return "Q2_K"
        if self.file_type in ("IQ2_S", "IQ2_M", "IQ3_XXS"):
            return "IQ3_S"
        return "Q4_K" if self.file_type in ("TQ1_0", "TQ2_0") else None

    def _tiny(self, role: str, layer: int) -> str | None:
        better = "IQ3_S" if self.file_type in ("IQ2_S", "IQ2_M") else "Q2_K"
        if role == "attn_v":
            return "Q4_K" if self.group >= 4 or self.experts >= 4 else better
        if role == "attn_k" and self.experts == 8:
            return "Q4_K"
        if role == "ffn_down" and layer < self.layers // 8:
            return better
        if role == "attn_output":
            if self.experts == 8:
                return "Q5_K"
            small = self.file_type in ("IQ1_S", "IQ1_M")
            return "IQ2_XXS" if small else "IQ3_S" if better == "IQ3_S" else None
        return None

    def _values(self, layer: int) -> str | None:
        kind, grouped = self.file_type, self.group >= 4
        if self.experts == 8:
            return "Q8_0"
        found = None
        if kind == "Q2_K":
            found = "Q4_K" if grouped else "Q3_K"
        elif kind in ("Q2_K_S", "IQ3_XS", "IQ3_S") and grouped:
            found = "Q4_K"
        elif kind == "IQ3_XXS":
            found = "Q4_K" if grouped else "IQ3_S"
        elif kind in ("IQ3_M", "Q3_K_M"):
            found = "Q5_K" if kind == "Q3_K_M" and layer < 2 else "Q4_K"
        elif kind == "Q3_K_L" or (kind in ("IQ4_NL", "IQ4_XS") and grouped):
            found = "Q5_K"
        elif kind in ("Q4_K_M", "Q5_K_M") and self.more_bits(layer):
            found = "Q6_K"
        elif kind == "Q4_K_S" and layer < 4:
            found = "Q5_K"
        if self.layers == 80 and self.group == 8:  # the shape llama.cpp calls 70B
            return "Q5_K" if (found or BASE.get(kind, kind)) in ("Q3_K", "Q4_K") else found
        return found

    def _keys(self, layer: int) -> str | None:
        return "Q8_0" if self.experts == 8 else self._queries(layer)

    def _queries(self, layer: int) -> str | None:
        return {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(self.file_type)

    def _fused(self, layer: int) -> str | None:
        more = {"Q3_K_M": "Q4_K", "Q3_K_L": "Q4_K", "IQ3_M": "Q4_K", "Q4_K_M": "Q5_K",
                "Q5_K_M": "Q6_K"}  # fmt: skip
        return more.get(self.file_type)

    def _down(self, layer: int) -> str | None:
        kind, early = self.file_type, layer < self.layers // 8
        if kind == "Q2_K":
            return "Q3_K"
        if kind == "Q3_K_M":
            return "Q5_K" if layer < self.layers // 16 else "Q4_K"
        if kind == "Q3_K_L":
            return "Q5_K"
        if kind == "IQ3_XXS":
            return "Q4_K" if early else "Q3_K"
        if kind in ("Q4_K_M", "Q5_K_M"):
            return "Q6_K" if self.more_bits(layer) else None
        first = {"Q2_K_S": "Q4_K", "IQ3_M": "Q4_K", "IQ4_NL": "Q5_K", "IQ4_XS": "Q5_K",
                 "Q4_K_S": "Q5_K"}  # fmt: skip
        return first.get(kind) if early else None

    def _attention_output(self, layer: int) -> str | None:
        if self.experts == 8:
            return "Q5_K" if self.file_type in EXPERT_OUTPUT else None
        more = {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K",
                "IQ3_M": "Q4_K"}  # fmt: skip
        return more.get(self.file_type)

    def _up(self, layer: int) -> str | None:
        middle = self.layers // 8 <= layer < 7 * self.layers // 8
        return "IQ3_XXS" if self.file_type == "IQ3_XS" and middle else None

    def more_bits(self, layer: int) -> bool:
        """Say whether a layer is at either end, or the third of three in between."""
        eighth = self.layers // 8
        return layer < eighth or layer >= 7 * self.layers // 8 or (layer - eighth) % 3 == 2
