"""Where weights lie, and what is wrapped around them: traces are those of the plain model, or are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import cpu_offload, disk_offload
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM, QuantoConfig, TextGenerationPipeline

import omnitrace_nb as ot
from omnitrace_nb.errors import ModelError, SignalError
from tests.text_toys import toy

PROMPT = ["Mia sells honey. Hugo sells clocks.", "Who sells clocks?"]
SIGNALS = ["attmean", "attnorm", "attgrads_all", "input_x_gradient", "leave_one_out", "rollout"]
WITHOUT_GRADIENTS = ["attmean", "attnorm", "leave_one_out", "rollout"]
SHORT = {"max_new_tokens": 4, "progress": False}
LAYERS = {"model.embed_tokens": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "cpu"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a Llama of three layers and its tokenizer."""
    path = tmp_path_factory.mktemp("llama")
    for each in toy(
        LlamaForCausalLM, LlamaConfig, {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3}
    ):
        each.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def plain(folder):
    """What the plain model's trace is."""
    return ot.load(folder, device="cpu").trace(PROMPT, SIGNALS, **SHORT)


def memory(folder):
    tracer = ot.load(folder, device="cpu")
    return tracer.adapter.model, tracer.adapter.tokenizer


def on_disk(folder, tmp_path):
    return ot.load(folder, device_map={"": "disk"}, offload_folder=tmp_path / "weights")


def half_on_disk(folder, tmp_path):
    places = {f"model.layers.{layer}": "disk" if layer else "cpu" for layer in range(3)}
    return ot.load(folder, device_map=LAYERS | places, offload_folder=tmp_path / "weights")


def spread(folder, _tmp_path):
    return ot.load(folder, device_map="auto")


def offloaded(folder, _tmp_path):
    model, tokenizer = memory(folder)
    cpu_offload(model, execution_device=torch.device("cpu"))
    return ot.load(model, tokenizer)


def offloaded_to_disk(folder, tmp_path):
    model, tokenizer = memory(folder)
    disk_offload(model, tmp_path / "weights", execution_device=torch.device("cpu"))
    return ot.load(model, tokenizer)


def compiled(folder, _tmp_path):
    model, tokenizer = memory(folder)
    return ot.load(torch.compile(model, backend="eager"), tokenizer)


def compiled_in_place(folder, _tmp_path):
    model, tokenizer = memory(folder)
    model.compile(backend="aot_eager")
    return ot.load(model, tokenizer)


def compiled_forward(folder, _tmp_path):
    model, tokenizer = memory(folder)
    model.forward = torch.compile(model.forward, backend="aot_eager", dynamic=True)
    return ot.load(model, tokenizer)


def parallel(folder, _tmp_path):
    model, tokenizer = memory(folder)
    return ot.load(torch.nn.DataParallel(torch.compile(model, backend="eager")), tokenizer)


def distributed(folder, _tmp_path):
    model, tokenizer = memory(folder)
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        return ot.load(torch.nn.parallel.DistributedDataParallel(model), tokenizer)
    finally:
        torch.distributed.destroy_process_group()


LOSSLESS = [
    *(spread, on_disk, half_on_disk, offloaded, offloaded_to_disk),
    *(compiled, compiled_in_place, compiled_forward, parallel, distributed),
]


@pytest.mark.parametrize("place", LOSSLESS)
def test_a_trace_is_that_of_the_plain_model(place, folder, plain, tmp_path):
    tracer = place(folder, tmp_path)
    trace = tracer.trace(PROMPT, SIGNALS, **SHORT)
    assert trace.response_record.token_ids.tolist() == plain.response_record.token_ids.tolist()
    for signal in SIGNALS:
        assert "failed" not in trace.run.signals[signal]
        wanted = plain.scores(signal)
        np.testing.assert_allclose(trace.scores(signal), wanted, atol=1e-5 * np.abs(wanted).max(), err_msg=signal)


@pytest.mark.parametrize("place", [half_on_disk, on_disk, compiled_in_place, compiled_forward])
def test_the_kit_passes_wherever_the_weights_lie(place, folder, tmp_path):
    report = ot.check_adapter(place(folder, tmp_path), PROMPT)
    assert report.passed, report


def test_what_was_compiled_is_compiled_again_after_a_trace(folder):
    runs = []

    def counting(graph, _inputs):
        runs.append(graph)
        return graph.forward

    model, tokenizer = memory(folder)
    model.forward = torch.compile(model.forward, backend=counting)
    ids = torch.arange(5)[None]
    ot.load(model, tokenizer).trace(PROMPT, "attmean", **SHORT)
    assert not runs  # compiled kernels would not be listened to
    model(input_ids=ids)
    assert runs


def eight_bit():
    # By default, which columns are kept in half precision depends on what else is in the batch.
    return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)


def four_bit():
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32)


QUANTISED = {
    "bitsandbytes, 8 bits": eight_bit,
    "bitsandbytes, 4 bits": four_bit,
    "quanto, 8 bits": lambda: QuantoConfig(weights="int8"),
    "quanto, 4 bits": lambda: QuantoConfig(weights="int4"),
}


@pytest.fixture(params=QUANTISED)
def quantised(folder, request):
    return ot.load(folder, quantization_config=QUANTISED[request.param](), device_map={"": "cpu"})


