"""How a prompt reaches the embedded model: the one encoding that it was trained on.

- The chat template writes the parts of the prompt one after the other, nothing in between, the question last.
- A picture of 56 to 112 pixels a side keeps its size: one token for each 28 x 28 pixels. Larger ones are made smaller.
- Sound is 16 kHz mono, 25 tokens a second.
- Films are given at 2 frames a second, already sampled (`do_sample_frames=False`), and made 56 pixels wide and high
  (`size` must stand in the call, the processor's own call overrides its video processor): 4 tokens a second.
- A film's sound is interleaved with its frames in chunks of 2 s (`load_audio_from_video=True` to the processor and
  `use_audio_in_video=True` to the model). The model has one such switch for a whole call, so when any film of a
  prompt has a sound track, every film is given one: silence, as long as the film, for those that have none. When no
  film has sound the switch is off. (`omnitrace_nb` gives each film its own track or none and computes positions to
  match; the model was trained on both ways.)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BatchFeature, Qwen2_5OmniProcessor

from training.architecture import FILM_PIXELS
from training.world import AudioPart, ImagePart, Sample, TextPart, VideoPart
from training.world.sample import FPS, SAMPLING_RATE, Part


def films_speak(parts: Sequence[Part]) -> bool:
    """Whether any film has a sound track."""
    return any(isinstance(part, VideoPart) and part.track is not None for part in parts)


def film_track(film: VideoPart) -> NDArray[np.float32]:
    """A film's sound, or silence as long as the film."""
    if film.track is not None:
        return film.track
    return np.zeros(round(len(film.frames) / film.fps * SAMPLING_RATE), dtype=np.float32)


def placeholder(part: Part) -> str:
    """A part as the chat template writes it."""
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, ImagePart):
        return "<|vision_bos|><|IMAGE|><|vision_eos|>"
    return (
        "<|audio_bos|><|AUDIO|><|audio_eos|>"
        if isinstance(part, AudioPart)
        else "<|vision_bos|><|VIDEO|><|vision_eos|>"
    )


def chat_segments(sample: Sample) -> list[tuple[str, str]]:
    """The whole chat in pieces: (text, kind of the turn for an answer, nothing for the rest)."""
    opening = "".join(placeholder(part) for part in sample.parts)
    found: list[tuple[str, str]] = []
    for index, turn in enumerate(sample.turns):
        question = f"{opening}{turn.question}" if index == 0 else turn.question
        found += [(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n", "")]
        found += [(f"{turn.answer}<|im_end|>", turn.kind), ("\n", "")]
    return found


def message(part: Part) -> dict[str, str]:
    """A part as one item of a chat message."""
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, ImagePart):
        return {"type": "image"}
    return {"type": "audio" if isinstance(part, AudioPart) else "video"}


def longest(sounds: Sequence[NDArray[np.float32]]) -> int:
    """Samples to fill every sound up to: the longest and some silence (the processor's own would be 30 s for each)."""
    return max((len(sound) for sound in sounds), default=0) + SAMPLING_RATE


def encode(prompts: Sequence[Sequence[Part]], processor: Qwen2_5OmniProcessor) -> tuple[BatchFeature, dict[str, Any]]:
    """Prompts (the question their last part) as a batch: the processor's output, and what `generate` needs beside it.

    Raises `ValueError` when some prompts have films with sound and others do not: they cannot share a call.
    """
    speaking = {films_speak(parts) for parts in prompts}
    if len(speaking) != 1:
        raise ValueError("prompts with and without a film's sound cannot share a batch: encode them apart")
    [speak] = speaking
    images: list[np.ndarray] = []
    films: list[torch.Tensor] = []
    sounds: list[np.ndarray] = []
    of_film: list[int | None] = []
    for part in (part for parts in prompts for part in parts):
        if isinstance(part, ImagePart):
            images.append(part.pixels)
        elif isinstance(part, AudioPart):
            sounds.append(part.waveform)
            of_film.append(None)
        elif isinstance(part, VideoPart):
            if speak:
                sounds.append(film_track(part))
                of_film.append(len(films))
            films.append(torch.from_numpy(part.frames).permute(0, 3, 1, 2))
    chats = [
        processor.apply_chat_template(
            [{"role": "user", "content": [message(part) for part in parts]}], add_generation_prompt=True, tokenize=False
        )
        for parts in prompts
    ]
    inputs = processor(
        text=chats,
        images=images or None,
        videos=films or None,
        audio=sounds or None,
        **({"audio_from_video_indices": of_film, "load_audio_from_video": True} if speak else {}),
        audio_kwargs={"max_length": longest(sounds), "sampling_rate": SAMPLING_RATE},
        videos_kwargs={"size": FILM_PIXELS, "fps": FPS, "do_sample_frames": False, "cap_pixels_per_frame": False},
        padding=True,
        padding_side="left",
        return_tensors="pt",
    )
    return inputs, {"use_audio_in_video": speak}
