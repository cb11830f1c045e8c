"""Networks of diffusers in small configurations, for the third list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import Tensor, job, maker, rand

if TYPE_CHECKING:
    from collections.abc import Callable

    from export_networks import Job

CROSS = ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")
TIME = torch.tensor([400])


def configured(name: str, **values: Any) -> Callable[[], torch.nn.Module]:
    """Makes a model of diffusers."""
    return maker(f"diffusers.{name}", **values)


def untied(model: torch.nn.Module, *inputs: Tensor) -> Any:
    """Calls a model that would give a class of its own."""
    return model(*inputs, return_dict=False)


def named(*names: str, **settings: Any) -> Callable[..., Any]:
    """Calls a model with its inputs by these names."""
    return lambda model, *inputs: model(**dict(zip(names, inputs, strict=True)), **settings, return_dict=False)


def autoencoders() -> dict[str, Job]:
    """From an image or a sound to itself."""
    blocks: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3,
        "block_out_channels": (32, 64, 96), "norm_num_groups": 16,
    }  # fmt: skip
    deep: dict[str, Any] = {
        "encoder_block_types": ("ResBlock", "ResBlock", "EfficientViTBlock"), "latent_channels": 16,
        "decoder_block_types": ("ResBlock", "ResBlock", "EfficientViTBlock"), "attention_head_dim": 32,
        "encoder_block_out_channels": (32, 64, 128), "decoder_block_out_channels": (32, 64, 128),
        "encoder_layers_per_block": (1, 2, 2), "decoder_layers_per_block": (1, 2, 2),
        "encoder_qkv_multiscales": ((), (), (5,)), "decoder_qkv_multiscales": ((), (), (5,)),
    }  # fmt: skip
    return {
        "autoencoder_kl": job(configured("AutoencoderKL", **blocks), rand(3, 96, 96), call=untied),
        "vq_model": job(configured("VQModel", **blocks, num_vq_embeddings=512), rand(3, 96, 96), call=untied),
        "autoencoder_tiny": job(
            configured("AutoencoderTiny", encoder_block_out_channels=(32,) * 4, decoder_block_out_channels=(32,) * 4),
            rand(3, 192, 192), call=untied,
        ),
        "autoencoder_dc": job(configured("AutoencoderDC", **deep), rand(3, 96, 96), call=untied),
        "autoencoder_oobleck": job(
            configured("AutoencoderOobleck", encoder_hidden_size=24, decoder_channels=24, decoder_input_channels=12,
                       downsampling_ratios=[2, 4, 8], channel_multiples=[1, 2, 4], audio_channels=2),
            rand(2, 16384), call=untied,
        ),
    }  # fmt: skip


def unets() -> dict[str, Job]:
    """U-Nets that take noise away."""
    return {
        "unet_condition": job(
            configured("UNet2DConditionModel", sample_size=24, block_out_channels=(64, 128, 192), layers_per_block=1,
                       down_block_types=CROSS, up_block_types=tuple(each.replace("Down", "Up") for each in CROSS[::-1]),
                       cross_attention_dim=192, attention_head_dim=32),
            rand(4, 24, 24), TIME, rand(20, 192), call=untied,
        ),
        "unet_1d": job(
            configured("UNet1DModel", sample_size=4096, in_channels=2, out_channels=2, extra_in_channels=64,
                       block_out_channels=(32, 64, 96),
                       down_block_types=("DownBlock1DNoSkip", "DownBlock1D", "AttnDownBlock1D"),
                       up_block_types=("AttnUpBlock1D", "UpBlock1D", "UpBlock1DNoSkip")),
            rand(2, 4096), TIME, call=untied,
        ),
    }  # fmt: skip


def transformers_jobs() -> dict[str, Job]:
    """Transformers that take noise away."""
    heads = {"num_attention_heads": 6, "attention_head_dim": 32}
    flux = named("hidden_states", "encoder_hidden_states", "pooled_projections", "timestep", "img_ids", "txt_ids")
    return {
        "pixart": job(
            configured("PixArtTransformer2DModel", **heads, num_layers=6, cross_attention_dim=192, caption_channels=256,
                       sample_size=32, use_additional_conditions=False),
            rand(4, 32, 32), rand(40, 256), TIME,
            call=named("hidden_states", "encoder_hidden_states", "timestep",
                       added_cond_kwargs={"resolution": None, "aspect_ratio": None}),
        ),
        "mmdit": job(
            configured("SD3Transformer2DModel", **heads, sample_size=32, num_layers=5, joint_attention_dim=256,
                       caption_projection_dim=192, pooled_projection_dim=128, pos_embed_max_size=32),
            rand(16, 32, 32), rand(40, 256), rand(128), TIME, call=untied,
        ),
        "flux": job(
            configured("FluxTransformer2DModel", **heads, in_channels=16, num_layers=3, num_single_layers=5,
                       joint_attention_dim=256, pooled_projection_dim=128, axes_dims_rope=(8, 12, 12)),
            rand(144, 16), rand(32, 256), rand(128), torch.rand(1), torch.rand(144, 3), torch.zeros(32, 3), call=flux,
        ),
        "latte": job(
            configured("LatteTransformer3DModel", **heads, in_channels=4, out_channels=4, num_layers=4, sample_size=16,
                       patch_size=2, cross_attention_dim=192, caption_channels=256, video_length=6,
                       norm_type="ada_norm_single", norm_elementwise_affine=False, num_embeds_ada_norm=1000,
                       activation_fn="gelu-approximate", attention_bias=True),
            rand(4, 6, 16, 16), TIME, rand(20, 256), call=untied,
        ),
        "wan": job(
            configured("WanTransformer3DModel", **heads, text_dim=256, freq_dim=128, ffn_dim=512, num_layers=4),
            rand(16, 3, 20, 20), TIME, rand(24, 256), call=untied,
        ),
    }  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    found = {**autoencoders(), **unets(), **transformers_jobs()}
    return {f"diff_{name}": made_job for name, made_job in found.items()}
