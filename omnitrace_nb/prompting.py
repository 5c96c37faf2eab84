"""A prompt made ready for a model: decoded, encoded, and cut into sources."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from omnitrace_nb import media
from omnitrace_nb.chatting import as_read, left_out, unread_fields, with_options
from omnitrace_nb.content import Chat, Text, as_chat
from omnitrace_nb.content.chat import messages_of
from omnitrace_nb.errors import ContentError
from omnitrace_nb.layout import AUDIO
from omnitrace_nb.media import kept
from omnitrace_nb.media.sampling import restored
from omnitrace_nb.sources import SourceOptions, resolve, row_sets
from omnitrace_nb.sources import cut as cut_into
from omnitrace_nb.thinking import told_apart
from omnitrace_nb.warned import warn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omnitrace_nb.content.parts import Part, Role
    from omnitrace_nb.media.loaded import LoadedPart
    from omnitrace_nb.models import Adapter
    from omnitrace_nb.models.adapter import Encoded
    from omnitrace_nb.trace import Trace
    from omnitrace_nb.trace.records import PartRecord, Response, Source


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A prompt of `n` positions.

    Attributes:
        loaded: its decoded parts.
        encoded: what the model takes.
        records: what a trace keeps of the parts.
        sources: what can be credited.
        baseline: the rows that an excess takes as its baseline, by name (`sources.row_sets`).
        chat: the messages that it was given in; None for parts without messages.
    """

    loaded: tuple[LoadedPart, ...]
    encoded: Encoded
    records: tuple[PartRecord, ...]
    sources: tuple[Source, ...]
    baseline: dict[str, np.ndarray]
    chat: Chat | None = None

    @classmethod
    def read(
        cls,
        adapter: Adapter,
        content: object,
        cut: SourceOptions | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Prompt:
        """Read what a user gave, and cut it into sources; what the template leaves out of it is warned about.

        Args:
            adapter: the model.
            content: as `content.as_chat` takes it.
            cut: how it is cut into sources; a function of the user's that fails is warned about.
            options: what the chat template is given besides messages (`chatting.template_options`).
        """
        parts, chat = as_chat(content)
        chat = with_options(adapter, parts, chat, options or {})
        loaded = _loaded(adapter, parts, chat)
        kept_of = [media.record(part, label) for part, label in zip(loaded, media.labels(parts), strict=True)]
        encoded = _encoded(adapter, loaded)
        kept_of = as_read(adapter, encoded.layout, kept_of, chat)
        found, records = resolve(cut or SourceOptions(), kept_of, lambda record: loaded[record.index].content)
        notes = [note for record in records for note in (left_out(record), record.note) if note]
        for note in [*unread_fields(adapter, encoded.layout, chat), *notes]:
            warn(note)
        sources, records = cut_into(encoded.layout, records, cut, found)
        return cls(loaded, encoded, records, sources, row_sets(encoded.layout, sources), chat)

    @classmethod
    def of_trace(cls, adapter: Adapter, trace: Trace, content: object = None) -> Prompt:
        """Read a trace's prompt again, from `content` or from the media that the trace keeps; its sources stay.

        Raises:
            ContentError: media that the trace does not keep, or content that is not the trace's prompt.
        """
        chat = Chat.of_plain(trace.run.chat)
        parts: Sequence[Part] = []
        if content is None:
            parts = [_again(record, trace) for record in trace.parts]
        else:
            parts, given = as_chat(content)
            chat = replace(given or Chat(messages_of(parts)), options=chat.options) if chat and chat.options else given
        loaded = _loaded(adapter, parts, chat)
        encoded = _encoded(adapter, loaded)
        if not np.array_equal(encoded.layout.token_ids, trace.layout.token_ids):
            raise ContentError(
                f"this is not the prompt of the trace: it has {len(encoded.layout)} positions, the trace's "
                f"{len(trace.layout)}, or other tokens; give the same parts, and the model that made the trace"
            )
        changed = [
            record
            for record, part in zip(trace.parts, loaded, strict=True)
            if part.kind != "text" and part.sha256 != record.sha256
        ]
        if changed and content is not None:
            raise ContentError(f"{changed[0].label} is not the one of the trace: give the same parts")
        if lossy := [record.label for record in changed if record.kind == "video"]:
            warn(
                f"{lossy[0]} was given as an array and is kept as a compressed film, whose frames differ a little: "
                "pass content= for exact numbers"
            )
        sources = trace.source_records
        return cls(loaded, encoded, tuple(trace.parts), sources, row_sets(encoded.layout, sources), chat)

    def told_apart(self, adapter: Adapter, response: Response) -> Response:
        """Give a response with the beginning that it was given, and with its thinking told apart from its answer."""
        begun = self.chat.beginning if self.chat is not None else ""
        return replace(told_apart(adapter, self.encoded.layout, response), begun=begun)


def _loaded(adapter: Adapter, parts: Sequence[Part], chat: Chat | None) -> tuple[LoadedPart, ...]:
    return tuple(replace(part, chat=chat) for part in media.load(parts, adapter.needs, adapter.modalities))


def _encoded(adapter: Adapter, loaded: Sequence[LoadedPart]) -> Encoded:
    """Encode decoded parts; the layout is in the originals' seconds and pixels."""
    encoded = adapter.encode(loaded)
    return replace(encoded, layout=restored(encoded.layout, loaded))


def _again(record: PartRecord, trace: Trace) -> Part:
    role = cast("Role", record.role)
    if record.kind == "text":
        return Text(record.text or "", role=role)
    if record.media is None:
        raise ContentError(
            f"the trace does not keep {record.label}: pass the prompt again as content=, or save traces with "
            "embed_media=True"
        )
    return replace(kept.part(record, heard=len(trace.layout.positions(record.index, AUDIO)) > 0), role=role)
