"""Writes randaugment.json: what Pillow makes of an image with each operator of RandAugment, as timm calls it.

Pillow 13.0.0, NumPy 2.4.6:
    python crates/longtail/tests/oracles/randaugment.py > crates/longtail/tests/oracles/randaugment.json

What a magnitude means to an operator is written down here again: timm itself is not needed.
"""

import hashlib
import json

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps

FILL = (124, 116, 104)
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
MAGNITUDES = [0.0, 0.7, 3.3, 7.5, 8.9, 10.0]
WARPS = ["Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY"]


def formula_image(height, width):
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    channels = [8 * x + 3 * y, (x * x + 7 * y) // 3 + 20, 255 - 4 * y + x * y]
    return Image.fromarray((np.stack(channels, -1) % 256).astype(np.uint8), "RGB")


def affine(image, matrix, resample):
    return image.transform(image.size, Image.AFFINE, matrix, resample=resample, fillcolor=FILL)


def warped(name, image, part, resample):
    width, height = image.size
    if name == "Rotate":
        return image.rotate(part * 30.0, resample=resample, fillcolor=FILL)
    return affine(image, {
        "ShearX": (1, part * 0.3, 0, 0, 1, 0),
        "ShearY": (1, 0, 0, part * 0.3, 1, 0),
        "TranslateX": (1, 0, part * 0.45 * width, 0, 1, 0),
        "TranslateY": (1, 0, 0, 0, 1, part * 0.45 * height),
    }[name], resample)


def solarize_add(image, added):
    return image.point([min(255, v + added) if v < 128 else v for v in range(256)] * 3)


def posterize(image, bits):
    """Pillow 13 refuses 0 bits; before, as its formula has it, they leave black."""
    return ImageOps.posterize(image, bits) if bits else image.point(lambda v: 0)


def enhanced(kind):
    return lambda image, part: kind(image).enhance(part * 1.8 + 0.1)


PLAIN = {
    "Autocontrast": lambda image, part: ImageOps.autocontrast(image),
    "Equalize": lambda image, part: ImageOps.equalize(image),
    "Invert": lambda image, part: ImageOps.invert(image),
    "Posterize": lambda image, part: posterize(image, int(part * 4)),
    "Solarize": lambda image, part: ImageOps.solarize(image, int(part * 256)),
    "SolarizeAdd": lambda image, part: solarize_add(image, int(part * 110)),
    "Color": enhanced(ImageEnhance.Color),
    "Contrast": enhanced(ImageEnhance.Contrast),
    "Brightness": enhanced(ImageEnhance.Brightness),
    "Sharpness": enhanced(ImageEnhance.Sharpness),
}


def entry(name, image, magnitude, result, negative=False, resample="bilinear"):
    bytes_ = np.asarray(result).tobytes()
    return {
        "operation": name,
        "size": [image.height, image.width],
        "magnitude": magnitude,
        "negative": negative,
        "filter": resample,
        "sha": hashlib.sha256(bytes_).hexdigest()[:16],
        "middle": list(result.getpixel((image.width // 2, image.height // 2))),
    }


entries = []
for image in [formula_image(32, 32), formula_image(21, 40)]:
    for magnitude in MAGNITUDES:
        for name, operator in PLAIN.items():
            entries.append(entry(name, image, magnitude, operator(image, magnitude / 10)))
        for name in WARPS:
            for negative in [False, True]:
                part = -magnitude / 10 if negative else magnitude / 10
                for called, resample in FILTERS.items():
                    result = warped(name, image, part, resample)
                    entries.append(entry(name, image, magnitude, result, negative, called))

print(json.dumps({"pillow": PIL.__version__, "fill": FILL, "entries": entries}, separators=(",", ":")))
