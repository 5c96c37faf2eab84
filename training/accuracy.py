"""Accuracy of the embedded model on held-out prompts: `python -m training.accuracy --prompts 500`.

Greedy decoding by plain `generate`. A statement counts as right when the response has exactly that sentence, in the
right order among the others. Each statement belongs to the modality of what it rests on; a comparison to both of its.
Core questions are those about one source, lists and summaries, in prompts of up to 400 tokens; the harder ones stand
apart.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import torch
import transformers
from tqdm import tqdm
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerForConditionalGeneration

import omnitrace_nb as ot
from training.credit import credit, report
from training.encode import encode, films_speak
from training.vocabulary import FOLDER
from training.world import PRESETS, Sample, Statement, draw_sample

SEED = 3
MIXTURE = {"text": 0.16, "picture": 0.14, "recording": 0.14, "film": 0.16, "mixed": 0.2, "large": 0.12, "long": 0.08}
LONG = 400
BATCH = 16
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
        """Every true statement, and whether the response has it."""
        given = SENTENCE.split(self.response)
        true = [statement.text for statement in self.sample.statements]
        blocks = SequenceMatcher(a=true, b=given, autojunk=False).get_matching_blocks()
        right = {place for block in blocks for place in range(block.a, block.a + block.size)}
        return [(statement, place in right) for place, statement in enumerate(self.sample.statements)]

    @property
    def untrue(self) -> int:
        """How many sentences of the response are none of the true statements."""
        true = {statement.text for statement in self.sample.statements}
        return sum(sentence not in true for sentence in SENTENCE.split(self.response))


def held_out(prompts: int, seed: int = SEED) -> list[Sample]:
    """Prompts with one question each, never drawn in training: prompt `n` has its own seed."""
    weights = np.array(list(MIXTURE.values()))
    found = []
    for index in range(prompts):
        rng = np.random.default_rng((seed, index))
        name = list(MIXTURE)[int(rng.choice(len(weights), p=weights / weights.sum()))]
        found.append(draw_sample(rng, replace(PRESETS[name], turns=(1, 1))))
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
    """(right, all) statements: of every modality, of its core questions, and of each sort of harder ones."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for each in answered:
        for statement, right in each.judged:
            lines = [*modalities(statement)]
            if each.tokens > LONG:
                lines.append(f"prompts past {LONG} tokens")
            elif statement.kind in HARDER:
                lines.append(HARDER[statement.kind])
            else:
                lines += [f"{modality}, core" for modality in modalities(statement)]
            for line in lines:
                counts[line][0] += right
                counts[line][1] += 1
    return {line: (right, everything) for line, (right, everything) in counts.items()}


def lines_of(counts: dict[str, tuple[int, int]], tokens: Sequence[int]) -> Iterator[str]:
    """The report: a line a modality, then the harder questions apart."""

    def share(name: str) -> str:
        right, everything = counts.get(name, (0, 0))
        return f"{right / everything:6.1%} ({right} of {everything})" if everything else "-"

    yield f"Statements exactly right, {len(tokens)} held-out prompts of {min(tokens)} to {max(tokens)} tokens"
    yield f"{'':12s}{'core questions':24s}all questions"
    for modality in ("text", "image", "sound", "film"):
        yield f"{modality:12s}{share(f'{modality}, core'):24s}{share(modality)}"
    yield "Harder ones apart"
    for name in (*HARDER.values(), f"prompts past {LONG} tokens"):
        yield f"{name:28s}{share(name)}"


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
    parser.add_argument("--traced", type=int, default=100, help="rightly answered prompts to trace for F1")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; so small a model is fastest on one")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    model, processor = load(arguments.model)
    answered = answer(held_out(arguments.prompts), model, processor)
    print("\n".join(lines_of(table(answered), [each.tokens for each in answered])))
    print(f"{'sentences that are not true':28s}{sum(each.untrue for each in answered)}")
    exact = sum(each.response == each.sample.response for each in answered)
    print(f"{'whole responses right':28s}{exact / len(answered):6.1%} ({exact} of {len(answered)})")
    right_ones = [each.sample for each in answered if all(right for _, right in each.judged)][: arguments.traced]
    judged = credit(tqdm(right_ones, desc="tracing"), ot.load(model, processor))
    if judged.empty:
        print("no prompt was answered rightly")
        return
    for question, title in ((False, "evidence alone can be credited (question=False)"), (True, "the question too")):
        own = judged[judged["question"] == question]
        statements = len(own) // len(own.groupby(["signal", "assign"]))
        print(f"\nF1 of curated sources, in percent, {statements} rightly answered statements: {title}")
        print(report(own))


if __name__ == "__main__":
    main()
