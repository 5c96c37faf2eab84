"""Models from the package, a folder, the hub, or the user's own hands: each becomes an adapter."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import torch
from safetensors import SafetensorError
from transformers import AutoConfig
from transformers.utils import logging

from omnitrace_nb.errors import ModelError, SettingsError, shown
from omnitrace_nb.models.checks import check_config, check_model
from omnitrace_nb.models.registry import family_of
from omnitrace_nb.models.wrappers import check_address, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin

    from omnitrace_nb.models.adapter import Adapter
    from omnitrace_nb.models.registry import Family

    Processor: TypeAlias = ProcessorMixin | PreTrainedTokenizerBase

Loaded = TypeVar("Loaded")

EMBEDDED = Path(__file__).parent / "embedded"
# from_pretrained's keywords that say where files come from: they hold for model, configuration and processor alike.
WHERE = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")


def load(
    model: PreTrainedModel | str | Path | None = None,
    processor: Processor | str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    device_map: str | dict[str, int | str | torch.device] | None = None,
    trust_remote_code: bool = False,
    **from_pretrained: object,
) -> Adapter:
    """Give the adapter of a model.

    Args:
        model: None for the embedded model; a hub id or a folder; or a transformers model, which is used as it is and
            where it is (what `torch.compile`, DataParallel or PEFT have wrapped around it is looked through).
        processor: the model's processor or tokenizer; needed with a model of your own, otherwise loaded beside it (or
            from the id or folder given here).
        device: "cuda", "mps" or "cpu"; left out, the best there is (the embedded model: "cpu", being small).
        dtype: such as "bfloat16"; left out, float32 on the CPU and the checkpoint's own ("auto") elsewhere.
        device_map: such as "auto", to spread a model over several devices (needs accelerate); instead of `device`.
        trust_remote_code: whether to run code that comes with a checkpoint.
        from_pretrained: further keywords of transformers' `from_pretrained`, such as `revision`.

    Raises:
        ModelError: nothing to load there, a model of the wrong kind, or a processor that is not its own.
        SettingsError: keywords that contradict one another or that `from_pretrained` does not know.
    """
    if model is None or isinstance(model, str | Path):
        settings = {"dtype": dtype, "device_map": device_map, "trust_remote_code": trust_remote_code, **from_pretrained}
        return _from_files(model, processor, device, settings)
    given = {"device": device, "dtype": dtype, "device_map": device_map, **from_pretrained}
    if named := [name for name, value in given.items() if value is not None]:
        raise SettingsError(
            f"A {type(model).__name__} of your own is used as it is, so {', '.join(named)} cannot be set here: "
            "move or convert it before, or give its hub id or folder instead."
        )
    inner: PreTrainedModel = unwrapped(model)
    if isinstance(processor, str | Path):
        check_model(inner)
        processor = _read(str(processor), family_of(inner.config).load_processor, trust_remote_code=trust_remote_code)
    return adapt(inner, processor)


def adapt(model: PreTrainedModel, processor: Processor | None) -> Adapter:
    """Give the adapter of a model in memory, which stays as it is; `ModelError` if it cannot be traced."""
    model = unwrapped(model)
    check_model(model)
    if processor is None:
        raise ModelError(
            f"{type(model).__name__} came without its processor: give it as the second argument, from "
            "AutoProcessor.from_pretrained (text models: AutoTokenizer) and the model's hub id or folder."
        )
    return family_of(model.config).adapter(model, processor)


def _from_files(
    model: str | Path | None,
    processor: Processor | str | Path | None,
    device: str | torch.device | None,
    settings: dict[str, Any],
) -> Adapter:
    source = _source(model)
    if settings["device_map"] is not None and device is not None:
        raise SettingsError("Give device or device_map, not both.")
    place = _device(device, small=model is None)
    dtype = settings["dtype"]
    named = dtype is None or isinstance(dtype, torch.dtype | dict) or (isinstance(dtype, str) and dtype == "auto")
    if not (named or (isinstance(dtype, str) and isinstance(getattr(torch, dtype, None), torch.dtype))):
        raise SettingsError(f"dtype={shown(dtype)} is unknown: give 'float32', 'bfloat16', 'float16' or 'auto'.")
    if dtype is None:
        on_cpu = settings["device_map"] is None and place.type == "cpu"
        settings["dtype"] = "float32" if on_cpu or model is None else "auto"
    where = {name: settings[name] for name in (*WHERE, "trust_remote_code") if name in settings}
    config: PreTrainedConfig = _read(source, AutoConfig.from_pretrained, **where)
    check_config(config)
    family: Family = family_of(config)
    if processor is None or isinstance(processor, str | Path):
        processor = _read(source if processor is None else str(processor), family.load_processor, **where)
    if settings["device_map"] is None:
        settings.pop("device_map")
    with _quiet() if model is None else nullcontext():
        loaded = _read(source, family.load_model, **settings)
    if "device_map" not in settings:
        loaded = loaded.to(place)
    adapter = adapt(loaded.eval(), processor)
    if model is None:
        adapter.name = "embedded"
    return adapter


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' bar for what takes no time; the user's own choice comes back."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _source(model: str | Path | None) -> str:
    if model is None:
        if not (EMBEDDED / "config.json").is_file():
            raise ModelError(
                "The embedded model is missing from this installation: install omnitrace-nb again, or give a model."
            )
        return str(EMBEDDED)
    if not str(model).strip():
        raise ModelError("The model's name is empty: give a hub id or a folder, or none for the embedded model.")
    check_address(str(model))
    path = Path(model).expanduser()
    if path.is_dir():
        return str(path)
    looks_like_a_path = isinstance(model, Path) or path.is_absolute() or str(model).startswith((".", "~"))
    if looks_like_a_path or path.is_file():
        raise ModelError(f"There is no folder {str(path)!r} to load a model from: give one with a config.json.")
    return str(model)


def _device(device: str | torch.device | None, *, small: bool) -> torch.device:
    if device is None:
        if small:
            return torch.device("cpu")
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError) as error:
        raise ModelError(
            f"The device {shown(device)} cannot be used here: {error} Give 'cuda', 'mps' or 'cpu'."
        ) from error
    return place


def _read(source: str, loader: Callable[..., Loaded], **settings: object) -> Loaded:
    """Call a `from_pretrained`, its errors put into words."""
    try:
        return loader(source, **settings)
    except TypeError as error:
        raise SettingsError(f"Loading {source!r} refused its keywords: {error}") from error
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        if Path(source).is_dir():
            raise ModelError(
                f"The folder {source!r} holds no model that can be loaded here: {reason} It should be what "
                "save_pretrained of the model and of its processor wrote."
            ) from error
        raise ModelError(
            f"The model {source!r} could not be loaded from the Hugging Face hub or its cache: {reason} Check the id "
            "and the connection; without one, give the folder of a downloaded model, or none for the embedded model."
        ) from error
