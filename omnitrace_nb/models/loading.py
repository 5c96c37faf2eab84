"""Models from the package, a folder, the hub, or the user's own hands: each becomes an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import torch
from transformers import AutoConfig

from omnitrace_nb.errors import ModelError, OmnitraceError, SettingsError
from omnitrace_nb.models.checks import check_config, check_model
from omnitrace_nb.models.registry import family_of
from omnitrace_nb.models.wrappers import check_address, unwrapped
from omnitrace_nb.quoting import quoted, shortened
from omnitrace_nb.transformers_names import logging
from omnitrace_nb.values import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin

    from omnitrace_nb.models.adapter import Adapter
    from omnitrace_nb.models.registry import Family

    Processor: TypeAlias = ProcessorMixin | PreTrainedTokenizerBase

Loaded = TypeVar("Loaded")

GGUF = ".gguf"
EMBEDDED = Path(__file__).parent / "embedded"
# from_pretrained's keywords that say where files come from: they hold for model, configuration and processor alike.
WHERE = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder", "gguf_file")


def load(
    model: PreTrainedModel | str | Path | None = None,
    processor: Processor | str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    device_map: str | dict[str, int | str | torch.device] | None = None,
    trust_remote_code: bool = False,
    max_positions: int | None = None,
    **from_pretrained: object,
) -> Adapter:
    """Give the adapter of a model.

    Args:
        model: None for the embedded model; a hub id, a folder or a `.gguf` file; or a transformers model, which is used
            as it is and where it is (what `torch.compile`, DataParallel or PEFT have wrapped around it is looked
            through).
        processor: the model's processor or tokenizer; needed with a model of your own, otherwise loaded beside it (or
            from the id or folder given here).
        device: "cuda", "mps" or "cpu"; left out, the best there is (the embedded model: "cpu", being small).
        dtype: such as "bfloat16"; left out, float32 on the CPU and the checkpoint's own ("auto") elsewhere.
        device_map: such as "auto", to spread a model over several devices (needs accelerate); instead of `device`.
        trust_remote_code: whether to run code that comes with a checkpoint.
        max_positions: how many positions prompt and response may take; left out, what the configuration says, with its
            rotary positions as they are scaled (`omnitrace_nb.models.rotary`).
        from_pretrained: further keywords of transformers' `from_pretrained`, such as `revision`; `gguf_file` names the
            GGUF file of a folder or a hub id.

    Raises:
        ModelError: nothing to load there, a model of the wrong kind, or a processor that is not its own.
        SettingsError: keywords that contradict one another or that `from_pretrained` does not know.
    """
    if max_positions is not None and (not is_whole(max_positions) or max_positions < 1):
        raise SettingsError(f"max_positions={quoted(max_positions)}: give a whole number of positions, 1 or more.")
    settings = {"dtype": dtype, "device_map": device_map, **from_pretrained}
    if model is None or isinstance(model, str | Path):
        adapter = _from_files(model, processor, device, {**settings, "trust_remote_code": trust_remote_code})
    else:
        if named := [name for name, value in {"device": device, **settings}.items() if value is not None]:
            raise SettingsError(
                f"A {type(model).__name__} of your own is used as it is, so {', '.join(named)} cannot be set here: "
                "move or convert it before, or give its hub id or folder instead."
            )
        inner: PreTrainedModel = unwrapped(model)
        if isinstance(processor, str | Path):
            check_model(inner)
            read = family_of(inner.config).load_processor
            processor = _read(str(processor), read, trust_remote_code=trust_remote_code)
        adapter = adapt(inner, processor)
    if max_positions is not None:
        adapter.max_positions = int(max_positions)
    return adapter


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
    source, gguf = _source(model, settings.get("gguf_file"))
    if gguf is not None:
        settings["gguf_file"] = gguf
        _check_gguf(source, gguf)
    _check_device_map(settings["device_map"], device)
    place = _device(device, small=model is None)
    on_cpu = settings["device_map"] is None and place.type == "cpu"
    settings["dtype"] = _dtype(settings["dtype"], narrow=not on_cpu and model is not None)
    where = {name: settings[name] for name in (*WHERE, "trust_remote_code") if name in settings}
    config: PreTrainedConfig = _read(source, AutoConfig.from_pretrained, **where)
    check_config(config)
    family: Family = family_of(config)
    if processor is None or isinstance(processor, str | Path):
        if processor is not None:
            where.pop("gguf_file", None)
        processor = _read(source if processor is None else str(processor), family.load_processor, **where)
    if settings["device_map"] is None:
        settings.pop("device_map")
    with _quiet() if model is None else nullcontext():
        loaded = _read(source, family.load_model, **settings)
    if not isinstance(loaded, torch.nn.Module):
        raise SettingsError(
            f"with these keywords from_pretrained gave a {type(loaded).__name__}, not a model alone: leave out "
            "output_loading_info and the like."
        )
    if "device_map" not in settings:
        loaded = loaded.to(place)
    adapter = adapt(loaded.eval(), processor)
    if model is None:
        adapter.name = "embedded"
    elif gguf is not None:
        adapter.name = f"{source}/{gguf}"
    return adapter


def _check_device_map(given: object, device: object) -> None:
    if not isinstance(given, str | Mapping | torch.device | int | None):
        raise SettingsError(f"device_map={quoted(given)}: give 'auto', a device, or a dict of modules and devices.")
    if given is not None and device is not None:
        raise SettingsError("Give device or device_map, not both.")


def _dtype(given: object, *, narrow: bool) -> Any:  # noqa: ANN401 - a name, or one of torch's
    """Give the number format to load in: the one named, else the checkpoint's own where that is `narrow`."""
    named = given is None or isinstance(given, torch.dtype | dict) or (isinstance(given, str) and given == "auto")
    if not (named or (isinstance(given, str) and isinstance(getattr(torch, given, None), torch.dtype))):
        raise SettingsError(f"dtype={quoted(given)} is unknown: give 'float32', 'bfloat16', 'float16' or 'auto'.")
    return given if given is not None else "auto" if narrow else "float32"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' bar for what takes no time; the user's own choice comes back."""
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            logging.enable_progress_bar()


def _source(model: str | Path | None, gguf: object = None) -> tuple[str, str | None]:
    """Give the folder or hub id to load from, and the GGUF file in it if that is what the model is in."""
    if gguf is not None and not (isinstance(gguf, str | Path) and str(gguf).strip()):
        raise SettingsError(f"gguf_file={quoted(gguf)}: give the name of a file in the folder or hub id.")
    if model is None:
        if gguf is not None:
            raise SettingsError(f"gguf_file={str(gguf)!r} needs its folder or hub id: ot.load(folder, gguf_file=...).")
        if not (EMBEDDED / "config.json").is_file():
            raise ModelError(
                "The embedded model is missing from this installation: install omnitrace-nb again, or give a model."
            )
        return str(EMBEDDED), None
    if not str(model).strip():
        raise ModelError("The model's name is empty: give a hub id or a folder, or none for the embedded model.")
    check_address(str(model))
    path, named = _place(model), None if gguf is None else str(gguf)
    if path.suffix.lower() == GGUF and gguf is None and not path.is_dir():
        if not path.is_file():
            raise ModelError(
                f"There is no file {str(path)!r}: give the path of one, or the hub id it is in and gguf_file=..."
            )
        return str(path.parent), path.name
    if path.is_dir():
        return str(path), named
    looks_like_a_path = isinstance(model, Path) or path.is_absolute() or str(model).startswith((".", "~"))
    if looks_like_a_path or path.is_file():
        raise ModelError(f"There is no folder {str(path)!r} to load a model from: give one with a config.json.")
    return str(model), named


def _place(model: str | Path) -> Path:
    """Give the path that a name may be; `ModelError` for what can name neither a file nor a model."""
    try:
        path = Path(model).expanduser()
        path.is_dir()
    except (OSError, RuntimeError) as error:  # a name that is too long, a user that is not known
        raise ModelError(f"{quoted(str(model))} names no model: {shortened(str(error), 120)}") from error
    return path


def _check_gguf(source: str, name: str) -> None:
    if missing := [each for each in ("gguf", "accelerate") if find_spec(each) is None]:
        raise ModelError(f"GGUF files need {' and '.join(missing)}: pip install 'omnitrace-nb[gguf]'.")
    folder = Path(source)
    if folder.is_dir() and not (folder / name).is_file():
        there = sorted(file.name for file in folder.iterdir() if file.suffix.lower() == GGUF)
        raise ModelError(
            f"The folder {source!r} has no file {name!r}: it has {', '.join(there) or 'no file of that kind'}."
        )


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
            f"The device {quoted(device)} cannot be used here: {error} Give 'cuda', 'mps' or 'cpu'."
        ) from error
    return place


def _read(source: str, loader: Callable[..., Loaded], **settings: object) -> Loaded:
    """Call a `from_pretrained`, its errors put into words."""
    gguf = settings.get("gguf_file")
    try:
        return loader(source, **settings)
    except OmnitraceError:
        raise
    except TypeError as error:
        raise SettingsError(f"Loading {source!r} refused its keywords: {error}") from error
    except Exception as error:  # of many libraries, some of which raise this very class
        reason = " ".join(f"{str(error) or type(error).__name__}".split())
        if Path(source).is_dir() and gguf:
            raise ModelError(
                f"The GGUF file {str(Path(source, str(gguf)))!r} cannot be loaded here: {reason} It may be damaged or "
                "cut short (get it again), or of an architecture that transformers does not read from GGUF."
            ) from error
        if Path(source).is_dir():
            raise ModelError(
                f"The folder {source!r} holds no model that can be loaded here: {reason} It should be what "
                "save_pretrained of the model and of its processor wrote."
            ) from error
        raise ModelError(
            f"The model {source!r} could not be loaded from the Hugging Face hub or its cache: {reason} Check the id "
            "and the connection; without one, give the folder of a downloaded model, or none for the embedded model."
        ) from error
