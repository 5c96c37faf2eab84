"""The example that comes with the package: one prompt of text, pictures, sound and film, all real files."""

from __future__ import annotations

from pathlib import Path

from omnitrace_nb.content import Audio, Image, Text, Video

FOLDER = Path(__file__).parent / "data" / "example"


def example(question: str = "Summarize everything.") -> tuple[Text | Image | Audio | Video, ...]:
    """Give the parts of the packaged example, a question last: a note, two pictures, a recording, a film with sound.

    The embedded model was trained on a toy world (shapes, sounds, who sells what); questions that it knows stand in
    `training/README.md`, such as "What does the second picture show?" or "List the sounds of the first film.".

    >>> [type(part).__name__ for part in example()]
    ['Text', 'Image', 'Image', 'Audio', 'Video', 'Text']
    """
    return (
        Text((FOLDER / "note.txt").read_text(encoding="utf-8").strip(), label="note"),
        Image(FOLDER / "first.png"),
        Image(FOLDER / "second.jpg"),
        Audio(FOLDER / "recording.wav"),
        Video(FOLDER / "film.mp4"),
        Text(question, label="question"),
    )
