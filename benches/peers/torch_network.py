"""The networks that `longtail export` writes weights of, in PyTorch, under the same names."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck


def conv(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


class Block(nn.Module):
    """Two convolutions with batch norm and a parameter-free shortcut ("option A")."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 1), nn.BatchNorm2d(outputs)
        self.stride, self.before = stride, (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        x = x[:, :, :: self.stride, :: self.stride]
        return F.relu(y + F.pad(x, (0, 0, 0, 0, self.before, self.after)))


def small(weights: dict[str, Tensor], name: str, _stage: int) -> Block:
    outputs, inputs = weights[f"{name}.conv1.weight"].shape[:2]
    return Block(inputs, outputs, 1 if inputs == outputs else 2)


def large(weights: dict[str, Tensor], name: str, stage: int) -> BasicBlock | Bottleneck:
    """torchvision's block; where the shape changes its shortcut is a convolution, and from the second stage on it halves."""
    first, second = (weights[f"{name}.conv{i}.weight"].shape for i in (1, 2))
    shortcut = weights.get(f"{name}.downsample.0.weight")
    stride = 2 if stage > 1 and shortcut is not None else 1
    if shortcut is not None:
        outputs, inputs = shortcut.shape[:2]
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    if f"{name}.conv3.weight" not in weights:
        return BasicBlock(first[1], first[0], stride, shortcut)
    planes, groups = len(weights[f"{name}.conv3.weight"]) // Bottleneck.expansion, second[0] // second[1]
    return Bottleneck(first[1], planes, stride, shortcut, groups, 64 * second[1] // planes)


class Stages(nn.Module):
    """The stages `layer1` to `layer4` that weights under `owner` have."""

    def __init__(self, weights: dict[str, Tensor], owner: str) -> None:
        super().__init__()
        block = large if is_large(weights) else small
        for stage in (1, 2, 3, 4):
            blocks = []
            while f"{(name := f'{owner}layer{stage}.{len(blocks)}')}.conv1.weight" in weights:
                blocks.append(block(weights, name, stage))
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def is_large(weights: dict[str, Tensor]) -> bool:
    """Whether the network is one for large images."""
    return weights["encoder.conv1.weight"].shape[-1] == 7


class Encoder(Stages):
    """What all branches have in common."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__(weights, "encoder.")
        if is_large(weights):
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64)
            self.pool = nn.MaxPool2d(3, 2, padding=1)
        else:
            self.conv1, self.bn1 = conv(3, 16, 1), nn.BatchNorm2d(16)
            self.pool = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.pool(F.relu(self.bn1(self.conv1(x)))))


class Classifier(nn.Linear):
    """An affine map of the features, or of the features less a centre or brought to unit length, or both."""

    def __init__(self, weights: dict[str, Tensor], owner: str, kind: str) -> None:
        classes, features = weights[f"{owner}weight"].shape
        super().__init__(features, classes)
        self.kind = kind
        if kind == "class-means":
            self.centre = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "class-means":
            x = x - self.centre
        return super().forward(x if self.kind == "linear" else F.normalize(x))


class Gates(nn.Module):
    """Which images are given another expert."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        hidden = [weights[name].shape for name in sorted(weights) if name.startswith("gates.hidden.") and name.endswith("weight")]
        self.hidden = nn.ModuleList(nn.Linear(inputs, outputs) for outputs, inputs in hidden)
        self.gate = nn.Linear(weights["gates.gate.weight"].shape[1], 1)

    def forward(self, features: list[Tensor], logits: list[Tensor]) -> Tensor:
        so_far, total = logits[0], logits[0]
        given = count = torch.ones(len(total), 1)
        for i, hidden in enumerate(self.hidden):
            seen = F.relu(hidden(F.normalize(features[i])))
            top = (so_far / (i + 1)).topk(self.gate.in_features - hidden.out_features).values
            given = given * (self.gate(torch.cat([top, seen], 1)) > 0)
            so_far = so_far + logits[i + 1]
            total, count = total + logits[i + 1] * given, count + given
        return total / count


class Network(nn.Module):
    """Normalised images `[rows, 3, height, width]` to logits `[rows, classes]`."""

    def __init__(self, weights: dict[str, Tensor], classifier: str) -> None:
        super().__init__()
        self.encoder = Encoder(weights)
        count = len({name.split(".")[1] for name in weights if name.startswith("branches.")})
        self.branches = nn.ModuleList(Stages(weights, f"branches.{i}.") for i in range(count))
        if "fc.weight" in weights:
            self.fc = Classifier(weights, "fc.", classifier)
        else:
            for i, branch in enumerate(self.branches):
                branch.fc = Classifier(weights, f"branches.{i}.fc.", classifier)
        self.gates = Gates(weights) if "gates.gate.weight" in weights else None
        if "logit_bias" in weights:
            self.logit_bias = nn.Parameter(torch.zeros_like(weights["logit_bias"]))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.encoder(images)
        branches = [branch(maps) for branch in self.branches] or [maps]
        features = [branch.mean((2, 3)) for branch in branches]
        if hasattr(self, "fc"):
            return self.fc(torch.cat(features, 1))
        logits = [branch.fc(own) for branch, own in zip(self.branches, features)]
        mean = self.gates(features, logits) if self.gates else torch.stack(logits).mean(0)
        return mean + getattr(self, "logit_bias", 0)
