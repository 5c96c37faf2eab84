"""Sentences of many languages, cut by hand as a reader of each would cut them."""

# ruff: noqa: RUF001 - marks of other scripts are what this is about

from __future__ import annotations

import sys
import unicodedata

import pytest
import regex
import spacy

from omnitrace_nb import language
from omnitrace_nb.errors import SettingsError
from omnitrace_nb.language import marks
from omnitrace_nb.language.foreign import foreign
from omnitrace_nb.speech import Segment, read_transcript, semantic_chunks
from omnitrace_nb.statements import StatementOptions, split

SENTENCES = {
    "Japanese": [
        ["「行こう！」と彼は言った。", "そして走った。"],
        ["「おはよう。元気？」と聞いた。", "彼は笑った。"],
        ["彼女は『「待って！」と叫んだ。』と書いた。", "次の日、雨が降った。"],
        ["すごい！", "本当ですか？", "３．５キロです。"],
        ["（雨だ。）", "傘を持って行こう。"],
    ],
    "Chinese": [
        ["他说：“好！我们走吧。”", "然后他走了。", "天黑了。"],
        ["价格是3.5元。", "真的吗？！", "是的……也许吧。"],
        ["她读了《红楼梦。第一回》。", "很好！"],
        ["你好!", "再见.", "谢谢."],
    ],
    "Korean": [["안녕하세요. ", "오늘은 2024. 5. 3. 입니다. ", "정말요? ", "네."]],
    "Arabic": [["مرحبا بكم. ", "كيف حالك؟ ", "أنا بخير (والحمد لله!). ", "شكرا."]],
    "Hebrew": [["שלום. ", "מה שלומך? ", "זה עולה 3.5 שקלים. ", "ביי."]],
    "Urdu": [["یہ گھر ہے۔ ", "تم کون ہو؟ ", "میں علی ہوں۔"]],
    "Hindi": [["यह घर है। ", "क्या तुम आओगे? ", "हाँ।"]],
    "Thai": [["สวัสดีครับ วันนี้อากาศดี พ.ศ. 2567 ดีมาก"]],
    "Greek": [["Πού είναι η Μαρία; ", "Είναι εδώ. ", "«Έλα!» είπε. ", "Έφυγε."]],
    "Russian": [
        ["Это г. Москва. ", "А. С. Пушкин родился в 1799 г. в Москве. ", "«Кто там?» — спросил он. ", "Он ушёл."],
        ["Никто не ответил... ", "Он ушёл."],
    ],
    "German": [
        [
            "Das kostet z. B. 3,50 Euro. ",
            "Am 3. Mai kam Dr. Müller. ",
            "„Komm!“, rief er. ",
            "»Nein!« ",
            "Sie ging nicht.",
        ],
        ["Er sagte: „Ich weiß es nicht.“ ", "Dann schwieg er."],
    ],
    "French": [["« Viens ! » dit-il. ", "Il est parti avec M. Dupont. ", "« Pourquoi ? » ", "Personne ne sait."]],
    "Spanish": [["¡Hola! ", "¿Cómo estás? ", "Estoy bien. ", "El Sr. López vive en EE. UU. desde 1990."]],
    "Italian": [["Il dott. Rossi è qui. ", "Non so perché. ", "Che cosa è successo?"]],
    "Polish": [["To jest dom. ", "Gdzie jest Maria? ", "Nie wiem... ", "Może tutaj."]],
    "Vietnamese": [["Đây là nhà của tôi. ", "Bạn là ai? ", "Tôi không biết."]],
    "Armenian": [["Սա տուն է։ ", "Դու գալի՞ս ես։ ", "Այո։"]],
    "Amharic": [["ይህ ቤት ነው። ", "አንተ ማን ነህ፧ ", "እኔ ነኝ።"]],
    "English": [["He said (it was Dr. Who). ", '"Why?" she asked. ', "It cost 3.5 francs."]],
}
CASES = [pytest.param(cut, id=f"{name} {at}") for name, cuts in SENTENCES.items() for at, cut in enumerate(cuts, 1)]


def cut(text, **options):
    return [text[start:end] for start, end in language.sentences(text, **options)]


@pytest.mark.parametrize("wanted", CASES)
def test_a_prompt_in_a_language_that_the_pipeline_does_not_know_is_cut_as_its_readers_would(wanted):
    assert cut("".join(wanted), wrapped=True) == [each.strip() for each in wanted]


@pytest.mark.parametrize("wanted", CASES)
def test_an_answer_is_cut_into_the_same_statements_as_a_prompt_and_clauses_leave_other_languages_whole(wanted):
    text = "".join(wanted)
    said = [each.strip() for each in wanted]
    assert [text[slice(*each)] for each in split(text)] == said
    if wanted not in SENTENCES["English"]:
        assert [text[slice(*each)] for each in split(text, StatementOptions(clauses=True))] == said


