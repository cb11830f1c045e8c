"""Small network descriptions for the tests of the JSON readers."""

import json


def layer(operator, parents, shape, **details):
    return {"type": operator, "parents": parents, "children": [], "output_shape": shape, **details}


def conv(parent, read, kernel, shape, *, strides=(1, 1), pads=0):
    return layer(
        "Conv",
        [parent],
        shape,
        input_shape=read,
        kernel_shape=list(kernel),
        strides=[1, *strides, 1],
        pads=[0, pads, pads, 0] * 2,
    )


def linked(layers):
    """Fills in the children that follow from the parents."""
    for values in layers.values():
        values["children"] = []
    for name, values in layers.items():
        for parent in values["parents"]:
            if parent in layers:
                layers[parent]["children"].append(name)
    return {"name": "small", "layers": layers, "input_layers": [], "output_layers": []}


def small():
    """Convolution, batch normalization, ReLU, pool, flatten, fully connected, softmax."""
    return linked(
        {
            "data": layer("DataInput", [], [-1, 8, 8, 3]),
            "conv": conv("data", [-1, 8, 8, 3], (3, 3, 3, 16), [-1, 8, 8, 16], pads=1),
            "bn": layer("BatchNorm", ["conv"], [-1, 8, 8, 16], input_shape=[-1, 8, 8, 16]),
            "relu": layer("Relu", ["bn"], [-1, 8, 8, 16], input_shape=[-1, 8, 8, 16]),
            "pool": layer(
                "Pool",
                ["relu"],
                [-1, 4, 4, 16],
                input_shape=[-1, 8, 8, 16],
                kernel_shape=[1, 2, 2, 1],
                strides=[1, 2, 2, 1],
                pads=[0] * 8,
                pooling_type="MAX",
            ),
            "flat": layer("Flatten", ["pool"], [-1, 256], input_shape=[-1, 4, 4, 16]),
            "fc": layer("FullyConnected", ["flat"], [-1, 10], input_shape=[-1, 256]),
            "prob": layer("Softmax", ["fc"], [-1, 10], input_shape=[-1, 10]),
        }
    )


def node(name, op, inputs, shape, **attributes):
    """A node of MMdnn's form; integers become text, as there."""
    typed = {"_output_shapes": {"list": {"shape": [{"dim": [{"size": str(size)} for size in shape]}]}}}
    for key, value in attributes.items():
        if isinstance(value, bool):
            typed[key] = {"b": value}
        elif isinstance(value, int):
            typed[key] = {"i": str(value)}
        elif isinstance(value, str):
            typed[key] = {"s": value}
        else:
            typed[key] = {"list": {"i": [str(item) for item in value]}}
    return {"name": name, "op": op, "attr": typed, **({"input": inputs} if inputs else {})}


def small_mmdnn():
    """The same network as `small`, in MMdnn's form."""
    window = {"strides": (1, 2, 2, 1), "pads": (0,) * 8}
    return {
        "node": [
            node("prob", "Softmax", ["fc"], (-1, 10)),
            node("fc", "FullyConnected", ["flat"], (-1, 10), units=10, use_bias=True),
            node("data", "DataInput", [], (-1, 8, 8, 3)),
            node(
                "conv",
                "Conv",
                ["data"],
                (-1, 8, 8, 16),
                kernel_shape=(3, 3, 3, 16),
                strides=(1, 1, 1, 1),
                pads=(0, 1, 1, 0, 0, 1, 1, 0),
                group=1,
                use_bias=True,
            ),
            node("bn", "BatchNorm", ["conv"], (-1, 8, 8, 16)),
            node("relu", "Relu", ["bn"], (-1, 8, 8, 16)),
            node("pool", "Pool", ["relu"], (-1, 4, 4, 16), kernel_shape=(1, 2, 2, 1), pooling_type="TUFY", **window),
            node("flat", "Flatten", ["pool"], (-1, 256)),
        ]
    }


def write(folder, document, name="network.json"):
    file = folder / name
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return file