def repacks(tracer):
    """Tell whether the kernels of this CPU leave gradients out."""
    return any(getattr(each, "support_avx512bf16_for_cpu", False) for each in tracer.adapter.model.modules())


def test_quantised_weights_pass_the_kit_by_their_own_eager_attention_and_generate(quantised):
    report = ot.check_adapter(quantised, PROMPT)
    assert report.passed, report
    found = dict(zip(report["check"], report["result"], strict=True))
    assert {found[name] for name in ("tokens", "rows", "hiding", "caches", "untouched")} == {"pass"}
    assert found["gradients"] == ("n/a" if repacks(quantised) else "pass")


def as_floats(tracer, folder):
    """Give the plain model with the weights that the quantised layers amount to, unit vector by unit vector."""
    model, tokenizer = memory(folder)
    layers = dict(model.named_modules())
    for name, layer in tracer.adapter.model.named_modules():
        if isinstance(layer, torch.nn.Linear) and type(layer) is not torch.nn.Linear:
            layers[name].weight.data = layer(torch.eye(layer.in_features)).detach().T.clone()
    return ot.load(model, tokenizer)


def test_every_signal_is_that_of_the_weights_that_were_quantised(quantised, folder):
    signals = WITHOUT_GRADIENTS if repacks(quantised) else SIGNALS
    trace = quantised.trace(PROMPT, signals, **SHORT)
    wanted = as_floats(quantised, folder).trace(PROMPT, signals, **SHORT)
    # bitsandbytes' 8 bits round activations, too; its packed 4 bits are multiplied in bfloat16.
    rounded = repacks(quantised) or quantised.adapter.model.config.quantization_config.to_dict().get("load_in_8bit")
    assert rounded or trace.response_record.token_ids.tolist() == wanted.response_record.token_ids.tolist()
    for signal in signals:
        assert "failed" not in trace.run.signals[signal]
        first, other = trace.scores(signal)[0], wanted.scores(signal)[0]
        np.testing.assert_allclose(first, other, atol=(0.2 if rounded else 2e-3) * np.abs(other).max(), err_msg=signal)


def test_gradients_that_a_kernel_would_leave_out_are_refused(folder):
    tracer = ot.load(folder, quantization_config=four_bit(), device_map={"": "cpu"})
    if not repacks(tracer):
        pytest.skip("this CPU has a kernel of 4-bit weights with gradients")
    for signal in ("attgrads", "input_x_gradient"):
        with pytest.raises(SignalError, match="no gradient passes"):
            tracer.add(tracer.trace(PROMPT, "attmean", **SHORT), signal, progress=False)


def test_adapters_of_weights_are_part_of_the_model(folder, plain):
    model, tokenizer = memory(folder)
    torch.manual_seed(1)
    adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj", "o_proj"], init_lora_weights=False)).eval()
    tracer = ot.load(adapted, tokenizer)
    assert ot.check_adapter(tracer, PROMPT).passed
    trace = tracer.trace(PROMPT, SIGNALS, **SHORT)
    prompt = torch.from_numpy(trace.layout.token_ids)[None]
    own = adapted.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=4)
    assert trace.response_record.token_ids.tolist() == own[0, prompt.shape[1] :].tolist()
    merged = ot.load(adapted.merge_and_unload(), tokenizer).trace(PROMPT, SIGNALS, **SHORT)
    for signal in SIGNALS:
        wanted = merged.scores(signal)
        np.testing.assert_allclose(trace.scores(signal), wanted, atol=1e-3 * np.abs(wanted).max(), err_msg=signal)
    assert not np.allclose(trace.scores("attmean"), plain.scores("attmean"), atol=1e-3)


def test_adapters_that_prepend_positions_are_refused(folder):
    model, tokenizer = memory(folder)
    prepending = get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
    with pytest.raises(ModelError, match="prepends positions of its own"):
        ot.load(prepending, tokenizer)


def test_sharded_models_are_refused(folder):
    class FullyShardedDataParallel(torch.nn.Module):
        """By its name, as torch's own needs several processes."""

    with pytest.raises(ModelError, match=r"a part of the weights in each process.*device_map"):
        ot.load(FullyShardedDataParallel(), memory(folder)[1])


class Client:
    """As the clients of remote models: an address and a method."""

    def __init__(self):
        """Take the address."""
        self.base_url = "https://example.org/v1"

    def create(self, **_):
        """Ask over the network."""
        raise AssertionError


@pytest.mark.parametrize(
    "remote", [Client(), Client().create, "https://example.org/v1/models/7b", "http://localhost:8000", "grpc://host:1"]
)
def test_a_remote_model_is_out_of_scope_and_told_why(remote, folder):
    with pytest.raises(ModelError, match=r"weights must be loaded here.*out of scope"):
        ot.load(remote, memory(folder)[1])


def test_a_pipeline_is_told_what_to_give(folder):
    model, tokenizer = memory(folder)
    with pytest.raises(ModelError, match=r"TextGenerationPipeline was given.*ot\.load\(it\.model, it\.tokenizer\)"):
        ot.load(TextGenerationPipeline(model=model, tokenizer=tokenizer, device="cpu"))
