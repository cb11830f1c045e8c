"""Networks of spandrel and torchsr that make images larger or better, for the third list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from libraries_parts import made

if TYPE_CHECKING:
    from export_networks import Job


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    arch = "spandrel.architectures"
    return {
        "spandrel_hat": made(
            f"{arch}.HAT.HAT", 3, 48, 48, img_size=48, embed_dim=48, depths=(2, 2), num_heads=(4, 4), window_size=8,
            compress_ratio=3, squeeze_factor=12, upscale=2, mlp_ratio=2.0, overlap_ratio=0.5,
        ),
        "spandrel_span": made(
            f"{arch}.SPAN.SPAN", 3, 96, 96, num_in_ch=3, num_out_ch=3, feature_channels=32, upscale=2
        ),
        "spandrel_omnisr": made(
            f"{arch}.OmniSR.OmniSR", 3, 48, 48, num_feat=32, block_num=1, res_num=2, up_scale=2, window_size=8
        ),
        "spandrel_plksr": made(f"{arch}.PLKSR.PLKSR", 3, 64, 64, dim=48, n_blocks=8, upscaling_factor=2),
        "spandrel_esrgan": made(
            f"{arch}.ESRGAN.__arch.RRDB.RRDBNet", 3, 48, 48, num_filters=32, num_blocks=4, scale=2
        ),
        "spandrel_safmn": made(f"{arch}.SAFMN.SAFMN", 3, 96, 96, dim=36, n_blocks=8, upscaling_factor=2),
        "spandrel_uformer": made(
            f"{arch}.Uformer.Uformer", 3, 128, 128, img_size=128, embed_dim=16, depths=[1] * 9, win_size=8,
        ),
        "spandrel_scunet": made(
            f"{arch}.SCUNet.SCUNet", 3, 64, 64, config=[2, 2, 2, 2, 2, 2, 2], dim=32, input_resolution=64
        ),
        "spandrel_fbcnn": made(f"{arch}.FBCNN.FBCNN", 3, 96, 96, nc=[24, 48, 96, 192], nb=2),
        "spandrel_retinexformer": made(f"{arch}.RetinexFormer.RetinexFormer", 3, 96, 96, n_feat=24, stage=1),
        "carn_x2": made("torchsr.models.carn", 3, 64, 64, scale=2),
    }  # fmt: skip
