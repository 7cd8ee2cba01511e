"""Draws the covers of the demonstration's books into demo/covers: `python demo/draw_covers.py`. Needs Pillow.

Every cover is a few shapes and its title; equal every time, so that nothing but a changed drawing changes a file.
"""

import json
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
SIZE = (600, 900)
SCALE = 2
WIDTH, HEIGHT = SIZE[0] * SCALE, SIZE[1] * SCALE


class Sheet:
    """A cover while it is drawn; lengths are in pixels of the finished picture."""

    def __init__(self, ground):
        self.image = Image.new("RGB", (WIDTH, HEIGHT), ground)
        self.pen = ImageDraw.Draw(self.image)

    def ellipse(self, x, y, rx, ry, **how):
        """An ellipse around (x, y)."""
        box = [(x - rx) * SCALE, (y - ry) * SCALE, (x + rx) * SCALE, (y + ry) * SCALE]
        self.pen.ellipse(box, **scaled(how))

    def shape(self, points, **how):
        """A polygon."""
        self.pen.polygon([(x * SCALE, y * SCALE) for x, y in points], **scaled(how))

    def line(self, points, fill, width):
        """A line through points."""
        self.pen.line([(x * SCALE, y * SCALE) for x, y in points], fill=fill, width=round(width * SCALE), joint="curve")

    def box(self, left, top, right, bottom, **how):
        """A rectangle."""
        self.pen.rectangle([left * SCALE, top * SCALE, right * SCALE, bottom * SCALE], **scaled(how))

    def words(self, title, author, ink, top):
        """The title, as large as fits, from `top` on, and the author at the foot."""
        lines = broken(title.upper())
        size = min(78, *(int(78 * 500 / max(1, width_of(line, 78))) for line in lines))
        for number, line in enumerate(lines):
            self._centred(line, top + number * size * 1.16, size, ink)
        self._centred(author.upper(), 838, 25, ink)

    def _centred(self, text, top, size, ink):
        spread = size * 0.06
        left = (SIZE[0] - width_of(text, size)) / 2
        face = ImageFont.load_default(size * SCALE)
        for letter in text:
            self.pen.text((left * SCALE, top * SCALE), letter, font=face, fill=ink)
            left += face.getlength(letter) / SCALE + spread

    def save(self, name):
        """Write the cover in its finished size."""
        small = self.image.resize(SIZE, Image.Resampling.LANCZOS)
        small.save(HERE / "covers" / name, "WEBP", quality=82, method=6)


def scaled(how):
    """Line widths in the drawing's own pixels."""
    return {name: round(value * SCALE) if name == "width" else value for name, value in how.items()}


def width_of(text, size):
    """How wide a line of letters is, with the space between them."""
    face = ImageFont.load_default(size * SCALE)
    return sum(face.getlength(letter) / SCALE + size * 0.06 for letter in text) - size * 0.06


def broken(title):
    """A title in lines of about equal length."""
    words = title.split()
    count = 1 if len(title) < 9 else 2 if len(title) < 17 else 3
    lines, longest = [""], len(title) / count + 2
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > longest and len(lines) < count:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def wave(y, height, length, shift):
    """Points of a wave from edge to edge, closed below."""
    top = [(x, y + height * math.sin((x + shift) / length * 2 * math.pi)) for x in range(-10, 611, 6)]
    return [*top, (610, 910), (-10, 910)]


def lighthouse(book):
    """Beams over a night sea."""
    sheet = Sheet("#14283c")
    sheet.shape([(300, 430), (-80, 330), (-80, 500)], fill="#2b4a63")
    sheet.shape([(300, 430), (680, 360), (680, 530)], fill="#e7c46a")
    sheet.shape([(268, 740), (282, 470), (318, 470), (332, 740)], fill="#f3ead8")
    for top, bottom in ((520, 570), (620, 670)):
        sheet.shape([(280 - (top - 470) / 19, top), (320 + (top - 470) / 19, top), (320 + (bottom - 470) / 19, bottom),
                     (280 - (bottom - 470) / 19, bottom)], fill="#b5442f")  # fmt: skip
    sheet.box(276, 458, 324, 472, fill="#b5442f")
    sheet.ellipse(300, 432, 20, 26, fill="#ffe9a8")
    sheet.shape([(272, 408), (328, 408), (300, 374)], fill="#b5442f")
    for number, colour in enumerate(("#1f4a5c", "#1a3d50", "#153144")):
        sheet.shape(wave(715 + number * 45, 9, 150, number * 55), fill=colour)
    sheet.words(book["title"], book["author"], "#f3ead8", 70)
    return sheet


def quiet(book):
    """Mountains, one behind the other."""
    sheet = Sheet("#e9e2d0")
    sheet.ellipse(410, 430, 66, 66, fill="#d9825b")
    chance = random.Random(5)
    for number, colour in enumerate(("#b9c4b4", "#8fa596", "#65857c", "#3f6560", "#244845")):
        base, points = 470 + number * 75, []
        height = chance.uniform(-30, 30)
        for x in range(-20, 641, 30):
            height = max(-70, min(70, height + chance.uniform(-38, 38)))
            points.append((x, base + height))
        sheet.shape([*points, (640, 910), (-20, 910)], fill=colour)
    sheet.words(book["title"], book["author"], "#244845", 70)
    sheet._centred(book["author"].upper(), 838, 25, "#e9e2d0")
    return sheet


