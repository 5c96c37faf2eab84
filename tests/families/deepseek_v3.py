"""DeepSeek-V3 at toy size: latent keys and values, of different sizes."""

from __future__ import annotations

from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

from tests.text_toys import NO_MEDIA, toy

NAME = "DeepSeek-V3"
MODEL = "DeepseekV3ForCausalLM"
HUB = "deepseek-ai/DeepSeek-V3"
NOTE = "latent keys and values, of different sizes"
NOT_APPLICABLE = NO_MEDIA


def make():
    return toy(
        DeepseekV3ForCausalLM,
        DeepseekV3Config,
        {
            "num_key_value_heads": 4,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 12,
        }
        | {
            "n_routed_experts": 4,
            "n_group": 2,
            "topk_group": 1,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 16,
            "first_k_dense_replace": 1,
        },
    )
