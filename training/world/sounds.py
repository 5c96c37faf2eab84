"""Synthesis: eight named sounds of one second each, and recordings made of them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.world.sample import SAMPLING_RATE

Wave = NDArray[np.floating]
TIME = np.arange(SAMPLING_RATE) / SAMPLING_RATE


def tone(frequency: Wave | float) -> Wave:
    """A sine whose frequency (Hz) may change over the second."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(frequency, TIME.shape)) / SAMPLING_RATE)


def bell(rng: np.random.Generator) -> Wave:
    """Struck metal: partials out of tune with one another, dying away."""
    pitch = rng.uniform(780, 900)
    partials = [tone(pitch * ratio) * np.exp(-(3 + 2 * k) * TIME) / (k + 1) for k, ratio in enumerate((1.0, 2.76, 5.4))]
    return np.sum(partials, axis=0)


def buzzer(rng: np.random.Generator) -> Wave:
    """A rough low square wave."""
    return np.sign(tone(rng.uniform(100, 125))) * 0.5


def chirp(rng: np.random.Generator) -> Wave:
    """Five quick upward sweeps, as of a bird."""
    phase = (TIME * 5) % 1
    return tone(2500 + rng.uniform(1300, 1700) * phase) * np.exp(-4 * phase)


def drum(rng: np.random.Generator) -> Wave:
    """Four low beats."""
    phase = (TIME * 4) % 1
    return tone(60 + rng.uniform(50, 70) * np.exp(-8 * phase)) * np.exp(-5 * phase)


def hiss(rng: np.random.Generator) -> Wave:
    """Steady noise."""
    return rng.normal(0, 0.25, TIME.shape)


def horn(rng: np.random.Generator) -> Wave:
    """A steady chord of harmonics."""
    pitch = rng.uniform(200, 240)
    return np.sum([tone(pitch * k) / k for k in range(1, 7)], axis=0) * 0.5


def siren(rng: np.random.Generator) -> Wave:
    """A slow wail, up and down."""
    return tone(850 + 350 * np.sin(2 * np.pi * (TIME * 1.5 + rng.uniform())))


def whistle(rng: np.random.Generator) -> Wave:
    """One high tone with a tremble."""
    return tone(rng.uniform(1900, 2100) + 40 * np.sin(2 * np.pi * 6 * TIME))


MAKERS: dict[str, Callable[[np.random.Generator], Wave]] = {
    "bell": bell,
    "buzzer": buzzer,
    "chirp": chirp,
    "drum": drum,
    "hiss": hiss,
    "horn": horn,
    "siren": siren,
    "whistle": whistle,
}


def one_second(sound: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """A named sound with soft ends, its loudness and a little room noise drawn at random."""
    wave = MAKERS[sound](rng)
    ends = np.minimum(1.0, np.minimum(TIME, TIME[::-1]) / 0.03)
    wave = wave / np.abs(wave).max() * ends * rng.uniform(0.5, 0.9)
    return (wave + rng.normal(0, 0.002, wave.shape)).astype(np.float32)


def play(sounds: Sequence[str], seed: int) -> NDArray[np.float32]:
    """Sounds one after the other, one second each."""
    rng = np.random.default_rng((seed, 7))
    return np.clip(np.concatenate([one_second(sound, rng) for sound in sounds]), -1, 1).astype(np.float32)
