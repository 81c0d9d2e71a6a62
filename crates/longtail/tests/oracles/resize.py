"""Writes resize.json: what Pillow and torchvision make of images that a formula gives.

Pillow 13.0.0, torchvision 0.29.2, NumPy 2.4.6:
    python crates/longtail/tests/oracles/resize.py > crates/longtail/tests/oracles/resize.json
"""

import hashlib
import json
import random

import numpy as np
import PIL
import torchvision
from PIL import Image
from torchvision import transforms


def formula_image(height, width):
    y, x, c = np.meshgrid(
        np.arange(height, dtype=np.uint64),
        np.arange(width, dtype=np.uint64),
        np.arange(3, dtype=np.uint64),
        indexing="ij",
    )
    value = (7 * x * x + 13 * y * y + 5 * x * y + 91 * c + 37 * (x ^ y)) % 256
    extreme = np.where(value >= 128, 255, 0)
    value = np.where((x // 8 + y // 8) % 5 == 0, extreme, value)
    return Image.fromarray(value.astype(np.uint8), "RGB")


def sha(image):
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()[:16]


def resized(height, width, to_height, to_width):
    image = formula_image(height, width).resize((to_width, to_height), Image.BILINEAR)
    return [[height, width], [to_height, to_width], sha(image)]


def cropped(size, box, to):
    top, left, height, width = box
    image = formula_image(*size).crop((left, top, left + width, top + height))
    return [size, box, to, sha(image.resize((to[1], to[0]), Image.BILINEAR))]


def centred(height, width, size):
    image = transforms.Resize(size)(formula_image(height, width))
    centre = transforms.CenterCrop(size)(image)
    assert centre.size == (size, size)
    return [[height, width], size, [image.height, image.width], sha(image), sha(centre)]


rng = random.Random(0)


def side(most):
    return rng.randint(1, most)


resizes = [
    (1, 1, 1, 1), (1, 1, 7, 5), (1, 9, 4, 4), (9, 1, 4, 4), (1, 200, 1, 31), (200, 1, 31, 1),
    (2, 2, 64, 64), (64, 64, 1, 1), (64, 64, 64, 32), (64, 64, 32, 64), (32, 32, 32, 32),
    (375, 500, 64, 85), (375, 500, 64, 64), (500, 375, 224, 168), (481, 321, 96, 96),
    (32, 32, 33, 31), (33, 31, 32, 32), (1000, 7, 32, 32), (7, 1000, 32, 32), (97, 89, 96, 88),
]
resizes += [(side(120), side(120), side(100), side(100)) for _ in range(120)]
crops = []
for _ in range(60):
    height, width = side(90), side(90)
    box = [side(height), side(width)]
    box = [rng.randint(0, height - box[0]), rng.randint(0, width - box[1]), *box]
    crops.append(([height, width], box, [side(70), side(70)]))
centres = [
    (375, 500, 32), (500, 375, 32), (375, 500, 64), (333, 500, 96), (501, 375, 128), (225, 225, 224),
    (227, 227, 224), (227, 300, 224), (20, 30, 32), (30, 20, 64), (1, 1, 8), (1, 4, 8), (4, 1, 8),
    (3, 10, 32), (32, 33, 32), (33, 32, 32), (32, 35, 32), (35, 32, 32), (32, 128, 32),
]
for _ in range(60):
    shorter = side(150)
    longer = rng.randint(shorter, 4 * shorter)
    sides = [shorter, longer]
    rng.shuffle(sides)
    centres.append((*sides, rng.randint(8, 100)))

lines = {
    "versions": {"pillow": PIL.__version__, "torchvision": torchvision.__version__.split("+")[0]},
    "resize": [resized(*case) for case in resizes],
    "crop": [cropped(*case) for case in crops],
    "centre": [centred(*case) for case in centres],
}
rows = []
for key, value in lines.items():
    if isinstance(value, dict):
        rows.append(f" {json.dumps(key)}: {json.dumps(value)}")
    else:
        cases = ",\n".join("  " + json.dumps(case) for case in value)
        rows.append(f" {json.dumps(key)}: [\n{cases}\n ]")
print("{\n" + ",\n".join(rows) + "\n}")
