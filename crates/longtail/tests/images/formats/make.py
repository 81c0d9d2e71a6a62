"""Makes the TIFF, PNM, BMP, GIF, PNG and WebP files of this folder and `pixels.txt`, what is right
for them.

Needs Pillow, NumPy and tifffile from PyPI. Made with Pillow 13.0.0 (libtiff 4.7.2, libwebp 1.6.0) and
tifffile 2026.3.3.

A line of `pixels.txt` is: file, height, width, SHA-256 of its RGB bytes upright; or file, `-`, `-`,
what is wrong with it. The pixels are Pillow's but for DIFFERENT, where they are computed here.
"""

import hashlib
import io
import math
import pathlib
import struct
import zlib

import numpy
import tifffile
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 13, 9


def picture():
    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    red = 128 + 120 * numpy.sin(x / 3.0) * numpy.cos(y / 2.0)
    green = numpy.where((x // 4 + y // 3) % 2 == 0, 255, (x * 37 + y * 91) % 61)
    blue = (x * 19 + y * 23 + x * y * 5) % 256
    return numpy.stack([red, green, blue], axis=-1).astype("uint8")


PIXELS = picture()
# All 16 bits in use.
DEEP = ((PIXELS.astype("uint32") * 65535 + numpy.arange(PIXELS.size).reshape(PIXELS.shape) * 97) // 259).astype("uint16")
IMAGE = Image.fromarray(PIXELS)
GREY = IMAGE.convert("L")
PALETTE = IMAGE.quantize(16)
INKS = numpy.dstack([255 - PIXELS, GREY.rotate(180)])


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, metadata=None, **options)
    return file.getvalue()


def packed(bits):
    """Rows of the red channel in `bits` bits, each row filled to whole bytes."""
    for row in PIXELS[..., 0] >> (8 - bits):
        text = "".join(format(int(value), f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        yield int(text, 2).to_bytes(len(text) // 8, "big")


def grey_tiff(bits):
    rows = b"".join(packed(bits))
    tags = [(256, WIDTH), (257, HEIGHT), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, HEIGHT), (279, len(rows))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(rows)) + rows + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"


def seven_passes():
    """Rows of the seven images that an interlaced PNG consists of."""
    for x, y, across, down in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        yield from (row.tobytes() for row in PIXELS[y::down, x::across])


def png(bits, color, rows, interlaced=0):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, color, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(bits, compression, data, between=b"", colours=0, height=HEIGHT):
    start = 54 + len(between)
    head = struct.pack("<IHHI", start + len(data), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    return b"BM" + head + info + between + data


def filled(row):
    return row + b"\0" * (-len(row) % 4)


def bmp_16(shifts, keep, **options):
    cut = PIXELS.astype("uint16")
    words = sum((cut[..., c] >> (8 - keep[c])) << shifts[c] for c in range(3)).astype("<u2")
    return bmp(16, data=b"".join(filled(row.tobytes()) for row in words[::-1]), **options)


def rle8():
    colours = bytes(PALETTE.getpalette())[:48]
    table = b"".join(colours[3 * i : 3 * i + 3][::-1] + b"\0" for i in range(16))
    data = b""
    for row in numpy.asarray(PALETTE)[::-1]:
        data += b"".join(bytes([1, int(value)]) for value in row) + b"\0\0"
    return bmp(8, 1, data + b"\0\1", between=table, colours=16)


def partial_gif():
    """A screen of 8 x 6 with a first frame of 3 x 2 at (2, 2)."""
    frame = Image.new("P", (3, 2), 1)
    frame.putpalette([255, 0, 0, 0, 255, 0] + [0] * 762)
    gif = bytearray(saved(frame, "GIF"))
    gif[6:10] = struct.pack("<HH", 8, 6)
    place = gif.index(b"\x2c", 13 + 3 * (2 << (gif[10] & 7)))
    gif[place + 1 : place + 5] = struct.pack("<HH", 2, 2)
    return bytes(gif)


def orientation(value):
    exif = Image.Exif()
    exif[274] = value
    return exif


def tiffs():
    yield "plain.tif", tiff(PIXELS, photometric="rgb")
    for name, how in {"lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "packbits": "packbits"}.items():
        yield f"{name}.tif", saved(IMAGE, "TIFF", compression=how)
    for how in ["jpeg", "zstd", "lzma"]:
        yield f"{how}.tif", saved(IMAGE, "TIFF", compression=how)
    bilevel = GREY.convert("1")
    yield "bilevel.tif", saved(bilevel, "TIFF")
    yield "fax4.tif", saved(bilevel, "TIFF", compression="group4")
    yield "fax3.tif", saved(bilevel, "TIFF", compression="group3")
    yield "grey.tif", saved(GREY, "TIFF")
    yield "grey-2.tif", grey_tiff(2)
    yield "grey-4.tif", grey_tiff(4)
    yield "grey-16.tif", tiff(DEEP[..., 0], photometric="minisblack")
    yield "grey-alpha.tif", saved(Image.merge("LA", [GREY, GREY.rotate(180)]), "TIFF")
    yield "white-is-zero.tif", tiff(PIXELS[..., 0], photometric="miniswhite")
    yield "tiles.tif", tiff(PIXELS, photometric="rgb", tile=(16, 16))
    yield "strips-predictor.tif", tiff(PIXELS, photometric="rgb", rowsperstrip=4, compression="zlib", predictor=True)
    planes = numpy.moveaxis(PIXELS, 2, 0).copy()
    yield "planes.tif", tiff(planes, photometric="rgb", planarconfig="separate")
    yield "planes-tiles.tif", tiff(planes, photometric="rgb", planarconfig="separate", tile=(16, 16))
    yield "big.tif", tiff(PIXELS, photometric="rgb", bigtiff=True)
    yield "big-endian.tif", tiff(PIXELS, photometric="rgb", byteorder=">")
    yield "rgb-16.tif", tiff(DEEP, photometric="rgb")
    yield "rgb-16-big-endian.tif", tiff(DEEP, photometric="rgb", byteorder=">")
    with_fourth = numpy.dstack([PIXELS, numpy.maximum(PIXELS[..., 0], 40)])
    yield "alpha.tif", tiff(with_fourth, photometric="rgb", extrasamples=["unassalpha"])
    multiplied = with_fourth.astype("uint32")
    multiplied[..., :3] = multiplied[..., :3] * multiplied[..., 3:] // 255
    yield "alpha-multiplied.tif", tiff(multiplied.astype("uint8"), photometric="rgb", extrasamples=["assocalpha"])
    yield "fourth-unused.tif", tiff(with_fourth, photometric="rgb", extrasamples=["unspecified"])
    yield "inks.tif", tiff(INKS, photometric="separated")
    yield "inks-planes.tif", tiff(numpy.moveaxis(INKS, 2, 0).copy(), photometric="separated", planarconfig="separate")
    yield "palette.tif", saved(PALETTE, "TIFF")
    yield "lab.tif", tiff(PIXELS, photometric="cielab")
    yield "ycbcr.tif", saved(IMAGE.convert("YCbCr"), "TIFF")
    yield "float.tif", tiff(PIXELS[..., 0].astype("float32"), photometric="minisblack")
    yield "signed.tif", tiff(PIXELS[..., 0].astype("int16"), photometric="minisblack")
    yield "words.tif", tiff(PIXELS[..., 0].astype("uint32"), photometric="minisblack")
    yield "preview.tif", tiff(PIXELS, photometric="rgb", subfiletype=1)
    yield "pages.tif", saved(IMAGE, "TIFF", save_all=True, append_images=[IMAGE.rotate(180)])
    yield "turned.tif", saved(IMAGE, "TIFF", tiffinfo={274: 6})
    yield "cut.tif", tiff(PIXELS, photometric="rgb")[:-1]


def pnms():
    size = f"{WIDTH} {HEIGHT}\n"
    plain = lambda values: " ".join(map(str, values.flatten())).encode() + b"\n"
    yield "p1.pbm", f"P1\n{size}".encode() + plain((PIXELS[..., 0] > 128).astype(int))
    yield "p2.pgm", f"P2\n# words\n{size}255\n".encode() + plain(PIXELS[..., 0])
    yield "p3.ppm", f"P3\n{size}255\n".encode() + plain(PIXELS)
    yield "p4.pbm", saved(GREY.convert("1"), "PPM")
    yield "p5.pgm", saved(GREY, "PPM")
    yield "p5-16.pgm", f"P5\n{size}65535\n".encode() + DEEP[..., 0].astype(">u2").tobytes()
    yield "p5-15.pgm", f"P5\n{size}15\n".encode() + (PIXELS[..., 0] >> 4).tobytes()
    yield "p6.ppm", saved(IMAGE, "PPM")
    yield "p6-words.ppm", f"P6 # made\n#x\n{WIDTH} # w\n{HEIGHT}\n255\n".encode() + PIXELS.tobytes()
    yield "p6-100.ppm", f"P6\n{size}100\n".encode() + (PIXELS.astype("uint16") * 100 // 255).astype("uint8").tobytes()
    yield "p6-16.ppm", f"P6\n{size}65535\n".encode() + DEEP.astype(">u2").tobytes()
    yield "p6-cut.ppm", saved(IMAGE, "PPM")[:-1]
    header = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
    yield "p7.pam", header.encode() + PIXELS.tobytes()


def bmps():
    yield "1.bmp", saved(GREY.convert("1"), "BMP")
    yield "8.bmp", saved(PALETTE, "BMP")
    yield "8-runs.bmp", rle8()
    yield "555.bmp", bmp_16((10, 5, 0), (5, 5, 5), compression=0)
    yield "565.bmp", bmp_16((11, 5, 0), (5, 6, 5), compression=3, between=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "24.bmp", saved(IMAGE, "BMP")
    rows = [filled(row[:, ::-1].tobytes()) for row in PIXELS]
    yield "24-from-top.bmp", bmp(24, 0, b"".join(rows), height=-HEIGHT)
    yield "32.bmp", saved(Image.merge("RGBA", [*IMAGE.split(), GREY]), "BMP")
    yield "cut.bmp", saved(IMAGE, "BMP")[:-4]


def gifs():
    yield "plain.gif", saved(PALETTE, "GIF")
    yield "interlaced.gif", saved(PALETTE, "GIF", interlace=1)
    yield "transparent.gif", saved(PALETTE, "GIF", transparency=3)
    yield "without-end.gif", saved(PALETTE, "GIF")[:-1]
    yield "cut.gif", saved(PALETTE, "GIF")[:-20]
    yield "moving.gif", saved(IMAGE, "GIF", save_all=True, append_images=[IMAGE.rotate(180)], duration=50)
    yield "partial.gif", partial_gif()


def pngs():
    yield "rgb.png", saved(IMAGE, "PNG")
    yield "grey-1.png", saved(GREY.convert("1"), "PNG")
    yield "grey-2.png", png(2, 0, packed(2))
    yield "grey-4.png", png(4, 0, packed(4))
    yield "grey-16.png", png(16, 0, [row.astype(">u2").tobytes() for row in DEEP[..., 0]])
    yield "rgb-16.png", png(16, 2, [row.astype(">u2").tobytes() for row in DEEP])
    yield "grey-alpha.png", saved(Image.merge("LA", [GREY, GREY.rotate(180)]), "PNG")
    yield "grey-alpha-16.png", png(16, 4, [row[:, :2].astype(">u2").tobytes() for row in DEEP])
    yield "interlaced.png", png(8, 2, seven_passes(), interlaced=1)
    yield "alpha.png", saved(Image.merge("RGBA", [*IMAGE.split(), GREY]), "PNG")
    yield "palette.png", saved(PALETTE, "PNG")
    yield "palette-transparent.png", saved(PALETTE, "PNG", transparency=3)
    yield "grey-transparent.png", saved(GREY, "PNG", transparency=GREY.getpixel((0, 0)))
    yield "rgb-transparent.png", saved(IMAGE, "PNG", transparency=IMAGE.getpixel((0, 0)))
    yield "turned.png", saved(IMAGE, "PNG", exif=orientation(6))
    yield "moving.png", saved(IMAGE, "PNG", save_all=True, append_images=[IMAGE.rotate(180)])
    whole = saved(IMAGE, "PNG")
    yield "trailer.png", whole + b"something else"
    yield "without-end.png", whole[:-12]
    yield "half-end.png", whole[:-5]
    yield "cut.png", whole[:-20]


def webps():
    yield "lossy.webp", saved(IMAGE, "WEBP", quality=80)
    yield "lossless.webp", saved(IMAGE, "WEBP", lossless=True)
    yield "alpha.webp", saved(Image.merge("RGBA", [*IMAGE.split(), GREY]), "WEBP", quality=80)
    yield "turned.webp", saved(IMAGE, "WEBP", quality=80, exif=orientation(6))
    yield "moving.webp", saved(IMAGE, "WEBP", save_all=True, append_images=[IMAGE.rotate(180)])
    yield "cut.webp", saved(IMAGE, "WEBP", quality=80)[:-10]


def of_range(values, largest):
    """Values of 0 to `largest` as bytes, rounded."""
    return numpy.floor(values.astype("float64") * 255 / largest + 0.5).astype("uint8")


def grey(values):
    return numpy.repeat(values[..., None], 3, axis=2)


def behind_partial():
    screen = numpy.zeros((6, 8, 3), "uint8")
    screen[2:4, 2:5] = (0, 255, 0)
    return screen


CUT_8 = PIXELS.astype("uint16")
# What Pillow reads otherwise or not at all.
DIFFERENT = {
    "grey-16.tif": grey(of_range(DEEP[..., 0], 65535)),
    "grey-16.png": grey(of_range(DEEP[..., 0], 65535)),
    "grey-alpha-16.png": grey(of_range(DEEP[..., 0], 65535)),
    "p5-16.pgm": grey(of_range(DEEP[..., 0], 65535)),
    "rgb-16.tif": of_range(DEEP, 65535),
    "rgb-16-big-endian.tif": of_range(DEEP, 65535),
    "rgb-16.png": of_range(DEEP, 65535),
    "p6-16.ppm": of_range(DEEP, 65535),
    "p6-100.ppm": of_range(CUT_8 * 100 // 255, 100),
    "555.bmp": of_range(CUT_8 >> 3, 31),
    "565.bmp": numpy.dstack([of_range(CUT_8[..., 0] >> 3, 31), of_range(CUT_8[..., 1] >> 2, 63), of_range(CUT_8[..., 2] >> 3, 31)]),
    "p7.pam": PIXELS,
    "partial.gif": behind_partial(),
}


def not_read(what):
    return f"it is a TIFF with {what}, which is not read: save it as 8-bit PNG"


REFUSED = {
    "jpeg.tif": not_read("JPEG compression"),
    "zstd.tif": not_read("ZSTD compression"),
    "lzma.tif": not_read("LZMA compression"),
    "fax3.tif": not_read("Fax3 compression"),
    "planes-tiles.tif": not_read("tiles of one colour each"),
    "palette.tif": not_read("palette colours"),
    "lab.tif": not_read("Lab colours"),
    "ycbcr.tif": not_read("YCbCr colours"),
    "float.tif": not_read("floating-point values"),
    "signed.tif": not_read("signed values"),
    "words.tif": not_read("values of other than 8 or 16 bits"),
    "preview.tif": not_read("a preview, as in a camera's raw file"),
    "cut.tif": "the TIFF ends before its image does",
    "p6-cut.ppm": "the PNM ends before its image does",
    "cut.bmp": "the BMP ends before its image does",
    "cut.gif": "the GIF is damaged: Unexpected End of File",
    "cut.png": "the PNG ends before its image does",
    "cut.webp": "the WebP ends before its image does",
}


def main():
    lines = []
    for group in [tiffs, pnms, bmps, gifs, pngs, webps]:
        for name, content in group():
            (HERE / name).write_bytes(content)
            try:
                image = Image.open(io.BytesIO(content))
                theirs = numpy.asarray(ImageOps.exif_transpose(image).convert("RGB"))
            except (OSError, SyntaxError) as error:
                theirs = error
            ours = DIFFERENT.get(name, theirs)
            apart = numpy.abs(ours.astype(int) - theirs).max() if isinstance(theirs, numpy.ndarray) else theirs
            print(name, len(content), apart, REFUSED.get(name, ""))
            if name in REFUSED:
                lines.append(f"{name} - - {REFUSED[name]}")
            else:
                digest = hashlib.sha256(numpy.ascontiguousarray(ours).tobytes()).hexdigest()
                lines.append(f"{name} {ours.shape[0]} {ours.shape[1]} {digest}")
    (HERE / "pixels.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
