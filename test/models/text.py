"""Encoders, decoders and encoder-decoders of transformers, with small random weights. Each row: (class without "Model...", what its
configuration has beside TINY)."""

import torch

from .registry import FAMILIES, family, tokens

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 64}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "vocab_size": 64}
IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
KV = {"num_key_value_heads": 2}
EXPERTS = {**KV, "num_experts_per_tok": 2, "moe_intermediate_size": 32}


def model_of(model, config, **settings):
    import transformers as t

    return getattr(t, model)(getattr(t, config)(**settings))


def masked(n, s):
    """Tokens, and a mask that leaves out the end of the last row."""
    mask = torch.ones(n, s, dtype=torch.long)
    mask[-1, s - 2 :] = 0
    return {"input_ids": tokens(n, s), "attention_mask": mask}


# -- encoders ------------------------------------------------------------------------------------------------------------

ENCODERS = {
    "bert": ("Bert", TINY),
    "roberta": ("Roberta", TINY),
    "camembert": ("Camembert", TINY),
    "xlm_roberta": ("XLMRoberta", TINY),
    "distilbert": ("DistilBert", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "vocab_size": 64}),
    "albert": ("Albert", {**TINY, "embedding_size": 16}),
    "electra": ("Electra", {**TINY, "embedding_size": 16}),
    "deberta": ("Deberta", {**TINY, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}),
    "deberta_v2": ("DebertaV2", {**TINY, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8}),
    "mpnet": ("MPNet", TINY),
    "mobilebert": ("MobileBert", {**TINY, "embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16}),
    "squeezebert": ("SqueezeBert", {**TINY, "embedding_size": 32, "q_groups": 2, "k_groups": 2, "v_groups": 2, "post_attention_groups": 1}),
    "convbert": ("ConvBert", {**TINY, "embedding_size": 32}),
    "ernie": ("Ernie", TINY),
    "rembert": ("RemBert", {**TINY, "input_embedding_size": 16}),
    "roformer": ("RoFormer", TINY),
    "nystromformer": ("Nystromformer", {**TINY, "num_landmarks": 4, "segment_means_seq_len": 16}),
    "megatron_bert": ("MegatronBert", TINY),
    "modernbert": ("ModernBert", {**TINY, "global_attn_every_n_layers": 2, "local_attention": 8, **IDS, "cls_token_id": 1, "sep_token_id": 2}),
    "esm": ("Esm", {**TINY, "mask_token_id": 4, "pad_token_id": 1, "position_embedding_type": "rotary"}),
    "ibert": ("IBert", TINY),
    "layoutlm": ("LayoutLM", TINY),
    "fnet": ("FNet", TINY),
    "big_bird": ("BigBird", {**TINY, "attention_type": "original_full"}),
    "longformer": ("Longformer", {**TINY, "attention_window": [4, 4]}),
    "yoso": ("Yoso", {**TINY, "use_expectation": True}),
    "funnel": ("Funnel", {"block_sizes": [1, 1], "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64, "vocab_size": 64, "num_decoder_layers": 1}),
    "xlnet": ("XLNet", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64, "vocab_size": 64}),
    "xlm": ("XLM", {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "n_words": 64}),
    "canine": ("Canine", {**TINY, "local_transformer_stride": 4, "downsampling_rate": 4}),
}
FULL_LENGTH = {"fnet", "longformer", "funnel", "xlnet", "xlm", "canine", "nystromformer"}  # inputs without a mask or of a length
NOT_DYNAMIC = {"mobilebert", "deberta", "deberta_v2", "longformer", "funnel", "xlnet", "xlm", "canine", "nystromformer", "yoso", "ibert", "modernbert"}


def encoder(name, cls, settings):
    def make(n=2, s=12):
        model = model_of(cls + "Model", cls + "Config", **settings)
        return model, (), {"input_ids": tokens(n, 16)} if name in FULL_LENGTH else masked(n, s)

    def fixed():
        return make()

    family("encoder", name not in NOT_DYNAMIC | FULL_LENGTH, needs="transformers", name=name)(fixed if name in NOT_DYNAMIC | FULL_LENGTH else make)


for row in ENCODERS.items():
    encoder(row[0], *row[1])

# -- decoders ------------------------------------------------------------------------------------------------------------

DECODERS = {
    "gpt2": ("GPT2", "LMHeadModel", GPT),
    "gpt_neo": ("GPTNeo", "ForCausalLM", {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "vocab_size": 64, "attention_types": [[["global", "local"], 1]], "window_size": 8}),
    "gptj": ("GPTJ", "ForCausalLM", {**GPT, "rotary_dim": 4}),
    "gpt_neox": ("GPTNeoX", "ForCausalLM", TINY),
    "gpt_bigcode": ("GPTBigCode", "ForCausalLM", GPT),
    "codegen": ("CodeGen", "ForCausalLM", {**GPT, "rotary_dim": 4, "n_ctx": 64}),
    "llama": ("Llama", "ForCausalLM", {**TINY, **KV}),
    "mistral": ("Mistral", "ForCausalLM", {**TINY, **KV, "sliding_window": 8}),
    "qwen2": ("Qwen2", "ForCausalLM", {**TINY, **KV}),
    "qwen3": ("Qwen3", "ForCausalLM", {**TINY, **KV, "head_dim": 8}),
    "gemma": ("Gemma", "ForCausalLM", {**TINY, **KV, "head_dim": 8}),
    "gemma2": ("Gemma2", "ForCausalLM", {**TINY, **KV, "head_dim": 8, "sliding_window": 8}),
    "phi": ("Phi", "ForCausalLM", TINY),
    "phi3": ("Phi3", "ForCausalLM", {**TINY, **KV}),
    "opt": ("OPT", "ForCausalLM", {**TINY, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64}),
    "bloom": ("Bloom", "ForCausalLM", {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 64}),
    "falcon": ("Falcon", "ForCausalLM", {**TINY, "new_decoder_architecture": False, "multi_query": True}),
    "mpt": ("Mpt", "ForCausalLM", {"d_model": 32, "n_layers": 2, "n_heads": 4, "vocab_size": 64}),
    "stablelm": ("StableLm", "ForCausalLM", {**TINY, **KV}),
    "olmo": ("Olmo", "ForCausalLM", {**TINY, **KV}),
    "olmo2": ("Olmo2", "ForCausalLM", {**TINY, **KV}),
    "granite": ("Granite", "ForCausalLM", {**TINY, **KV}),
    "cohere": ("Cohere", "ForCausalLM", {**TINY, **KV}),
    "starcoder2": ("Starcoder2", "ForCausalLM", {**TINY, **KV}),
    "glm": ("Glm", "ForCausalLM", {**TINY, **KV, "head_dim": 8}),
    "smollm3": ("SmolLM3", "ForCausalLM", {**TINY, **KV}),
    "nemotron": ("Nemotron", "ForCausalLM", {**TINY, **KV}),
    "persimmon": ("Persimmon", "ForCausalLM", TINY),
    "biogpt": ("BioGpt", "ForCausalLM", TINY),
    "xglm": ("XGLM", "ForCausalLM", {"d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 64, "vocab_size": 64}),
    "ctrl": ("CTRL", "LMHeadModel", {**GPT, "dff": 64}),
}
MIXTURES = {
    "mixtral": ("Mixtral", {**TINY, **KV, "num_local_experts": 4}),
    "qwen2_moe": ("Qwen2Moe", {**TINY, **EXPERTS, "num_experts": 4, "shared_expert_intermediate_size": 32}),
    "qwen3_moe": ("Qwen3Moe", {**TINY, **EXPERTS, "num_experts": 4, "head_dim": 8}),
    "olmoe": ("Olmoe", {**TINY, **KV, "num_experts": 4, "num_experts_per_tok": 2}),
    "granitemoe": ("GraniteMoe", {**TINY, **KV, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "deepseek_v3": ("DeepseekV3", {**TINY, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_group": 2, "topk_group": 1, "first_k_dense_replace": 1,
        "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "num_key_value_heads": 4}),
    "gpt_oss": ("GptOss", {**TINY, **KV, "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 8, "sliding_window": 8}),
}
STATE_SPACES = {
    "mamba": ("Mamba", "ForCausalLM", {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "vocab_size": 64, "time_step_rank": 4}),
    "mamba2": ("Mamba2", "ForCausalLM", {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "vocab_size": 64, "num_heads": 4, "head_dim": 8, "expand": 2, "n_groups": 1, "chunk_size": 4}),
    "falcon_mamba": ("FalconMamba", "ForCausalLM", {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "vocab_size": 64}),
    "rwkv": ("Rwkv", "ForCausalLM", {"hidden_size": 16, "attention_hidden_size": 16, "num_hidden_layers": 2, "vocab_size": 64}),
    "recurrent_gemma": ("RecurrentGemma", "ForCausalLM", {**TINY, "lru_width": 32, "attention_window_size": 8, "num_key_value_heads": 1}),
    "jamba": ("Jamba", "ForCausalLM", {**TINY, **KV, "num_experts": 2, "mamba_d_state": 4, "mamba_dt_rank": 4, "use_mamba_kernels": False, "attn_layer_offset": 1, "attn_layer_period": 2}),
}


def decoder(name, cls, suffix, settings, kind, dynamic):
    def make(n=2, s=12):
        return model_of(cls + suffix, cls + "Config", **settings, use_cache=False, **IDS), (), {"input_ids": tokens(n, s)}

    def fixed():
        return make()

    family(kind, dynamic, needs="transformers", name=name)(make if dynamic else fixed)


for row in DECODERS.items():
    decoder(row[0], *row[1], "decoder", row[0] not in {"falcon", "xglm", "gpt_bigcode"})
for row in MIXTURES.items():
    decoder(row[0], row[1][0], "ForCausalLM", row[1][1], "mixture of experts", False)
for row in STATE_SPACES.items():
    decoder(row[0], *row[1], "state space", False)

# -- with a cache that the program keeps -----------------------------------------------------------------------------------


def cached(name):
    cls, suffix, settings = DECODERS[name]

    def make():
        from transformers.integrations.executorch import TorchExportableModuleWithStaticCache

        model = model_of(cls + suffix, cls + "Config", **settings, **IDS)
        cache = {"use_cache": True, "cache_implementation": "static", "cache_config": {"batch_size": 1, "max_cache_len": 16}}
        model.generation_config.update(**cache)
        module = TorchExportableModuleWithStaticCache(model, batch_size=1, max_cache_len=16, device=torch.device("cpu"))
        return module, (), {"input_ids": tokens(1, 1), "cache_position": torch.tensor([0])}

    family("decoder with cache", needs="transformers", name=name + "_cached")(make)


for each in ("llama", "qwen2", "gemma", "phi", "gpt2", "stablelm", "olmo"):
    cached(each)

# -- encoder-decoders ----------------------------------------------------------------------------------------------------

PAIR = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64, "vocab_size": 64, "max_position_embeddings": 64, "decoder_start_token_id": 1}
T5 = {"d_model": 32, "num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 64, "vocab_size": 64, "decoder_start_token_id": 0}
PAIRS = {
    "t5": ("T5", "ForConditionalGeneration", T5),
    "mt5": ("MT5", "ForConditionalGeneration", T5),
    "umt5": ("UMT5", "ForConditionalGeneration", T5),
    "longt5": ("LongT5", "ForConditionalGeneration", {**T5, "local_radius": 3}),
    "switch_transformers": ("SwitchTransformers", "ForConditionalGeneration", {**T5, "num_experts": 2, "num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1}),
    "bart": ("Bart", "ForConditionalGeneration", PAIR),
    "mbart": ("MBart", "ForConditionalGeneration", PAIR),
    "marian": ("Marian", "MTModel", PAIR),
    "pegasus": ("Pegasus", "ForConditionalGeneration", PAIR),
    "blenderbot": ("Blenderbot", "ForConditionalGeneration", PAIR),
    "m2m_100": ("M2M100", "ForConditionalGeneration", PAIR),
    "led": ("LED", "ForConditionalGeneration", {**PAIR, "attention_window": 4, "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 64}),
    "prophetnet": ("ProphetNet", "ForConditionalGeneration", {"hidden_size": 32, "num_encoder_layers": 2, "num_decoder_layers": 2, "num_encoder_attention_heads": 4,
        "num_decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "vocab_size": 64}),
}


def pair(name, cls, suffix, settings):
    dynamic = name in {"t5", "bart", "mbart", "marian", "pegasus"}

    def make(n=2):
        special = {**IDS, "forced_eos_token_id": None}
        model = model_of(cls + suffix, cls + "Config", **{**special, **settings}, use_cache=False)
        return model, (), {"input_ids": tokens(n, 12), "decoder_input_ids": tokens(n, 6)}

    def fixed():
        return make()

    family("encoder-decoder", dynamic, needs="transformers", name=name)(make if dynamic else fixed)


for row in PAIRS.items():
    pair(row[0], *row[1])
assert "bert" in FAMILIES
