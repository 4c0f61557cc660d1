"""Scene → sentences: several phrasings, the first of them canonical, all lower-case."""

from collections.abc import Callable, Mapping

from lit_dalle.data.world.scenes import (
    CountScene,
    LightScene,
    PenguinScene,
    RelationScene,
    Scene,
    StackScene,
    TelephoneScene,
    ThingScene,
    TogetherScene,
    WritingScene,
)
from lit_dalle.data.world.vocabulary import FOODS, PLAIN

NUMBER_WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}

SUPPORT_PHRASE = {"floor": "", "table": " on a table", "stool": " on a stool",
                  "pedestal": " on a pedestal", "crate": " on a crate",
                  "cushion": " on a cushion"}  # fmt: skip
TIME_PHRASE = {"sunrise": "at sunrise", "morning": "in the morning", "noon": "at noon",
               "afternoon": "in the afternoon", "sunset": "at sunset",
               "night": "at night"}  # fmt: skip
PLACE_PHRASE = {"field": "in a field", "beach": "on a beach", "desert": "in a desert",
                "forest": "in a forest", "city": "in a city",
                "mountains": "in the mountains"}  # fmt: skip
WEATHER_PHRASE = {"clear": "", "cloudy": " under a cloud", "rainy": " in the rain",
                  "snowy": " in falling snow"}  # fmt: skip
STYLE_PHRASE = {"cartoon": "a cartoon", "painting": "a painting",
                "line drawing": "a line drawing", "pixel art": "pixel art",
                "blueprint": "a blueprint",
                "black and white photo": "a black and white photo"}  # fmt: skip
FORM_NOUN = {"round": "circle"}
CROSSING = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}


def with_article(words: str) -> str:
    """From "red hat" to "a red hat", from "orange hat" to "an orange hat"."""
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def plural(noun: str, count: int) -> str:
    """The noun in the number that goes with the count."""
    if count == 1:
        return noun
    return noun + ("es" if noun.endswith("s") else "s")


def listed(parts: list[str]) -> str:
    """Parts joined as in "a, b and c"."""
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def _coloured(colour: str) -> str:
    return "" if colour == PLAIN else f"{colour} "


def _count(scene: CountScene) -> tuple[str, ...]:
    number, noun = NUMBER_WORDS[scene.count], plural(scene.shape, scene.count)
    things = f"{number} {scene.colour} {noun}"
    are = "is" if scene.count == 1 else "are"
    last = with_article(f"{scene.colour} {noun}") if scene.count == 1 else f"a group of {things}"
    return (
        things,
        f"a picture of {things}",
        f"there {are} {things}",
        f"exactly {things}",
        f"{number} {noun} in {scene.colour}",
        last,
    )


def _relation(scene: RelationScene) -> tuple[str, ...]:
    phrases = []
    for told in (scene, scene.inverse()):
        first = with_article(f"{told.first_colour} {told.first_shape}")
        second = with_article(f"{told.second_colour} {told.second_shape}")
        phrases += [f"{first} {words} {second}" for words in CROSSING[told.relation]]
    near, far = (scene, scene.inverse()) if scene.relation in ("left of", "above") else (
        scene.inverse(), scene)  # fmt: skip
    a = with_article(f"{near.first_colour} {near.first_shape}")
    b = with_article(f"{far.first_colour} {far.first_shape}")
    where = ("on the left", "on the right") if near.relation == "left of" else (
        "at the top", "at the bottom")  # fmt: skip
    return (*phrases, f"{a} {where[0]} and {b} {where[1]}", f"a picture of {phrases[0]}")


def _stack(scene: StackScene) -> tuple[str, ...]:
    blocks = [with_article(f"{colour} block") for colour in scene.colours]
    upwards = [with_article(colour) for colour in reversed(scene.colours)]
    return (
        " on ".join(blocks),
        " on top of ".join(blocks),
        f"a stack of {NUMBER_WORDS[len(blocks)]} blocks: {' on '.join(scene.colours)}",
        f"a tower of blocks, from top to bottom {listed(list(scene.colours))}",
        f"from bottom to top, {listed(upwards)} block",
    )


