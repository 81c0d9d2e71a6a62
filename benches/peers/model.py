"""The network and the loss of Longtail's `bcl+rcl` method in PyTorch, with the same parameter names."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64)
BLOCKS = 5
HIDDEN, PROJECTION = 512, 128

# CIFAR-10 at imbalance factor 100.
CLASS_COUNTS = (5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50)
CLASSES = len(CLASS_COUNTS)

ALPHA, BETA, TAU, TEMPERATURE = 2.0, 1.0, 1.3, 0.1


def conv(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two convolutions with batch norm and a parameter-free shortcut ("option A")."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 1), nn.BatchNorm2d(outputs)
        self.stride = stride
        self.planes = (outputs - inputs) // 2

    def shortcut(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            return x
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.planes, self.planes))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    rest = [BasicBlock(outputs, outputs, 1) for _ in range(BLOCKS - 1)]
    return nn.Sequential(BasicBlock(inputs, outputs, stride), *rest)


class ResNet32(nn.Module):
    """The CIFAR ResNet-32: images `[rows, 3, 32, 32]` to features `[rows, 64]`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(3, WIDTHS[0], 1), nn.BatchNorm2d(WIDTHS[0])
        self.layer1 = stage(WIDTHS[0], WIDTHS[0], 1)
        self.layer2 = stage(WIDTHS[0], WIDTHS[1], 2)
        self.layer3 = stage(WIDTHS[1], WIDTHS[2], 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.layer3(self.layer2(self.layer1(x))).mean((2, 3))


def mlp() -> nn.Sequential:
    hidden = nn.Linear(WIDTHS[2], HIDDEN)
    return nn.Sequential(hidden, nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PROJECTION))


class Network(nn.Module):
    """Encoder, linear classifier, projection head and prototype head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNet32()
        self.fc = nn.Linear(WIDTHS[2], CLASSES)
        self.head, self.head_fc = mlp(), mlp()

    def forward(self, images: Tensor) -> Tensor:
        """Logits of every image."""
        return self.fc(self.encoder(images))

    def training_pass(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the first of three views, projections of the other two, prototypes."""
        batch = images.shape[0] // 3
        features = self.encoder(images)
        logits = self.fc(features[:batch])
        projections = self.head(features)[batch:]
        return logits, projections, self.head_fc(self.fc.weight)


class Classifier(nn.Module):
    """A network of torchvision with a linear classifier to 1000 classes."""

    def __init__(self, backbone: str) -> None:
        import torchvision

        super().__init__()
        self.encoder = getattr(torchvision.models, backbone)(weights=None)
        self.fc, self.encoder.fc = nn.Linear(self.encoder.fc.in_features, 1000), nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.encoder(images))

    training_pass = forward


def logit_adjusted(logits: Tensor, labels: Tensor, log_counts: Tensor) -> Tensor:
    """Eq. 2: cross entropy of the logits plus tau log prior."""
    log_prior = log_counts - log_counts.logsumexp(0)
    return F.cross_entropy(logits + TAU * log_prior, labels)


def bcl_rcl(z: Tensor, labels: Tensor, prototypes: Tensor, log_counts: Tensor) -> Tensor:
    """Eq. 5 as Longtail codes it: averages over the terms present, without the anchor itself.

    `z` and `prototypes` have unit length; `labels` has one entry per row of `z`.
    """
    rows, classes = z.shape[0], prototypes.shape[0]
    in_batch = F.one_hot(labels, classes).sum(0).to(z.dtype)
    columns = torch.cat([labels, torch.arange(classes, device=z.device)])
    own = labels[:, None] == columns[None, :]
    is_self = torch.eye(rows, rows + classes, dtype=torch.bool, device=z.device)

    of_own = log_counts - in_batch.clamp_min(1).log()
    of_other = log_counts - (in_batch + 1).log()
    bias = torch.where(own, of_own[columns], of_other[columns]).masked_fill(is_self, -1e30)
    positive = (own & ~is_self).to(z.dtype)

    similarity = z @ torch.cat([z, prototypes]).T / TEMPERATURE
    repulsion = (similarity + bias).logsumexp(1) - log_counts[labels]
    attraction = (similarity * positive).sum(1) / in_batch[labels]
    return (repulsion - attraction).mean()


def losses(outputs: tuple[Tensor, Tensor, Tensor], labels: Tensor, log_counts: Tensor) -> Tensor:
    """Total, classifier's and contrastive loss, in the type of `log_counts`."""
    logits, projections, prototypes = (output.to(log_counts.dtype) for output in outputs)
    classifier = logit_adjusted(logits, labels, log_counts)
    z, c = F.normalize(projections, dim=1), F.normalize(prototypes, dim=1)
    contrastive = bcl_rcl(z, labels.repeat(2), c, log_counts)
    return torch.stack([ALPHA * classifier + BETA * contrastive, classifier, contrastive])


def multiply_adds(rows: int) -> dict[str, int]:
    """Multiply-adds of one image's encoder pass, and of a whole pass or step over `rows` rows.

    A step is the forward pass and twice as much backward, less the images' gradient, which nobody
    needs. Batch norm, softmax and the like are left out.
    """
    pixels = 32 * 32
    stem = pixels * 9 * 3 * WIDTHS[0]
    encoder = stem
    inputs = WIDTHS[0]
    for i, width in enumerate(WIDTHS):
        area = pixels // 4**i
        encoder += area * 9 * width * (inputs + (2 * BLOCKS - 1) * width)
        inputs = width
    head = WIDTHS[2] * HIDDEN + HIDDEN * PROJECTION
    batch = rows // 3
    classifier = WIDTHS[2] * CLASSES
    similarities = 2 * batch * (2 * batch + CLASSES) * PROJECTION
    forward = rows * (encoder + head) + batch * classifier + CLASSES * head + similarities
    return {
        "encoder": encoder,
        "eval": rows * (encoder + classifier),
        "step": 3 * forward - rows * stem,
    }


# Multiply-adds of one image of 224×224, in thousand millions, as torchvision's documentation has them.
GIGA = {"resnet18": 1.81, "resnet34": 3.66, "resnet50": 4.09, "resnext50_32x4d": 4.23}


def multiply_adds_of(backbone: str, side: int) -> int:
    """Multiply-adds of one image's pass through a network of torchvision."""
    return int(GIGA[backbone] * 1e9 * (side / 224) ** 2)
