"""captum's gradient methods: against captum called plainly, against inseq, and against their own axioms."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch

import omnitrace_nb as ot
from omnitrace_nb import models, passes, signals
from omnitrace_nb.content import Text
from omnitrace_nb.errors import SignalError
from omnitrace_nb.media import load
from omnitrace_nb.passes import TeacherForced, deeplift
from tests import toys
from tests.planted import planted_run
from tests.runs import finished

PROMPT = "The market was busy in the morning. Mia sells"
ANSWER = " honey, Hugo sells clocks."


@pytest.fixture(scope="module")
def llama():
    """A text model without a chat template, so that its prompt is the text alone."""
    tokenizer = toys.make_tokenizer()
    tokenizer.unk_token, tokenizer.bos_token = "<|AUDIO|>", "<|im_start|>"
    model = toys.make_text(tokenizer)
    model.config.bos_token_id = tokenizer.bos_token_id
    return models.adapt(model, tokenizer)


@pytest.fixture(scope="module")
def text_run(llama):
    return run_of(llama)


def run_of(adapter, statements=2):
    """The run of PROMPT and ANSWER; its steps in `statements` equal pieces and a last step in none."""
    encoded = adapter.encode(load((Text(PROMPT),), adapter.needs, adapter.modalities))
    whole = adapter.tokenizer(PROMPT + ANSWER, add_special_tokens=False)["input_ids"]
    assert whole[: len(encoded.layout)] == encoded.layout.token_ids.tolist()
    return cut(finished(adapter, encoded, whole[len(encoded.layout) :]), statements)


def cut(run, statements):
    steps = run.steps - 1
    of_step = np.append(np.arange(steps) * statements // steps, -1)
    return run.but(statements=[(0, 1)] * statements, statement_of=of_step)


@pytest.fixture(scope="module")
def mixed_run(omni, media_asked):
    return cut(finished(omni, media_asked, [50, 60, 70, 80, 90]), 2)


def scores(run, signal):
    got = passes.score(run.but(), [signals.get(signal)])
    (array,) = got.scores.values()
    return array


def plain(run, steps):
    """The target's value as one writes it down: the model's own forward, the logits of its tokens added up."""
    forced = run.forced

    def forward(embeddings):
        q = embeddings.shape[1]
        options = {name: value[..., :q] for name, value in forced.options.items()}
        options = {name: value.expand(*value.shape[:-2], len(embeddings), q) for name, value in options.items()}
        logits = forced.model(inputs_embeds=embeddings, use_cache=False, **options).logits
        return sum(logits[:, run.prompt + step - 1, run.response.token_ids[step]] for step in steps)

    return forward


def inputs_of(run, steps):
    return run.forced.embeddings[:, : run.prompt + int(max(steps))].clone().requires_grad_()


def assert_close(found, wanted, share=1e-4):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=share * np.abs(wanted).max())


@pytest.fixture(scope="module")
def by_inseq(llama):
    """Run inseq on the same model, prompt and response: `[T, q, ...]`, for each method asked for."""
    inseq = pytest.importorskip("inseq")
    llama.model.set_attn_implementation("eager")

    def run(method, **settings):
        attributed = {} if method == "attention" else {"attributed_fn": "logit"}
        peer = inseq.load_model(llama.model, method, tokenizer=llama.tokenizer)
        out = peer.attribute(
            PROMPT, PROMPT + ANSWER, show_progress=False, pretty_progress=False, **attributed, **settings
        )
        return out.sequence_attributions[0].target_attributions.transpose(0, 1).nan_to_num()

    yield run
    llama.model.set_attn_implementation("sdpa")


def test_saliency_is_inseqs(by_inseq, text_run):
    theirs = by_inseq("saliency").norm(dim=-1).numpy()
    assert_close(scores(text_run, "saliency"), theirs)


def test_input_x_gradient_is_inseqs(by_inseq, text_run):
    theirs = by_inseq("input_x_gradient").sum(-1).numpy()
    assert_close(scores(text_run, "input_x_gradient"), theirs)


def test_integrated_gradients_are_inseqs_from_its_baseline_the_unknown_token(by_inseq, text_run, llama):
    theirs = by_inseq("integrated_gradients", n_steps=20).sum(-1).numpy()
    ours = signals.integrated_gradients(steps=20, per="step", baseline=llama.tokenizer.unk_token_id)
    assert_close(scores(text_run, ours), theirs)


def test_attmean_is_inseqs_attention(by_inseq, text_run):
    theirs = by_inseq("attention").mean((-1, -2)).numpy()
    assert_close(scores(text_run, "attmean"), theirs)


@pytest.mark.parametrize("which", ["text_run", "mixed_run"])
@pytest.mark.parametrize("name", ["saliency", "input_x_gradient"])
def test_gradients_of_a_statement_are_those_of_captum_called_plainly(request, which, name):
    run = request.getfixturevalue(which)
    found = scores(run, getattr(signals, name)(per="statement")).sum(0, where=(run.statement_of == 1)[:, None])
    steps = np.flatnonzero(run.statement_of == 1)
    method = {"saliency": captum.attr.Saliency, "input_x_gradient": captum.attr.InputXGradient}[name]
    given = inputs_of(run, steps)
    wanted = method(plain(run, steps)).attribute(given)[0].detach()
    wanted = (wanted.norm(dim=-1) if name == "saliency" else wanted.sum(-1)).numpy()
    assert_close(found[: len(wanted)], wanted)
    assert not found[len(wanted) :].any()


def test_integrated_gradients_of_a_statement_are_those_of_captum_called_plainly(mixed_run):
    run, steps = mixed_run, np.flatnonzero(mixed_run.statement_of == 1)
    found = scores(run, signals.integrated_gradients(steps=6, baseline="zero"))[steps].sum(0)
    method = captum.attr.IntegratedGradients(plain(run, steps))
    wanted = method.attribute(inputs_of(run, steps), n_steps=6)[0].sum(-1).detach().numpy()
    assert_close(found[: len(wanted)], wanted)


def test_gradient_shap_is_captums_with_the_same_draws(text_run):
    run, steps = text_run, np.flatnonzero(text_run.statement_of == 1)
    signal = signals.gradient_shap(samples=4, noise=0.2, seed=7, baseline="zero")
    found = scores(run, signal)[steps].sum(0)
    given = inputs_of(run, steps)
    state = np.random.get_state()  # noqa: NPY002 - captum draws from this one
    np.random.seed(7)  # noqa: NPY002 - the same
    torch.manual_seed(7)
    deviation = 0.2 * float(given.detach().std())
    wanted = captum.attr.GradientShap(plain(run, steps)).attribute(
        given, baselines=torch.zeros_like(given), n_samples=4, stdevs=deviation
    )
    np.random.set_state(state)  # noqa: NPY002 - the same
    assert_close(found[: given.shape[1]], wanted[0].sum(-1).detach().numpy())


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_a_noise_tunnel_is_captums_with_the_same_draws(text_run, kind):
    run, steps = text_run, np.flatnonzero(text_run.statement_of == 1)
    signal = signals.noise_tunnel(signals.input_x_gradient(per="statement"), samples=3, noise=0.2, kind=kind, seed=5)
    found = scores(run, signal)[steps].sum(0)
    given = inputs_of(run, steps)
    torch.manual_seed(5)
    tunnel = captum.attr.NoiseTunnel(captum.attr.InputXGradient(plain(run, steps)))
    wanted = tunnel.attribute(given, nt_type=kind, nt_samples=3, stdevs=0.2 * float(given.detach().std()))
    assert_close(found[: given.shape[1]], wanted[0].sum(-1).detach().numpy(), 1e-3 if kind == "vargrad" else 1e-4)


def test_noise_goes_through_integrated_gradients_too_and_leaves_the_generators_alone(text_run):
    signal = signals.noise_tunnel(signals.integrated_gradients(steps=3), samples=2)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - captum draws from this one
    first, second = scores(text_run, signal), scores(text_run, signal)
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002 - the same
    assert not np.allclose(first, scores(text_run, signals.integrated_gradients(steps=3)))
    over_shap = scores(text_run, signals.noise_tunnel(signals.gradient_shap(samples=2), samples=2))
    assert np.isfinite(over_shap).all()
    assert over_shap.any()


@pytest.fixture(scope="module")
def relu_run():
    """The toy Llama with ReLU, which captum has a rule for."""
    tokenizer = toys.make_tokenizer()
    model = toys.make_text(tokenizer)
    model.config.hidden_act = "relu"
    again = type(model)(model.config).eval()
    again.load_state_dict(model.state_dict())
    return run_of(models.adapt(again, tokenizer))


def test_deeplift_is_captums_where_the_model_allows(relu_run):
    steps = np.flatnonzero(relu_run.statement_of == 1)
    given = inputs_of(relu_run, steps)

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model, self.value = relu_run.adapter.model, plain(relu_run, steps)

        def forward(self, embeddings):
            return self.value(embeddings)

    with pytest.warns(UserWarning, match="hooks"):
        wanted = captum.attr.DeepLift(Whole()).attribute(given, means(relu_run)[:, : given.shape[1]])
    wanted = wanted[0].sum(-1).detach().numpy()
    found = scores(relu_run, "deeplift")[steps].sum(0)
    assert_close(found[: len(wanted)], wanted)
    assert not any(module._forward_hooks for module in relu_run.adapter.model.modules())


def test_deeplift_is_refused_where_it_would_be_a_gradient_in_disguise(text_run):
    with pytest.raises(SignalError, match="SiLUActivation, for which captum has no DeepLIFT rule"):
        scores(text_run, "deeplift")


def means(run):
    """Each position's modality, averaged over the prompt; the response's tokens averaged by themselves."""
    begin, embeddings = torch.zeros_like(run.forced.embeddings), run.forced.embeddings
    modality = np.append(run.encoded.layout.modality, [9] * run.steps)
    for name in np.unique(modality):
        begin[:, modality == name] = embeddings[:, modality == name].mean(1, keepdim=True)
    return begin


def test_integrated_gradients_are_complete_on_every_modality(mixed_run):
    """Sundararajan et al., axiom of completeness: they sum to the value less the baseline's."""
    run = mixed_run
    value, begin = plain(run, range(run.steps)), means(run)
    with torch.no_grad():
        wanted = float(value(run.forced.embeddings[:, :-1]) - value(begin[:, :-1]))
    found = {steps: scores(run, signals.integrated_gradients(steps=steps, per="response")) for steps in (20, 80)}
    assert abs(found[80].sum() - wanted) < abs(found[20].sum() - wanted)
    assert found[80].sum() == pytest.approx(wanted, rel=0.01)
    assert all(found[80][:, : run.prompt][:, run.encoded.layout.modality == kind].any() for kind in range(5))