def _penguin(scene: PenguinScene) -> tuple[str, ...]:
    hat, shirt = with_article(f"{scene.hat} hat"), with_article(f"{scene.shirt} shirt")
    gloves, pants = f"{scene.gloves} gloves", f"{scene.pants} pants"
    return (
        f"a penguin wearing {listed([hat, gloves, shirt, pants])}",
        f"a penguin in {listed([hat, gloves, shirt, pants])}",
        f"a penguin wearing {listed([pants, shirt, gloves, hat])}",
        f"a penguin with {listed([shirt, pants, hat, gloves])}",
        f"a penguin dressed in {listed([gloves, hat, pants, shirt])}",
    )


def _telephone(scene: TelephoneScene) -> tuple[str, ...]:
    colour, on = _coloured(scene.colour), SUPPORT_PHRASE[scene.support]
    future = scene.era == "future"
    era = "of the future" if future else f"from the {scene.era}"
    age = "futuristic" if future else scene.era
    in_colour = "" if scene.colour == PLAIN else f" in {scene.colour}"
    return (
        f"{with_article(f'{colour}telephone')} {era}{on}",
        f"{with_article(f'{colour}phone')} {era}{on}",
        f"{with_article(f'{colour}{age} telephone')}{on}",
        f"{with_article(f'{age} phone')}{in_colour}{on}",
        f"a picture of {with_article(f'{colour}telephone')} {era}{on}",
    )


def _light(scene: LightScene) -> tuple[str, ...]:
    place, weather = PLACE_PHRASE[scene.place], WEATHER_PHRASE[scene.weather]
    time, style = TIME_PHRASE[scene.time], STYLE_PHRASE[scene.style]
    plain = f"a capybara {place} {time}{weather}"
    phrases = (
        f"{plain}, as {style}",
        f"{style} of {plain}",
        f"{time}, a capybara {place}{weather}, as {style}",
        f"a capybara {place}{weather} {time} in the form of {style}",
        f"{style} of a capybara {time}{weather} {place}",
    )
    return (*phrases, plain) if scene.style == "cartoon" else phrases


def _thing(scene: ThingScene) -> tuple[str, ...]:
    colour, kind = _coloured(scene.colour), scene.kind
    noun = with_article(FORM_NOUN.get(scene.shape, scene.shape))
    in_colour = "" if scene.colour == PLAIN else f" in {scene.colour}"
    attributive = with_article(
        f"{scene.shape} {colour}{kind}"
        if scene.shape == "round"
        else f"{colour}{scene.shape} {kind}"
    )
    long = f"{with_article(f'{colour}{kind}')} in the shape of {noun}"
    first, second = (long, attributive) if scene.shape in FOODS else (attributive, long)
    return (
        first,
        second,
        f"{with_article(f'{colour}{kind}')} shaped like {noun}",
        f"{with_article(f'{scene.shape} {kind}')}{in_colour}"
        if in_colour
        else f"a picture of {first}",
        f"{with_article(f'{colour}{kind}')} that looks like {noun}",
    )


def _together(scene: TogetherScene) -> tuple[str, ...]:
    vegetable = "an ear of corn" if scene.vegetable == "corn" else with_article(scene.vegetable)
    worn = f"{scene.colour} {scene.garment}"
    garment = worn if scene.garment == "boots" else with_article(worn)
    animal = with_article(scene.animal)
    return (
        f"{vegetable} in {garment} walking {animal}",
        f"{vegetable} wearing {garment} walks {animal}",
        f"{animal} walked by {vegetable} in {garment}",
        f"{vegetable} in {garment} with {animal} on a lead",
        f"a picture of {vegetable} dressed in {garment}, walking {animal}",
    )


def _writing(scene: WritingScene) -> tuple[str, ...]:
    front = with_article(f"{_coloured(scene.colour)}shop front")
    shop = with_article(f"{_coloured(scene.colour)}shop")
    return (
        f"{front} with the word {scene.word} on it",
        f"{front} that says {scene.word}",
        f"the word {scene.word} on {front}",
        f"{shop} with a sign that reads {scene.word}",
        f"{shop} called {scene.word}",
    )


_PHRASINGS: Mapping[str, Callable[..., tuple[str, ...]]] = {
    "count": _count,
    "relation": _relation,
    "stack": _stack,
    "penguin": _penguin,
    "telephone": _telephone,
    "light": _light,
    "thing": _thing,
    "together": _together,
    "writing": _writing,
}


def captions(scene: Scene) -> tuple[str, ...]:
    """All phrasings of a scene: at least four, distinct, lower-case, at most 24 words."""
    return _PHRASINGS[scene.family](scene)
