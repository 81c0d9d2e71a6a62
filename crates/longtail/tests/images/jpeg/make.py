"""Makes the JPEG files of this folder and `pixels.txt`, what Pillow reads in them.

Needs `cjpeg` and `jpegtran` of libjpeg-turbo (Debian: libjpeg-turbo-progs) and, from PyPI, Pillow and
imagecodecs. Made with libjpeg-turbo 2.1.5, Pillow 13.0.0 (which holds libjpeg-turbo 3.2.0) and
imagecodecs 2026.3.6.

A line of `pixels.txt` is: file, height, width, SHA-256 of its RGB bytes upright; or file, `-`, `-`,
what is wrong with it.
"""

import hashlib
import io
import math
import pathlib
import struct
import subprocess

import imagecodecs
import numpy
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 37, 27


def picture(width=WIDTH, height=HEIGHT):
    """Smooth colours, edges, a fine pattern, and values at both ends of the range."""
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            smooth = 128 + 90 * math.sin(x / 5.0) * math.cos(y / 7.0)
            edge = 255 if (x // 9 + y // 7) % 3 == 0 else 0
            fine = (x * 37 + y * 91 + x * y * 13) % 61
            disc = (x - 26) ** 2 + (y - 15) ** 2 < 64
            pixel = (smooth + fine, 0.6 * edge + 0.4 * smooth, 255 - smooth if disc else edge - fine)
            image.putpixel((x, y), tuple(max(0, min(255, int(value))) for value in pixel))
    return image


def run(program, *options, data):
    return subprocess.run([program, *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def cjpeg(*options, image=None):
    ppm = io.BytesIO()
    (image or picture()).save(ppm, "PPM")
    return run("cjpeg", "-quality", "75", *options, data=ppm.getvalue())


def one_scan_per_colour(jpeg, colours=3):
    script = HERE / "scans.tmp"
    script.write_text("".join(f"{colour};\n" for colour in range(colours)))
    rearranged = run("jpegtran", "-scans", str(script), data=jpeg)
    script.unlink()
    return rearranged


def segments(jpeg):
    """Start, end and marker of every segment before the first scan's bytes."""
    at = 2
    while True:
        marker, length = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        yield at, at + 2 + length, marker
        if marker == 0xDA:
            return
        at += 2 + length


def without(jpeg, marker):
    for start, end, found in segments(jpeg):
        if found == marker:
            return jpeg[:start] + jpeg[end:]
    raise ValueError("no such segment")


def patched(jpeg, marker, offset, value):
    """The byte `offset` behind the segment's length becomes `value`."""
    for start, _, found in segments(jpeg):
        if found == marker:
            place = start + 4 + offset
            return jpeg[:place] + bytes([value]) + jpeg[place + 1 :]
    raise ValueError("no such segment")


def renumbered(jpeg, ids):
    """Colours get other identifiers, in the frame and in the scan."""
    for place, identifier in enumerate(ids):
        jpeg = patched(jpeg, 0xC0, 6 + 3 * place, identifier)
        jpeg = patched(jpeg, 0xDA, 1 + 2 * place, identifier)
    return jpeg


def with_orientation(orientation, order):
    tiff = {"<": b"II*\0\x08\0\0\0", ">": b"MM\0*\0\0\0\x08"}[order]
    tiff += struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    app1 = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff
    jpeg = cjpeg("-sample", "2x2")
    return jpeg[:2] + app1 + jpeg[2:]


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def files():
    samplings = {
        "444": "1x1", "422": "2x1", "420": "2x2", "440": "1x2", "411": "4x1", "410": "4x2",
        "441": "1x4", "24": "2x4", "chroma-wider": "1x1,2x1,2x1", "chroma-larger": "1x1,2x2,2x2",
        "chroma-mixed": "1x2,2x1,2x1", "chroma-tall": "2x2,1x2,1x2", "chroma-wide": "2x2,2x1,2x1",
        "chroma-unequal": "2x2,2x1,1x2", "chroma-falling": "2x2,2x1,1x1", "three-wide": "3x1",
        "three-tall": "1x3", "three-both": "3x2", "equal-factors": "2x1,2x1,2x1",
    }
    for name, factors in samplings.items():
        plain = cjpeg("-sample", factors)
        yield name, plain
        yield f"{name}-progressive", cjpeg("-sample", factors, "-progressive")
        yield f"{name}-scans", one_scan_per_colour(plain)
    for name in ["444", "420", "chroma-wider"]:
        factors = ["-sample", samplings[name]]
        yield f"{name}-restart", cjpeg(*factors, "-restart", "1B")
        yield f"{name}-restart-progressive", cjpeg(*factors, "-restart", "1", "-progressive")
        yield f"{name}-restart-scans", one_scan_per_colour(cjpeg(*factors, "-restart", "2B"))
        yield f"{name}-arithmetic", cjpeg(*factors, "-arithmetic")
        yield f"{name}-arithmetic-progressive", cjpeg(*factors, "-arithmetic", "-progressive")
    yield "optimized", cjpeg("-optimize")
    yield "quality-1", cjpeg("-quality", "1")
    yield "quality-100", cjpeg("-quality", "100", image=picture(24, 17))
    yield "wide-tables", patched_frame(cjpeg(), 0xC0, 0xC1)
    for width, height in [(1, 1), (8, 8), (16, 16), (17, 3), (3, 17)]:
        yield f"{width}x{height}", cjpeg(image=picture(width, height))
    yield "grey", cjpeg("-grayscale")
    yield "grey-progressive", cjpeg("-grayscale", "-progressive")
    yield "grey-restart", cjpeg("-grayscale", "-restart", "1")
    yield "grey-arithmetic", cjpeg("-grayscale", "-arithmetic")
    yield "grey-factors", patched(cjpeg("-grayscale"), 0xC0, 7, 0x22)
    yield from colours()
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", with_orientation(orientation, "<>"[orientation % 2])
    yield "orientation-none", with_orientation(0, "<")
    yield "orientation-wrong", with_orientation(9, ">")
    yield from rare()


def patched_frame(jpeg, before, after):
    for start, _, found in segments(jpeg):
        if found == before:
            return jpeg[: start + 1] + bytes([after]) + jpeg[start + 2 :]
    raise ValueError("no such frame")


def colours():
    rgb = cjpeg("-rgb")
    yield "rgb", rgb
    yield "rgb-letters", renumbered(without(rgb, 0xEE), b"RGB")
    yield "rgb-numbers", renumbered(without(rgb, 0xEE), [1, 2, 3])
    yield "ycc-zero", renumbered(cjpeg(), [0, 1, 2])
    yield "jfif-letters", renumbered(cjpeg(), b"RGB")
    yield "adobe-ycc", patched(renumbered(rgb, [1, 2, 3]), 0xEE, 11, 1)
    for name, options in {"": {}, "-420": {"subsampling": 2}, "-progressive": {"progressive": True}}.items():
        cmyk = saved(picture().convert("RGB").convert("CMYK"), quality=80, **options)
        yield f"cmyk{name}", cmyk
        yield f"ycck{name}", patched(cmyk, 0xEE, 11, 2)
    mixed = Image.merge("CMYK", [*picture().split(), picture().convert("L").rotate(180)])
    mixed = saved(mixed, quality=80)
    yield "cmyk-black", mixed
    yield "ycck-black", patched(mixed, 0xEE, 11, 2)
    yield "ycck-black-scans", one_scan_per_colour(patched(mixed, 0xEE, 11, 2), 4)
    yield "cmyk-without-adobe", without(mixed, 0xEE)


def rare():
    pixels = numpy.asarray(picture())
    deep = pixels.astype("uint16") * 16
    yield "12-bit", imagecodecs.jpeg8_encode(deep, bitspersample=12)
    yield "lossless", imagecodecs.jpeg8_encode(pixels, lossless=True)
    yield "lossless-grey", imagecodecs.jpeg8_encode(pixels[..., 0].copy(), lossless=True)
    yield "hierarchical", patched_frame(cjpeg(), 0xC0, 0xC5)
    yield "two-colours", two_colours()
    yield "fraction", patched(patched(cjpeg("-sample", "1x1"), 0xC0, 7, 0x31), 0xC0, 10, 0x21)


def two_colours():
    """The first two colours of a file with one scan for each."""
    jpeg = one_scan_per_colour(cjpeg("-sample", "1x1"))
    for start, end, found in segments(jpeg):
        if found == 0xC0:
            frame = jpeg[start + 4 : end]
            frame = frame[:5] + b"\x02" + frame[6:12]
            return jpeg[:start] + b"\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + jpeg[end:]
    raise ValueError("no such frame")


# What the program says of what it does not read; all else has Pillow's pixels.
REFUSED = {
    "12-bit": "it is a 12-bit JPEG, which is not read: convert it to PNG",
    "hierarchical": "it is a hierarchical JPEG, which is not read: convert it to PNG",
    "lossless": "it is a lossless JPEG, which is not read: convert it to PNG",
    "lossless-grey": "it is a lossless JPEG, which is not read: convert it to PNG",
    "fraction": "it is a JPEG with fractional sampling, such as 3:2, which is not read: convert it to PNG",
    "two-colours": "it is a JPEG of neither one, three nor four colours, which is not read: convert it to PNG",
}


def main():
    lines = []
    for name, jpeg in files():
        (HERE / f"{name}.jpg").write_bytes(jpeg)
        said = REFUSED.get(name)
        try:
            image = Image.open(io.BytesIO(jpeg))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            digest = hashlib.sha256(upright.tobytes()).hexdigest()
            line = f"{upright.height} {upright.width} {digest}"
        except (OSError, SyntaxError) as error:
            line = f"- - {error}"
        print(name, len(jpeg), line)
        lines.append(f"{name}.jpg - - {said}" if said else f"{name}.jpg {line}")
    (HERE / "pixels.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
