"""Voxtral (arXiv 2507.13264): sounds of any length in windows of 30 seconds, 12.5 tokens a second.

Its tokenizer is mistral-common's, which turns a whole conversation into ids and knows no text with placeholders. What
it wrote is read back: between its special tokens stand, in order, the sounds and the texts, and these must be the
parts' own, byte for byte.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import AutoProcessor, VoxtralForConditionalGeneration, VoxtralProcessor

from omnitrace_nb.content.chat import texts_of
from omnitrace_nb.errors import ModelError
from omnitrace_nb.layout import AUDIO, TEXT, Layout
from omnitrace_nb.media.encode import wav
from omnitrace_nb.media.loaded import MediaNeeds, Sound
from omnitrace_nb.models.adapter import Encoded
from omnitrace_nb.models.checks import check_heard, check_length, check_text, check_tokenizer
from omnitrace_nb.models.matching import Prompt
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.rendering import joined, turns
from omnitrace_nb.models.sound_time import even_seconds
from omnitrace_nb.models.tokenizing import placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models.rendering import Turn

NAME = "voxtral"
BETWEEN_MESSAGES = "\n\n"  # of one role
SEPARATOR = "\n"  # mistral-common's own, between texts that follow one another
MEL_FRAMES = 8  # of a token: a convolution of stride 2, then four in one


@dataclass(frozen=True, slots=True)
class _Block:
    """Texts that follow one another within a message, or one sound."""

    turn: int
    role: str
    text: Prompt | None
    sound: LoadedPart | None


class Voxtral(OpenModel):
    """The adapter of Voxtral."""

    family = NAME
    modalities: tuple[str, ...] = ("text", "audio")

    def __init__(self, model: PreTrainedModel, processor: VoxtralProcessor) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        if not isinstance(processor, VoxtralProcessor) or not hasattr(processor.tokenizer, "tokenizer"):
            raise ModelError(
                f"{type(model).__name__} needs its VoxtralProcessor with mistral-common's tokenizer, but "
                f"{type(processor).__name__} was given: pip install 'mistral-common[audio]', and load it by "
                "AutoProcessor.from_pretrained from where the model came from."
            )
        self.model: Any = model
        self.processor: Any = processor
        self.tokenizer: Any = processor.tokenizer
        self.name = str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
        self.needs = MediaNeeds(sampling_rate=processor.feature_extractor.sampling_rate)
        check_tokenizer(model, self.tokenizer)
        if processor.audio_token_id != model.config.audio_token_id:
            raise ModelError(
                f"The processor is not this model's: its audio_token_id is {processor.audio_token_id}, the model's is "
                f"{model.config.audio_token_id}. Load both from the same place."
            )

    def encode(self, parts: Sequence[LoadedPart]) -> Encoded:
        """Turn parts into the inputs of `generate` and a layout."""
        chat = turns(parts)
        blocks = _blocks(chat)
        check_text(self, self.tokenizer, "".join(block.text.text for block in blocks if block.text))
        check_heard(self, parts, 1 / self._each)
        try:
            out = self.processor.apply_chat_template(_conversation(blocks), continue_final_message=chat[-1].begins)
        except Exception as error:  # mistral-common has a family of errors of its own, and may not be installed
            raise ModelError(
                f"Voxtral's tokenizer refused the prompt. It says: {error} Change the parts' roles or order."
            ) from error
        layout = self._read(out["input_ids"][0].numpy(), _merged(blocks))
        check_length(self, len(layout), layout, parts)
        return Encoded(self._inputs(dict(out), layout.token_ids), {}, layout)

    def token_bytes(self, ids: Sequence[int]) -> list[bytes]:
        """Give the bytes that each id of a response writes."""
        special = set(self.tokenizer.all_special_ids)
        raw = self.tokenizer.tokenizer.instruct_tokenizer.tokenizer
        return [b"" if int(i) in special else raw.id_to_byte_piece(int(i)) for i in ids]

    def _read(self, ids: np.ndarray, blocks: Sequence[_Block]) -> Layout:
        """Say whose each id is: runs of sound tokens, and of plain ones, are the blocks in order."""
        special, audio = set(self.tokenizer.all_special_ids), self.processor.audio_token_id
        kinds = ["sound" if i == audio else "template" if i in special else "text" for i in ids.tolist()]
        runs = [(kind, [at for at, _ in run]) for kind, run in groupby(enumerate(kinds), key=lambda each: each[1])]
        found = [(kind, np.array(at)) for kind, at in runs if kind != "template"]
        wanted = [
            "sound" if block.sound else "text" for block in blocks if block.sound or (block.text and block.text.text)
        ]
        if [kind for kind, _ in found] != wanted:
            raise ModelError(
                f"Voxtral's tokenizer wrote {[kind for kind, _ in found]} for a prompt of {wanted}, so the layout "
                "cannot be proven: change the parts' roles or order."
            )
        layout = Layout.blank(ids)
        part, modality, chars, time = layout.part, layout.modality, layout.chars, layout.time
        rest = iter(found)
        for block in blocks:
            if block.sound is not None:
                _, at = next(rest)
                seconds = even_seconds(len(at), self._each, _sound(block.sound).duration)
                heard = seconds[:, 0] < _sound(block.sound).duration  # the rest is the silence of its last window
                part[at[heard]], modality[at[heard]] = block.sound.index, AUDIO
                time[at[heard]] = seconds[heard]
            elif block.text is not None and block.text.text:
                _, at = next(rest)
                tokens = placed(block.text, ids[at], self.token_bytes(ids[at].tolist()))
                part[at], chars[at] = tokens.part, tokens.chars
                modality[at] = np.where(tokens.part >= 0, TEXT, modality[at])
        begun = tokens.begun if blocks[-1].text is not None else 0
        return replace(layout, part=part, modality=modality, chars=chars, time=time, begun=begun)

    @property
    def _each(self) -> float:
        extractor = self.processor.feature_extractor
        each: float = MEL_FRAMES * extractor.hop_length / extractor.sampling_rate
        return each


def _blocks(chat: Sequence[Turn]) -> list[_Block]:
    blocks = []
    for number, turn in enumerate(chat):
        own = turn.parts[0].chat if turn.parts else None
        if unread := [*([] if turn.begins else turn.fields), *(own.options if own else ())]:
            raise ModelError(f"Voxtral's prompts are traced without {unread[0]!r}: leave it out.")
        if turn.begins:
            begun = SEPARATOR.join(texts_of(turn.fields))
            blocks.append(_Block(number, turn.role, Prompt(begun, (), len(begun)), None))
        for kind, run in groupby(turn.parts, key=lambda loaded: loaded.kind):
            if kind == "text":
                blocks.append(_Block(number, turn.role, joined(list(run), SEPARATOR), None))
            elif kind == "audio":
                blocks += [_Block(number, turn.role, None, loaded) for loaded in run]
            else:
                first = next(run)
                raise ModelError(f"Part {first.index + 1} is of the kind {kind!r}, but Voxtral reads text and sound.")
    return blocks


def _merged(blocks: Sequence[_Block]) -> list[_Block]:
    """Join texts of neighbouring messages of a user, or of the assistant, as mistral-common does."""
    merged: list[_Block] = []
    for block in blocks:
        last = merged[-1] if merged else None
        apart = last is None or last.role != block.role or block.role == "system"
        if last is None or last.text is None or block.text is None or apart:
            merged.append(block)
            continue
        before = last.text.text + BETWEEN_MESSAGES
        moved = [replace(span, start=span.start + len(before), end=span.end + len(before)) for span in block.text.spans]
        spans = (*last.text.spans, *moved)
        merged[-1] = replace(block, text=Prompt(before + block.text.text, spans, block.text.begun))
    return merged


def _conversation(blocks: Sequence[_Block]) -> list[dict[str, Any]]:
    messages = []
    for (_, role), run in groupby(blocks, key=lambda block: (block.turn, block.role)):
        items = [
            {"type": "audio", "base64": base64.b64encode(wav(_sound(block.sound))).decode()}
            if block.sound
            else {"type": "text", "text": block.text.text if block.text else ""}
            for block in run
        ]
        # What the assistant and the system say is text alone, which the tokenizer takes as one string.
        alone = len(items) == 1 and items[0]["type"] == "text"
        messages.append({"role": role, "content": items[0]["text"] if alone else items})
    return messages


def _sound(loaded: LoadedPart) -> Sound:
    assert isinstance(loaded.content, Sound)  # noqa: S101 - `_blocks` has looked
    return loaded.content


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == "voxtral",
        adapter=Voxtral,
        load_model=VoxtralForConditionalGeneration.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