def cedar(book):
    """Rings of a tree."""
    sheet = Sheet("#7d3b24")
    for number in range(17):
        radius = 250 - number * 14.5
        lean = math.sin(number * 1.7) * 4
        sheet.ellipse(300 + lean, 545 - lean, radius, radius * 0.98, fill="#d9a066" if number % 2 == 0 else "#c68a4f")
    sheet.line([(300, 545), (540, 480)], "#7d3b24", 3)
    sheet.words(book["title"], book["author"], "#f6e3c5", 90)
    return sheet


def hours(book):
    """A clock whose hours are on their way."""
    sheet = Sheet("#efe7da")
    sheet.ellipse(300, 540, 215, 215, outline="#1d1d1f", width=7)
    chance = random.Random(12)
    for hour in range(60):
        angle = hour / 60 * 2 * math.pi
        near, far = (172, 200) if hour % 5 == 0 else (188, 200)
        drift = chance.uniform(0, 70) if 10 < hour < 28 else 0
        ends = [(300 + math.sin(angle) * (r + drift), 540 - math.cos(angle) * (r + drift)) for r in (near, far)]
        sheet.line(ends, "#1d1d1f", 7 if hour % 5 == 0 else 3)
    sheet.line([(300, 540), (300, 385)], "#c0392b", 8)
    sheet.line([(300, 540), (405, 600)], "#1d1d1f", 11)
    sheet.ellipse(300, 540, 15, 15, fill="#c0392b")
    sheet.words(book["title"], book["author"], "#1d1d1f", 80)
    return sheet


def bridges(book):
    """Arches over water that gets light."""
    sheet = Sheet("#f0c9a4")
    for number, colour in enumerate(("#f0c9a4", "#eeb58f", "#e59d80", "#cf8579", "#a86d76")):
        sheet.box(0, 300 + number * 60, 600, 900, fill=colour)
    for number in range(7):
        y, tint = 400 + number * 58, 90 - number * 11
        stone = (tint, tint - 20 if tint > 20 else 0, tint + 20)
        sheet.box(-5, y, 605, y + 14, fill=stone)
        span = 110 + number * 16
        for x in range(-span + (number % 2) * span // 2, 640, span):
            sheet.shape([(x, y), (x + 16, y), (x + 16, y + 70), (x, y + 70)], fill=stone)
            sheet.ellipse(x + 8 + span / 2, y + 62, span / 2 - 6, 50, outline=stone, width=7)
        sheet.box(-5, y + 62, 605, y + 118, fill=(150 - number * 14, 105 - number * 8, 118 - number * 8))
    sheet.box(0, 800, 600, 900, fill="#2a1830")
    sheet.words(book["title"], book["author"], "#3a2436", 70)
    sheet._centred(book["author"].upper(), 838, 25, "#fbe6d0")
    return sheet


def machines(book):
    """Squares that lose their order on the way down."""
    sheet = Sheet("#f4f1ea")
    chance = random.Random(3)
    for row in range(9):
        for column in range(8):
            x, y = 104 + column * 56, 330 + row * 56
            turn = chance.uniform(-1, 1) * row * 0.09
            x, y = x + chance.uniform(-1, 1) * row * 2.4, y + chance.uniform(-1, 1) * row * 2.4
            corners = [
                (x + 25 * math.cos(turn + a * math.pi / 2 + 0.785), y + 25 * math.sin(turn + a * math.pi / 2 + 0.785))
                for a in range(5)
            ]
            colour = "#d1452b" if chance.random() < 0.12 else "#20365c"
            sheet.line(corners, colour, 3.4)
    sheet.words(book["title"], book["author"], "#20365c", 90)
    return sheet


def moon(book):
    """The moon, a little more of it each night."""
    sheet = Sheet("#1c1b3a")
    chance = random.Random(8)
    for _ in range(120):
        size = chance.uniform(0.8, 2.4)
        sheet.ellipse(chance.uniform(0, 600), chance.uniform(0, 900), size, size, fill="#8d8cc0")
    for number in reversed(range(5)):  # a shadow lies to the left, on moons that are not there yet
        x, y = 110 + number * 95, 740 - math.sin(number / 4 * math.pi) * 70
        sheet.ellipse(x, y, 36, 36, fill="#f7e7b4")
        sheet.ellipse(x - 8 - number * 17, y - 3, 36 + number, 36 + number, fill="#1c1b3a")
    sheet.ellipse(300, 490, 112, 112, fill="#f7e7b4")
    for x, y, size in ((262, 455, 20), (345, 510, 28), (300, 555, 13), (335, 430, 11)):
        sheet.ellipse(x, y, size, size, fill="#e9d493")
    sheet.words(book["title"], book["author"], "#f7e7b4", 80)
    return sheet


def bread(book):
    """A loaf and its cuts."""
    sheet = Sheet("#f2c14e")
    sheet.ellipse(300, 770, 230, 26, fill="#d9a12f")
    sheet.ellipse(300, 600, 225, 175, fill="#9a5a26")
    sheet.ellipse(300, 588, 205, 155, fill="#b8732f")
    for x in (190, 262, 334, 406):
        sheet.shape([(x - 34, 690), (x - 12, 690), (x + 44, 500), (x + 30, 490)], fill="#f7e2b7")
        sheet.shape([(x - 28, 686), (x - 18, 686), (x + 38, 503), (x + 32, 500)], fill="#e8c98d")
    sheet.words(book["title"], book["author"], "#5a2f10", 110)
    return sheet


DRAWINGS = (lighthouse, quiet, cedar, hours, bridges, machines, moon, bread)


def main():
    """Draw them all."""
    drawings = {f"{draw.__name__}.webp": draw for draw in DRAWINGS}
    for book in json.loads((HERE / "books.json").read_text()):
        if "cover" in book:
            drawings[book["cover"]](book).save(book["cover"])


if __name__ == "__main__":
    main()
