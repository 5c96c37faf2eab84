"""placeholder"""
from __future__ import annotations
def open_trace(path): raise NotImplementedError
def save(trace, path, *, embed_media=False): raise NotImplementedError
