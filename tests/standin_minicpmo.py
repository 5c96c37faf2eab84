"""A small model with the interface of MiniCPM-o 4.5's own code, which cannot be here: names, shapes and habits alone.

The language model is transformers' Qwen3, the attention of the sound encoder its Whisper's; the rest is made up.
Its habits are those that an adapter has to live with: a sound layer that expects three values of its attention, a
language model whose `prepare_inputs_for_generation` fails, a table of positions in no checkpoint, no `post_init`.
Loaded by `trust_remote_code` too, so it imports nothing of the tests.
"""

from __future__ import annotations

import math
import re
import types
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast, ProcessorMixin, Qwen3Config, Qwen3ForCausalLM, WhisperConfig
from transformers import WhisperFeatureExtractor as SoundReader
from transformers.models.qwen3.modeling_qwen3 import Qwen3PreTrainedModel
from transformers.models.whisper.modeling_whisper import WhisperAttention

WIDTH = 32  # of both encoders
QUERIES, PATCH, TILE, SLICES = 8, 14, 56, 9
POOL = 5
MELS = 80


class EyesConfig(Qwen3Config):
    model_type = "eyes"
    patch_size = PATCH


class StandInConfig(Qwen3Config):
    model_type = "minicpmo"

    def __init__(self, query_num=QUERIES, audio_pool_step=POOL, audio_chunk_length=1.0, init_tts=True, **settings):
        for name in ("vision_config", "audio_config"):
            settings.pop(name, None)
        self.query_num, self.audio_pool_step, self.audio_chunk_length = query_num, audio_pool_step, audio_chunk_length
        self.stream_input = settings.pop("stream_input", False)
        self.init_tts = init_tts
        self.vision_config = EyesConfig()
        self.audio_config = WhisperConfig(d_model=WIDTH, num_mel_bins=MELS, encoder_attention_heads=2)
        self.audio_config._attn_implementation = "sdpa"
        super().__init__(**settings)


