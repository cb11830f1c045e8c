"""Networks of volumes, slices and biosignals from monai and braindecode, for the third list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from libraries_parts import at, job, made, rand

if TYPE_CHECKING:
    from export_networks import Job

NETS = "monai.networks.nets"
SPACE: dict[str, Any] = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
PLANE = {**SPACE, "spatial_dims": 2}


def volumes() -> dict[str, Job]:
    """Networks of three dimensions."""
    thirds = [3, 3, 3, 3]
    strides = [1, 2, 2, 2]
    return {
        "unet_3d": made(
            f"{NETS}.UNet", 1, 48, 48, 48, channels=(16, 32, 64, 128), strides=(2, 2, 2), num_res_units=2, **SPACE
        ),
        "dynunet": made(
            f"{NETS}.DynUNet", 1, 48, 64, 64, kernel_size=thirds, strides=strides, upsample_kernel_size=strides[1:],
            filters=[12, 24, 48, 96], **SPACE,
        ),
        "segresnet": made(f"{NETS}.SegResNet", 1, 48, 48, 48, init_filters=8, **SPACE),
        "vnet": made(f"{NETS}.VNet", 1, 32, 32, 32, spatial_dims=3, in_channels=1, out_channels=2),
        "unetr": made(
            f"{NETS}.UNETR", 1, 48, 48, 48, in_channels=1, out_channels=2, img_size=(48, 48, 48), feature_size=8,
            hidden_size=192, mlp_dim=768, num_heads=6,
        ),
        "swin_unetr": made(
            f"{NETS}.SwinUNETR", 1, 64, 32, 32, in_channels=1, out_channels=2, feature_size=12, depths=(1, 1, 1, 1),
        ),
        "highresnet": made(f"{NETS}.HighResNet", 1, 24, 24, 24, spatial_dims=3, in_channels=1, out_channels=2),
        "ahnet": made(f"{NETS}.AHNet", 1, 32, 32, 32, layers=(2, 2, 2, 2), psp_block_num=2, **SPACE),
        "densenet121_3d": made(f"{NETS}.DenseNet121", 1, 32, 48, 48, **SPACE),
        "mednext": made(
            f"{NETS}.MedNeXt", 1, 32, 32, 32, init_filters=12, kernel_size=3, blocks_down=(1, 1, 1, 1),
            blocks_bottleneck=1, blocks_up=(1, 1, 1, 1), **SPACE,
        ),
        "localnet": made(
            f"{NETS}.LocalNet", 2, 32, 32, 32, spatial_dims=3, in_channels=2, out_channels=3, num_channel_initial=8,
            extract_levels=(0, 1, 2),
        ),
    }  # fmt: skip


def planes() -> dict[str, Job]:
    """Networks of slices and of photographs."""
    return {
        "attention_unet": made(
            f"{NETS}.AttentionUnet", 1, 160, 160, channels=(16, 32, 64, 128), strides=(2, 2, 2), **PLANE
        ),
        "unet_plus_plus": made(
            f"{NETS}.BasicUNetPlusPlus", 1, 128, 128, features=(16, 16, 32, 64, 128, 16), **PLANE
        ),
        "quicknat": made(f"{NETS}.Quicknat", 1, 160, 160, num_classes=33, num_channels=1, num_filters=32),
        "hovernet": made(f"{NETS}.HoVerNet", 3, 256, 256, mode="fast", out_classes=5),
        "restormer": made(
            f"{NETS}.restormer.Restormer", 3, 96, 96, spatial_dims=2, in_channels=3, out_channels=3, dim=16,
            num_blocks=(1, 1, 1, 2), heads=(1, 2, 4, 8), num_refinement_blocks=1,
        ),
    }  # fmt: skip


def biosignals() -> dict[str, Job]:
    """Classifiers of what electrodes record."""
    models = "braindecode.models"
    return {
        "shallow": made(f"{models}.ShallowFBCSPNet", 22, 1000, n_chans=22, n_outputs=4, n_times=1000),
        "atcnet": made(f"{models}.ATCNet", 22, 1125, n_chans=22, n_outputs=4, n_times=1125, sfreq=250),
        "conformer": made(f"{models}.EEGConformer", 22, 1000, n_chans=22, n_outputs=4, n_times=1000),
        "usleep": made(f"{models}.USleep", 2, 3000, n_chans=2, n_outputs=5, n_times=3000, sfreq=100),
    }


def compression() -> Job:
    """Learned compression from an image to itself and what its latents cost."""
    return job(lambda: at("compressai.models.FactorizedPrior")(64, 96), rand(3, 128, 192))


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return {
        **{f"monai_{name}": made_job for name, made_job in {**volumes(), **planes()}.items()},
        **{f"brain_{name}": made_job for name, made_job in biosignals().items()},
        "compress_factorized": compression(),
    }
