"""Every value a scene may hold: the declared vocabularies of the world.

The order of each tuple is part of ``WORLD_VERSION``: held-out pairs are chosen by position.
"""

RGB = tuple[int, int, int]

COLOUR_RGB: dict[str, RGB] = {
    "red": (216, 32, 38),
    "orange": (248, 134, 16),
    "yellow": (250, 222, 42),
    "green": (34, 148, 52),
    "cyan": (40, 200, 214),
    "blue": (30, 88, 216),
    "purple": (138, 36, 160),
    "pink": (250, 136, 196),
    "brown": (112, 66, 34),
    "black": (24, 24, 28),
}
"""Nominal colour of each name; pictures jitter it by a few levels (our choice)."""

COLOURS = tuple(COLOUR_RGB)
PLAIN = "plain"
"""A thing whose colour is not named: drawn in beige, and left out of its caption."""
PLAIN_RGB: RGB = (192, 164, 122)
COLOURS_OR_PLAIN = (*COLOURS, PLAIN)

SHAPES = ("circle", "square", "triangle", "pentagon", "star", "heart", "cross", "moon")
COUNTS = (1, 2, 3, 4, 5, 6)
RELATIONS = ("left of", "right of", "above", "below")
INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
HEIGHTS = (2, 3, 4)
"""Blocks in a stack; 4 is never trained."""

ERAS = ("1920s", "1950s", "1980s", "2010s", "future")
SUPPORTS = ("floor", "table", "stool", "pedestal", "crate", "cushion")
"""What a telephone stands on; the floor is left out of its caption."""

TIMES = ("sunrise", "morning", "noon", "afternoon", "sunset", "night")
STYLES = ("cartoon", "painting", "line drawing", "pixel art", "blueprint", "black and white photo")
PLACES = ("field", "beach", "desert", "forest", "city", "mountains")
WEATHERS = ("clear", "cloudy", "rainy", "snowy")

KINDS = ("clock", "armchair", "lamp", "kite")
FORMS = ("round", "square", "triangle", "pentagon", "star", "heart")
FOODS = ("avocado", "lemon", "banana", "mushroom", "pineapple", "carrot")
THING_SHAPES = (*FORMS, *FOODS)

VEGETABLES = ("cabbage", "carrot", "aubergine", "corn", "radish", "mushroom")
GARMENTS = ("tutu", "hat", "boots", "cape")
ANIMALS = ("dog", "cat", "duck", "turtle", "elephant", "snail")

WORD_LENGTHS = (3, 4, 5, 6)
"""Letters a–z in a word on a shop front."""
