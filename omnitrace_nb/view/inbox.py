"""What a front end sends to a widget while a cell keeps its kernel busy.

A kernel reads its messages when the running cell is done, so a click on "Stop" would come too late. While a trace is
made, the loop that decodes looks here after every token: messages to the one widget are handled at once, all others are
handed back to the kernel in their order, to be read after the cell as usual. Only IPython's kernel can be read so.
"""

from __future__ import annotations

import threading
from typing import Any, cast

from omnitrace_nb.view.hosts import kernel

DELIMITER = b"<IDS|MSG>"


class Inbox:
    """The messages to one widget, taken from the kernel's queue until `close`."""

    def __init__(self, comm_id: str) -> None:
        """Find the kernel, if there is one and the current thread is the one that its messages wait for."""
        self._comm_id = comm_id
        self._kernel = kernel()
        self._others: list[list[Any]] = []
        waiting = self._kernel is not None and threading.current_thread() is threading.main_thread()
        self._stream = _stream(self._kernel) if waiting else None

    def read(self) -> None:
        """Handle what was sent to the widget since the last time."""
        if self._stream is None:
            return
        while self._stream.socket.poll(0):
            frames = self._stream.socket.recv_multipart(copy=False)
            if self._is_own(frames):
                self._handle(frames)
            else:
                self._others.append(frames)

    def close(self) -> None:
        """Hand all other messages back to the kernel, in their order; nothing is read any more."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        for frames in self._others:
            stream.io_loop.add_callback(stream._recv_callback, frames)  # noqa: SLF001 (it has no public way)
        self._others.clear()

    def _is_own(self, frames: list[Any]) -> bool:
        parts = [bytes(frame.bytes) for frame in frames]
        header, content = parts[parts.index(DELIMITER) + 2], parts[parts.index(DELIMITER) + 5]
        unpack = self._kernel.session.unpack
        return unpack(header)["msg_type"] == "comm_msg" and unpack(content).get("comm_id") == self._comm_id

    def _handle(self, frames: list[Any]) -> None:
        from comm import get_comm_manager  # noqa: PLC0415 (comes with the kernel)

        session, output = self._kernel.session, self._kernel.iopub_socket
        idents, rest = session.feed_identities(frames, copy=False)
        message = session.deserialize(rest, content=True, copy=False)
        get_comm_manager().comm_msg(cast("Any", self._stream), idents, message)
        # A front end sends its next change once it was told that the last one is done; the cell goes on.
        session.send(output, "status", {"execution_state": "idle"}, parent=message)
        session.send(output, "status", {"execution_state": "busy"}, parent=self._kernel.get_parent())


def _stream(kernel: Any) -> Any:  # noqa: ANN401 (ipykernel has no types)
    """Give the stream from which the main thread reads messages: since ipykernel 7, another thread passes them on."""
    try:
        channel = getattr(kernel, "shell_channel_thread", None)
        if channel is not None:
            stream = channel.manager.get_shell_channel_to_subshell_pair(None).to_stream
        else:
            stream = kernel.shell_stream
        readable = callable(stream._recv_callback) and stream.socket and stream.io_loop and kernel.session.unpack  # noqa: SLF001
    except AttributeError:
        return None
    return stream if readable else None
