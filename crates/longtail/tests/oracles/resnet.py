"""Figures of torchvision's residual networks in float64, for crates/longtail/src/model/resnet/tests.rs.

Weights and images are the same function of a name and a place there and here, so that no weights are kept.
Written with torch 2.15.0 and torchvision 0.29.2: python resnet.py > resnet.json
"""

import json

import numpy as np
import torch
import torchvision

MASK = (1 << 64) - 1
SIZE, IMAGES, KEPT = 64, 3, 4


def uniform(name, count):
    """Numbers in [-1, 1): splitmix64 of the name's FNV-1a hash and the place."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    # 24 bits, which a float32 holds.
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1.0


def weights(name, tensor):
    drawn = torch.from_numpy(uniform(name, tensor.numel())).reshape(tensor.shape)
    if tensor.dim() == 4:
        return drawn * (6.0 / (tensor.shape[0] * tensor.shape[2] * tensor.shape[3])) ** 0.5
    if name.endswith("running_var"):
        return 1.0 + 0.5 * drawn
    if name.endswith("weight"):
        # Small in all blocks, as float32 wanders off by more than a thousandth where every block doubles its input.
        return (0.25 if "layer" in name else 1.0) * (1.0 + 0.25 * drawn)
    return 0.25 * drawn


def known(tensor):
    """What is kept of a tensor: its length, and some values of it, spread evenly."""
    values = tensor.detach().reshape(-1)
    places = [place * values.numel() // KEPT for place in range(KEPT)]
    norm, kept = float(f"{values.norm():.8g}"), [float(f"{value:.8g}") for value in values[places].tolist()]
    return {"shape": list(tensor.shape), "norm": norm, "values": kept}


def figures(name):
    model = getattr(torchvision.models, name)(weights=None).double()
    state = {key: value for key, value in model.state_dict().items() if not key.startswith("fc.")}
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(weights(key, value).float().double())
    model.fc = torch.nn.Identity()
    images = torch.from_numpy(uniform("images", IMAGES * SIZE * SIZE * 3)).reshape(IMAGES, SIZE, SIZE, 3)
    images = images.permute(0, 3, 1, 2)

    def run():
        stages = []
        x = model.maxpool(model.relu(model.bn1(model.conv1(images))))
        stages.append(x)
        for stage in [model.layer1, model.layer2, model.layer3, model.layer4]:
            x = stage(x)
            stages.append(x)
        return stages, model.avgpool(x).flatten(1)

    found = {"tensors": len([key for key in state if not key.endswith("num_batches_tracked")])}
    for mode in ["eval", "train"]:
        model.train(mode == "train")
        stages, features = run()
        found[mode] = {
            "stages": [known(stage.permute(0, 2, 3, 1)) for stage in stages],
            "features": known(features),
        }
    # Every feature of every image counts with a weight of its own.
    counted = torch.from_numpy(uniform("gradient", features.numel())).reshape(features.shape)
    (features * counted).sum().backward()
    parameters = [(key, value) for key, value in model.named_parameters() if not key.startswith("fc.")]
    found["gradients"] = {key: known(value.grad) for key, value in parameters}
    found["running"] = {key: known(value) for key, value in model.state_dict().items() if "running" in key}
    return found


names = ["resnet18", "resnet34", "resnet50", "resnext50_32x4d"]
print(json.dumps({name: figures(name) for name in names}))
