"""Training batches, drawn and featurised in a process of their own."""

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import transformers

from training.architecture import new_model, new_processor
from training.features import Features, Featurizer, collate
from training.recipe import MAX_BATCH, POOL_BATCHES, SEED, TRAINING_PRESETS, stage_at
from training.vocabulary import load_tokenizer
from training.world import draw_sample

Turns = list[tuple[int, str, int, int]]
AHEAD = 16
SILENCE = 0.5


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs of one step; which rows and columns hold which kind of answer; the pool it was drawn in."""

    inputs: dict[str, np.ndarray]
    turns: Turns
    pool: int

    def tensors(self) -> dict[str, torch.Tensor]:
        """The inputs as tensors."""
        return {name: torch.from_numpy(array) for name, array in self.inputs.items()}


def as_batch(features: Sequence[Features], pool: int) -> Batch:
    """Chats side by side."""
    turns = [(row, *turn) for row, each in enumerate(features) for turn in each.kinds]
    return Batch({name: tensor.numpy() for name, tensor in collate(features).items()}, turns, pool)


def new_featurizer() -> Featurizer:
    """A featuriser with a model of its own, for its positions."""
    tokenizer = load_tokenizer()
    return Featurizer(new_processor(tokenizer), new_model(tokenizer))


def draw(rng: np.random.Generator, mixture: dict[str, float], featurizer: Featurizer) -> Features:
    """One chat of a mixture."""
    weights = np.array(list(mixture.values()))
    name = list(mixture)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    return featurizer(draw_sample(rng, TRAINING_PRESETS[name]), silence=bool(rng.random() < SILENCE))


def cut(pool: Sequence[Features], tokens: int) -> Iterator[list[Features]]:
    """Chats of like length in groups of at most `tokens` tokens, padding counted."""
    group: list[Features] = []
    for features in sorted(pool, key=lambda each: len(each.ids)):
        if group and (len(features.ids) * (len(group) + 1) > tokens or len(group) == MAX_BATCH):
            yield group
            group = []
        group.append(features)
    if group:
        yield group


def pools(first_pool: int, first_step: int) -> Iterator[Batch]:
    """Batches for ever. Pool `n` is drawn from its own seed, so a training that resumes sees new chats."""
    featurizer = new_featurizer()
    pool, step = first_pool, first_step
    while True:
        rng = np.random.default_rng((SEED, pool))
        stage = stage_at(step)
        chats: list[Features] = []
        while sum(len(features.ids) for features in chats) < POOL_BATCHES * stage.tokens:
            chats.append(draw(rng, stage.mixture, featurizer))
        groups = list(cut(chats, stage.tokens))
        for index in rng.permutation(len(groups)):
            yield as_batch(groups[index], pool)
        step += len(groups)
        pool += 1


def work(queue: "multiprocessing.Queue[Batch]", first_pool: int, first_step: int) -> None:
    """Fill the queue."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for batch in pools(first_pool, first_step):
        queue.put(batch)


class Batches:
    """The worker process and its queue."""

    def __init__(self, first_pool: int, first_step: int) -> None:
        """Start the worker."""
        context = multiprocessing.get_context("spawn")
        self.queue = context.Queue(AHEAD)
        self.process = context.Process(target=work, args=(self.queue, first_pool, first_step), daemon=True)
        self.process.start()

    def __iter__(self) -> Iterator[Batch]:
        """The batches, waited for."""
        while True:
            yield self.queue.get()

    def close(self) -> None:
        """End the worker."""
        self.process.terminate()
        self.process.join()
