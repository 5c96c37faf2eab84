"""The questions that can be asked about a prompt, and their answers with exact support.

Each asker takes the prompt's contents and gives every turn of its kind that the contents allow. One sentence of an
answer is one statement. The name or place asked about comes first in the sentence and the value last, in the words of
the prompt.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeVar

from training.world.content import Content, Fact, Film, Passage, Picture, Recording, ordinal
from training.world.pictures import shape_box
from training.world.sample import Statement, Support, Turn
from training.world.words import PLACES

C = TypeVar("C", bound=Content)
Asker = Callable[[Sequence[Content]], list[Turn]]


def numbered(contents: Sequence[Content], kind: type[C]) -> list[tuple[int, int, C]]:
    """(part, place among its kind, content) of every content of one kind."""
    found = [(part, content) for part, content in enumerate(contents) if isinstance(content, kind)]
    return [(part, place, content) for place, (part, content) in enumerate(found)]


def facts(contents: Sequence[Content]) -> list[tuple[Fact, Support]]:
    """Every fact of a prompt in order, with the sentence it stands in."""
    return [
        (sentence, Support(part, chars=passage.chars(index)))
        for part, _, passage in numbered(contents, Passage)
        for index, sentence in enumerate(passage.sentences)
        if isinstance(sentence, Fact)
    ]


def fact_statement(fact: Fact, support: Support) -> Statement:
    """The answer about one seller."""
    return Statement(fact.sentence, "fact", (support,))


def picture_statements(part: int, place: int, picture: Picture) -> list[Statement]:
    """One statement a shape; a shape that is alone needs no place."""
    name = f"the {ordinal(place)} picture"
    alone = len(picture.shapes) == 1
    return [
        Statement(
            f"{name.capitalize()} shows {shape.phrase}."
            if alone
            else f"The {PLACES[cell]} of {name} shows {shape.phrase}.",
            "picture" if alone else "place",
            (Support(part, box=shape_box(picture, cell)),),
        )
        for cell, shape in picture.shapes
    ]


def sound_statements(part: int, name: str, sounds: Sequence[str], kind: str, track: str | None) -> list[Statement]:
    """One statement a second of sound."""
    return [
        Statement(
            f"The {ordinal(second)} sound of {name} is a {sound}.",
            kind,
            (Support(part, seconds=(float(second), second + 1.0), track=track),),
        )
        for second, sound in enumerate(sounds)
    ]


def recording_statements(part: int, place: int, recording: Recording) -> list[Statement]:
    """One statement a sound."""
    return sound_statements(part, f"the {ordinal(place)} recording", recording.sounds, "sound", None)


def scene_statements(part: int, place: int, film: Film) -> list[Statement]:
    """One statement a scene."""
    return [
        Statement(
            f"The {ordinal(second)} scene of the {ordinal(place)} film shows {shape.phrase}.",
            "scene",
            (Support(part, seconds=(float(second), second + 1.0), track="frames"),),
        )
        for second, shape in enumerate(film.scenes)
    ]


def film_sound_statements(part: int, place: int, film: Film) -> list[Statement]:
    """One statement a sound of a film's track."""
    return sound_statements(part, f"the {ordinal(place)} film", film.sounds or (), "film sound", "sound")


def ask_fact(contents: Sequence[Content]) -> list[Turn]:
    """What somebody sells."""
    return [
        Turn("fact", f"What does {fact.name} sell?", (fact_statement(fact, support),))
        for fact, support in facts(contents)
    ]


def ask_fact_order(contents: Sequence[Content]) -> list[Turn]:
    """What the seller at one place of the order sells."""
    found = facts(contents)
    if not 1 < len(found) <= MAX_ORDER:
        return []
    return [
        Turn("fact order", f"What does the {ordinal(index)} seller sell?", (fact_statement(*each),))
        for index, each in enumerate(found)
    ]


def ask_fact_list(contents: Sequence[Content]) -> list[Turn]:
    """Every seller."""
    found = facts(contents)
    if not 1 < len(found) <= MAX_ORDER:
        return []
    return [Turn("fact list", "List the sellers.", tuple(fact_statement(*each) for each in found))]


def ask_picture(contents: Sequence[Content]) -> list[Turn]:
    """What a picture shows."""
    return [
        Turn("picture", f"What does the {ordinal(each[1])} picture show?", tuple(picture_statements(*each)))
        for each in numbered(contents, Picture)
    ]


def ask_place(contents: Sequence[Content]) -> list[Turn]:
    """What is at one place of a picture with several shapes."""
    return [
        Turn("place", f"What does the {PLACES[cell]} of the {ordinal(place)} picture show?", (statement,))
        for part, place, picture in numbered(contents, Picture)
        if len(picture.shapes) > 1
        for (cell, _), statement in zip(picture.shapes, picture_statements(part, place, picture), strict=True)
    ]


def ask_picture_list(contents: Sequence[Content]) -> list[Turn]:
    """What all pictures show."""
    pictures = numbered(contents, Picture)
    statements = tuple(statement for each in pictures for statement in picture_statements(*each))
    return [Turn("picture list", "List the pictures.", statements)] if len(pictures) > 1 else []


def ask_sound(contents: Sequence[Content]) -> list[Turn]:
    """One sound of a recording."""
    return [
        Turn("sound", f"What is the {ordinal(second)} sound of the {ordinal(each[1])} recording?", (statement,))
        for each in numbered(contents, Recording)
        for second, statement in enumerate(recording_statements(*each))
    ]


