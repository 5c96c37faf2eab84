"""Phi-4-multimodal: a picture in crops and once more as a whole; sound in tokens of 80 ms, of any length.

The original switches low-rank weights with the kind of medium. In transformers' class these are adapters of PEFT that
its user loads and sets (`model.load_adapter`, `model.set_adapter`): what is set is what `generate` runs and what is
traced, and nothing is switched here. On the hub, `revision="refs/pr/70"` has the weights of transformers' class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoProcessor, Phi4MultimodalProcessor

from omnitrace_nb.errors import ModelError
from omnitrace_nb.media.loaded import Picture, Sound
from omnitrace_nb.models.belonging import check_processor
from omnitrace_nb.models.geometry import crossed, drawn, even_spans
from omnitrace_nb.models.open_media import Medium, Places
from omnitrace_nb.models.open_model import OpenModel
from omnitrace_nb.models.registry import Family, register
from omnitrace_nb.models.sound_reach import centred_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel

    from omnitrace_nb.models.adapter import Encoded

NAME = "phi4_multimodal"
NOWHERE = np.full((1, 4), np.nan, np.float32)


class Phi4Multimodal(OpenModel):
    """The adapter of Phi-4-multimodal."""

    family = NAME

    def __init__(self, model: PreTrainedModel, processor: Phi4MultimodalProcessor) -> None:
        """Take a model and its processor; `ModelError` if the two do not belong together."""
        config: Any = model.config
        check_processor(
            model,
            processor,
            Phi4MultimodalProcessor,
            image_token_id=config.vision_config.image_token_id,
            audio_token_id=config.audio_config.audio_token_id,
        )
        check_processor(model, processor.image_processor, object, patch_size=config.vision_config.patch_size)
        super().__init__(model, processor)
        extractor: Any = processor.audio_processor
        self.heard = extractor.sampling_rate / (extractor.audio_compression_rate * extractor.hop_length)

    def template(self, messages: list[dict[str, Any]], **options: Any) -> str:  # noqa: ANN401 - of the template
        """Render messages: the model's template takes their content for a string, placeholders and all."""
        return super().template(
            [
                {
                    **message,
                    "content": "".join(
                        item["text"] if item["type"] == "text" else self.placeholders[item["type"]]
                        for item in message.get("content") or ()
                    ),
                }
                for message in messages
            ],
            **options,
        )

    def places(self, medium: Medium) -> Places:
        """Fold crops and global view back to the picture; separators are nobody's."""
        content = medium.loaded.content
        if isinstance(content, Picture):
            return self._seen(medium, content)
        assert isinstance(content, Sound)  # noqa: S101 - it reads nothing else
        extractor = self.processor.audio_processor
        step = extractor.audio_compression_rate * extractor.hop_length / content.sampling_rate
        window = extractor.win_length / content.sampling_rate
        centres = np.arange(medium.positions) * step + window / 2
        return Places(time=centred_seconds(centres, content.duration))

    def embed(self, encoded: Encoded, response_ids: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Give `[1, n + T, hidden]` embeddings, media put in place by the model's own modules, and the mask."""
        decoder: Any = self.decoder()
        with torch.no_grad():
            prompt = self.embedded(encoded.inputs)
            following = decoder.embed_tokens(response_ids.reshape(1, -1).to(encoded.inputs["input_ids"]))
        embeddings = torch.cat([prompt, following.to(prompt)], dim=1)
        mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device)
        return embeddings, {"attention_mask": mask}

    def embedded(self, given: Mapping[str, Any]) -> torch.Tensor:
        """Give the embeddings `[1, n, hidden]` of what the decoder is given: ids and media, which it puts in place."""
        own = {name: given[name] for name in given if name.startswith(("image_", "audio_"))}
        decoder: Any = self.decoder()
        ids = given["input_ids"]
        found: torch.Tensor = decoder.embed_tokens_extend(ids, decoder.embed_tokens(ids), **own)
        return found

    def _seen(self, medium: Medium, picture: Picture) -> Places:
        """Follow a picture's tokens: rows of the crops, each ended by a separator; one more; rows of the whole.

        Where the whole is padded its tokens still hold what the encoder mixes into them: boxes without area, at the
        edge that the padding continues.
        """
        height, width = (int(side) for side in medium.features["image_sizes"][medium.number])
        crop = int(self.model.config.vision_config.crop_size)
        token = 2 * int(self.model.config.vision_config.patch_size)
        base = crop // token
        mask = medium.features["image_attention_mask"][medium.number][:, ::2, ::2].bool()
        rows, columns = height // crop, width // crop
        used = mask[1 : rows * columns + 1].unflatten(0, (rows, columns)).transpose(1, 2).flatten(2, 3).flatten(0, 1)
        down, across = int(used[:, 0].sum()), int(used[0].sum())
        own_height, own_width = picture.pixels.shape[:2]
        ratio = min(width / own_width, height / own_height)
        onto = (
            (width, int(own_height * ratio))
            if width / own_width < height / own_height
            else (int(own_width * ratio), height)
        )

        def boxes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            found = crossed(drawn(x, own_width, onto[0]), drawn(y, own_height, onto[1]))
            ended = np.full((len(y), len(x) + 1, 4), np.nan, np.float32)
            ended[:, :-1] = found.reshape(len(y), len(x), 4)
            return ended.reshape(-1, 4)

        crops = boxes(even_spans(across, across * token), even_spans(down, down * token))
        whole = boxes(even_spans(base, width), even_spans(base, height))
        box = np.concatenate([crops, NOWHERE, whole])
        if len(box) != medium.positions:
            raise ModelError(
                f"The processor gives part {medium.loaded.index + 1} {medium.positions} positions where its crops make "
                f"{len(box)}: the layout cannot be proven. Give the processor that belongs to this model."
            )
        return Places(box, nobody=np.isnan(box[:, 0]))


register(
    Family(
        name=NAME,
        reads=lambda config: config.model_type == NAME,
        adapter=Phi4Multimodal,
        load_model=AutoModelForCausalLM.from_pretrained,
        load_processor=AutoProcessor.from_pretrained,
    )
)
