"""Train the embedded model from nothing: `python -m training.train`. Resumes from its last checkpoint."""

import argparse
import csv
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from torch import nn
from tqdm import tqdm
from transformers import Qwen2_5OmniThinkerForConditionalGeneration

from training import recipe, sight
from training.architecture import new_model, new_processor
from training.batches import Batch, Batches, new_featurizer
from training.measure import exact, held_out
from training.vocabulary import load_tokenizer

MATRIX = 2
log = logging.getLogger("training")
PRESETS_MEASURED = ("text", "picture", "recording", "film", "mixed", "large")


@dataclass
class State:
    """Everything that a checkpoint holds."""

    model: Qwen2_5OmniThinkerForConditionalGeneration
    optimizers: list[torch.optim.Optimizer]
    step: int = 0
    pool: int = 0
    seconds: float = 0.0
    rates: list[list[float]] = field(default_factory=list)


def new_optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for the rest.

    With AdamW alone, looking up a fact took about one and a half times as many steps.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        inner = ".layers." in name or ".blocks." in name
        (matrices if inner and parameter.ndim == MATRIX else others).append(parameter)
    return [
        torch.optim.Muon(
            matrices, lr=recipe.MUON_RATE, momentum=recipe.MOMENTUM, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=recipe.ADAM_RATE, betas=recipe.BETAS, weight_decay=0.0),
    ]


def new_state() -> State:
    """A state at step 0."""
    torch.manual_seed(recipe.SEED)
    model = new_model(load_tokenizer()).float()
    return State(model, new_optimizers(model))


def save(state: State, folder: Path) -> None:
    """Write a checkpoint, the last one replaced only when the new one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "checkpoint.new"
    torch.save(
        {
            "model": state.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
            "random": torch.get_rng_state(),
            "step": state.step,
            "pool": state.pool,
            "seconds": state.seconds,
        },
        new,
    )
    new.replace(folder / "checkpoint.pt")


def resume(state: State, folder: Path) -> None:
    """Go on from the last checkpoint, if there is one."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return
    saved = torch.load(path, weights_only=True)
    state.model.load_state_dict(saved["model"])
    for optimizer, values in zip(state.optimizers, saved["optimizers"], strict=True):
        optimizer.load_state_dict(values)
    torch.set_rng_state(saved["random"])
    state.step, state.pool, state.seconds = saved["step"], saved["pool"] + 1, saved["seconds"]
    log.info("resumed at step %d", state.step)


def loss_of(model: Qwen2_5OmniThinkerForConditionalGeneration, batch: Batch) -> torch.Tensor:
    """Cross entropy of the answers' tokens; logits are computed for these alone."""
    inputs = batch.tensors()
    labels = inputs.pop("labels")
    hidden = model.model(**inputs, use_cache=False).last_hidden_state
    targets = labels[:, 1:]
    learned = targets >= 0
    return nn.functional.cross_entropy(model.lm_head(hidden[:, :-1][learned]), targets[learned])


def advance(state: State, batch: Batch) -> float:
    """One optimiser step; gives the loss."""
    factor = recipe.rate(state.step)
    for optimizer, base in zip(state.optimizers, (recipe.MUON_RATE, recipe.ADAM_RATE), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = base * factor
    loss = loss_of(state.model, batch)
    torch.autograd.backward(loss)
    for parameter in state.model.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    nn.utils.clip_grad_norm_(state.model.parameters(), recipe.CLIP)
    for optimizer in state.optimizers:
        optimizer.step()
        optimizer.zero_grad()
    state.step, state.pool = state.step + 1, batch.pool
    return loss.item()


def export(state: State, folder: Path) -> None:
    """Write the whole model folder: float16 weights, configuration, processor."""
    tokenizer = load_tokenizer()
    weights = {name: value.half() for name, value in state.model.state_dict().items()}
    config = state.model.config
    dtype, config.dtype = config.dtype, torch.float16
    state.model.save_pretrained(folder, state_dict=weights)
    config.dtype = dtype
    new_processor(tokenizer).save_pretrained(folder)


def write_row(path: Path, row: dict[str, object]) -> None:
    """Append a row to a CSV file whose columns may differ from row to row: (step, what, value)."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "seconds", "stage", "what", "value"])
        head = [row.pop(name) for name in ("step", "seconds", "stage")]
        writer.writerows([*head, name, value] for name, value in row.items())


def train(state: State, batches: Iterable[Batch], arguments: argparse.Namespace) -> None:
    """Step until the recipe's end."""
    measured = held_out(PRESETS_MEASURED, 20)
    curves = arguments.checkpoints / "curves.csv"
    mean_loss, last_save = 0.0, time.monotonic()
    with tqdm(total=recipe.TOTAL_STEPS, initial=state.step, unit="step", mininterval=10) as bar:
        for batch in batches:
            if state.step >= recipe.TOTAL_STEPS:
                break
            start = time.monotonic()
            if state.step in recipe.SIGHT_AT:
                log.info("shapes named rightly: %.3f", sight.teach(state.model, new_featurizer(), state.step))
            loss = advance(state, batch)
            mean_loss = loss if mean_loss == 0 else 0.98 * mean_loss + 0.02 * loss
            state.seconds += time.monotonic() - start
            bar.update()
            bar.set_postfix(loss=f"{mean_loss:.3f}", refresh=False)
            if state.step % arguments.measure_every == 0:
                counts = exact(state.model, measured)
                stage = recipe.stage_at(state.step).name
                row: dict[str, object] = {"step": state.step, "seconds": round(state.seconds), "stage": stage}
                row |= {"loss": round(mean_loss, 4)}
                row |= {kind: round(right / asked, 4) for kind, (right, asked) in counts.items()}
                log.info("%s", row)
                write_row(curves, row)
            if time.monotonic() - last_save > arguments.save_every:
                save(state, arguments.checkpoints)
                last_save = time.monotonic()
    save(state, arguments.checkpoints)


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "omnitrace-training"
    parser.add_argument("--checkpoints", type=Path, default=default, help="folder for checkpoints and curves")
    parser.add_argument("--export", type=Path, default=None, help="write the model folder here (and train no further)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads")
    parser.add_argument("--save-every", type=float, default=120, help="seconds between checkpoints")
    parser.add_argument("--measure-every", type=int, default=200, help="steps between measurements")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    state = new_state()
    resume(state, arguments.checkpoints)
    if arguments.export:
        export(state, arguments.export)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    batches = Batches(state.pool, state.step)
    try:
        train(state, batches, arguments)
    finally:
        batches.close()


if __name__ == "__main__":
    main()
