"""The same models as GGUF files, for llama.cpp."""

import json
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from tiny_models.corpus import IM_START
from tiny_models.recipe import BERT_CONTEXT, ORG


def gguf_writer(path: Path, arch: str, file_type: gguf.LlamaFileType) -> gguf.GGUFWriter:
    """Begin a GGUF file with what every model has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, arch)
    writer.add_type("model")
    writer.add_name(path.stem.rpartition("-")[0])
    writer.add_organization(ORG)
    writer.add_license("apache-2.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    return writer


def finish_gguf(writer: gguf.GGUFWriter) -> None:
    """Write out everything that was added."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def to_ggml_rotary(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorder the rows of a query or key projection: ggml rotates neighbours, not halves."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def llama_tensors(model: LlamaForCausalLM) -> Iterator[tuple[str, np.ndarray]]:
    """The chat model's tensors by their GGUF names."""
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        data = tensor.numpy()
        if "q_proj" in name:
            data = to_ggml_rotary(data, config.num_attention_heads)
        elif "k_proj" in name:
            data = to_ggml_rotary(data, config.num_key_value_heads)
        yield names.get_name(name, try_suffixes=(".weight",)), data


def write_llama_gguf(
    path: Path,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    file_type: gguf.LlamaFileType,
) -> None:
    """Write the chat model, its matrices as F32 or as Q8_0."""
    config = model.config
    writer = gguf_writer(path, "llama", file_type)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    add_llama_vocabulary(writer, tokenizer)
    quantized = gguf.GGMLQuantizationType.Q8_0
    for name, data in llama_tensors(model):
        if file_type == gguf.LlamaFileType.MOSTLY_Q8_0 and data.ndim == 2:
            writer.add_tensor(name, quantize(data, quantized), raw_dtype=quantized)
        else:
            writer.add_tensor(name, data)
    finish_gguf(writer)


def add_llama_vocabulary(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the BPE tokens and merges, the special tokens and the chat template."""
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    special = set(tokenizer.all_special_ids) | {tokenizer.convert_tokens_to_ids(IM_START)}
    kinds = [
        gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL
        for i in range(len(tokens))
    ]
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)


def bert_tensors(model: PreTrainedModel) -> Iterator[tuple[str, np.ndarray]]:
    """An embedder's or reranker's tensors by their GGUF names."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, model.config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        data = tensor.numpy()
        if "position_embeddings" in name:
            data = data[model.config.pad_token_id + 1 :]
        plain = name.removeprefix("roberta.")
        yield names.get_name(plain, try_suffixes=(".weight", ".bias")), data


def write_bert_gguf(
    path: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    pooling: gguf.PoolingType,
) -> None:
    """Write an embedder (pooling CLS) or a reranker (pooling RANK) as F32."""
    config = model.config
    writer = gguf_writer(path, "bert", gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(BERT_CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    add_bert_vocabulary(writer, tokenizer)
    for name, data in bert_tensors(model):
        writer.add_tensor(name, data)
    finish_gguf(writer)


def add_bert_vocabulary(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write the Unigram pieces with their scores, and the special tokens."""
    pieces = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    kinds = [gguf.TokenType.NORMAL] * len(pieces)
    for special in tokenizer.all_special_ids:
        kinds[special] = gguf.TokenType.CONTROL
    kinds[tokenizer.unk_token_id] = gguf.TokenType.UNKNOWN
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece for piece, _ in pieces])
    writer.add_token_scores([score for _, score in pieces])
    writer.add_token_types(kinds)
    writer.add_token_type_count(1)
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_unk_token_id(tokenizer.unk_token_id)
    writer.add_sep_token_id(tokenizer.sep_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_mask_token_id(tokenizer.mask_token_id)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)
    # Without it llama.cpp leaves a separator out between query and document.
    writer.add_add_sep_token(True)
