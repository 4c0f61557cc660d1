"""The words on shop fronts, as data. Which of them are held out is decided in `splits`."""

_TEXT = """
acorn actor album alpha amber angel ankle apple april apron aqua arena arrow artist atlas atom
attic aunt autumn avenue azure badge bagel baker ball bamboo banana band banjo bank barber barn
basil basket bath bazaar beach bead bean bear beauty bed beef bell bench berry bike bird blue boat
bolt book boot bottle bowl box boxer boy brass bread brick bridge broom brush bucket bud bun bunny
bus butter button buzz cabin cable cactus cafe cake camel camera camp candle candy canoe cap car
card cargo carpet carrot cash castle cat cedar cellar chair chalk cheese cherry chess chips cider
cinema circus city clay clinic clip clock cloth cloud clover club coal coast coat cocoa coffee
coin comet comic cook cookie copper coral corn cotton cow crab cream crown cube cup curry dairy
daisy dalle dance date deli denim desk dinner disco disk diver dock doctor dog doll donut door
dove dragon dream dress drill drum duck dust eagle easy echo egg elbow elf elm engine enjoy equal
exit exotic expo extra fabric falcon farm fast fern ferry fig film finch fire fish fix flag flame
flash flora flower flute fog food forest fox frame fresh frog fruit fudge fun fur galaxy game
garage garden garlic gas gem giant gift ginger glass globe glove glue goat gold golf goose grain
grape grass green grill guitar gym hair ham hammer happy harbor harp hat hawk hazel heart hedge
herb hero hill hobby holly home honey horse hotel house hut ice igloo ink iris iron island ivory
ivy jacket jade jam jar java jazz jeans jelly jet jewel joke jolly joy judge judo juice jumbo
jungle karate kayak kebab kettle key kid king kiosk kite kitten kiwi knife koala lace lake lamp
land lark latte lava lemon lens lily lime linen lion lizard lobby local loft lotus lucky lunar
lunch luxury magic magnet major mango maple marble mark market mask maze meadow meal meat medal
melon menu metal milk mill mint mirror mix model money moon moss motel motor mouse movie muffin
mug museum music nails navy nectar nest news night ninja noble noodle north nova nut oak oasis oat
ocean office olive onion onyx opal open openai opera optic orange orchid organ otter oven owl
oxygen oyster ozone paint palace palm panda panel paper parcel park party pasta pastry patio peach
pearl pen pencil pepper petal phone photo piano pickle picnic pie pilot pine pixel pixie pizza
planet plant plaza plum pocket poem pony pool poppy post potato pub puma puppy purple puzzle quail
quartz queen quest quick quiet quill quilt quiz quota rabbit radio rain ranch raven relax ribbon
rice ring river robin robot rocket roof rope rose royal ruby rug sable saddle safari salad salmon
salon salt satin sauce sauna scarf school sea seed seven shell shoe shop silk silver six ski sky
smile snack soap sock soda sofa solar soup south spa spice spoon sports spring squash squid star
steak steam stone store storm studio sugar suit summer sun sunny sushi swan sweet swim taco tailor
tango tank taxi tea teapot tennis tent tiger tile timber toast toffee tomato tool tower toy train
travel tree tulip tuna turtle tyre union urban valley value vase vegan velvet vet video villa vine
vinyl violet violin vision visit viva vivid waffle wagon walnut watch water wave wax weave west
whale wheat wheel wick willow wind wine wing winter wizard wolf wood wool yacht yak yard yarn year
yeast yellow yoga zebra zen zero zest zigzag zinc zoo zoom
"""

WORDS: tuple[str, ...] = tuple(_TEXT.split())
"""In alphabetical order, each of 3 to 6 letters a-z."""