def waves(count, width):
    """Sines and cosines `[count, width]` of 0, 1, ... at several rates."""
    angles = np.arange(count)[:, None] / 100 ** (np.arange(width // 2) / (width // 2))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


class Eyes(nn.Module):
    """Patches looked at by themselves."""

    def __init__(self):
        super().__init__()
        self.look = nn.Linear(3 * PATCH * PATCH, WIDTH)

    def forward(self, patches):
        return torch.tanh(self.look(patches))


class Resampler(nn.Module):
    """A fixed number of queries that read all patches of a slice."""

    def __init__(self, hidden):
        super().__init__()
        self.query = nn.Parameter(torch.randn(QUERIES, WIDTH))
        self.key, self.proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, hidden)
        self.max_size = (6, 6)
        self._set_2d_pos_cache(self.max_size)

    def _set_2d_pos_cache(self, max_size, device="cpu"):
        down, across = (waves(int(side), WIDTH // 2) for side in max_size)
        table = np.concatenate([down[:, None].repeat(len(across), 1), across[None].repeat(len(down), 0)], axis=-1)
        self.register_buffer("pos_embed", torch.from_numpy(table).to(device), persistent=False)

    def forward(self, seen, size):
        rows, columns = size
        if rows > self.max_size[0] or columns > self.max_size[1]:
            self.max_size = (max(rows, self.max_size[0]), max(columns, self.max_size[1]))
            self._set_2d_pos_cache(self.max_size, seen.device)
        places = self.pos_embed[:rows, :columns].reshape(-1, WIDTH).to(seen)
        weights = (self.query @ self.key(seen + places).T / math.sqrt(WIDTH)).softmax(-1)
        return self.proj(weights @ seen)


class EarLayer(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.self_attn = WhisperAttention(WIDTH, config.encoder_attention_heads, config=config, layer_idx=index)
        self.dropout = nn.Dropout(0.5)

    def forward(self, heard, mask):
        attended, _weights, _cache = self.self_attn(heard, attention_mask=mask, layer_head_mask=None)
        return heard + 0.1 * self.dropout(attended)


class Ears(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(EarLayer(config, index) for index in range(2))

    def forward(self, mels, mask):
        heard = self.conv2(torch.tanh(self.conv1(mels))).transpose(1, 2)
        for layer in self.layers:
            heard = layer(heard, mask)
        return heard


def no_longer(self, input_ids, past_key_values=None, inputs_embeds=None, **kwargs):
    return {"input_ids": input_ids[:, past_key_values.seen_tokens :], "inputs_embeds": inputs_embeds, **kwargs}


class StandIn(Qwen3PreTrainedModel):
    config_class = StandInConfig

    def __init__(self, config):
        super().__init__(config)
        self.llm = Qwen3ForCausalLM(config)
        self.llm.prepare_inputs_for_generation = types.MethodType(no_longer, self.llm)
        self.vpm, self.resampler = Eyes(), Resampler(config.hidden_size)
        self.apm, self.audio_projection_layer = Ears(config.audio_config), nn.Linear(WIDTH, config.hidden_size)
        if config.init_tts:
            self.tts = nn.Linear(1, 1)
        self.terminators = ["<|im_end|>", "<|endoftext|>"]

    def get_input_embeddings(self):
        return self.llm.get_input_embeddings()

    def get_vision_embedding(self, data):
        found, sizes = [], [each for each in data["tgt_sizes"] if len(each)]
        sizes = iter(torch.vstack(sizes).tolist() if sizes else [])
        for slices in data["pixel_values"]:
            seen = [self.resampler(self.vpm(self._patches(each)), next(sizes)) for each in slices]
            found.append(torch.stack(seen) if seen else [])
        return found

    def _patches(self, pixels):
        return pixels.reshape(3, PATCH, -1, PATCH).permute(2, 0, 1, 3).flatten(1).to(self.vpm.look.weight)

    def get_vllm_embedding(self, data):
        embeddings, seen = self.get_input_embeddings()(data["input_ids"]), self.get_vision_embedding(data)
        for row, (slices, bounds) in enumerate(zip(seen, data["image_bound"], strict=True)):
            for values, (start, end) in zip(slices, bounds.tolist(), strict=True):
                embeddings[row, start:end] = values
        return embeddings, seen

    def get_audio_embedding(self, data, chunk_length=-1):
        mels, lengths = data["audio_features"].to(self.apm.conv1.weight), torch.hstack(data["audio_feature_lens"])
        frames, at = (lengths - 1) // 2 + 1, torch.arange((mels.shape[-1] - 1) // 2 + 1, device=mels.device)
        chunk = at // (int(chunk_length * 50) if chunk_length > 0 else len(at))
        hidden = (chunk[None] > chunk[:, None])[None] | (at >= frames[:, None, None])
        mask = mels.new_zeros(hidden.shape).masked_fill(hidden, -math.inf)[:, None]
        heard = self.audio_projection_layer(self.apm(mels, mask))
        heard = nn.functional.avg_pool1d(heard.transpose(1, 2), POOL).transpose(1, 2)
        found = [row[: int(count) // POOL] for row, count in zip(heard, frames, strict=True)]
        cuts = np.cumsum([0, *(len(each) for each in data["audio_feature_lens"])])
        return [found[start:end] for start, end in pairwise(cuts)]

    def get_omni_embedding(self, data, input_embeddings, chunk_length=-1):
        if not len(data["audio_features"]):
            return input_embeddings
        for row, stretches in enumerate(self.get_audio_embedding(data, chunk_length)):
            bounds, heard = data["audio_bounds"][row].tolist(), stretches
            if self.config.stream_input:
                heard = torch.cat(stretches).split([end - start for start, end in bounds])
            for values, (start, end) in zip(heard, bounds, strict=True):
                input_embeddings[row, start:end] = values
        return input_embeddings

    def forward(self, data, **kwargs):
        embeddings, _ = self.get_vllm_embedding(data)
        embeddings = self.get_omni_embedding(data, embeddings, self.config.audio_chunk_length)
        return self.llm(inputs_embeds=embeddings, position_ids=data["position_ids"], **kwargs)


class StandInTokenizer(PreTrainedTokenizerFast):
    """A tokenizer that knows the marks of media by name."""

    im_start, im_end, slice_start, slice_end = "<image>", "</image>", "<slice>", "</slice>"
    audio_start, audio_end = "<|audio_start|>", "<|audio_end|>"

    @property
    def im_start_id(self):
        return self.convert_tokens_to_ids(self.im_start)

    @property
    def slice_start_id(self):
        return self.convert_tokens_to_ids(self.slice_start)

    @property
    def audio_start_id(self):
        return self.convert_tokens_to_ids(self.audio_start)


class PictureReader:
    """An overview, and slices of an even grid for what is larger than a tile."""

    image_feature_size, patch_size, max_slice_nums, use_image_id = QUERIES, PATCH, SLICES, True

    def grid(self, size, most):
        wanted = min(math.ceil(size[0] * size[1] / TILE**2), most or self.max_slice_nums)
        if wanted <= 1:
            return None
        shapes = [(across, wanted // across) for across in range(1, wanted + 1)]
        return min(shapes, key=lambda shape: abs(math.log(size[0] / size[1] * shape[1] / shape[0])))

    def get_slice_image_placeholder(self, image_size, image_idx=0, max_slice_nums=None, use_image_id=None):
        counted = self.use_image_id if use_image_id is None else use_image_id
        text = (f"<image_id>{image_idx}</image_id>" if counted else "") + f"<image>{'<unk>' * QUERIES}</image>"
        if grid := self.grid(image_size, max_slice_nums):
            row = f"<slice>{'<unk>' * QUERIES}</slice>" * grid[0]
            text += "\n".join([row] * grid[1])
        return text

    def slices(self, image, most):
        width, height = image.size
        scale = min(1, TILE / math.sqrt(width * height))
        sides = [max(round(side * scale / PATCH) * PATCH, PATCH) for side in image.size]
        yield image.resize(sides)
        if grid := self.grid(image.size, most):
            large = image.resize((grid[0] * TILE, grid[1] * TILE))
            for top in range(grid[1]):
                for left in range(grid[0]):
                    yield large.crop((left * TILE, top * TILE, (left + 1) * TILE, (top + 1) * TILE))

    def read(self, image, most):
        pixels, sizes = [], []
        for one in self.slices(image, most):
            levels = torch.from_numpy(np.asarray(one.convert("RGB"), np.float32)).permute(2, 0, 1) / 127.5 - 1
            rows, columns = levels.shape[1] // PATCH, levels.shape[2] // PATCH
            cut = levels.reshape(3, rows, PATCH, columns, PATCH).permute(0, 2, 1, 3, 4)
            pixels.append(cut.reshape(3, PATCH, -1))
            sizes.append([rows, columns])
        return pixels, sizes


class StandInProcessor(ProcessorMixin):
    """Texts with `<image>./</image>` and `<audio>./</audio>`, pictures and sounds to the model's inputs."""

    def __init__(self, image_processor=None, audio_processor=None, tokenizer=None):
        self.image_processor, self.audio_processor, self.tokenizer = image_processor, audio_processor, tokenizer
        self.pool_step = POOL
        self.chat_template = None

    @classmethod
    def from_pretrained(cls, folder, **settings):
        tokenizer = StandInTokenizer.from_pretrained(folder)
        return cls(PictureReader(), SoundReader(feature_size=MELS), tokenizer)

    def process_image(self, images=None, do_pad=True, max_slice_nums=1, return_tensors="pt"):
        pixels, sizes = [], []
        for batch in images:
            read = [self.image_processor.read(image, max_slice_nums) for image in batch]
            pixels.append([each for one, _ in read for each in one])
            sizes.append(torch.tensor([each for _, one in read for each in one], dtype=torch.int32).reshape(-1, 2))
        return {"pixel_values": pixels, "tgt_sizes": sizes, "image_sizes": [[i.size for i in b] for b in images]}

    def get_audio_placeholder(self, audio_lens):
        frames = math.ceil(audio_lens / self.audio_processor.hop_length)
        count = ((frames - 1) // 2 + 1) // POOL
        return f"<|audio_start|>{'<unk>' * count}<|audio_end|>"

    def audio_feature_extract(self, audios=None, audio_parts=None, stream_input=False, sampling_rate=None):
        """One list of sounds; those of one part are heard as one, half a minute at a time."""
        texts = [self.get_audio_placeholder(len(audio)) for audio in audios]
        parts = list(range(len(audios))) if audio_parts is None else audio_parts[0]
        merged = [
            np.hstack([a for a, p in zip(audios, parts, strict=True) if p == part]) for part in sorted(set(parts))
        ]
        most = 30 * sampling_rate
        pieces = [whole[start : start + most] for whole in merged for start in range(0, len(whole), most)]
        out = self.audio_processor(
            pieces, sampling_rate=sampling_rate, padding="max_length", return_attention_mask=True, return_tensors="pt"
        )
        lengths = out["attention_mask"].sum(1)
        mels = out["input_features"] * out["attention_mask"][:, None]
        return mels[..., : int(lengths.max())], [lengths], [texts]

    def __call__(self, text, images=None, audios=None, audio_parts=None, max_slice_nums=None, use_image_id=None):
        pictures = self.process_image(images or [[]], max_slice_nums=max_slice_nums)
        mels, lengths, texts = [], [], [[]]
        if audios and audios[0]:
            mels, lengths, texts = self.audio_feature_extract(audios[0], audio_parts, sampling_rate=16_000)
        sizes, heard, number = iter(pictures["image_sizes"][0]), iter(texts[0]), 0
        pieces = re.split(r"(<image>\./</image>|<audio>\./</audio>)", text[0])
        for at, piece in enumerate(pieces):
            if piece == "<image>./</image>":
                pieces[at] = self.image_processor.get_slice_image_placeholder(
                    next(sizes), number, max_slice_nums, use_image_id
                )
                number += 1
            elif piece == "<audio>./</audio>":
                pieces[at] = next(heard)
        ids = torch.tensor(self.tokenizer.encode("".join(pieces), add_special_tokens=False))

        def bounds(opening, closing):
            opened, closed = (
                torch.isin(ids, torch.tensor(self.tokenizer.convert_tokens_to_ids(names)))
                for names in (opening, closing)
            )
            return torch.stack([torch.where(opened)[0] + 1, torch.where(closed)[0]], dim=1)

        return {
            "input_ids": ids[None],
            "image_bound": [bounds(["<image>", "<slice>"], ["</image>", "</slice>"])],
            "audio_bounds": [bounds(["<|audio_start|>"], ["<|audio_end|>"])],
            "audio_features": mels,
            "audio_feature_lens": lengths,
            **pictures,
        }