@pytest.mark.parametrize("per", ["step", "statement", "response"])
def test_no_row_scores_what_comes_after_it_and_a_targets_rows_sum_to_its_attribution(text_run, per):
    signal = signals.input_x_gradient(per=per)
    found = scores(text_run, signal)
    for step, row in enumerate(found):
        assert not row[text_run.prompt + step :].any()
    for steps in text_run.groups(per):
        values = signal.credit.target(text_run, steps)
        np.testing.assert_allclose(found[steps].sum(0)[: len(values)], values, rtol=1e-4, atol=1e-5)
    if per == "statement":
        assert not found[-1].any()  # the last step is in no statement


def test_logits_and_logprobs_are_different_questions(text_run):
    logit, logprob = (scores(text_run, signals.input_x_gradient(of=of)) for of in ("logit", "logprob"))
    assert not np.allclose(logit, logprob)
    steps = [3]
    given, forward = inputs_of(text_run, steps), text_run.forced.model
    logits = forward(inputs_embeds=given, use_cache=False).logits[0, -1]
    value = logits.log_softmax(-1)[text_run.response.token_ids[3]]
    wanted = (torch.autograd.grad(value, given)[0] * given)[0].sum(-1).detach().numpy()
    assert_close(logprob[3][: len(wanted)], wanted)


