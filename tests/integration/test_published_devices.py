"""The shipped platforms of published devices against the measurements that they were fitted on."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import annette
from annette.bench.dataset import Dataset
from annette.bench.importing.collection import read_runs
from annette.devices.intel_myriad.nasbench201 import nasbench201_networks
from annette.devices.tvm_arm.fit import DEVICES, fit_phone_models, left_out_latency_s, phone_samples
from annette.devices.tvm_arm.nnvm import nnvm_network
from annette.devices.tvm_arm.published import read_tvm
from annette.devices.tvm_arm.tophub import tophub_layers, tophub_networks
from annette.devices.xilinx_dpu.fit import CLOCK_HZ, node_samples
from annette.devices.xilinx_dpu.fit_engines import fit_dpu
from annette.devices.xilinx_dpu.published import read_zcu102
from annette.devices.xilinx_dpu.tables import zcu102_layers, zcu102_networks
from annette.errors import DatasetError, OptionError
from annette.evaluation.kernel_pairing import pair_kernels

DATA = Path(__file__).parents[2].parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the published measurements are not here (../shared/data)")


@pytest.fixture(scope="module")
def zcu102():
    return read_zcu102(DATA, "test")


def errors(platform, pairs):
    return np.array([annette.estimate(network, platform).latency_s / latency_s - 1 for network, latency_s in pairs])


def test_every_profiled_node_is_a_kernel_that_the_mapping_predicts(zcu102):
    mapping = annette.load_platform("zcu102-dnndk").mapping
    assert len(zcu102.runs) == 121
    pairings = [pair_kernels(run, mapping) for run in zcu102.runs]
    assert not any(pairing.unpredicted or pairing.unmeasured for pairing in pairings)


def test_the_unrolling_of_the_dpu_is_found(zcu102):
    found = fit_dpu(node_samples(zcu102.runs), clock_hz=CLOCK_HZ)
    assert (found.rows, found.in_channels, found.out_channels, found.alu_rows) == (8, 16, 16, 4)
    assert 0.9 < found.efficiency < 0.95


def test_profiled_times_are_scaled_to_the_tables_clock():
    at_300 = {kernel.name: kernel.latency_s for kernel in zcu102_layers(DATA / "zcu102" / "layers.csv", clock_hz=300e6)}
    at_287 = {kernel.name: kernel.latency_s for kernel in zcu102_layers(DATA / "zcu102" / "layers.csv")}
    assert at_287["block1_conv2_convolution"] == pytest.approx(at_300["block1_conv2_convolution"] * 300 / 287)


def test_zcu102_networks_are_as_accurate_as_the_document_says(zcu102):
    platform = annette.load_platform("zcu102-dnndk")
    found = errors(platform, zcu102.pairs)
    assert np.abs(found).mean() < 0.05
    estimated = (1 + found) * [latency_s for _, latency_s in zcu102.pairs]
    assert spearmanr(estimated, [latency_s for _, latency_s in zcu102.pairs])[0] > 0.985


def test_zcu102_tells_the_dpu_from_the_host(zcu102):
    platform = annette.load_platform("zcu102-dnndk")
    for network, _ in zcu102.pairs:
        estimate = annette.estimate(network, platform)
        assert 0 < estimate.device_latency_s < estimate.end_to_end_latency_s == estimate.latency_s
        priced = [kernel for kernel in estimate.kernels if kernel.bound != "free"]
        assert all(kernel.latency_s > 0 for kernel in priced)


@pytest.mark.parametrize(
    ("phone", "limit"), [(DEVICES[0], 0.06), (DEVICES[1], 0.10)], ids=lambda value: str(value)[:20]
)
def test_phones_are_as_accurate_as_the_document_says(phone, limit):
    networks = tophub_networks(DATA / "tophub" / "networks_ms.csv", phone.name)
    platform = annette.load_platform(phone.platform)
    assert np.abs(errors(platform, [(pair.network, pair.latency_s) for pair in networks])).mean() < limit


def test_leaving_a_networks_layers_out_changes_its_estimate_but_little():
    phone = DEVICES[0]
    published = read_tvm(DATA, phone.name, "test")
    samples = phone_samples(published.runs)
    platform = annette.load_platform(phone.platform)
    network = nnvm_network("mobilenet")
    left_out_s = left_out_latency_s(phone, samples, network, published.provenance)
    assert left_out_s == pytest.approx(annette.estimate(network, platform).latency_s, rel=0.1)
    assert left_out_s != annette.estimate(network, platform).latency_s
    assert fit_phone_models(samples)["conv"] == platform.models["conv"]["saturating-rate"]


def test_every_convolution_of_the_five_networks_is_a_row_of_the_table():
    runs = read_tvm(DATA, "snapdragon835", "test").runs
    samples = phone_samples(runs)
    kinds = samples.kinds
    assert kinds == {"conv": 34, "depthwise_conv": 18, "pointwise_conv": 147, "winograd_conv": 21}
    templates = ["winograd" in source for source in samples.sources.tolist()]
    assert templates == [kind == "winograd_conv" for kind in samples.table.kinds.tolist()]


def test_published_collections_become_datasets(tmp_path):
    environment = {"device": "snapdragon835", "runtime": "tvm", "precision": "fp32"}
    runs = read_runs(DATA / "tophub" / "layers.csv", "tophub", environment)
    with Dataset.create(tmp_path / "d") as dataset:
        for run in runs:
            dataset.add(run)
        assert dataset.count() == 220
    counted = read_runs(DATA / "ncs2" / "layers.csv", "ncs2", {**environment, "device": "ncs2"})
    assert [round(sum(kernel.latency_s for kernel in run.kernels) * 1e3, 2) for run in counted] == [
        16.56, 75.58, 15.91, 45.50,
    ]  # fmt: skip


def test_nasbench201_networks_are_those_of_the_table():
    table = DATA / "ncs2" / "nasbench201_latency_ms.csv"
    (pair,) = nasbench201_networks(table, "myriadvpu_openvino2019r2", rows=slice(0, 1))
    assert (pair.name, pair.latency_s) == ("nasbench201-16", pytest.approx(3.946e-3))
    with pytest.raises(DatasetError, match="no device"):
        nasbench201_networks(table, "myriad")


def test_a_table_that_is_another_one_is_refused():
    with pytest.raises(DatasetError, match="not the published table"):
        zcu102_networks(DATA / "zcu102" / "layers.csv", DATA)
    with pytest.raises(DatasetError, match="not TopHub's"):
        tophub_layers(DATA / "zcu102" / "layers.csv", "kirin970")
    with pytest.raises(DatasetError, match=r"'snapdragon836'.*snapdragon835"):
        tophub_layers(DATA / "tophub" / "layers.csv", "snapdragon836")
    with pytest.raises(OptionError, match="no layout 'tophup'"):
        read_runs(DATA, "tophup", {})
