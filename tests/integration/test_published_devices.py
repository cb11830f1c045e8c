"""The shipped platforms of published devices against the measurements that they were fitted on."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import annette
from annette.bench.dataset import Dataset
from annette.bench.importing.collection import read_collection
from annette.bench.importing.table import rows_of
from annette.devices.intel_myriad.importer import nasbench201_networks
from annette.devices.tvm_arm.fit import PHONES, fit_phone_models, left_out_latency_s, phone_samples
from annette.devices.tvm_arm.importer import import_tophub, nnvm_network, tophub_networks
from annette.devices.xilinx_dpu.constants import fit_dpu
from annette.devices.xilinx_dpu.fit import node_samples
from annette.devices.xilinx_dpu.importer import CLOCK_HZ, zcu102_layers, zcu102_networks
from annette.errors import DatasetError, OptionError
from annette.evaluation.kernels import pair_kernels
from annette.fitting.formula_fit import Published
from annette.fitting.request import FitRequest
from tests.published import DATA, FULL


@pytest.fixture(scope="module")
def zcu102():
    return Published.of(read_collection(DATA / "zcu102", "zcu102"))


@pytest.fixture(scope="module")
def snapdragon835():
    return Published.of(read_collection(DATA / "tophub", "tophub", {"device": "snapdragon835"}))


def errors(platform, pairs):
    return np.array([annette.estimate(network, platform).latency_s / latency_s - 1 for network, latency_s in pairs])


def test_every_profiled_node_is_a_kernel_that_the_mapping_predicts(zcu102):
    mapping = annette.load_platform("zcu102-dnndk").mapping
    assert len(zcu102.kernels) == 121
    pairings = [pair_kernels(run, mapping) for run in zcu102.kernels]
    assert not any(pairing.unpredicted or pairing.unmeasured for pairing in pairings)


def test_the_unrolling_of_the_dpu_is_found(zcu102):
    found = fit_dpu(node_samples(zcu102.kernels), clock_hz=CLOCK_HZ)
    assert (found.rows, found.in_channels, found.out_channels, found.alu_rows) == (8, 16, 16, 4)
    assert 0.9 < found.efficiency < 0.95


def test_profiled_times_are_scaled_to_the_tables_clock():
    table = DATA / "zcu102" / "layers.csv"
    profiled_ms = {float(row["runtime_ms"]) for row in rows_of(table) if row["node"] == "block1_conv2_convolution"}
    scaled_s = {kernel.latency_s for kernel in zcu102_layers(table) if kernel.name == "block1_conv2_convolution"}
    assert sorted(scaled_s) == pytest.approx([time_ms * 1e-3 * 300 / 287 for time_ms in sorted(profiled_ms)])


def test_zcu102_networks_are_as_accurate_as_the_document_says(zcu102):
    platform = annette.load_platform("zcu102-dnndk")
    found = errors(platform, zcu102.pairs)
    assert np.abs(found).mean() < (0.05 if FULL else 0.06)
    estimated = (1 + found) * [latency_s for _, latency_s in zcu102.pairs]
    assert spearmanr(estimated, [latency_s for _, latency_s in zcu102.pairs])[0] > (0.985 if FULL else 0.9)


def test_zcu102_tells_the_dpu_from_the_host(zcu102):
    platform = annette.load_platform("zcu102-dnndk")
    for network, _ in zcu102.pairs:
        estimate = annette.estimate(network, platform)
        assert 0 < estimate.device_latency_s < estimate.end_to_end_latency_s == estimate.latency_s
        priced = [kernel for kernel in estimate.kernels if kernel.bound != "free"]
        assert all(kernel.latency_s > 0 for kernel in priced)


@pytest.mark.parametrize(("name", "limit"), [("snapdragon835", 0.06), ("kirin970", 0.10)])
def test_phones_are_as_accurate_as_the_document_says(name, limit):
    networks = tophub_networks(DATA / "tophub" / "networks_ms.csv", name)
    platform = annette.load_platform(PHONES[name].platform)
    assert np.abs(errors(platform, [(pair.network, pair.latency_s) for pair in networks])).mean() < limit


def test_leaving_a_networks_layers_out_changes_its_estimate_but_little(snapdragon835):
    phone = PHONES["snapdragon835"]
    samples = phone_samples(snapdragon835.kernels)
    platform = annette.load_platform(phone.platform)
    network = nnvm_network("mobilenet")
    left_out_s = left_out_latency_s(phone, samples, network, snapdragon835.provenance)
    assert left_out_s == pytest.approx(annette.estimate(network, platform).latency_s, rel=0.1)
    assert left_out_s != annette.estimate(network, platform).latency_s
    assert fit_phone_models(samples)["conv"] == platform.models["conv"]["saturating-rate"]


def test_every_convolution_of_the_five_networks_is_a_row_of_the_table(snapdragon835):
    samples = phone_samples(snapdragon835.kernels)
    kinds = samples.kinds
    assert kinds == {"conv": 34, "depthwise_conv": 18, "pointwise_conv": 147, "winograd_conv": 21}
    templates = ["winograd" in source for source in samples.sources.tolist()]
    assert templates == [kind == "winograd_conv" for kind in samples.table.kinds.tolist()]


def test_published_collections_become_datasets_that_keep_their_order_and_origin(tmp_path, snapdragon835):
    read_collection(DATA / "tophub", "tophub", {"device": "snapdragon835"}).save(tmp_path / "d")
    request = FitRequest(name="p")
    with Dataset.open(tmp_path / "d") as dataset:
        kept = Published.read([dataset], request)
    assert (len(kept.kernels), len(kept.networks)) == (220, 5)
    assert [run.case for run in kept.kernels] == [run.case for run in snapdragon835.kernels]
    assert kept.pairs[0][1] == snapdragon835.pairs[0][1]
    assert kept.provenance == snapdragon835.provenance
    assert [source.licence for source in kept.provenance.sources] == ["Apache-2.0", "Apache-2.0"]


def test_counters_become_runs_of_whole_networks():
    counted = [run for run in read_collection(DATA / "ncs2" / "layers.csv", "ncs2").runs if run.kernels]
    totals = {run.case: round(sum(kernel.latency_s for kernel in run.kernels) * 1e3, 2) for run in counted}
    assert totals["cf_inceptionv1"] == 16.56
    assert totals["tf_resnet50"] == 45.5


def test_nasbench201_networks_are_those_of_the_table(tmp_path):
    heading, first, *_ = (DATA / "ncs2" / "nasbench201_latency_ms.csv").read_text().splitlines()
    table = tmp_path / "latencies.csv"
    table.write_text(f"{heading}\n{first}\n")
    (pair,) = nasbench201_networks(table)
    assert (pair.name, pair.latency_s) == ("nasbench201-16", pytest.approx(3.946e-3))
    table.write_text(f"{heading.replace('myriadvpu', 'vpu')}\n{first}\n")
    with pytest.raises(DatasetError, match="no device 'myriadvpu_openvino2019r2'"):
        nasbench201_networks(table)


def test_a_table_that_is_another_one_is_refused():
    with pytest.raises(DatasetError, match="not the published table"):
        zcu102_networks(DATA / "zcu102" / "layers.csv", DATA)
    with pytest.raises(DatasetError, match="not TopHub's"):
        import_tophub(DATA / "zcu102" / "layers.csv", "kirin970")
    with pytest.raises(DatasetError, match=r"'snapdragon836'.*snapdragon835"):
        import_tophub(DATA / "tophub" / "layers.csv", "snapdragon836")
    with pytest.raises(OptionError, match="no layout 'tophup'"):
        read_collection(DATA, "tophup")


def test_what_a_collection_knows_needs_no_option_and_cannot_be_contradicted():
    assert read_collection(DATA / "zcu102", "zcu102", {"precision": "int8"}).runs
    with pytest.raises(OptionError, match="runtime of layout 'zcu102' is 'dnndk', not 'tvm'"):
        read_collection(DATA / "zcu102", "zcu102", {"runtime": "tvm"})
    with pytest.raises(OptionError, match="several devices"):
        read_collection(DATA / "tophub", "tophub")