def test_a_contrast_is_the_difference_of_two_tokens(text_run):
    step, other = np.array([4]), np.array([17])
    credit = signals.get("input_x_gradient").credit
    given = inputs_of(text_run, step)
    logits = text_run.forced.model(inputs_embeds=given, use_cache=False).logits[0, -1]
    value = logits[text_run.response.token_ids[4]] - logits[17]
    wanted = (torch.autograd.grad(value, given)[0] * given)[0].sum(-1).detach().numpy()
    assert_close(credit.target(text_run, step, other), wanted)


def test_targets_share_their_forwards_and_media_are_encoded_once(mixed_run, monkeypatch):
    model, encoded = mixed_run.adapter.model, []
    feature = model.get_image_features
    monkeypatch.setattr(model, "get_image_features", lambda *a, **k: encoded.append(1) or feature(*a, **k))
    got = passes.score(mixed_run.but(), [signals.integrated_gradients(steps=5), signals.get("saliency")])
    assert got.notes["integrated_gradients(steps=5)"].items() >= {"forwards": 5, "backwards": 10}.items()
    assert got.notes["saliency"].items() >= {"forwards": 1, "backwards": 5}.items()
    assert len(encoded) == 1


def test_what_shares_a_forward_changes_nothing(text_run, monkeypatch):
    names = (signals.get("saliency"), signals.gradient_shap(samples=3), signals.integrated_gradients(steps=4))
    together = [scores(text_run, name) for name in names]
    monkeypatch.setattr("omnitrace_nb.passes.captum_pass.TARGETS_AT_ONCE", 1)
    monkeypatch.setattr("omnitrace_nb.passes.batches.PASS_TOKENS", 1)
    for name, wanted in zip(names, together, strict=True):
        assert_close(scores(text_run, name), wanted)


