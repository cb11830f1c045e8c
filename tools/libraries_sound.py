"""Networks of speech and sound from libraries for them, for the third list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import at, job, made, maker, rand
from torch import nn

if TYPE_CHECKING:
    from export_networks import Job

SECOND = 16000
LOBES = "speechbrain.lobes.models"


def recognisers() -> dict[str, Job]:
    """Networks of torchaudio."""
    whole = torch.tensor([100])
    return {
        "wav2letter": made("torchaudio.models.Wav2Letter", 1, SECOND, num_classes=40),
        "deepspeech": made("torchaudio.models.DeepSpeech", 1, 150, 161, n_feature=161, n_hidden=512),
        "emformer": job(
            maker("torchaudio.models.Emformer", 160, 4, 640, 6, 16, left_context_length=30, right_context_length=4),
            rand(100, 160), call=lambda model, sound: model(sound, whole),
        ),
        "wavernn": job(
            lambda: at("torchaudio.models.WaveRNN")(
                upsample_scales=[4, 5, 5], n_classes=256, hop_length=100, n_res_block=4, n_rnn=128, n_fc=128, n_freq=80,
                n_hidden=64, n_output=64,
            ),
            rand(1, 800), rand(1, 80, 12),
        ),
        "squim_objective": job(
            maker(
                "torchaudio.models.squim_objective_model", feat_dim=64, win_len=64, d_model=64, nhead=4, hidden_dim=64,
                num_blocks=2, rnn_type="LSTM", chunk_size=71,
            ),
            rand(SECOND),
        ),
    }  # fmt: skip


def separators() -> dict[str, Job]:
    """Separators of asteroid."""
    common: dict[str, Any] = {"n_src": 2}
    wave = (1, 8000)
    return {
        "dprnn_tasnet": made("asteroid.models.DPRNNTasNet", *wave, **common, bn_chan=64, hid_size=64, n_repeats=2),
        "dptnet": made("asteroid.models.DPTNet", *wave, **common, ff_hid=64, n_repeats=2),
        "sudormrf": made("asteroid.models.SuDORMRFNet", *wave, **common, num_blocks=4, n_filters=256),
        "lstm_tasnet": made("asteroid.models.LSTMTasNet", 1, 4000, **common, hid_size=192, n_layers=2),
    }  # fmt: skip


def thrifty() -> nn.Module:
    """RE-SepFormer over features of an encoder."""
    block = at(f"{LOBES}.resepformer.SBTransformerBlock_wnormandskip")
    values = {"num_layers": 3, "d_model": 64, "nhead": 4, "d_ffn": 256, "norm_before": True, "dropout": 0.0,
              "use_positional_encoding": True}  # fmt: skip
    return at(f"{LOBES}.resepformer.ResourceEfficientSeparator")(
        input_dim=64, causal=False, num_spk=2, layer=2, unit=64, segment_size=100, mem_type="av",
        seg_model=block(**values), mem_model=block(**values),
    )  # fmt: skip


def dual() -> nn.Module:
    """SepFormer over features of an encoder."""
    block = at(f"{LOBES}.dual_path.SBTransformerBlock")
    values = {"num_layers": 2, "d_model": 64, "nhead": 4, "d_ffn": 256, "norm_before": True,
              "use_positional_encoding": True}  # fmt: skip
    return at(f"{LOBES}.dual_path.Dual_Path_Model")(64, 64, block(**values), block(**values), num_layers=2, K=50)


def words() -> dict[str, Job]:
    """Networks of speechbrain."""
    whole = torch.tensor([1.0])
    branch = f"{LOBES}.transformer.Branchformer.BranchformerEncoder"
    return {
        "crdnn": job(crdnn, rand(120, 80)),
        "xvector": made(f"{LOBES}.Xvector.Xvector", 200, 40, in_channels=40),
        "resepformer": job(thrifty, rand(64, 1000)),
        "sepformer": job(dual, rand(64, 500)),
        "diffwave": job(
            lambda: at(f"{LOBES}.DiffWave.DiffWave")(80, 8, 32, 4, 50), rand(1, 4096), torch.tensor([20]), rand(80, 16)
        ),
        "segan": job(lambda: at(f"{LOBES}.segan_model.Generator")(31, False, False), rand(16384, 1)),
        "metricgan": job(lambda: at(f"{LOBES}.MetricGAN.EnhancementGenerator")(257, 128, 2), rand(120, 257),
                         call=lambda model, sound: model(sound, whole)),
        "branchformer": job(
            lambda: at(branch)(4, 144, 4, csgu_linear_units=576, kernel_size=31), rand(120, 144), rand(239, 144),
            call=lambda model, sound, places: model(sound, pos_embs=places),
        ),
        "rnn_lm": job(
            lambda: at(f"{LOBES}.RNNLM.RNNLM")(2000, embedding_dim=128, rnn_neurons=256, dnn_neurons=256),
            torch.randint(5, 1900, (1, 48)),
        ),
    }  # fmt: skip


def crdnn() -> nn.Module:
    """Convolutions, LSTMs and fully connected layers, without pooling over time."""
    return at(f"{LOBES}.CRDNN.CRDNN")(
        input_shape=[None, None, 80], cnn_channels=[32, 64], rnn_class=at("speechbrain.nnet.RNN.LSTM"), rnn_layers=2,
        rnn_neurons=192, dnn_neurons=256,
    )  # fmt: skip


def zipped() -> nn.Module:
    """A small Zipformer encoder."""
    return at("zipformer.modules.zipformer.Zipformer2")(
        output_downsampling_factor=2, downsampling_factor=(1, 2, 4), encoder_dim=(96, 128, 128),
        num_encoder_layers=(1, 1, 1), encoder_unmasked_dim=(96, 96, 96), query_head_dim=(16,), pos_head_dim=(4,),
        value_head_dim=(12,), num_heads=(4, 4, 4), feedforward_dim=(256, 384, 384), cnn_module_kernel=(31, 15, 15),
    )  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return {
        **{f"ta_{name}": made_job for name, made_job in recognisers().items()},
        **{f"ast_{name}": made_job for name, made_job in separators().items()},
        **{f"sb_{name}": made_job for name, made_job in words().items()},
        "vocos_backbone": made(
            "vocos.models.VocosBackbone", 80, 100, input_channels=80, dim=256, intermediate_dim=768, num_layers=6
        ),
        "snac_encoder": made(
            "snac.layers.Encoder", 1, 12288, d_model=24, strides=[2, 4, 8], depthwise=True, attn_window_size=None
        ),
        "crepe_tiny": job(lambda: at("torchcrepe.Crepe")("tiny"), torch.rand(20, 1024)),
        "unmix_bilstm": made(
            "openunmix.model.OpenUnmix", 2, 513, 80, nb_bins=513, nb_channels=2, hidden_size=192, nb_layers=2
        ),
        "zipformer_s": job(
            zipped, torch.rand(120, 1, 96), call=lambda model, sound: model(sound, torch.tensor([120]))
        ),
    }  # fmt: skip
