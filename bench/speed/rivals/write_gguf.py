"""Writes random weights in the shapes of GLM-OCR's text decoder as a GGUF file for llama.cpp (its `glm4` architecture).

    python write_gguf.py OUT q8_0|q4_0
"""

import sys

import gguf
import numpy as np

LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD, MLP, VOCAB = 16, 1536, 16, 8, 128, 4608, 59392


def main():
    out, kind = sys.argv[1:]
    quantised = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "q4_0": gguf.GGMLQuantizationType.Q4_0}[kind]
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(out, "glm4")
    writer.add_context_length(4096)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(MLP)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("glm4")
    writer.add_token_list([f"t{i}" for i in range(VOCAB)])
    writer.add_token_types([gguf.TokenType.NORMAL] * VOCAB)
    writer.add_token_merges(["t 0"])

    def matrix(name, rows, columns):
        values = random.standard_normal((rows, columns), dtype=np.float32) * columns**-0.5
        writer.add_tensor(name, gguf.quants.quantize(values, quantised), raw_dtype=quantised)

    def norm(name):
        writer.add_tensor(name, np.ones(HIDDEN, dtype=np.float32))

    matrix("token_embd.weight", VOCAB, HIDDEN)
    matrix("output.weight", VOCAB, HIDDEN)
    norm("output_norm.weight")
    for i in range(LAYERS):
        for which in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            norm(f"blk.{i}.{which}.weight")
        matrix(f"blk.{i}.attn_q.weight", HEADS * HEAD, HIDDEN)
        matrix(f"blk.{i}.attn_k.weight", KV_HEADS * HEAD, HIDDEN)
        matrix(f"blk.{i}.attn_v.weight", KV_HEADS * HEAD, HIDDEN)
        matrix(f"blk.{i}.attn_output.weight", HIDDEN, HEADS * HEAD)
        matrix(f"blk.{i}.ffn_up.weight", 2 * MLP, HIDDEN)
        matrix(f"blk.{i}.ffn_down.weight", HIDDEN, MLP)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