def test_a_forward_that_does_not_fit_is_halved(text_run, monkeypatch):
    signal = signals.integrated_gradients(steps=7)
    wanted, rows, tried = scores(text_run, signal), TeacherForced.rows, []

    def small(self, embeddings, steps):
        tried.append(len(embeddings))
        if len(embeddings) > 2:
            raise torch.OutOfMemoryError
        return rows(self, embeddings, steps)

    monkeypatch.setattr(TeacherForced, "rows", small)
    assert_close(scores(text_run, signal), wanted)
    assert max(tried) == 7


def test_interrupted_passes_keep_the_targets_that_are_done(text_run, monkeypatch):
    signal = signals.get("input_x_gradient")
    monkeypatch.setattr("omnitrace_nb.passes.captum_pass.TARGETS_AT_ONCE", 3)
    wanted, rows, calls = scores(text_run, signal), TeacherForced.rows, []

    def stopped(self, embeddings, steps):
        calls.append(steps)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rows(self, embeddings, steps)

    monkeypatch.setattr(TeacherForced, "rows", stopped)
    got = passes.score(text_run.but(), [signal])
    assert got.notes["input_x_gradient"].items() >= {"steps": 6, "interrupted": True, "forwards": 2}.items()
    assert_close(got.scores["input_x_gradient"][:6], wanted[:6])
    assert not got.scores["input_x_gradient"][6:].any()


def test_numbers_that_overflow_in_half_precision_are_told_with_their_step():
    tokenizer = toys.make_tokenizer()
    adapter = models.adapt(toys.make_text(tokenizer).half(), tokenizer)
    run = run_of(adapter)
    broken = 2
    with torch.no_grad():
        adapter.model.lm_head.weight[int(run.response.token_ids[broken])] = 6e4
    got = passes.score(run, [signals.get("input_x_gradient"), signals.get("saliency")])
    same = np.flatnonzero(run.response.token_ids == run.response.token_ids[broken])
    assert got.notes["input_x_gradient"]["not_finite"] == same.tolist()
    assert not got.scores["input_x_gradient"][broken].any()
    assert got.scores["input_x_gradient"][broken + 1].any()
    assert got.scores["saliency"][broken + 1].any()


def test_names_say_what_differs_from_the_default():
    assert signals.integrated_gradients().name == "integrated_gradients"
    assert signals.integrated_gradients(steps=50, per="step").name == "integrated_gradients(steps=50, per=step)"
    assert signals.noise_tunnel("saliency", seed=3).name == "noise_tunnel(saliency, seed=3)"
    table = signals.list().set_index("name")
    names = ["saliency", "input_x_gradient", "integrated_gradients", "gradient_shap", "deeplift"]
    assert (table.loc[names, "family"] == "gradient").all()
    assert table.loc[names, "signed"].tolist() == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: signals.saliency(per="token"), "per='token' is unknown; use 'step' or 'statement' or 'response'"),
        (lambda: signals.input_x_gradient(of="prob"), "of='prob' is unknown"),
        (lambda: signals.integrated_gradients(steps=0), "steps=0: expected a whole number"),
        (lambda: signals.integrated_gradients(baseline="blur"), 'expected "zero", "mean" or a token id'),
        (lambda: signals.gradient_shap(noise=-1), "noise=-1"),
        (lambda: signals.noise_tunnel("attmean"), "one of captum's gradient signals"),
        (lambda: signals.noise_tunnel(signals.noise_tunnel("saliency")), "neither a tunnel"),
        (lambda: signals.noise_tunnel("saliency", kind="median"), "kind='median'"),
        (lambda: signals.gradient_shap(seed="a"), "gradient_shap: seed='a': expected a whole number from 0"),
        (lambda: signals.gradient_shap(seed=-1), "seed=-1: expected a whole number from 0"),
        (lambda: signals.noise_tunnel("saliency", seed=2**32), "seed=4294967296: expected"),
        (lambda: signals.gradient_shap(noise=float("nan")), "noise=nan"),
        (lambda: signals.gradient_shap(noise="a"), "noise='a'"),
        (lambda: signals.integrated_gradients(baseline=["zero"]), 'expected "zero", "mean" or a token id'),
        (lambda: signals.integrated_gradients(steps=2.5), "steps=2.5: expected a whole number"),
    ],
)
def test_settings_that_are_none_are_refused_before_anything_runs(make, message):
    with pytest.raises(SignalError, match=message):
        make()


