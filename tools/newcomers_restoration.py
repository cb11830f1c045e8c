"""Networks of images and volumes, of public libraries, for the fourth list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import PICTURE, at, job, made, maker, rand

if TYPE_CHECKING:
    from export_networks import Job
    from torch import nn


def mended() -> dict[str, Job]:
    """Restorers and upscalers."""
    spandrel = "spandrel.architectures"
    return {
        "spandrel_dat": made(
            f"{spandrel}.DAT.__arch.DAT.DAT", 3, 64, 64, img_size=64, embed_dim=48, split_size=[8, 16], depth=[3, 3],
            num_heads=[4, 4], expansion_factor=2.0, upsampler="pixelshuffledirect",
        ),
        "spandrel_kbnet": made(
            f"{spandrel}.KBNet.__arch.kbnet_s.KBNet_s", 3, 96, 96, width=32, middle_blk_num=2,
            enc_blk_nums=[1, 1, 2, 2], dec_blk_nums=[1, 1, 1, 1],
        ),
        "spandrel_mixdehaze": made(f"{spandrel}.MixDehazeNet.__arch.MixDehazeNet.MixDehazeNet", 3, 128, 128),
        "spandrel_seemore": made(
            f"{spandrel}.SeemoRe.__arch.seemore_arch.SeemoRe", 3, 96, 96, scale=2, num_experts=3, embedding_dim=36
        ),
        "spandrel_drunet": made(
            f"{spandrel}.DRUNet.__arch.network_unet.DRUNet", 4, 128, 128, in_nc=4, out_nc=3, nc=[32, 64, 96, 128], nb=2
        ),
        "spandrel_compact": made(
            f"{spandrel}.Compact.__arch.SRVGG.SRVGGNetCompact", 3, 96, 128, num_feat=48, num_conv=12, upscale=2
        ),
        "ninasr_b0": job(lambda: at("torchsr.models.ninasr_b0")(2), rand(3, 128, 128)),
    }  # fmt: skip


def judged() -> dict[str, Job]:
    """Measures of how far two images are apart."""
    pair = rand(3, 128, 128), rand(3, 128, 128)
    larger = rand(3, 192, 192), rand(3, 192, 192)
    return {
        "lpips_squeeze": job(
            maker("lpips.LPIPS", net="squeeze", pretrained=False, pnet_rand=True, verbose=False), *pair
        ),
        "similarity_scales": job(maker("pytorch_msssim.MS_SSIM", data_range=1.0, channel=3), *larger),
        "gradient_similarity": job(maker("piq.GMSDLoss", reduction="none"), *larger),
    }


def generated() -> dict[str, Job]:
    """Networks that make images."""
    tokens: dict[str, Any] = {"hidden_size": 256, "cond_embed_dim": 192, "micro_cond_embed_dim": 320,
                              "micro_cond_encode_dim": 64, "encoder_hidden_size": 192, "vocab_size": 1032,
                              "codebook_size": 1024, "in_channels": 192, "block_out_channels": 192, "num_res_blocks": 2,
                              "block_num_heads": 4, "num_hidden_layers": 4, "num_attention_heads": 4,
                              "intermediate_size": 704, "sample_size": 16}  # fmt: skip
    linear: dict[str, Any] = {"in_channels": 16, "out_channels": 16, "num_attention_heads": 8, "attention_head_dim": 32,
                              "num_layers": 4, "num_cross_attention_heads": 4, "cross_attention_head_dim": 64,
                              "cross_attention_dim": 256, "caption_channels": 192, "sample_size": 16}  # fmt: skip
    return {
        "axial_image": made(
            "axial_attention.AxialImageTransformer", 64, 32, 32, dim=64, depth=3, heads=4, reversible=False,
            axial_pos_emb_shape=(32, 32),
        ),
        "karras_unet": job(
            maker("denoising_diffusion_pytorch.karras_unet.KarrasUnet", image_size=32, dim=48, dim_max=144,
                  num_downsamples=2, num_blocks_per_stage=2, attn_res=(8,)),
            rand(4, 32, 32), torch.tensor([0.5]),
            call=lambda model, image, time: model(image, time=time),
        ),
        "diff_sana": job(
            maker("diffusers.SanaTransformer2DModel", **linear), rand(16, 16, 16), rand(32, 192), torch.tensor([500]),
            call=lambda model, image, words, time: model(image, words, time, return_dict=False),
        ),
        "diff_uvit": job(
            maker("diffusers.UVit2DModel", **tokens), torch.randint(0, 1024, (1, 16, 16)), rand(24, 192), rand(192),
            rand(5),
        ),
    }  # fmt: skip


def bag() -> nn.Module:
    """A classifier of a bag of images by attention over them."""
    return at("monai.networks.nets.MILModel")(num_classes=3, mil_mode="att", pretrained=False, backbone="resnet18")


def autoencoder() -> nn.Module:
    """A shallow autoencoder of chest radiographs."""
    parts = "torchxrayvision.autoencoders"
    return at(f"{parts}._ResNetAE")(at(f"{parts}.Bottleneck"), at(f"{parts}.DeconvBottleneck"), [2, 2, 2, 2], 1)


def medical() -> dict[str, Job]:
    """Networks of medical images."""
    return {
        "monai_voxelmorph": made(
            "monai.networks.nets.VoxelMorphUNet", 2, 48, 48, 48, spatial_dims=3, in_channels=2, unet_out_channels=24,
            channels=(12, 24, 24, 24, 24, 24), final_conv_channels=(12, 12),
        ),
        "monai_mil": job(bag, rand(6, 3, 96, 96)),
        "xray_autoencoder": job(autoencoder, rand(1, 224, 224)),
        "primus_volume": made(
            "dynamic_network_architectures.architectures.primus.Primus", 1, 64, 64, 64, input_channels=1, embed_dim=192,
            patch_embed_size=(8, 8, 8), num_classes=3, eva_depth=4, eva_numheads=4, input_shape=(64, 64, 64),
        ),
    }  # fmt: skip


def seen() -> dict[str, Job]:
    """Classifiers and finders."""
    layers = {"layer2": 1, "layer3": 2, "layer4": 3}
    return {
        "vitp_parallel": made(
            "vit_pytorch.parallel_vit.ViT", *PICTURE, image_size=224, patch_size=16, num_classes=1000, dim=192, depth=4,
            heads=3, mlp_dim=768,
        ),
        "perceiver_image": made(
            "perceiver_pytorch.Perceiver", 96, 96, 3, num_freq_bands=6, max_freq=10.0, depth=2, num_latents=96,
            latent_dim=192, latent_heads=4, latent_dim_head=48, cross_dim_head=48, num_classes=100,
        ),
        "cv_cbam_resnet18": job(lambda: at("pytorchcv.model_provider.get_model")("cbam_resnet18"), rand(*PICTURE)),
        "kornia_keynet": made("kornia.feature.KeyNet", 1, 160, 160, pretrained=False),
        "retina_face": made(
            "retinaface.network.RetinaFace", 3, 224, 224, name="Resnet50", pretrained=False, in_channels=256,
            return_layers=layers, out_channels=128,
        ),
    }  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return {**mended(), **judged(), **generated(), **medical(), **seen()}
