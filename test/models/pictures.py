"""Models of transformers that see or hear, with small random weights."""

import torch

from .registry import family, image, tokens, wave
from .text import TINY, model_of

VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "image_size": 32, "patch_size": 8}
STAGES = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4, "image_size": 32, "patch_size": 4}


def sees(kind, name, model, config, settings, dynamic=True, size=32):
    def make(n=2):
        return model_of(model, config, **settings), (), {"pixel_values": image(n, size)}

    def fixed():
        return make()

    family(kind, dynamic, needs="transformers", name=name)(make if dynamic else fixed)


# -- convolutional nets --------------------------------------------------------------------------------------------------

WIDTHS = {"hidden_sizes": [8, 16], "depths": [1, 1]}
sees("cnn", "resnet", "ResNetForImageClassification", "ResNetConfig", {**WIDTHS, "embedding_size": 8})
sees("cnn", "regnet", "RegNetForImageClassification", "RegNetConfig", {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "groups_width": 8})
sees("cnn", "convnext", "ConvNextForImageClassification", "ConvNextConfig", {**WIDTHS, "num_stages": 2})
sees("cnn", "convnextv2", "ConvNextV2ForImageClassification", "ConvNextV2Config", {**WIDTHS, "num_stages": 2})
sees("cnn", "mobilenet_v1", "MobileNetV1ForImageClassification", "MobileNetV1Config", {"depth_multiplier": 0.25, "min_depth": 4, "image_size": 32})
sees("cnn", "mobilenet_v2", "MobileNetV2ForImageClassification", "MobileNetV2Config", {"depth_multiplier": 0.25, "image_size": 32})
sees("cnn", "efficientnet", "EfficientNetForImageClassification", "EfficientNetConfig", {"image_size": 32, "width_coefficient": 0.25, "depth_coefficient": 0.2, "hidden_dim": 320})
sees("cnn", "bit", "BitForImageClassification", "BitConfig", {"embedding_size": 8, "hidden_sizes": [16, 32, 32, 32], "depths": [1, 1, 1, 1], "num_groups": 2})
sees("cnn", "poolformer", "PoolFormerForImageClassification", "PoolFormerConfig", {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]})
sees("cnn", "focalnet", "FocalNetForImageClassification", "FocalNetConfig", {"image_size": 32, "embed_dim": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "focal_levels": [2, 2], "focal_windows": [3, 3]})
sees("cnn", "swiftformer", "SwiftFormerForImageClassification", "SwiftFormerConfig", {"embed_dims": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "mlp_ratio": 2})
sees("cnn", "textnet", "TextNetForImageClassification", "TextNetConfig", {}, size=64)

# -- vision transformers -------------------------------------------------------------------------------------------------

for name, cls, more in (
    ("vit", "ViT", {}), ("deit", "DeiT", {}), ("beit", "Beit", {"use_relative_position_bias": True}), ("data2vec_vision", "Data2VecVision", {}),
    ("dinov2", "Dinov2", {"mlp_ratio": 2}), ("dinov2_with_registers", "Dinov2WithRegisters", {"mlp_ratio": 2}), ("vit_msn", "ViTMSN", {}),
    ("ijepa", "IJepa", {}),
):
    sees("vit", name, cls + "ForImageClassification", cls + "Config", {**VISION, **more})
