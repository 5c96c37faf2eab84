"""Make the files of the packaged example: `python -m training.example`. A note, two pictures, a recording, a film."""

from pathlib import Path

import av
import numpy as np
from PIL import Image

from training.world.content import Fact, Filler, Film, Passage, Picture, Recording, Shape
from training.world.films import shoot
from training.world.pictures import paint_picture
from training.world.sample import SAMPLING_RATE
from training.world.sounds import play

FOLDER = Path(__file__).parent.parent / "omnitrace_nb" / "data" / "example"
SIDE = 448
FILM_SIDE = 336
FRAMES_PER_SECOND = 12

NOTE = Passage(
    (
        Filler("The market was busy in the morning."),
        Fact("Mia", "honey"),
        Fact("Hugo", "clocks"),
        Filler("The harbour was quiet in the evening."),
    )
)
PICTURES = (
    Picture(((0, Shape("yellow", "cross")),), side=SIDE, seed=212),
    Picture(((2, Shape("red", "square")), (3, Shape("yellow", "triangle"))), side=SIDE, seed=213),
)
RECORDING = Recording(("chirp", "buzzer", "siren"), seed=214)
FILM = Film(
    (Shape("green", "cross"), Shape("green", "circle"), Shape("black", "circle")),
    ("hiss", "chirp", "whistle"),
    seed=215,
)


def main() -> None:
    """Write the files anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "note.txt").write_text(NOTE.text + "\n", encoding="utf-8")
    first, second = (Image.fromarray(paint_picture(picture)) for picture in PICTURES)
    first.save(FOLDER / "first.png", optimize=True)
    second.save(FOLDER / "second.jpg", quality=92)
    write_wav(FOLDER / "recording.wav", play(RECORDING.sounds, RECORDING.seed))
    write_film(FOLDER / "film.mp4", FILM)


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write mono samples in -1..1 as 16-bit WAV."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLING_RATE, layout="mono")
        add_sound(container, stream, samples, "s16")


def write_film(path: Path, film: Film) -> None:
    """Write a film as H.264 and AAC, its scenes of one second each shown at `FRAMES_PER_SECOND`."""
    frames = np.repeat(shoot(film, side=FILM_SIDE), FRAMES_PER_SECOND // 2, axis=0)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "20"})
        pictures.width = pictures.height = FILM_SIDE
        pictures.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=SAMPLING_RATE, layout="mono")
        for frame in frames:
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(pictures.encode())
        add_sound(container, sound, play(film.sounds or (), film.seed), "fltp")


def add_sound(container: av.container.OutputContainer, stream: av.AudioStream, samples: np.ndarray, kind: str) -> None:
    """Encode mono samples into a stream."""
    whole = (samples * 32767).astype(np.int16) if kind == "s16" else samples.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(whole[None], format=kind, layout="mono")
    frame.sample_rate = SAMPLING_RATE
    container.mux(stream.encode(frame))
    container.mux(stream.encode())


if __name__ == "__main__":
    main()