def test_a_baseline_that_is_no_token_of_the_model_is_told_which_there_are(text_run, llama):
    tokens = len(llama.model.get_input_embeddings().weight)
    for wrong in (tokens, 10**9):
        with pytest.raises(SignalError, match=f"baseline={wrong}: this model has the tokens 0 to {tokens - 1}"):
            scores(text_run, signals.integrated_gradients(steps=2, baseline=wrong))
    assert scores(text_run, signals.integrated_gradients(steps=2, baseline=tokens - 1)).any()


def test_squares_and_variances_are_not_signed(text_run):
    kinds = ("smoothgrad", "smoothgrad_sq", "vargrad")
    made = [signals.noise_tunnel("input_x_gradient", samples=3, noise=0.2, kind=kind) for kind in kinds]
    for kind, signal in zip(kinds, made, strict=True):
        assert signal.signed == (kind == "smoothgrad")
    assert (scores(text_run, signals.noise_tunnel("saliency", samples=3, kind="vargrad")) >= 0).all()


def test_deeplift_says_why_a_model_without_activation_modules_is_refused():
    with pytest.raises(
        SignalError, match=r"Linear has no activation modules, to which captum's DeepLIFT rules \(.*ReLU"
    ):
        deeplift.check(torch.nn.Linear(2, 2))


def test_a_response_without_tokens_or_statements_scores_nothing(llama):
    encoded = llama.encode(load((Text(PROMPT),), llama.needs, llama.modalities))
    for ids in ([], [40]):
        run = finished(llama, encoded, ids)
        assert scores(run, "integrated_gradients").shape == (len(ids), len(encoded.layout) + len(ids))
        assert not scores(run, "integrated_gradients").any()
        assert scores(run, "saliency").any() == bool(ids)


def test_a_method_of_captums_that_is_not_registered_takes_ten_lines(text_run):
    """The example of docs/signals/gradients.md."""

    @ot.signals.register("occlusion", family="ablation", source="Zeiler & Fergus 2014", signed=True)
    def occlusion(forced, steps):
        """Drop of the logit when windows of four positions are blanked (captum's Occlusion)."""
        inputs = forced.inputs(steps)
        window = (4, inputs.shape[-1])
        method = captum.attr.Occlusion(lambda embeddings: forced.logits(embeddings, steps))
        with torch.no_grad():
            found = method.attribute(inputs, sliding_window_shapes=window, strides=window)
        return found[..., 0]

    try:
        found = scores(text_run, "occlusion")
    finally:
        signals.registry._SIGNALS.pop("occlusion")
    whole = inputs_of(text_run, [3]).detach()
    without = whole.clone()
    without[:, 4:8] = 0
    value = plain(text_run, [3])
    with torch.no_grad():
        assert found[3, 5] == pytest.approx(float(value(whole) - value(without)), rel=1e-3)


@pytest.mark.parametrize("source", [0, 2, 4])
@pytest.mark.parametrize(
    "signal",
    [
        "saliency",
        "input_x_gradient",
        "integrated_gradients",
        signals.integrated_gradients(baseline="zero", of="logprob"),
        signals.gradient_shap(samples=8),
        signals.noise_tunnel("input_x_gradient", samples=4),
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_the_source_that_the_answer_provably_depends_on_comes_first(signal, source):
    run = planted_run(source, decoy=True)
    found = scores(run, signal)
    masses = [np.abs(found[:, each.positions].sum()) for each in run.sources]
    assert np.argmax(masses) == source


@pytest.mark.parametrize("source", [0, 2, 4])
def test_deeplift_ranks_the_planted_source_first_in_a_model_with_relu(source):
    run = planted_run(source, decoy=True, activation="relu")
    found = scores(run, "deeplift")
    assert np.argmax([np.abs(found[:, each.positions].sum()) for each in run.sources]) == source