sees("vit", "siglip_vision", "SiglipVisionModel", "SiglipVisionConfig", VISION)
sees("vit", "clip_vision", "CLIPVisionModelWithProjection", "CLIPVisionConfig", {**VISION, "projection_dim": 16})
sees("vit", "dinov3_vit", "DINOv3ViTModel", "DINOv3ViTConfig", VISION)
sees("vit", "swin", "SwinForImageClassification", "SwinConfig", STAGES)
sees("vit", "swinv2", "Swinv2ForImageClassification", "Swinv2Config", STAGES)
sees("vit", "hiera", "HieraForImageClassification", "HieraConfig", {"embed_dim": 8, "image_size": [32, 32], "depths": [1, 1], "num_heads": [1, 2], "num_query_pool": 1, "masked_unit_size": [4, 4]}, False)
sees("vit", "cvt", "CvtForImageClassification", "CvtConfig", {"embed_dim": [8, 16, 16], "num_heads": [1, 2, 2], "depth": [1, 1, 2], "drop_path_rate": [0.0, 0.0, 0.0]})
sees("vit", "pvt", "PvtForImageClassification", "PvtConfig", {"image_size": 32, "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]})
sees("vit", "pvt_v2", "PvtV2ForImageClassification", "PvtV2Config", {"image_size": 32, "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]})
sees("vit", "mobilevit", "MobileViTForImageClassification", "MobileViTConfig",
    {"image_size": 64, "hidden_sizes": [16, 16, 16], "neck_hidden_sizes": [8, 8, 8, 16, 16, 16, 16], "num_attention_heads": 2, "mlp_ratio": 2.0}, size=64)
sees("vit", "mobilevitv2", "MobileViTV2ForImageClassification", "MobileViTV2Config", {"image_size": 64, "width_multiplier": 0.25, "n_attn_blocks": [1, 1, 1]}, size=64)
sees("vit", "levit", "LevitForImageClassification", "LevitConfig",
    {"image_size": 64, "hidden_sizes": [16, 16, 32], "num_attention_heads": [1, 2, 2], "depths": [1, 1, 1], "key_dim": [8, 8, 8], "down_ops": [["Subsample", 8, 2, 4, 2, 2], ["Subsample", 8, 2, 4, 2, 2]]}, size=64)
sees("vit", "vitdet", "VitDetModel", "VitDetConfig", {**VISION, "window_size": 2, "window_block_indices": [0], "use_relative_position_embeddings": True})


@family("vit", needs="transformers")
def videomae():
    settings = {**VISION, "num_frames": 4, "tubelet_size": 2}
    return model_of("VideoMAEForVideoClassification", "VideoMAEConfig", **settings), (torch.randn(2, 4, 3, 32, 32),), {}


@family("vit", needs="transformers")
def timesformer():
    settings = {**VISION, "num_frames": 4}
    return model_of("TimesformerForVideoClassification", "TimesformerConfig", **settings), (torch.randn(2, 4, 3, 32, 32),), {}


# -- detection and segmentation ------------------------------------------------------------------------------------------


def small_resnet(**more):
    import transformers as t

    return t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], **more)


DETR = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32, "num_queries": 5}


def detector(name, cls, more, outs, dynamic=False, size=64):
    def make(n=2):
        backbone = small_resnet(out_features=outs)
        settings = {**DETR, "use_timm_backbone": False, "use_pretrained_backbone": False, "backbone": None, "backbone_config": backbone, **more}
        return model_of(cls + "ForObjectDetection", cls + "Config", **settings), (image(n, size),), {}

    def fixed():
        return make()

    family("detection", dynamic, needs="transformers", name=name)(make if dynamic else fixed)


detector("detr", "Detr", {}, ["stage4"])
detector("conditional_detr", "ConditionalDetr", {}, ["stage4"])
detector("deformable_detr", "DeformableDetr", {"num_feature_levels": 2, "encoder_n_points": 2, "decoder_n_points": 2}, ["stage3"])
detector("table_transformer", "TableTransformer", {}, ["stage4"])


@family("detection", needs="transformers")
def rt_detr():
    import transformers as t

    backbone = t.RTDetrResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], out_features=["stage2", "stage3", "stage4"])
    settings = {"encoder_hidden_dim": 16, "encoder_in_channels": [8, 16, 16], "encoder_layers": 1, "encoder_ffn_dim": 32, "encoder_attention_heads": 2, "d_model": 16,
        "decoder_layers": 1, "decoder_in_channels": [16, 16, 16], "decoder_ffn_dim": 32, "decoder_attention_heads": 2, "num_queries": 5, "num_denoising": 0}
    return model_of("RTDetrForObjectDetection", "RTDetrConfig", backbone_config=backbone, use_timm_backbone=False, **settings), (image(1, 64),), {}


