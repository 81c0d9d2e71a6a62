"""Writes the small files of weights beside this script, once, with PyTorch 2.15: `python make.py`.

They have the first tensors of a CIFAR ResNet. The tests need no Python.
"""

import collections
import io
import os
import pathlib
import pickle
import struct
import tarfile

import torch

PLACE = pathlib.Path(__file__).parent
torch.manual_seed(0)


def tensor(*shape, dtype=torch.float32):
    """Values that f16 and bf16 hold exactly."""
    return (torch.randint(-8, 9, shape) / 4).to(dtype)


def state(dtype=torch.float32):
    return collections.OrderedDict(
        [
            ("conv1.weight", tensor(2, 3, 3, 3, dtype=dtype)),
            ("bn1.weight", tensor(2, dtype=dtype)),
            ("bn1.num_batches_tracked", torch.tensor(7)),
            ("fc.bias", tensor(4, dtype=dtype)),
        ]
    )


class Runs:
    """Calls a harmless function when Python reads it."""

    def __reduce__(self):
        return os.getcwd, ()


def save(name, what, **how):
    torch.save(what, PLACE / name, **how)


plain = state()
save("zip.pth", plain)
save("legacy.pth", plain, _use_new_zipfile_serialization=False)
save("bf16.pth", {name: value.bfloat16() if value.is_floating_point() else value for name, value in plain.items()})
save("f16.pth", {name: value.half() if value.is_floating_point() else value for name, value in plain.items()})
save("f64.pth", {name: value.double() if value.is_floating_point() else value for name, value in plain.items()})

weight = torch.nn.Parameter(plain["conv1.weight"].clone())
optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
weight.sum().backward()
optimizer.step()
wrapped = {f"module.{name}": value for name, value in plain.items()}
nested = {
    "epoch": 3,
    "arch": "resnet8",
    "state_dict": wrapped,
    "state_dict_ema": {name: value * 0 for name, value in plain.items()},
    "optimizer": optimizer.state_dict(),
}
save("nested.pth", nested)

# A view that is not in the order of its storage, and one into the middle of a storage.
turned = dict(plain)
turned["conv1.weight"] = plain["conv1.weight"].permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
turned["bn1.weight"] = torch.cat([tensor(3), plain["bn1.weight"], tensor(2)])[3:5]
save("views.pth", turned)

save("runs-beside.pth", {"state_dict": plain, "hook": Runs()})
save("runs-instead.pth", {**plain, "bn1.weight": Runs()})
save("runs.pth", Runs())
save("integers.pth", {**plain, "bn1.weight": torch.tensor([1, 2])})
save("complex.pth", {**plain, "bn1.weight": torch.tensor([1j, 2])})
save("sparse.pth", {**plain, "bn1.weight": plain["bn1.weight"].to_sparse()})
save("quantised.pth", {**plain, "bn1.weight": torch.quantize_per_tensor(plain["bn1.weight"], 0.25, 0, torch.qint8)})
save("float8.pth", {**plain, "bn1.weight": plain["bn1.weight"].to(torch.float8_e4m3fn)})
unread = {"state": {0: {"exp_avg": torch.tensor([1j, 2]), "step": 3}, 1: {}}, "param_groups": []}
save("complex-beside.pth", {"epoch": 3, "state_dict": plain, "optimizer": unread})
save("words.pth", {"state_dict": {**plain, "conv1.weight": "words"}})
save("meta.pth", {**plain, "conv1.weight": plain["conv1.weight"].to("meta")})
save("nan.pth", {**plain, "bn1.weight": torch.tensor([1.0, float("nan")])})
save("none.pth", {"epoch": 3})


class Tensors(pickle.Pickler):
    """Tensors as numbers of those in another file of the archive."""

    def persistent_id(self, what):
        return str(list(map(id, plain.values())).index(id(what))) if isinstance(what, torch.Tensor) else None


def old_archive():
    """What PyTorch wrote before 0.1.10, which no later one writes."""
    dumps = lambda what: pickle.dumps(what, 2)
    storages, tensors = dumps(len(plain)), dumps(len(plain))
    for key, value in enumerate(plain.values()):
        kind = torch.FloatStorage if value.is_floating_point() else torch.LongStorage
        storages += dumps((key, "cpu", kind)) + struct.pack("<q", value.numel()) + value.numpy().tobytes()
        sizes = struct.pack(f"<{2 * value.dim()}q", *value.shape, *value.stride())
        tensors += dumps((key, key, torch.FloatTensor)) + struct.pack("<ii", value.dim(), 0) + sizes
        tensors += struct.pack("<q", 0)
    storages += dumps([])
    main = io.BytesIO()
    Tensors(main, 2).dump(plain)
    info = dumps({"protocol_version": 1000, "little_endian": True, "type_sizes": {}})
    with tarfile.open(PLACE / "tar.pth", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in [("sys_info", info), ("pickle", main.getvalue()), ("tensors", tensors), ("storages", storages)]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


old_archive()
for name, value in plain.items():
    if value.is_floating_point():
        print(name, list(value.shape), [float(number) for number in value.flatten()])