def test_an_exclamation_in_japanese_quotes_is_no_end_of_a_sentence_nor_are_those_of_other_quotes():
    for opened, closed in ("「」", "『』", "（）", "【】", "《》", "〈〉", "“”", "〔〕", "｢｣"):
        text = f"彼は{opened}行こう！{closed}と言った。そして走った。"
        assert cut(text) == [text[: text.index("そ")], "そして走った。"]
    for opened, closed in ("«»", "»«", "„“", "“”", "‹›", "()"):
        text = f"Он сказал: {opened}Иди! Пора.{closed} и ушёл. Никто не ответил."
        assert cut(text) == [text[: text.index(" Никто")], "Никто не ответил."]


def test_a_quote_that_is_never_closed_and_one_of_a_whole_page_hide_no_sentences():
    assert cut("彼は「行こう。そして走った。夜だ。") == ["彼は「行こう。", "そして走った。", "夜だ。"]
    page = "雨が降った。" * 100
    assert len(cut(f"「{page}」")) == 100


def test_each_line_has_its_own_language_and_a_line_that_does_not_say_has_that_of_the_text():
    text = (
        "The house is where Dr. Smith lives.\n「行こう！」と彼は言った。\nAm 3. Mai kam er z. B. mit der Bahn.\nNr. 5"
    )
    assert cut(text) == text.split("\n")
    german = "Das ist das Haus, in dem wir mit den anderen wohnen.\nHr. Müller, Am 3. Mai"
    assert cut(german) == german.split("\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The house is where we live.", None),
        ("Mia sells honey.", None),
        ("red box", None),
        ("97 / 100, max(a - b, 0)", None),
        ("Das ist das Haus, in dem wir wohnen.", "de"),
        ("C'est la maison où nous sommes.", "fr"),
        ("Dit is het huis waar wij wonen.", "nl"),
        ("Привет", "ru"),
        ("שלום", "he"),
        ("Tiếng Việt rất đẹp và phong phú.", "xx"),
    ],
)
def test_a_language_is_told_by_its_script_and_its_commonest_words(text, told):
    assert foreign(text, "", None) == told


def test_a_pipeline_of_the_texts_own_language_reads_it_and_one_of_no_language_reads_all():
    russian = spacy.blank("ru")
    russian.add_pipe("sentencizer", config={"punct_chars": ["|"]})
    assert cut("Это дом| Он мой. Вот", nlp=russian) == ["Это дом| Он мой. Вот"]
    assert cut("This is it. He left.", nlp=russian) == ["This is it.", "He left."]
    anyone = spacy.blank("xx")
    anyone.add_pipe("sentencizer")
    assert foreign("Это дом", "", anyone) is None


def test_a_pipeline_that_fails_is_named():
    broken = spacy.blank("en")
    broken.add_pipe("sentencizer")

    @spacy.Language.component("breaks_on_purpose")
    def breaks(_doc):
        raise ZeroDivisionError("on purpose")

    broken.add_pipe("breaks_on_purpose")
    with pytest.raises(SettingsError, match=r"the given spaCy pipeline fails on this text \(ZeroDivisionError"):
        cut("It is here.", nlp=broken)


def test_the_signs_and_closers_are_those_of_unicode():
    every = [chr(each) for each in range(sys.maxunicode + 1) if not 0xD800 <= each <= 0xDFFF and each <= 0xFFFF]
    ends = {each for each in every if regex.match(r"\p{Sentence_Break=STerm}", each)}
    ours = regex.compile(f"[{marks.SOFT}{marks.ALWAYS}]")
    # Unicode counts the full-width full stop among those that may stand within a sentence. Releases differ in a few.
    assert len({each for each in every if ours.match(each)} ^ (ends | {"\uff0e"})) <= 3
    assert {each for each in every if unicodedata.category(each) in {"Pe", "Pf"}} <= marks.CLOSING


def test_words_of_a_transcript_are_joined_up_to_the_signs_of_their_script():
    words = ["行こう！」", "と", "言った。", "Кто", "там?»", "क्या", "है।"]
    rows = [{"word": word, "start": at, "end": at + 1} for at, word in enumerate(words)]
    assert [each.text for each in read_transcript(rows)] == ["行こう！」", "と 言った。", "Кто там?»", "क्या है।"]
    cues = [Segment(0, 3, "यह घर"), Segment(3, 6, "है।"), Segment(6, 12, "ठीक है।")]
    heard = []
    semantic_chunks(cues, lambda texts: heard.append(texts) or [[1.0]] * len(texts))
    assert heard == [["यह घर है।", "ठीक है।"]]