sees("detection", "yolos", "YolosForObjectDetection", "YolosConfig", {**VISION, "image_size": [32, 32], "num_detection_tokens": 5})
sees("segmentation", "segformer", "SegformerForSemanticSegmentation", "SegformerConfig",
    {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16})
sees("segmentation", "mobilevit_segmentation", "MobileViTForSemanticSegmentation", "MobileViTConfig",
    {"image_size": 64, "hidden_sizes": [16, 16, 16], "neck_hidden_sizes": [8, 8, 8, 16, 16, 16, 16], "num_attention_heads": 2, "aspp_out_channels": 16, "atrous_rates": [1, 2, 3]}, size=64)
sees("segmentation", "dpt", "DPTForDepthEstimation", "DPTConfig",
    {**VISION, "num_hidden_layers": 4, "backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16, "patch_size": 16, "image_size": 64}, size=64)
sees("segmentation", "glpn", "GLPNForDepthEstimation", "GLPNConfig", {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16}, size=64)
sees("super-resolution", "swin2sr", "Swin2SRForImageSuperResolution", "Swin2SRConfig",
    {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "image_size": 16, "upscale": 2}, False, 16)


@family("segmentation", dynamic=True, needs="transformers")
def upernet(n=2):
    settings = {"hidden_size": 16, "pool_scales": [1, 2], "auxiliary_channels": 8, "auxiliary_in_channels": 16, "num_labels": 4}
    backbone = small_resnet(out_features=["stage1", "stage2", "stage3", "stage4"])
    return model_of("UperNetForSemanticSegmentation", "UperNetConfig", backbone_config=backbone, **settings), (image(n, 64),), {}


def small_swin():
    import transformers as t

    return t.SwinConfig(image_size=64, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[2, 2, 4, 4], window_size=4, out_features=["stage1", "stage2", "stage3", "stage4"])


@family("segmentation", needs="transformers")
def mask2former():
    settings = {"feature_size": 32, "mask_feature_size": 32, "hidden_dim": 32, "encoder_feedforward_dim": 32, "dim_feedforward": 32, "encoder_layers": 1,
        "decoder_layers": 2, "num_attention_heads": 2, "num_queries": 5}
    return model_of("Mask2FormerForUniversalSegmentation", "Mask2FormerConfig", backbone_config=small_swin(), **settings), (image(1, 64),), {}


@family("segmentation", needs="transformers")
def maskformer():
    import transformers as t

    decoder = t.DetrConfig(**DETR, use_timm_backbone=False, backbone_config=small_resnet(), backbone=None)
    config = t.MaskFormerConfig(fpn_feature_size=32, mask_feature_size=32, backbone_config=small_swin(), decoder_config=decoder)
    return t.MaskFormerForInstanceSegmentation(config), (image(1, 64),), {}


@family("segmentation", needs="transformers")
def depth_anything():
    import transformers as t

    backbone = t.Dinov2Config(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, mlp_ratio=2, image_size=28, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False)
    settings = {"reassemble_hidden_size": 32, "patch_size": 14, "neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 8, "head_hidden_size": 8}
    return model_of("DepthAnythingForDepthEstimation", "DepthAnythingConfig", backbone_config=backbone, **settings), (image(1, 28),), {}


@family("segmentation", needs="transformers")
def sam():
    import transformers as t

    vision = t.SamVisionConfig(hidden_size=16, output_channels=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=8, window_size=2, global_attn_indexes=[0], mlp_dim=32, num_pos_feats=8)
    prompt = t.SamPromptEncoderConfig(hidden_size=16, image_size=32, patch_size=8, mask_input_channels=4)
    mask = t.SamMaskDecoderConfig(hidden_size=16, mlp_dim=32, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=16, iou_head_depth=2)
    config = t.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=mask)
    return t.SamModel(config), (), {"pixel_values": image(1, 32), "input_points": torch.rand(1, 1, 2, 2) * 32}


# -- images and text -----------------------------------------------------------------------------------------------------


@family("image and text", dynamic=True, needs="transformers")
def clip(n=2):
    import transformers as t

    text = {**TINY, "max_position_embeddings": 16, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    model = t.CLIPModel(t.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16))
    ids = tokens(n, 8)
    ids[:, -1] = 2
    return model, (), {"input_ids": ids, "pixel_values": image(n), "attention_mask": torch.ones_like(ids)}


@family("image and text", dynamic=True, needs="transformers")
def siglip(n=2):
    import transformers as t

    model = t.SiglipModel(t.SiglipConfig(text_config={**TINY, "max_position_embeddings": 8, "projection_size": 32}, vision_config=VISION))
    return model, (), {"input_ids": tokens(n, 8), "pixel_values": image(n)}


@family("image and text", needs="transformers")
def vilt():
    settings = {**VISION, "vocab_size": 64, "max_position_embeddings": 16}
    return model_of("ViltModel", "ViltConfig", **settings), (), {"input_ids": tokens(1, 6), "pixel_values": image(1), "pixel_mask": torch.ones(1, 32, 32, dtype=torch.long)}


@family("image and text", needs="transformers")
def llava():
    import transformers as t

    vision = t.CLIPVisionConfig(**VISION, projection_dim=16)
    text = t.LlamaConfig(**TINY, num_key_value_heads=2, use_cache=False)
    model = t.LlavaForConditionalGeneration(t.LlavaConfig(vision_config=vision, text_config=text, image_token_index=63, image_seq_length=16))
    ids = tokens(1, 22, 60)
    ids[:, 2:18] = 63
    return model, (), {"input_ids": ids, "pixel_values": image(1), "attention_mask": torch.ones_like(ids), "use_cache": False}


@family("encoder-decoder", needs="transformers")
def trocr():
    import transformers as t

    encoder = t.ViTConfig(**VISION)
    decoder = t.TrOCRConfig(d_model=32, decoder_layers=2, decoder_attention_heads=4, decoder_ffn_dim=64, vocab_size=64, cross_attention_hidden_size=32, use_cache=False)
    model = t.VisionEncoderDecoderModel(t.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder))
    return model, (), {"pixel_values": image(1), "decoder_input_ids": tokens(1, 5), "use_cache": False}


# -- speech --------------------------------------------------------------------------------------------------------------

SPEECH = {**TINY, "conv_dim": [8, 8, 8], "conv_stride": [5, 4, 2], "conv_kernel": [10, 4, 2], "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
    "num_feat_extract_layers": 3, "mask_time_prob": 0.0}


def hears(name, cls, more, suffix="Model"):
    def make():
        return model_of(cls + suffix, cls + "Config", **SPEECH, **more), (wave(2, 1000),), {}

    family("speech", needs="transformers", name=name)(make)


hears("wav2vec2", "Wav2Vec2", {"pad_token_id": 0}, "ForCTC")
hears("hubert", "Hubert", {})
hears("wavlm", "WavLM", {"num_buckets": 8, "max_bucket_distance": 16})
hears("unispeech_sat", "UniSpeechSat", {"num_clusters": 8, "codevector_dim": 8, "proj_codevector_dim": 8})
hears("data2vec_audio", "Data2VecAudio", {})
hears("sew", "SEW", {"squeeze_factor": 2})
hears("wav2vec2_conformer", "Wav2Vec2Conformer", {"position_embeddings_type": "relative", "conv_depthwise_kernel_size": 3})

WHISPER = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64, "vocab_size": 64, "num_mel_bins": 16, "max_source_positions": 20, "max_target_positions": 20, "use_cache": False,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}


