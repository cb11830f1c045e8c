"""Speech, vision and time-series models of transformers for the second list that nobody tuned for.

All are small configurations with the library's own initialisation; an input is random where weights meet it
(``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers as t
from export_networks import VOCABULARY
from strangers_language import FOUR
from unseen_transformers import EAGER, ids, named, signal

if TYPE_CHECKING:
    from export_networks import Job

STAGES = ["stage1", "stage2", "stage3", "stage4"]
NARROW = {"hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3, "intermediate_size": 768}
FILM = (8, 3, 112, 112)


class Flow(torch.nn.Module):
    """Text encoder of VITS and its flow, run towards sound."""

    def __init__(self) -> None:
        super().__init__()
        model = t.VitsModel(t.VitsConfig(num_hidden_layers=4, **EAGER))
        self.encode, self.flow = model.text_encoder, model.flow

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        """Latent frames."""
        mask = torch.ones(1, letters.shape[1], 1)
        means = self.encode(input_ids=letters, padding_mask=mask, return_dict=False)[1]
        return self.flow(means.transpose(1, 2), mask.transpose(1, 2), reverse=True)


class Matched(torch.nn.Module):
    """Features of two images that have looked at each other, up to the search for matches."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"hidden_size": 128, "stage_num_blocks": [1, 1, 2, 3], "out_features": [32, 32, 64, 128]}
        self.model = t.EfficientLoFTRModel(
            t.EfficientLoFTRConfig(num_attention_layers=2, num_attention_heads=8, **sizes, **EAGER)
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Their maps, from coarse to fine."""
        return tuple(self.model(images).feature_maps)


def sound() -> dict[str, Job]:
    """Speech and music."""
    conformer = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    plain = {"apply_spec_augment": False, **EAGER}
    seamless = t.models.seamless_m4t.modeling_seamless_m4t.SeamlessM4TSpeechEncoder
    heard = {"hidden_size": 256, "speech_encoder_layers": 4, "speech_encoder_attention_heads": 4,
             "speech_encoder_intermediate_size": 1024, "num_conv_pos_embedding_groups": 16}  # fmt: skip
    speech = {"encoder_layers": 4, "decoder_layers": 3, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536,
              "hidden_size": 384, "encoder_attention_heads": 6, "decoder_attention_heads": 6}  # fmt: skip
    say = {"hidden_size": 192, "encoder_layers": 2, "decoder_layers": 3, "encoder_linear_units": 768,
           "decoder_linear_units": 768}  # fmt: skip
    music = {"hidden_size": 384, "num_hidden_layers": 4, "num_attention_heads": 6, "ffn_dim": 1536, "vocab_size": 2048}
    bark = {"hidden_size": 384, "num_layers": 4, "num_heads": 6, "input_vocab_size": 1056, "output_vocab_size": 1056}
    mimi = {"num_filters": 16, "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 32,
            "intermediate_size": 512, "num_key_value_heads": 4, "upsample_groups": 128}  # fmt: skip
    sewd = {**FOUR, "conv_dim": [64, 128, 128, 128, 256, 256, 256], "conv_stride": [5, 2, 2, 2, 2, 2, 2],
            "conv_kernel": [10, 3, 3, 3, 3, 2, 2]}  # fmt: skip
    return {
        "wav2vec2_bert_s": signal(t.Wav2Vec2BertModel, t.Wav2Vec2BertConfig, (200, 160), **conformer, **plain),
        "seamless_m4t_speech_s": signal(seamless, t.SeamlessM4TConfig, (160, 160), **heard),
        "speecht5_s": named(
            lambda: t.SpeechT5ForSpeechToText(t.SpeechT5Config(**speech, **plain)),
            {"input_values": torch.rand(1, 16000), "decoder_input_ids": ids(20, 80)}, return_dict=False,
            use_cache=False,
        ),
        "fastspeech2_conformer_s": named(
            lambda: t.FastSpeech2ConformerModel(t.FastSpeech2ConformerConfig(**say)),
            {"input_ids": ids(48, 77)}, return_dict=False,
        ),
        "vits_flow_s": (Flow, (ids(60, 37),)),
        "bark_fine_s": named(
            lambda: t.BarkFineModel(t.BarkFineConfig(**bark)),
            {"input_ids": torch.randint(0, 1000, (1, 128, 8))}, codebook_idx=3, return_dict=False,
        ),
        "musicgen_decoder_s": named(
            lambda: t.MusicgenForCausalLM(t.MusicgenDecoderConfig(**music, **EAGER)),
            {"input_ids": torch.randint(0, 2000, (4, 50))}, use_cache=False, return_dict=False,
        ),
        "mimi_encoder_s": named(
            lambda: t.MimiModel(t.MimiConfig(**mimi, **EAGER)).encoder,
            {"input_values": torch.rand(1, 1, 24000)}, return_dict=False,
        ),
        "sew_d_s": signal(t.SEWDModel, t.SEWDConfig, (16000,), apply_spec_augment=False, **sewd),
    }  # fmt: skip


def detectors() -> dict[str, Job]:
    """Networks that find objects."""
    resnet = t.ResNetConfig(embedding_size=32, hidden_sizes=[32, 64, 128, 256], depths=[2, 2, 2, 2],
                            layer_type="basic", out_features=["stage2", "stage3", "stage4"])  # fmt: skip
    last = t.ResNetConfig(**{**resnet.to_dict(), "out_features": ["stage4"], "out_indices": None})
    queries = {"d_model": 128, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512, "encoder_layers": 2,
               "decoder_layers": 2, "num_queries": 100}  # fmt: skip
    second = t.RTDetrResNetConfig(hidden_sizes=[32, 64, 128, 256], depths=[2, 2, 2, 2], embedding_size=32,
                                  layer_type="basic", out_indices=[2, 3, 4])  # fmt: skip
    real_time = {"backbone_config": second, "encoder_in_channels": [64, 128, 256], "encoder_hidden_dim": 128,
                 "d_model": 128, "decoder_in_channels": [128] * 3, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512,
                 "decoder_layers": 3, "num_queries": 100, "anchor_image_size": [256, 256]}  # fmt: skip
    light = t.LwDetrViTConfig(hidden_size=192, num_hidden_layers=6, num_attention_heads=6, image_size=256,
                              pretrain_image_size=256, window_block_indices=[0, 1, 3, 4], num_windows=16,
                              out_indices=[2, 4, 5])  # fmt: skip
    owl = t.OwlViTConfig(
        text_config={"hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 1024,
                     "vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
        vision_config={**NARROW, "image_size": 256, "patch_size": 16}, projection_dim=256, **EAGER,
    )  # fmt: skip
    image = (3, 256, 256)
    asked = {"input_ids": torch.randint(3, 900, (2, 16)), "pixel_values": torch.rand(1, *image),
             "attention_mask": torch.ones(2, 16, dtype=torch.long)}  # fmt: skip
    return {
        "deformable_detr_s": signal(
            t.DeformableDetrForObjectDetection, t.DeformableDetrConfig, image, backbone_config=resnet,
            disable_custom_kernels=True, **queries, **EAGER,
        ),
        "conditional_detr_s": signal(
            t.ConditionalDetrForObjectDetection, t.ConditionalDetrConfig, image, backbone_config=last, **queries,
            **EAGER,
        ),
        "rt_detr_v2_s": signal(t.RTDetrV2ForObjectDetection, t.RTDetrV2Config, image, **real_time, **EAGER),
        "lw_detr_s": signal(
            t.LwDetrForObjectDetection, t.LwDetrConfig, image, backbone_config=light, projector_scale_factors=[1.0],
            d_model=128, decoder_ffn_dim=512, decoder_layers=2, num_queries=100, decoder_self_attention_heads=4,
            decoder_cross_attention_heads=8, group_detr=1, **EAGER,
        ),
        "owlvit_s": named(lambda: t.OwlViTForObjectDetection(owl), asked, return_dict=False),
        "efficientloftr_s": (Matched, (torch.rand(1, 2, 3, 128, 160),)),
    }  # fmt: skip


def maps() -> dict[str, Job]:
    """Segmentation, depth and backbones."""
    swin = t.SwinConfig(image_size=192, embed_dim=48, depths=[2, 2, 2, 2], num_heads=[2, 4, 8, 16], window_size=6,
                        out_features=STAGES)  # fmt: skip
    masks = t.Mask2FormerConfig(
        backbone_config=swin, feature_size=96, mask_feature_size=96, hidden_dim=96, encoder_feedforward_dim=384,
        dim_feedforward=384, encoder_layers=2, decoder_layers=4, num_attention_heads=4, num_queries=50,
    )  # fmt: skip
    hiera = t.Sam2HieraDetConfig(hidden_size=48, num_attention_heads=1, image_size=[256, 256],
                                 blocks_per_stage=[1, 2, 4, 1], embed_dim_per_stage=[48, 96, 192, 384],
                                 num_attention_heads_per_stage=[1, 2, 4, 8], window_size_per_stage=[8, 4, 8, 4],
                                 global_attention_blocks=[5])  # fmt: skip
    sam = {"backbone_config": hiera, "backbone_channel_list": [384, 192, 96, 48], "fpn_hidden_size": 128,
           "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]]}  # fmt: skip
    beit = t.BeitConfig(**NARROW, image_size=192, patch_size=16, out_indices=[2, 4, 5, 6], reshape_hidden_states=False,
                        use_relative_position_bias=True)  # fmt: skip
    depth = {"backbone_config": beit, "neck_hidden_sizes": [24, 48, 96, 192], "fusion_hidden_size": 64,
             "bottleneck_features": 64, "num_relative_features": 16, "bin_embedding_dim": 32,
             "bin_configurations": [{"n_bins": 32, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}]}  # fmt: skip
    painted = {"pixel_values": torch.rand(1, 3, 128, 128), "prompt_pixel_values": torch.rand(1, 3, 128, 128),
               "prompt_masks": torch.rand(1, 3, 128, 128)}  # fmt: skip
    seggpt = {"hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3, "image_size": [256, 128],
              "intermediate_hidden_state_indices": [2, 3, 4, 5], "merge_index": 1,
              "decoder_hidden_size": 32}  # fmt: skip
    small = {"hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3}
    image = (3, 192, 192)
    return {
        "mask2former_s": named(
            lambda: t.Mask2FormerModel(masks), {"pixel_values": torch.rand(1, *image)}, return_dict=False
        ),
        "eomt_s": signal(t.EomtForUniversalSegmentation, t.EomtConfig, image, image_size=192, num_blocks=2,
                         num_queries=50, **small, **EAGER),
        "seggpt_s": named(lambda: t.SegGptModel(t.SegGptConfig(**seggpt)), painted, return_dict=False),
        "sam2_encoder_s": signal(t.Sam2VisionModel, t.Sam2VisionConfig, (3, 256, 256), **sam, **EAGER),
        "zoedepth_s": signal(t.ZoeDepthForDepthEstimation, t.ZoeDepthConfig, image, **depth),
        "pvt_s": signal(t.PvtModel, t.PvtConfig, (3, 224, 224), hidden_sizes=[32, 64, 160, 256]),
        "bit_s": signal(t.BitModel, t.BitConfig, (3, 192, 192), hidden_sizes=[128, 256, 512, 1024],
                        depths=[2, 2, 3, 2]),
        "vit_mae_s": named(
            lambda: t.ViTMAEForPreTraining(t.ViTMAEConfig(
                **NARROW, decoder_hidden_size=128, decoder_num_hidden_layers=3, decoder_num_attention_heads=4,
                decoder_intermediate_size=512, **EAGER)),
            {"pixel_values": torch.rand(1, 3, 224, 224), "noise": torch.rand(1, 196)}, return_dict=False,
        ),
        "vjepa2_s": named(
            lambda: t.VJEPA2Model(t.VJEPA2Config(
                crop_size=112, frames_per_clip=8, **small, pred_hidden_size=96, pred_num_hidden_layers=2,
                pred_num_attention_heads=3, **EAGER)).encoder,
            {"pixel_values_videos": torch.rand(1, *FILM)}, return_dict=False,
        ),
    }  # fmt: skip


def series() -> dict[str, Job]:
    """Forecasts; a scale of the past is taken in the network."""
    sizes = {"d_model": 64, "encoder_ffn_dim": 256, "decoder_ffn_dim": 256, "encoder_attention_heads": 4,
             "decoder_attention_heads": 4, "encoder_layers": 2, "decoder_layers": 2}  # fmt: skip
    when: dict[str, Any] = {"prediction_length": 24, "context_length": 96, "num_time_features": 2,
                            "lags_sequence": [1, 2, 3, 7], **sizes}  # fmt: skip
    past = {
        "past_values": torch.rand(1, 103), "past_time_features": torch.rand(1, 103, 2),
        "past_observed_mask": torch.ones(1, 103), "future_values": torch.rand(1, 24),
        "future_time_features": torch.rand(1, 24, 2),
    }  # fmt: skip
    plain = {"return_dict": False, "use_cache": False}
    fm = {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4,
          "head_dim": 64}  # fmt: skip
    return {
        "informer_s": named(lambda: t.InformerModel(t.InformerConfig(**when)), past, **plain),
        "autoformer_s": named(lambda: t.AutoformerModel(t.AutoformerConfig(**when)), past, **plain),
        "time_series_transformer_s": named(
            lambda: t.TimeSeriesTransformerModel(t.TimeSeriesTransformerConfig(**when)), past, **plain
        ),
        "timesfm_s": named(
            lambda: t.TimesFmModel(t.TimesFmConfig(**fm, **EAGER)),
            {"past_values": torch.rand(2, 512), "past_values_padding": torch.zeros(2, 512, dtype=torch.long),
             "freq": torch.zeros(2, 1, dtype=torch.long)}, return_dict=False,
        ),
    }  # fmt: skip


def transformers_jobs() -> dict[str, Job]:
    """All of them by name."""
    return {f"hf_{name}": job for name, job in {**sound(), **detectors(), **maps(), **series()}.items()}
