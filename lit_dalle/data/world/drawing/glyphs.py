"""A bold pixel face, capitals only: 26 glyphs of 7 × 9 pixels."""

GLYPH_WIDTH = 7
GLYPH_HEIGHT = 9

_ROWS = {
    "#": "#######",
    "O": ".#####.",
    "S": "##...##",
    "L": "##.....",
    "R": ".....##",
    "B": "######.",
    "I": "..###..",
}
"""Rows that many glyphs share, each under a short name."""

_GLYPHS = {
    "a": "I O ###.### S # # S S S",
    "b": "B # S ##..##. #####.. ##..##. S # B",
    "c": "..####. .###### ###..## L L L ###..## .###### ..####.",
    "d": "#####.. B ##..### S S S ##..### B #####..",
    "e": "# # L L B L L # #",
    "f": "# # L L #####.. L L L L",
    "g": "..####. .###### ###.... L ##.#### ##.#### ###..## .###### ..####.",
    "h": "S S S # # S S S S",
    "i": "# # I I I I I # #",
    "j": "..##### ..##### R R R R S # O",
    "k": "S ##..### ##.###. #####.. ####... #####.. ##.###. ##..### S",
    "l": "L L L L L L L # #",
    "m": "S ###.### # ##.#.## ##.#.## S S S S",
    "n": "S ###..## ###..## ####.## ##.#.## ##.#### ##..### ##..### S",
    "o": "I O ###.### S S S ###.### O I",
    "p": "B # S S # B L L L",
    "q": "I O ###.### S S ###.### O ..####. ....###",
    "r": "B # S S # #####.. ##.###. ##..### S",
    "s": "O # L L O R R # O",
    "t": "# # I I I I I I I",
    "u": "S S S S S S S # O",
    "v": "S S S S S ##.#.## O I ...#...",
    "w": "S S S ##.#.## ##.#.## # # ###.### .#...#.",
    "x": "S S .##.##. I ...#... I .##.##. S S",
    "y": "S S S .##.##. O I I I I",
    "z": "# # ....### ...###. I .###... ###.... # #",
}

GLYPHS: dict[str, tuple[str, ...]] = {
    letter: tuple(_ROWS.get(row, row) for row in rows.split()) for letter, rows in _GLYPHS.items()
}
"""Letter → nine rows of seven characters; ``#`` is ink."""