@family("speech", needs="transformers")
def whisper():
    return model_of("WhisperForConditionalGeneration", "WhisperConfig", **WHISPER), (), {"input_features": torch.randn(1, 16, 40), "decoder_input_ids": tokens(1, 5)}


@family("speech", dynamic=True, needs="transformers")
def whisper_encoder(n=2):
    return model_of("WhisperModel", "WhisperConfig", **WHISPER).encoder, (torch.randn(n, 16, 40),), {}


@family("speech", needs="transformers")
def speecht5():
    settings = {k: v for k, v in SPEECH.items() if k not in ("num_hidden_layers", "num_attention_heads", "intermediate_size")}
    more = {k: v for k, v in WHISPER.items() if k.startswith(("encoder", "decoder")) and k != "decoder_start_token_id"}
    return model_of("SpeechT5ForSpeechToText", "SpeechT5Config", **settings, **more, use_cache=False), (), {"input_values": wave(1, 1000), "decoder_input_ids": tokens(1, 5)}


@family("speech", needs="transformers")
def speech_to_text():
    settings = {**{k: v for k, v in WHISPER.items() if k != "num_mel_bins"}, "input_feat_per_channel": 16, "input_channels": 1, "conv_channels": 16}
    model = model_of("Speech2TextForConditionalGeneration", "Speech2TextConfig", **settings)
    return model, (), {"input_features": torch.randn(1, 30, 16), "decoder_input_ids": tokens(1, 5)}


