"""Recognisers and voice activity on real speech, through the real packages; results that they could give, read."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pytest

import omnitrace_nb as ot
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.media import load
from omnitrace_nb.media.loaded import MediaNeeds
from omnitrace_nb.speech import (
    Segment,
    in_chunks,
    paraformer,
    pocketsphinx,
    scribe,
    semantic_chunks,
    voice_activity,
    whisper,
)

RATE = 16_000
SAID = "The dog has three red apples."


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A sentence, spoken by a synthesiser: `float32 [n]` at 16 kHz."""
    if not shutil.which("espeak-ng"):
        pytest.skip("needs espeak-ng")
    path = tmp_path_factory.mktemp("speech") / "said.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", path, SAID], check=True)
    return load([ot.Audio(path)], MediaNeeds(sampling_rate=RATE), ("audio",))[0].content.samples


@pytest.fixture(scope="module")
def talk(spoken):
    """One second of silence, a sentence, two seconds of silence, the sentence again, one of silence."""
    quiet = np.zeros(RATE, np.float32)
    return np.concatenate([quiet, spoken, quiet, quiet, spoken, quiet])


@pytest.fixture(scope="module")
def heard(talk):
    """What PocketSphinx makes of the talk."""
    return pocketsphinx()(talk, RATE)


def test_voice_activity_finds_where_somebody_speaks(talk, spoken):
    found = voice_activity(talk, RATE, pause=1.0)
    length = len(spoken) / RATE
    assert len(found) == 2
    for segment, start in zip(found, (1.0, 3.0 + length), strict=True):
        assert abs(segment.t0 - start) < 0.4
        assert abs(segment.t1 - (start + length)) < 0.6


def test_no_voice_is_found_in_silence_or_a_tone():
    assert voice_activity(np.zeros(3 * RATE, np.float32), RATE) == ()
    assert voice_activity((0.3 * np.sin(np.arange(3 * RATE) / 5)).astype(np.float32), RATE) == ()


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 1.5}, {"shortest": -1}, {"pause": -0.1}])
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        voice_activity(np.zeros(RATE, np.float32), RATE, **wrong)


def test_a_sampling_rate_that_the_detector_does_not_read_is_refused():
    with pytest.raises(SettingsError, match="44,100"):
        voice_activity(np.zeros(44_100, np.float32), 44_100)


def test_pocketsphinx_hears_words_at_their_times(heard, spoken):
    length = len(spoken) / RATE
    spans = ((1.0, 1.0 + length), (3.0 + length, 3.0 + 2 * length))
    assert "apples" in " ".join(segment.text for segment in heard)
    for segment in heard:
        middle = (segment.t0 + segment.t1) / 2
        assert any(start - 0.5 < middle < end + 0.5 for start, end in spans), segment


def test_a_recogniser_cuts_a_prompts_sound(embedded, talk, heard):
    trace = embedded.trace(
        [ot.Audio(talk, RATE), "What is it?"], sources={"audio": pocketsphinx()}, max_new_tokens=4, progress=False
    )
    rows = trace.sources.query("modality == 'audio'")
    assert rows["text"].str.len().gt(0).all()
    assert rows["t0"].tolist() == [pytest.approx(segment.t0) for segment in heard]
    speaking = trace.regroup({"audio": partial(voice_activity, pause=1.0)})
    assert len(speaking.sources.query("modality == 'audio'")) == 2


def test_a_recogniser_that_hears_nothing_is_named_and_the_rest_goes_on(embedded):
    quiet = np.zeros(2 * RATE, np.float32)
    with pytest.warns(RuntimeWarning, match=r"sound 1: voice_activity found nothing; .* by default"):
        trace = embedded.trace(
            [ot.Audio(quiet, RATE), "What?"], sources={"audio": voice_activity}, max_new_tokens=2, progress=False
        )
    assert trace.sources.query("modality == 'audio'")["t0"].tolist() == [0, 1]


def test_semantic_chunks_of_a_recogniser_are_those_of_its_segments():
    said = (
        Segment(0, 6, "The red apple is sweet."),
        Segment(6, 13, "The red apple is ripe."),
        Segment(13, 20, "Snow fell."),
    )

    def recogniser(_samples, _rate):
        return said

    chunked = in_chunks(recogniser, threshold=0.3)
    assert chunked(np.zeros(20), 1) == semantic_chunks(said, threshold=0.3)
    assert len(chunked(np.zeros(20), 1)) == 2
    assert chunked.__name__ == "recogniser"


# ---------------------------------------------------------------- whisper, through transformers' own pipeline


