"""Models of transformers for the list of networks that nobody tuned for (``tools/export_unseen.py``).

All are small configurations with the library's own initialisation; an input is random where weights meet it, so that no
activation vanishes because everything before it is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers as t
from export_networks import VOCABULARY, First, Job, Text, Translator

if TYPE_CHECKING:
    from collections.abc import Callable

EAGER = {"attn_implementation": "eager"}
WORDS = {"vocab_size": VOCABULARY, **EAGER}
SMALL = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 1536}
DECODER = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "use_cache": False, **WORDS}


class Named(torch.nn.Module):
    """A model whose inputs have names, and whose outputs are those that are tensors, at most three of them."""

    def __init__(self, model: torch.nn.Module, names: tuple[str, ...], **keywords: Any) -> None:
        super().__init__()
        self.model, self.names, self.keywords = model, names, keywords

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Its outputs in their order."""
        given = self.model(**dict(zip(self.names, inputs, strict=True)), **self.keywords)
        found = given if isinstance(given, torch.Tensor | tuple) else tuple(given.values())
        return tuple(each for each in (found if isinstance(found, tuple) else (found,)) if torch.is_tensor(each))[:3]


class Promptable(torch.nn.Module):
    """SAM from an image and a point to its masks."""

    def __init__(self) -> None:
        super().__init__()
        shared = {"image_size": 512}
        config = t.SamConfig(
            # The library's own range of 1e-10 for this encoder would make all activations vanish.
            vision_config={**shared, "hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3,
                           "global_attn_indexes": [2, 5], "window_size": 8, "initializer_range": 0.02, "mlp_dim": 768},
            prompt_encoder_config=shared, **EAGER,
        )  # fmt: skip
        self.model = t.SamModel(config)

    def forward(self, image: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Quality and masks."""
        given = self.model(pixel_values=image, input_points=points)
        return given.iou_scores, given.pred_masks


def ids(length: int, words: int = 900) -> torch.Tensor:
    """Numbers of ``words`` words."""
    return torch.randint(5, words, (1, length))


def words(model: Any, config: Any, length: int, **values: Any) -> Job:
    """A language model on ``length`` words and their mask."""
    known = min(900, values.get("vocab_size", 900))
    return lambda: Text(model(config(**values))), (ids(length, known), torch.ones(1, length, dtype=torch.long))


def bare(model: Any, config: Any, length: int, **values: Any) -> Job:
    """A language model on ``length`` words alone."""
    return lambda: Named(model(config(**values)), ("input_ids",), return_dict=False), (ids(length),)


def signal(model: Any, config: Any, shape: tuple[int, ...], **values: Any) -> Job:
    """A model of one image, film, spectrogram or wave."""
    return lambda: First(model(config(**values)), return_dict=False), (torch.rand(1, *shape),)


def translator(model: Any, config: Any, lengths: tuple[int, int], **values: Any) -> Job:
    """Encoder and decoder over a whole source and a whole target."""
    return lambda: Translator(model(config(**values))), tuple(map(ids, lengths))


def named(make: Callable[[], torch.nn.Module], inputs: dict[str, torch.Tensor], **keywords: Any) -> Job:
    """A model with several inputs by name."""
    return lambda: Named(make(), tuple(inputs), **keywords), tuple(inputs.values())


def language() -> dict[str, Job]:
    """Text and protein models."""
    pair = {"encoder_layers": 4, "decoder_layers": 4, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536, "d_model": 384,
            "encoder_attention_heads": 6, "decoder_attention_heads": 6, **WORDS}  # fmt: skip
    return {
        "fnet_s": bare(t.FNetModel, t.FNetConfig, 128, hidden_size=384, num_hidden_layers=6, intermediate_size=1536,
                       vocab_size=VOCABULARY),
        "funnel_s": words(t.FunnelModel, t.FunnelConfig, 128, block_sizes=[2, 2, 2], d_model=384, n_head=6,
                          d_inner=1536, vocab_size=VOCABULARY),
        "xlnet_s": words(t.XLNetModel, t.XLNetConfig, 96, d_model=384, n_layer=6, n_head=6, d_inner=1536,
                         use_mems_eval=False, vocab_size=VOCABULARY),
        "nystromformer_s": words(t.NystromformerModel, t.NystromformerConfig, 256, segment_means_seq_len=256,
                                 num_landmarks=32, **SMALL, **WORDS),
        "convbert_s": words(t.ConvBertModel, t.ConvBertConfig, 128, embedding_size=128, **SMALL, **WORDS),
        "canine_s": words(t.CanineModel, t.CanineConfig, 512, num_hash_buckets=2048, **SMALL, **EAGER),
        "mpnet_s": words(t.MPNetModel, t.MPNetConfig, 80, **SMALL, **WORDS),
        "gpt_neo_s": words(t.GPTNeoModel, t.GPTNeoConfig, 160, hidden_size=384, num_layers=6, num_heads=6,
                           attention_types=[[["global", "local"], 3]], window_size=64, use_cache=False, **WORDS),
        "gemma2_s": words(t.Gemma2Model, t.Gemma2Config, 96, intermediate_size=1536, num_key_value_heads=2, head_dim=64,
                          query_pre_attn_scalar=64, sliding_window=48, **DECODER),
        "falcon_s": words(t.FalconModel, t.FalconConfig, 112, **DECODER),
        "lfm2_s": words(t.Lfm2Model, t.Lfm2Config, 128, intermediate_size=1536, num_key_value_heads=2,
                        full_attn_idxs=[2, 5], **DECODER),
        "mamba_s": bare(t.MambaModel, t.MambaConfig, 40, hidden_size=256, num_hidden_layers=4, use_cache=False,
                        use_associative_scan=False, vocab_size=VOCABULARY),
        "rwkv_s": bare(t.RwkvModel, t.RwkvConfig, 32, hidden_size=256, num_hidden_layers=4, use_cache=False,
                       vocab_size=VOCABULARY),
        "bart_s": translator(t.BartModel, t.BartConfig, (112, 48), **pair),
        "esm_s": words(t.EsmModel, t.EsmConfig, 200, vocab_size=33, pad_token_id=1, mask_token_id=32,
                       position_embedding_type="rotary", token_dropout=False, hidden_size=320, num_hidden_layers=6,
                       num_attention_heads=20, intermediate_size=1280, **EAGER),
        "qwen3_s": words(t.Qwen3Model, t.Qwen3Config, 144, intermediate_size=1024, num_key_value_heads=2, head_dim=64,
                         **DECODER),
        "t5_s": translator(t.T5Model, t.T5Config, (64, 32), d_model=256, d_kv=32, d_ff=1024, num_layers=4, num_heads=8,
                           vocab_size=VOCABULARY),
    }  # fmt: skip


def sound() -> dict[str, Job]:
    """Speech and audio models."""
    audio = t.models.clap.modeling_clap.ClapAudioModel
    pair = {"encoder_layers": 4, "decoder_layers": 2, "encoder_ffn_dim": 1024, "decoder_ffn_dim": 1024, "d_model": 256,
            "encoder_attention_heads": 4, "decoder_attention_heads": 4, "use_cache": False, **WORDS}  # fmt: skip
    heard = {"input_features": torch.rand(1, 200, 80), "decoder_input_ids": ids(24)}
    # Inference as the models do it: no masking of time steps, which random draws would choose.
    plain = {"apply_spec_augment": False, **SMALL, **EAGER}
    dac = {"encoder_hidden_size": 16, "decoder_hidden_size": 256, "n_codebooks": 4}
    return {
        "sew_s": signal(t.SEWModel, t.SEWConfig, (24000,), **plain),
        "wavlm_s": signal(t.WavLMModel, t.WavLMConfig, (12000,), **{**plain, "num_hidden_layers": 3},
                          conv_dim=[256] * 7),
        "speech_to_text_s": named(
            lambda: t.Speech2TextModel(t.Speech2TextConfig(conv_channels=384, **pair)), heard, return_dict=False
        ),
        "clap_audio_s": named(
            lambda: audio(t.ClapAudioConfig(patch_embeds_hidden_size=48, hidden_size=384)),
            {"input_features": torch.rand(1, 1, 1001, 64), "is_longer": torch.zeros(1, 1, dtype=torch.bool)},
            return_dict=False,
        ),
        "univnet_s": named(
            lambda: t.UnivNetModel(t.UnivNetConfig(model_hidden_channels=16)),
            {"input_features": torch.rand(1, 48, 100), "noise_sequence": torch.randn(1, 48, 64)},
            return_dict=False,
        ),
        "dac_decoder_s": (lambda: t.DacModel(t.DacConfig(**dac)).decoder, (torch.randn(1, 256, 40),)),
        "whisper_s": named(
            lambda: t.WhisperModel(t.WhisperConfig(
                max_source_positions=400, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
                **pair)),
            {"input_features": torch.rand(1, 80, 800), "decoder_input_ids": ids(24)},
            return_dict=False,
        ),
        "parakeet_encoder_s": signal(t.ParakeetEncoder, t.ParakeetEncoderConfig, (400, 80), layerdrop=0.0, **EAGER,
                                     **{**SMALL, "num_hidden_layers": 4}),
    }  # fmt: skip


def vision() -> dict[str, Job]:
    """Models of images and films, some with text."""
    resnet = t.ResNetConfig(embedding_size=32, hidden_sizes=[32, 64, 128, 256], depths=[2, 2, 2, 2],
                            layer_type="basic", out_features=["stage4"])  # fmt: skip
    convnext = t.ConvNextConfig(depths=[2, 2, 4, 2], hidden_sizes=[48, 96, 192, 384],
                                out_features=["stage1", "stage2", "stage3", "stage4"])  # fmt: skip
    swin = t.SwinConfig(image_size=224, embed_dim=48, depths=[2, 2, 2, 2], num_heads=[2, 4, 8, 16],
                        out_features=["stage1", "stage2", "stage3", "stage4"])  # fmt: skip
    queries = {"encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512, "d_model": 192,
               "num_queries": 50, "encoder_attention_heads": 6, "decoder_attention_heads": 6}  # fmt: skip
    matte = t.VitDetConfig(hidden_size=192, num_hidden_layers=6, num_attention_heads=3, num_channels=4, image_size=256,
                           pretrain_image_size=256, window_size=8, window_block_indices=[0, 1, 3, 4],
                           use_relative_position_embeddings=True, out_features=["stage6"])  # fmt: skip
    hgnet = t.HGNetV2Config(
        hidden_sizes=[64, 256, 512, 1024],
        stem_channels=[3, 16, 16], stage_in_channels=[16, 64, 256, 512], stage_mid_channels=[16, 32, 64, 128],
        stage_out_channels=[64, 256, 512, 1024], stage_num_blocks=[1, 1, 2, 1], stage_numb_of_layers=[3, 3, 3, 3],
        stage_downsample=[False, True, True, True], stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5], use_learnable_affine_block=True, out_features=["stage3", "stage4"],
    )  # fmt: skip
    find = {"backbone_config": hgnet, "encoder_in_channels": [512, 1024], "feat_strides": [16, 32],
            "num_feature_levels": 2, "encode_proj_layers": [1], "decoder_in_channels": [128, 128], "num_queries": 100,
            "encoder_hidden_dim": 128, "d_model": 128, "encoder_ffn_dim": 512, "decoder_layers": 3,
            "decoder_n_points": [6, 6], **EAGER}  # fmt: skip
    film = {"image_size": 112, "num_frames": 8, **SMALL, **EAGER}
    say = {"pixel_values": torch.rand(1, 3, 192, 192), "input_ids": ids(32)}
    images = {
        "cvt_s": (t.CvtModel, t.CvtConfig, (3, 224, 224), {"depth": [1, 2, 6]}),
        "aimv2_s": (t.Aimv2VisionModel, t.Aimv2VisionConfig, (3, 224, 224), {**SMALL, "intermediate_size": 1024,
                                                                           **EAGER}),
        "upernet_s": (t.UperNetForSemanticSegmentation, t.UperNetConfig, (3, 224, 224), {
            "backbone_config": convnext, "hidden_size": 96, "use_auxiliary_head": False}),
        "vitmatte_s": (t.VitMatteForImageMatting, t.VitMatteConfig, (4, 256, 256), {
            "backbone_config": matte, "hidden_size": 192, "convstream_hidden_sizes": [24, 48, 96],
            "fusion_hidden_sizes": [96, 64, 32, 16]}),
        "textnet_s": (t.TextNetModel, t.TextNetConfig, (3, 320, 320), textnet()),
        "slanet_s": (t.SLANetForTableRecognition, t.SLANetConfig, (3, 256, 256), {"max_text_length": 24}),
        "mgp_str_s": (t.MgpstrForSceneTextRecognition, t.MgpstrConfig, (3, 32, 128), {
            "hidden_size": 192, "num_hidden_layers": 8, "num_attention_heads": 3, "num_bpe_labels": 5000,
            "num_wordpiece_labels": 5000}),
        "videomae_s": (t.VideoMAEModel, t.VideoMAEConfig, (8, 3, 112, 112), film),
        "timesformer_s": (t.TimesformerModel, t.TimesformerConfig, (8, 3, 112, 112), film),
        "dpt_s": (t.DPTForDepthEstimation, t.DPTConfig, (3, 256, 256), {
            **SMALL, "hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768, "image_size": 256,
            "backbone_out_indices": [1, 2, 4, 5], "neck_hidden_sizes": [24, 48, 96, 192], "fusion_hidden_size": 48,
            **EAGER}),
        "glpn_s": (t.GLPNForDepthEstimation, t.GLPNConfig, (3, 256, 320), {}),
        "swin2sr_s": (t.Swin2SRForImageSuperResolution, t.Swin2SRConfig, (3, 64, 64), {
            "embed_dim": 60, "depths": [4, 4], "num_heads": [6, 6], "upsampler": "pixelshuffledirect"}),
        "d_fine_s": (t.DFineForObjectDetection, t.DFineConfig, (3, 320, 320), find),
        "detr_s": (t.DetrForObjectDetection, t.DetrConfig, (3, 256, 320), {
            "backbone_config": resnet, **queries, **EAGER}),
    }  # fmt: skip
    mask = {"backbone_config": swin, "decoder_config": t.MaskFormerDetrConfig(**queries), "fpn_feature_size": 64,
            "mask_feature_size": 64}  # fmt: skip
    perceive = t.PerceiverConfig(num_latents=96, d_latents=384, d_model=256, num_self_attends_per_block=6)
    return {
        **{name: signal(model, config, shape, **values) for name, (model, config, shape, values) in images.items()},
        "maskformer_s": named(
            lambda: t.MaskFormerModel(t.MaskFormerConfig(**mask)), {"pixel_values": torch.rand(1, 3, 224, 224)},
            return_dict=False,
        ),
        "sam_s": (Promptable, (torch.rand(1, 3, 512, 512), torch.rand(1, 1, 1, 2) * 500)),
        "vilt_s": named(
            lambda: t.ViltModel(t.ViltConfig(image_size=192, vocab_size=VOCABULARY, **SMALL)), say, return_dict=False
        ),
        "perceiver_s": named(
            lambda: t.PerceiverModel(perceive), {"inputs": torch.rand(1, 1024, 256)}, return_dict=False
        ),
    }  # fmt: skip


def textnet() -> dict[str, Any]:
    """Rare kernels, as the published network has them: 3x3 beside 3x1 and 1x3."""
    square, tall, wide = [3, 3], [3, 1], [1, 3]
    return {
        "hidden_sizes": [32, 32, 64, 128, 256],
        "stem_out_channels": 32,
        "conv_layer_kernel_sizes": [[square, square], [square, wide, tall], [square, square, tall], [square, wide]],
        "conv_layer_strides": [[1, 2], [2, 1, 1], [2, 1, 1], [2, 1]],
        "image_size": [320, 320],
    }


def series() -> dict[str, Job]:
    """Models of time series."""
    past = {"past_values": torch.randn(1, 512, 7)}
    patch = {"num_input_channels": 7, "context_length": 512, "patch_length": 16, "prediction_length": 96}
    return {
        "patchtst_s": named(
            lambda: t.PatchTSTForPrediction(t.PatchTSTConfig(patch_stride=8, loss="mse", **patch)), past,
            return_dict=False,
        ),
        "patchtsmixer_s": named(
            lambda: t.PatchTSMixerForPrediction(t.PatchTSMixerConfig(
                patch_stride=16, d_model=64, num_layers=6, mode="mix_channel", self_attn=True, self_attn_heads=4,
                **patch)),
            past, return_dict=False,
        ),
    }  # fmt: skip


def transformers_jobs() -> dict[str, Job]:
    """All of them by name."""
    return {f"hf_{name}": job for name, job in {**language(), **sound(), **vision(), **series()}.items()}
