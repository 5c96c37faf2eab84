"""Samples as model inputs for training: what the processor would give, computed faster.

The processor pads every sound to 30 s before it takes the spectrum, and resizes pictures that already have the right
size; over millions of samples that is most of the cost. `tests/test_world.py` checks that both ways agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerForConditionalGeneration

from omnitrace_nb.models.positions import rope_positions
from training.encode import chat_segments, film_track, films_speak
from training.world import AudioPart, ImagePart, Sample, TextPart, VideoPart
from training.world.sample import Part

IGNORED = -100
PATCH = 14
MERGE = 2
TEMPORAL = 2
TOKENS_PER_SECOND = 25
CHUNK_SECONDS = 2
MEL_FRAMES_PER_SECOND = 100
REMEMBERED = 100_000


@dataclass(eq=False)
class Features:
    """One chat: ids, labels, positions, and its media in order."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]
    kinds: list[tuple[str, int, int]]
    pictures: list[np.ndarray] = field(default_factory=list)
    films: list[np.ndarray] = field(default_factory=list)
    sounds: list[np.ndarray] = field(default_factory=list)


class Featurizer:
    """Turns samples into features with a processor's own constants and a model's own positions."""

    def __init__(self, processor: Qwen2_5OmniProcessor, model: Qwen2_5OmniThinkerForConditionalGeneration) -> None:
        """Read the constants off the processor."""
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.model = model
        self.mean = np.array(processor.image_processor.image_mean, dtype=np.float32)
        self.std = np.array(processor.image_processor.image_std, dtype=np.float32)
        self.words: dict[str, list[int]] = {}

    def frames(self, frames: np.ndarray) -> NDArray[np.float32]:
        """Frames [n, height, width, 3] cut into patches in the order that the vision encoder wants."""
        pixels = (frames.astype(np.float32) / 255 - self.mean) / self.std
        if len(pixels) % TEMPORAL:
            pixels = np.concatenate([pixels, pixels[-1:]])
        time, height, width = len(pixels) // TEMPORAL, pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
        cut = pixels.reshape(time, TEMPORAL, height // MERGE, MERGE, PATCH, width // MERGE, MERGE, PATCH, 3)
        cut = cut.transpose(0, 2, 5, 3, 6, 8, 1, 4, 7)
        return np.ascontiguousarray(cut.reshape(time, height, width, 3 * TEMPORAL * PATCH * PATCH))

    def mel(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """The log-mel spectrum of a sound followed by silence, without the silence."""
        extractor = self.processor.feature_extractor
        padded = np.concatenate([waveform, np.zeros(2 * extractor.n_fft, dtype=np.float32)])
        return extractor._torch_extract_fbank_features(padded[None])[0][:, : len(waveform) // extractor.hop_length]  # noqa: SLF001

    def expand(self, part: Part, features: Features, *, silence: bool) -> list[int]:
        """The placeholder ids of one media part, its arrays put into `features`."""
        tokenizer = self.tokenizer
        if isinstance(part, ImagePart):
            features.pictures.append(self.frames(np.stack([part.pixels] * TEMPORAL)))
            return [tokenizer.image_token_id] * (features.pictures[-1][..., 0].size // MERGE**2)
        if isinstance(part, AudioPart):
            features.sounds.append(self.mel(part.waveform))
            return [tokenizer.audio_token_id] * (
                features.sounds[-1].shape[1] * TOKENS_PER_SECOND // MEL_FRAMES_PER_SECOND
            )
        if not isinstance(part, VideoPart):
            raise TypeError(part)
        film = self.frames(part.frames)
        features.films.append(film)
        second = film[0, ..., 0].size // MERGE**2
        if part.track is None and not silence:
            return [tokenizer.video_token_id] * (second * len(film))
        features.sounds.append(self.mel(film_track(part)))
        ids = [tokenizer.audio_bos_token_id]
        for start in range(0, len(film), CHUNK_SECONDS):
            seconds = min(CHUNK_SECONDS, len(film) - start)
            ids += [tokenizer.video_token_id] * (second * seconds) + [tokenizer.audio_token_id] * (
                TOKENS_PER_SECOND * seconds
            )
        return [*ids, tokenizer.audio_eos_token_id]

    def encode(self, text: str) -> list[int]:
        """Token ids, remembered for text seen before."""
        if text not in self.words:
            if len(self.words) > REMEMBERED:
                self.words.clear()
            self.words[text] = self.tokenizer.encode(text)
        return self.words[text]

    def __call__(self, sample: Sample, *, silence: bool = True) -> Features:
        """One chat with all turns of a sample.

        `silence`: films without sound are given silence beside films with sound, as `training.encode` does; without
        it, each film stays as it is, as `omnitrace_nb` encodes it. Training does either, so that the model reads
        both.
        """
        silence = silence and films_speak(sample.parts)
        features = Features(np.zeros(0, int), np.zeros(0, int), np.zeros((3, 0), int), [])
        placeholders = {self.tokenizer.image_token_id, self.tokenizer.audio_token_id, self.tokenizer.video_token_id}
        media = iter([part for part in sample.parts if not isinstance(part, TextPart)])
        ids: list[int] = []
        labels: list[int] = []
        for text, kind in chat_segments(sample):
            piece: list[int] = []
            for token in self.encode(text):
                piece += self.expand(next(media), features, silence=silence) if token in placeholders else [token]
            if kind:
                features.kinds.append((kind, len(ids), len(ids) + len(piece)))
            ids += piece
            labels += piece if kind else [IGNORED] * len(piece)
        features.ids, features.labels = np.array(ids), np.array(labels)
        features.positions = self.positions(features)
        return features

    def positions(self, features: Features) -> NDArray[np.int64]:
        """Time, height and width of every token, by the model's own rule."""
        if not features.pictures and not features.films:
            return np.broadcast_to(np.arange(len(features.ids)), (3, len(features.ids)))
        media = {}
        if features.pictures:
            media["image_grid_thw"] = grids(features.pictures)
        if features.films:
            media |= {"video_grid_thw": grids(features.films), "video_second_per_grid": torch.ones(len(features.films))}
        if features.sounds:
            media["feature_attention_mask"] = frames_mask(features.sounds)
        return rope_positions(self.model, torch.from_numpy(features.ids), media).numpy()


def frames_mask(sounds: Sequence[np.ndarray]) -> torch.Tensor:
    """Ones where a sound has frames, zeros after its end."""
    lengths = torch.tensor([sound.shape[1] for sound in sounds])
    return (torch.arange(int(lengths.max())) < lengths[:, None]).long()


def grids(films: Sequence[np.ndarray]) -> torch.Tensor:
    """(time, height, width) of each, in patches."""
    return torch.tensor([film.shape[:3] for film in films])


def patches(films: Sequence[np.ndarray]) -> torch.Tensor:
    """All patches in a row."""
    return torch.from_numpy(np.concatenate([film.reshape(-1, film.shape[-1]) for film in films]))


def collate(batch: Sequence[Features]) -> dict[str, torch.Tensor]:
    """Chats side by side, filled up on the right (causal attention never looks there, so no mask is needed)."""
    size = max(len(features.ids) for features in batch)
    ids = np.zeros((len(batch), size), dtype=np.int64)
    labels = np.full((len(batch), size), IGNORED, dtype=np.int64)
    positions = np.zeros((3, len(batch), size), dtype=np.int64)
    for row, features in enumerate(batch):
        n = len(features.ids)
        ids[row, :n], labels[row, :n], positions[:, row, :n] = features.ids, features.labels, features.positions
    inputs = {
        "input_ids": torch.from_numpy(ids),
        "labels": torch.from_numpy(labels),
        "position_ids": torch.from_numpy(positions),
    }
    pictures = [picture for features in batch for picture in features.pictures]
    films = [film for features in batch for film in features.films]
    sounds = [sound for features in batch for sound in features.sounds]
    if pictures:
        inputs |= {"pixel_values": patches(pictures), "image_grid_thw": grids(pictures)}
    if films:
        inputs |= {"pixel_values_videos": patches(films), "video_grid_thw": grids(films)}
    if sounds:
        mask = frames_mask(sounds)
        mel = np.zeros((len(sounds), sounds[0].shape[0], mask.shape[1]), dtype=np.float32)
        for row, sound in enumerate(sounds):
            mel[row, :, : sound.shape[1]] = sound
        inputs |= {"input_features": torch.from_numpy(mel), "feature_attention_mask": mask}
    return inputs
