"""Models of frameworks count as the ONNX files that their exporters write; skipped where a framework is absent."""

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest

import annette
from annette.errors import NetworkExportError, NetworkFormatError, OptionError
from annette.network import zoo
from annette.network.writers.onnx import write_onnx


def counts(network):
    return len(network.layers), network.ops, network.macs, network.parameters


class TestOpenvino:
    @pytest.fixture
    def openvino(self):
        return pytest.importorskip("openvino", reason="pip install 'annette[openvino]'")

    @pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1"])
    def test_an_ir_counts_as_the_file_that_it_was_made_from(self, openvino, tmp_path, name):
        write_onnx(zoo.build(name), tmp_path / "net.onnx")
        model = openvino.convert_model(tmp_path / "net.onnx")
        openvino.save_model(model, tmp_path / "net.xml")
        of_file, of_ir = annette.load_network(tmp_path / "net.onnx"), annette.load_network(tmp_path / "net.xml")
        normalised = sum(layer.workload.ops for layer in of_file.layers if layer.kind == "batch_norm")
        assert of_ir.macs == of_file.macs
        assert of_ir.ops == of_file.ops - normalised  # folded into the weights
        in_memory = annette.load_network(model, batch=2)
        assert in_memory.macs == 2 * of_ir.macs
        assert annette.estimate(model, "ncs2-openvino").latency_s > 0


@pytest.fixture
def torch():
    pytest.importorskip("onnxscript", reason="pip install 'annette[torch]'")
    return pytest.importorskip("torch", reason="pip install 'annette[torch]'")


@pytest.fixture
def module(torch):
    """A convolution and a transformer's layer, with weights that nothing can leave out."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.BatchNorm2d(16), torch.nn.ReLU())
            self.encoder = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.head = torch.nn.Linear(16, 10)

        def forward(self, image):
            tokens = self.stem(image).flatten(2).transpose(1, 2)
            return self.head(self.encoder(tokens).mean(1))

    net = Net()
    with torch.no_grad():
        for number, tensor in enumerate([*net.parameters(), *net.buffers()]):
            if tensor.is_floating_point():
                tensor.uniform_(0.1 + number / 1000, 0.9)
    return net


@pytest.fixture
def image(torch):
    return torch.randn(1, 3, 10, 10)


@pytest.fixture
def saved(torch, module, image, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module.eval(), (image,)), tmp_path / "net.pt2")
    return tmp_path / "net.pt2"


class TestPytorch:
    def test_module_program_and_file_count_as_the_exported_onnx(self, torch, module, image, saved, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module.eval(), (image,), tmp_path / "net.onnx", dynamo=True, verbose=False)
            program = torch.export.export(module, (image,))
        expected = annette.load_network(tmp_path / "net.onnx")
        module.train()
        module.encoder.eval()
        of_module = annette.load_network(module, example_inputs=image)
        assert module.training
        assert not module.encoder.training
        networks = (of_module, annette.load_network(program), annette.load_network(saved))
        assert {counts(network) for network in networks} == {counts(expected)}
        for network in (expected, *networks):
            modules = {layer.module for layer in network.layers}
            assert {"stem.1", "encoder.self_attn", "head"} <= modules  # the convolution is folded into stem.1
        assert annette.estimate(module, "ncs2-openvino", example_inputs=(image,), fallback="roofline").latency_s > 0

    def test_keywords_and_another_batch(self, module, image):
        one = annette.load_network(module, example_inputs={"image": image})
        assert annette.load_network(module, example_inputs=image, batch=1).macs == one.macs
        assert (one.name, one.source_format) == ("Net", "pytorch")

    def test_what_is_missing_or_impossible_is_one_line(self, torch, module):
        with pytest.raises(OptionError, match="Net needs example_inputs"):
            annette.load_network(module)
        with pytest.raises(NetworkExportError, match="PyTorch cannot export Net to ONNX"):
            annette.load_network(module, example_inputs=torch.randn(1, 5, 10, 10))

    def test_pickles_in_a_file_are_not_opened(self, saved, tmp_path):
        class Harm:
            def __reduce__(self):
                return Path.touch, (tmp_path / "harmed",)

        harmful = io.BytesIO()
        pickle.dump(Harm(), harmful)  # what a stranger could do
        with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(tmp_path / "evil.pt2", "w") as evil:
            for entry in archive.infolist():
                opened = "sample_inputs" in entry.filename or "/weights/weight" in entry.filename
                evil.writestr(entry, harmful.getvalue() if opened else archive.read(entry))
        assert counts(annette.load_network(tmp_path / "evil.pt2")) == counts(annette.load_network(saved))
        assert not (tmp_path / "harmed").exists()


class TestKeras:
    @pytest.fixture
    def model(self):
        for package in ("tensorflow", "tf2onnx", "keras"):
            pytest.importorskip(package, reason="pip install 'annette[keras]'")
        import keras

        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input((16, 16, 3)),
                layers.Conv2D(8, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(4, activation="softmax"),
            ]
        )

    def test_model_file_and_folder_count_as_the_exported_onnx(self, model, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.export(tmp_path / "net.onnx", format="onnx", verbose=False, input_signature=list(model.inputs))
            model.save(tmp_path / "net.keras")
            model.export(tmp_path / "folder", verbose=False)
            in_memory = annette.load_network(model)
        expected = annette.load_network(tmp_path / "net.onnx")
        assert expected.macs == 14 * 14 * 27 * 8 + 8 * 4
        networks = [in_memory, *(annette.load_network(tmp_path / name) for name in ("net.keras", "folder"))]
        assert {counts(network) for network in networks} == {counts(expected)}
        kinds = sorted(layer.kind for layer in expected.layers)
        assert all(sorted(layer.kind for layer in network.layers) == kinds for network in networks)
        times_s = {annette.estimate(network, "epyc-onnxruntime").latency_s for network in (expected, *networks)}
        assert len(times_s) == 1

    @pytest.mark.usefixtures("model")
    def test_classes_of_the_users_are_read_in_memory_and_refused_in_files(self, tmp_path):
        import keras

        class Mine(keras.Model):
            def __init__(self):
                super().__init__()
                self.pool = keras.layers.GlobalAveragePooling2D()
                self.head = keras.layers.Dense(4)

            def call(self, inputs):
                return self.head(self.pool(inputs["image"])) + inputs["offset"]

        mine = Mine()
        mine({"image": keras.ops.zeros((1, 16, 16, 3)), "offset": keras.ops.zeros((1, 4))})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine.save(tmp_path / "mine.keras")
        assert annette.load_network(mine).macs == 3 * 4
        with pytest.raises(NetworkFormatError, match="needs class 'Mine'"):
            annette.load_network(tmp_path / "mine.keras")
