"""The closed vocabulary of the world: every name, thing, colour, shape, sound and place that a prompt can hold."""

NAMES = (
    "Ada", "Amir", "Anna", "Bela", "Ben", "Carl", "Clara", "Dana", "David", "Elsa", "Emil", "Eva", "Finn", "Greta",
    "Hugo", "Ida", "Ivan", "Jack", "Julia", "Karl", "Kira", "Leo", "Lena", "Max", "Mia", "Nina", "Noah", "Olga",
    "Oscar", "Paul", "Rosa", "Tom",
)  # fmt: skip

THINGS = (
    "apples", "bells", "books", "boots", "bread", "cakes", "candles", "chairs", "cheese", "clocks", "coats",
    "coffee", "corn", "cups", "fish", "flowers", "glass", "gloves", "hats", "honey", "keys", "lamps", "maps",
    "milk", "onions", "paper", "rice", "salt", "shoes", "silk", "tea", "wool",
)  # fmt: skip

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

COLOURS = {
    "red": (214, 40, 40),
    "green": (30, 150, 60),
    "blue": (40, 70, 220),
    "yellow": (240, 210, 30),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
}

SHAPES = ("circle", "square", "triangle", "cross")

PLACES = ("top left", "top right", "bottom left", "bottom right")

SOUNDS = ("bell", "buzzer", "chirp", "drum", "hiss", "horn", "siren", "whistle")

FILLER_PLACES = ("street", "market", "harbour", "garden", "station", "village", "river", "bridge")
FILLER_MOODS = ("quiet", "busy", "empty", "bright", "dark", "cold", "warm", "clean")
FILLER_TIMES = ("morning", "evening", "winter", "summer")