@family("speech", dynamic=True, needs="transformers")
def audio_spectrogram_transformer(n=2):
    settings = {k: v for k, v in VISION.items() if k != "image_size"}
    return model_of("ASTForAudioClassification", "ASTConfig", **settings, num_mel_bins=16, max_length=32, frequency_stride=4, time_stride=4), (torch.randn(n, 32, 16),), {}


@family("speech", needs="transformers")
def encodec():
    settings = {"num_filters": 4, "hidden_size": 16, "upsampling_ratios": [4, 2], "codebook_size": 16, "codebook_dim": 16, "num_lstm_layers": 1, "target_bandwidths": [24.0], "sampling_rate": 24000}
    model = model_of("EncodecModel", "EncodecConfig", **settings)
    return model, (wave(1, 320)[None],), {"bandwidth": 24.0}


@family("speech", needs="transformers")
def vits_encoder():
    settings = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32, "vocab_size": 64, "flow_size": 16}
    model = model_of("VitsModel", "VitsConfig", **settings)
    return model.text_encoder, (tokens(1, 9), torch.ones(1, 9, 1)), {"attention_mask": torch.ones(1, 9)}


# -- other ---------------------------------------------------------------------------------------------------------------


@family("time series", needs="transformers")
def patchtst():
    settings = {"num_input_channels": 2, "context_length": 32, "patch_length": 8, "patch_stride": 8, "d_model": 16, "num_attention_heads": 2, "ffn_dim": 32, "num_hidden_layers": 2, "prediction_length": 4}
    return model_of("PatchTSTForPrediction", "PatchTSTConfig", **settings), (torch.randn(2, 32, 2),), {}


@family("time series", needs="transformers")
def patchtsmixer():
    settings = {"num_input_channels": 2, "context_length": 32, "patch_length": 8, "patch_stride": 8, "d_model": 16, "num_layers": 2, "prediction_length": 4}
    return model_of("PatchTSMixerForPrediction", "PatchTSMixerConfig", **settings), (torch.randn(2, 32, 2),), {}


@family("encoder", needs="transformers")
def perceiver():
    settings = {"num_latents": 8, "d_latents": 16, "d_model": 16, "num_blocks": 1, "num_self_attends_per_block": 2, "num_self_attention_heads": 2, "num_cross_attention_heads": 2}
    return model_of("PerceiverModel", "PerceiverConfig", **settings), (torch.randn(1, 10, 16),), {}


@family("control", needs="transformers")
def decision_transformer():
    model = model_of("DecisionTransformerModel", "DecisionTransformerConfig", state_dim=5, act_dim=2, hidden_size=32, n_layer=2, n_head=2, max_ep_len=32)
    n, s = 2, 4
    return model, (), {"states": torch.randn(n, s, 5), "actions": torch.randn(n, s, 2), "rewards": torch.randn(n, s, 1), "returns_to_go": torch.randn(n, s, 1),
        "timesteps": torch.arange(s).repeat(n, 1), "attention_mask": torch.ones(n, s)}