@pytest.fixture(scope="module")
def tiny_whisper(tmp_path_factory):
    """A random Whisper of the real class in transformers' own pipeline."""
    torch = pytest.importorskip("torch")
    from transformers import (  # noqa: PLC0415 (slow, and needed only here)
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
        pipeline,
    )

    folder = tmp_path_factory.mktemp("whisper")
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = [chr(each) for each in shown] + [chr(256 + number) for number in range(256 - len(shown))]
    (folder / "vocab.json").write_text(json.dumps({letter: number for number, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    names = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>", "<|startoflm|>", "<|startofprev|>"]
    names += ["<|nospeech|>", "<|notimestamps|>", *(f"<|{number * 0.02:.2f}|>" for number in range(1501))]
    tokenizer.add_tokens(names, special_tokens=True)
    ids = dict(zip(names, tokenizer.convert_tokens_to_ids(names), strict=True))
    torch.manual_seed(0)
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    ends = {"pad_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.eos_token_id}
    config = WhisperConfig(
        **sizes,
        **ends,
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_mel_bins=16,
        max_target_positions=64,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        eos_token_id=tokenizer.eos_token_id,
        init_std=0.3,
    )
    model = WhisperForConditionalGeneration(config).eval()
    generation = model.generation_config
    generation.no_timestamps_token_id = ids["<|notimestamps|>"]
    generation.lang_to_id, generation.task_to_id = {"<|en|>": ids["<|en|>"]}, {"transcribe": ids["<|transcribe|>"]}
    generation.is_multilingual, generation.max_length = True, 40
    generation.begin_suppress_tokens = [tokenizer.eos_token_id]  # or random weights would say nothing
    generation.suppress_tokens = None
    extractor = WhisperFeatureExtractor(feature_size=16)
    return pipeline("automatic-speech-recognition", model=model, tokenizer=tokenizer, feature_extractor=extractor)


def test_whisper_gives_its_pipelines_segments_within_the_sound(tiny_whisper):
    noise = np.random.default_rng(0).normal(size=40 * RATE).astype(np.float32)
    found = whisper(tiny_whisper)(noise.copy(), RATE)
    chunks = tiny_whisper({"raw": noise.copy(), "sampling_rate": RATE}, return_timestamps=True)["chunks"]
    wanted = [(t0, min(t1, 40)) for t0, t1 in (chunk["timestamp"] for chunk in chunks) if t0 < 40]
    assert [(segment.t0, segment.t1) for segment in found] == wanted
    assert len(found) > 1


# ---------------------------------------------------------------- services and packages that need what is not here


@pytest.fixture
def service():
    """A server on this machine that answers as ElevenLabs documents its speech-to-text; it keeps what it was asked."""
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            words = [("Good", 0.1, 0.4, "word"), (" ", 0.4, 0.5, "spacing"), ("morning.", 0.5, 1.0, "word")]
            words += [("(laughs)", 1.0, 1.4, "audio_event"), ("Hello.", 1.5, 2.0, "word")]
            body = {
                "language_code": "en",
                "language_probability": 0.9,
                "text": "Good morning. Hello.",
                "words": [
                    {"text": text, "start": t0, "end": t1, "type": kind, "speaker_id": f"s{int(t0 > 1)}", "logprob": 0}
                    for text, t0, t1, kind in words
                ],
            }
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_scribe_is_asked_through_its_own_client_and_keeps_speakers(service):
    elevenlabs = pytest.importorskip("elevenlabs")
    url, asked = service
    recogniser = scribe(elevenlabs.ElevenLabs(api_key="none", base_url=url))
    found = recogniser(np.zeros(2 * RATE, np.float32), RATE)
    assert [(segment.t0, segment.t1, segment.text, segment.speaker) for segment in found] == [
        (0.1, 1.0, "Good morning.", "s0"),
        (1.5, 2.0, "Hello.", "s1"),
    ]
    path, body = asked[0]
    assert path.endswith("/speech-to-text")
    assert b"RIFF" in body
    assert b"scribe_v1" in body


class Paraformer:
    """What funasr's AutoModel gives, by its documentation: sentences in milliseconds, or the time of each token."""

    def __init__(self, found):
        """Take what will have been found."""
        self.found = found

    def generate(self, **asked):
        """Give what was found."""
        assert asked["fs"] == RATE
        return self.found


def test_paraformers_sentences_and_speakers_are_read():
    sentences = [
        {"text": "你好。", "start": 120, "end": 900, "spk": 0},
        {"text": "再见。", "start": 1000, "end": 1800, "spk": 1},
    ]
    found = paraformer(Paraformer([{"text": "你好。再见。", "sentence_info": sentences}]))(np.zeros(RATE), RATE)
    assert found == (Segment(0.12, 0.9, "你好。", "speaker 0"), Segment(1.0, 1.8, "再见。", "speaker 1"))
    bare = paraformer(Paraformer([{"text": "你 好", "timestamp": [[100, 200], [200, 480]]}]))(np.zeros(RATE), RATE)
    split = [{"text": ["Good", "day"], "start": 0, "end": 500}]
    assert paraformer(Paraformer([{"sentence_info": split}]))(np.zeros(RATE), RATE)[0].text == "Good day"
    assert bare == (Segment(0.1, 0.48, "你 好"),)
    assert paraformer(Paraformer([{"text": ""}]))(np.zeros(RATE), RATE) == ()


def test_a_package_that_is_missing_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "funasr", None)
    with pytest.raises(SettingsError, match="pip install funasr"):
        paraformer()
    monkeypatch.setitem(__import__("sys").modules, "silero_vad", None)
    with pytest.raises(SettingsError, match=r"omnitrace-nb\[speech\]"):
        voice_activity(np.zeros(RATE, np.float32), RATE)
