"""Makes the pictures of this folder, and with Pillow what they are resized to.

python make.py, with numpy and Pillow (13.0 was used). Everything is computed; nothing is anybody's photograph.
"""

import numpy
from PIL import Image

WIDTH, HEIGHT = 60, 45


def scene(width=WIDTH, height=HEIGHT):
    """Slopes, waves and hard edges, different in each colour."""
    y, x = numpy.mgrid[0:height, 0:width]
    red = 255 * x / (width - 1)
    green = 127.5 + 127.5 * numpy.sin(x * 0.9) * numpy.cos(y * 0.35)
    blue = 255.0 * ((x // 7 + y // 5) % 2)
    return numpy.stack([red, green, blue], -1).round().astype(numpy.uint8)


def resized(picture, width, height):
    return picture.resize((width, height), Image.Resampling.BILINEAR)


rgb = Image.fromarray(scene())
rgb.save("rgb.png")
rgb.save("rgb.bmp")
rgb.save("rgb.webp", lossless=True)
rgb.save("rgb.jpg", quality=95, subsampling=0)

# The same scene, stored turned by a quarter, with the EXIF tag that says so.
exif = Image.Exif()
exif[0x0112] = 6
rgb.transpose(Image.Transpose.ROTATE_90).save("turned.jpg", quality=95, subsampling=0, exif=exif)

# Opaque on the left, half transparent, nothing on the right.
alpha = numpy.repeat([[255] * 20 + [128] * 20 + [0] * 20], HEIGHT, 0).astype(numpy.uint8)
Image.fromarray(numpy.dstack([scene(), alpha])).save("alpha.png")

grey = Image.fromarray(scene()[:, :, 1])
grey.save("grey.png")
wide = scene()[:, :, 1].astype(numpy.uint16) * 257
Image.fromarray(wide).save("grey16.png")

# The short side to 18, which is 16 * 8 / 7 rounded down, and the middle of 16 x 16: (24 - 16) / 2 = 4.
cut = resized(rgb, 24, 18).crop((4, 1, 20, 17))
numpy.save("rgb-cut-16x16.npy", numpy.asarray(cut))
# As loaded, and made smaller and larger as a whole.
numpy.save("rgb-20x12.npy", numpy.asarray(resized(rgb, 20, 12)))
numpy.save("rgb-90x50.npy", numpy.asarray(resized(rgb, 90, 50)))
numpy.save("grey-20x12.npy", numpy.asarray(resized(rgb.convert("L"), 20, 12)))
numpy.save("jpg-60x45.npy", numpy.asarray(Image.open("rgb.jpg")))