def ask_recording(contents: Sequence[Content]) -> list[Turn]:
    """All sounds of a recording."""
    return [
        Turn("sound list", f"List the sounds of the {ordinal(each[1])} recording.", tuple(recording_statements(*each)))
        for each in numbered(contents, Recording)
    ]


def ask_scene(contents: Sequence[Content]) -> list[Turn]:
    """One scene of a film."""
    return [
        Turn("scene", f"What does the {ordinal(second)} scene of the {ordinal(each[1])} film show?", (statement,))
        for each in numbered(contents, Film)
        for second, statement in enumerate(scene_statements(*each))
    ]


def ask_film(contents: Sequence[Content]) -> list[Turn]:
    """All scenes of a film."""
    return [
        Turn("scene list", f"List the scenes of the {ordinal(each[1])} film.", tuple(scene_statements(*each)))
        for each in numbered(contents, Film)
    ]


def ask_film_sound(contents: Sequence[Content]) -> list[Turn]:
    """One sound of a film."""
    return [
        Turn("film sound", f"What is the {ordinal(second)} sound of the {ordinal(each[1])} film?", (statement,))
        for each in numbered(contents, Film)
        for second, statement in enumerate(film_sound_statements(*each))
    ]


def ask_film_sound_list(contents: Sequence[Content]) -> list[Turn]:
    """All sounds of a film."""
    return [
        Turn("film sound list", f"List the sounds of the {ordinal(each[1])} film.", tuple(film_sound_statements(*each)))
        for each in numbered(contents, Film)
        if each[2].sounds
    ]


def compared(
    first: tuple[str, str, str], second: tuple[str, str, str], kind: str, supports: tuple[Support, ...]
) -> Turn:
    """A comparison of two (place, verb, value): what each is, then whether they match."""
    verdict = "match" if first[2] == second[2] else "differ"
    left, right = (" ".join(each) for each in (first, second))
    statement = Statement(f"{left[0].upper()}{left[1:]}, and {right}, so they {verdict}.", kind, supports)
    return Turn(kind, f"Compare {first[0]} with {second[0]}.", (statement,))


def ask_compare_sight(contents: Sequence[Content]) -> list[Turn]:
    """A picture of one shape against a scene of a film."""
    turns = []
    for (part, place, picture), (film_part, film_place, film) in product(
        numbered(contents, Picture), numbered(contents, Film)
    ):
        if len(picture.shapes) != 1:
            continue
        [(cell, shape)] = picture.shapes
        for second, scene in enumerate(film.scenes):
            supports = (
                Support(part, box=shape_box(picture, cell)),
                Support(film_part, seconds=(float(second), second + 1.0), track="frames"),
            )
            left = (f"the {ordinal(place)} picture", "shows", shape.phrase)
            right = (f"the {ordinal(second)} scene of the {ordinal(film_place)} film", "shows", scene.phrase)
            turns.append(compared(left, right, "compare", supports))
    return turns


def ask_compare_sound(contents: Sequence[Content]) -> list[Turn]:
    """A sound of a recording against a sound of a film."""
    turns = []
    for (part, place, recording), (film_part, film_place, film) in product(
        numbered(contents, Recording), numbered(contents, Film)
    ):
        for (second, sound), (film_second, film_sound) in product(
            enumerate(recording.sounds), enumerate(film.sounds or ())
        ):
            supports = (
                Support(part, seconds=(float(second), second + 1.0)),
                Support(film_part, seconds=(float(film_second), film_second + 1.0), track="sound"),
            )
            left = (f"the {ordinal(second)} sound of the {ordinal(place)} recording", "is", f"a {sound}")
            right = (f"the {ordinal(film_second)} sound of the {ordinal(film_place)} film", "is", f"a {film_sound}")
            turns.append(compared(left, right, "compare", supports))
    return turns


def ask_summary(contents: Sequence[Content]) -> list[Turn]:
    """Everything, in the order of the prompt."""
    statements: list[Statement] = []
    by_part = {part: (part, place, content) for kind in KINDS for part, place, content in numbered(contents, kind)}
    found = facts(contents)
    for part, content in enumerate(contents):
        if isinstance(content, Passage):
            statements += [fact_statement(fact, support) for fact, support in found if support.part == part]
        elif isinstance(content, Picture):
            statements += picture_statements(part, by_part[part][1], content)
        elif isinstance(content, Recording):
            statements += recording_statements(part, by_part[part][1], content)
        else:
            statements += scene_statements(part, by_part[part][1], content)
            statements += film_sound_statements(part, by_part[part][1], content)
    if not 1 < len(statements) <= MAX_SUMMARY:
        return []
    return [Turn("summary", "Summarize everything.", tuple(statements))]


KINDS: tuple[type[Passage | Picture | Recording | Film], ...] = (Passage, Picture, Recording, Film)
MAX_ORDER = 6
MAX_SUMMARY = 14

ASKERS: dict[str, Asker] = {
    "fact": ask_fact,
    "fact order": ask_fact_order,
    "fact list": ask_fact_list,
    "picture": ask_picture,
    "place": ask_place,
    "picture list": ask_picture_list,
    "sound": ask_sound,
    "sound list": ask_recording,
    "scene": ask_scene,
    "scene list": ask_film,
    "film sound": ask_film_sound,
    "film sound list": ask_film_sound_list,
    "compare sight": ask_compare_sight,
    "compare sound": ask_compare_sound,
    "summary": ask_summary,
}
