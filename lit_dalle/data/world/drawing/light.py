"""A capybara whose sky, sun or moon, and shadow follow from the time of day."""

from dataclasses import dataclass, replace
from random import Random

from lit_dalle.data.world.drawing.canvas import DARK, WHITE, Canvas, Ink, jittered, mixed
from lit_dalle.data.world.drawing.places import PLACE_DRAWERS
from lit_dalle.data.world.drawing.shapes import arc, placed
from lit_dalle.data.world.drawing.styles import STYLE_INKS
from lit_dalle.data.world.scenes import LightScene
from lit_dalle.data.world.vocabulary import RGB

BLACK: RGB = (0, 0, 0)
FUR: RGB = (158, 112, 70)
CLOUD: RGB = (236, 238, 242)
RAIN_CLOUD: RGB = (76, 84, 104)
RAIN: RGB = (40, 72, 130)
RAIN_CLOUD_AT_NIGHT: RGB = (112, 120, 142)
RAIN_AT_NIGHT: RGB = (150, 180, 220)


@dataclass(frozen=True)
class Light:
    """What a time of day does to the picture."""

    sky: RGB
    sun: tuple[float, float]
    sun_colour: RGB
    shadow: float
    """Reach of the shadow beyond the body in units; negative to the left, 0 only below it."""
    tint: RGB
    tinted: float
    """Share of the tint in every colour."""


LIGHTS = {
    "sunrise": Light((255, 204, 186), (10.5, 28), (255, 120, 60), 17, (255, 140, 90), 0.12),
    "morning": Light((190, 224, 246), (14, 14), (255, 222, 70), 9, (255, 250, 220), 0.05),
    "noon": Light((112, 188, 248), (32, 11), (255, 236, 80), 0, WHITE, 0.0),
    "afternoon": Light((156, 200, 232), (50, 14), (255, 214, 60), -9, (255, 230, 160), 0.08),
    "sunset": Light((250, 150, 96), (53.5, 28), (226, 50, 30), -17, (220, 80, 60), 0.18),
    "night": Light((26, 32, 74), (44, 12), (244, 240, 206), 0, (24, 30, 74), 0.28),
}


def draw_light(scene: LightScene, rng: Random, size: int) -> Canvas:
    """Sky, weather, place, shadow and capybara, through the ink of the style."""
    light = LIGHTS[scene.time]

    def lit(rgb: RGB) -> RGB:
        return mixed(rgb, light.tint, light.tinted)

    style = STYLE_INKS[scene.style]
    ink = Ink(lambda rgb: style.paint(lit(rgb)), style.outline, style.lines)
    outlined = scene.time != "night" or style.lines is not None
    sky = style if outlined else replace(style, outline=None)
    canvas = Canvas(size, sky_colour(scene, rng), sky)
    canvas.shift(rng.uniform(-1, 1), rng.uniform(-1.5, 1))
    side = -1 if light.sun[0] > 32 else 1 if light.sun[0] < 32 else rng.choice((-1, 1))
    _sun_or_moon(canvas, scene, rng)
    _weather(canvas, scene, 32 + side * (18 if scene.time == "noon" else 16))
    canvas.ink = ink
    PLACE_DRAWERS[scene.place](canvas, 32 + side * 20 + rng.uniform(-1, 1), rng)
    x = 32 + rng.uniform(-1.5, 1.5)
    _shadow(canvas, x, light.shadow)
    grey = scene.style == "black and white photo"
    _capybara(canvas, x, jittered(mixed(FUR, BLACK, 0.25 if grey else 0.0), rng))
    return canvas


def sky_colour(scene: LightScene, rng: Random) -> RGB:
    """The sky; darker in a grey photo, where a sun of any colour must stand out from it."""
    sky = jittered(LIGHTS[scene.time].sky, rng)
    if scene.style == "black and white photo":
        sky = mixed(sky, BLACK, 0.3)
    return STYLE_INKS[scene.style].paint(sky)


def _sun_or_moon(canvas: Canvas, scene: LightScene, rng: Random) -> None:
    light = LIGHTS[scene.time]
    fill = WHITE if scene.style == "black and white photo" else light.sun_colour
    x, y = light.sun[0] + rng.uniform(-1, 1), light.sun[1] + rng.uniform(-1, 1)
    if scene.time == "night":
        canvas.polygon(placed("moon", x, y, 6.5, 160), fill)
        for star in ((32, 7), (31, 20), (54, 24), (11, 27)):
            canvas.ellipse(*star, 1.1, 1.1, fill)
        return
    for tip in arc(x, y, 8.6, 8.6, 0, 315, 7):
        canvas.line([(x, y), tip], fill, 1.4)
    canvas.ellipse(x, y, 6, 6, fill)


def _weather(canvas: Canvas, scene: LightScene, x: float) -> None:
    weather, night = scene.weather, scene.time == "night"
    if weather == "clear":
        return
    rain_cloud = RAIN_CLOUD_AT_NIGHT if night else RAIN_CLOUD
    rain = RAIN_AT_NIGHT if night else RAIN
    y = 13.0
    fill = rain_cloud if weather == "rainy" else CLOUD
    canvas.ellipse(x - 5, y + 1, 4.5, 4, fill)
    canvas.ellipse(x + 5, y + 1, 4.5, 4, fill)
    canvas.ellipse(x, y - 1, 5.5, 5.5, fill)
    for drop in range(4):
        left = x - 6 + 4 * drop
        for top in (19.0, 24.5):
            if weather == "rainy":
                canvas.line([(left + 1, top), (left - 0.5, top + 3.5)], rain, 1.5)
            elif weather == "snowy" and (drop + (top > 20)) % 2:
                canvas.ellipse(left + 0.5, top + 2.2, 2.2, 2.2, WHITE)


def _shadow(canvas: Canvas, x: float, reach: float) -> None:
    left, right = x - 11 + min(reach, 0), x + 11 + max(reach, 0)
    (x0, y0), (x1, y1) = canvas.at(left, 55), canvas.at(right, 60)
    ground = canvas.image.getpixel((round(x0), round(canvas.at(0, 61)[1])))
    assert isinstance(ground, tuple)
    fill = mixed((ground[0], ground[1], ground[2]), BLACK, 0.45)
    canvas.draw.ellipse((x0, y0, x1, y1), fill=fill)


def _capybara(canvas: Canvas, x: float, fur: RGB) -> None:
    darker = mixed(fur, BLACK, 0.25)
    for leg in (-8, -4, 5, 9):
        canvas.box(x + leg - 1.7, 50, x + leg + 1.7, 58, darker)
    canvas.ellipse(x + 1, 46, 12.5, 8, fur)
    canvas.ellipse(x - 5.5, 37.2, 1.8, 2, darker)
    canvas.polygon(
        [(x - 15, 38.5), (x - 13, 37), (x - 5, 37.5), (x - 3, 46), (x - 14, 46), (x - 15.5, 44)],
        fur,
    )
    canvas.ellipse(x - 9.5, 40.5, 1, 1, DARK)
    canvas.ellipse(x - 14.3, 40.5, 0.9, 0.9, DARK)
