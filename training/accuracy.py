"""Accuracy of the embedded model on held-out prompts: `python -m training.accuracy --prompts 500`.

Greedy decoding by plain `generate`. A statement counts as right when the sentence at its place in the response is
exactly the true one. Each statement belongs to the modality of what it rests on.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from tqdm import tqdm
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerForConditionalGeneration

from training.encode import encode, films_speak
from training.vocabulary import FOLDER
from training.world import PRESETS, Preset, Sample, Statement, draw_sample

SEED = 3
MIXTURE = {"text": 0.16, "picture": 0.14, "recording": 0.14, "film": 0.16, "mixed": 0.2, "large": 0.12, "long": 0.08}
LONG = 400
BATCH = 16
MODALITIES = {
    "fact": "text",
    "picture": "image",
    "place": "image",
    "sound": "sound",
    "scene": "film",
    "film sound": "film",
}
HARDER = {"place": "places in pictures", "compare": "comparisons", "film sound": "a film's sound"}
SENTENCE = re.compile(r"(?<=\.) ")


@dataclass(frozen=True, eq=False)
class Answered:
    """A held-out prompt, its length in tokens, and the model's response."""

    sample: Sample
    tokens: int
    response: str

    @property
    def judged(self) -> list[tuple[Statement, bool]]:
        """Every true statement, and whether the response has it at its place."""
        given = SENTENCE.split(self.response)
        return [
            (statement, place < len(given) and given[place] == statement.text)
            for place, statement in enumerate(self.sample.statements)
        ]


def single(preset: Preset) -> Preset:
    """A preset with one question."""
    return Preset(**{**preset.__dict__, "turns": (1, 1)})


def held_out(prompts: int, seed: int = SEED) -> list[Sample]:
    """Prompts with one question each, never drawn in training: prompt `n` has its own seed."""
    weights = np.array(list(MIXTURE.values()))
    found = []
    for index in range(prompts):
        rng = np.random.default_rng((seed, index))
        name = list(MIXTURE)[int(rng.choice(len(weights), p=weights / weights.sum()))]
        found.append(draw_sample(rng, single(PRESETS[name])))
    return found


@torch.no_grad()
def answer(
    samples: Sequence[Sample], model: Qwen2_5OmniThinkerForConditionalGeneration, processor: Qwen2_5OmniProcessor
) -> list[Answered]:
    """The model's responses, prompts of like length decoded together."""
    lengths = [encode([sample.prompt], processor)[0]["input_ids"].shape[1] for sample in tqdm(samples, desc="encoding")]
    order = sorted(range(len(samples)), key=lambda i: (films_speak(samples[i].parts), lengths[i]))
    groups: list[list[int]] = []
    for i in order:
        alike = groups and films_speak(samples[groups[-1][0]].parts) == films_speak(samples[i].parts)
        if alike and len(groups[-1]) < BATCH:
            groups[-1].append(i)
        else:
            groups.append([i])
    found: dict[int, Answered] = {}
    for group in tqdm(groups, desc="decoding"):
        inputs, switches = encode([samples[i].prompt for i in group], processor)
        output = model.generate(**inputs, **switches)
        texts = processor.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        found |= {i: Answered(samples[i], lengths[i], text) for i, text in zip(group, texts, strict=True)}
    return [found[i] for i in range(len(samples))]


def table(answered: Sequence[Answered]) -> dict[str, tuple[int, int]]:
    """(right, all) statements by line of the report."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for each in answered:
        for statement, right in each.judged:
            lines = [
                f"{'' if each.tokens <= LONG else 'past 400 tokens, '}{MODALITIES.get(statement.kind, 'comparisons')}"
            ]
            if each.tokens <= LONG:
                lines = [HARDER.get(statement.kind, f"core, {MODALITIES.get(statement.kind)}")]
                lines += [f"all, {modality}" for modality in modalities(statement)]
            for line in lines:
                counts[line][0] += right
                counts[line][1] += 1
    return {line: (right, everything) for line, (right, everything) in counts.items()}


def modalities(statement: Statement) -> set[str]:
    """What a statement rests on."""
    names = set()
    for support in statement.supports:
        if support.chars is not None:
            names.add("text")
        elif support.box is not None:
            names.add("image")
        else:
            names.add("film" if support.track else "sound")
    return names


def load(folder: Path) -> tuple[Qwen2_5OmniThinkerForConditionalGeneration, Qwen2_5OmniProcessor]:
    """The model in float32, and its processor."""
    model = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    return model, Qwen2_5OmniProcessor.from_pretrained(folder)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--model", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    model, processor = load(arguments.model)
    answered = answer(held_out(arguments.prompts), model, processor)
    for line, (right, everything) in sorted(table(answered).items()):
        print(f"{line:32s} {right / everything:7.1%}  ({right} of {everything} statements)")


if __name__ == "__main__":
    main()
