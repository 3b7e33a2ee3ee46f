"""The text read on screen: letters or a question, either is good, once."""

import base64
import io
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from PIL import Image

from extranet.core.outbox.models import Message
from extranet.core.web import verification
from tests.conftest import verified
from tests.core.test_accounts_login import LOST, NOW

ADDRESS = {"courriel": "camille@lieu.test"}


@pytest.mark.rule("ACT-5.a")
def test_nothing_is_asked_for_without_the_text_on_screen(client: Any, db: None) -> None:
    right = verified()
    for answer, because in (
        ({}, "Recopiez les lettres de l’image"),
        ({"verification": "ABCDE"}, "pas la bonne réponse"),
        ({"verification": "ABCDE", "verification-preuve": "forgée:xx"}, "pas la bonne réponse"),
        (right | {"verification": "wrong"}, "pas la bonne réponse"),
        (right, "pas la bonne réponse"),  # served once, though wrongly
    ):
        refused = client.post(LOST, ADDRESS | answer)
        assert refused.status_code == 422, answer
        page = refused.content.decode()
        assert because in page
        assert ADDRESS["courriel"] in page, "what was typed is kept"
        assert right["verification-preuve"] not in page, "another one is shown"
    assert not Message.objects.exists()
    assert client.post(LOST, ADDRESS | verified()).status_code == 200
    assert Message.objects.count() == 1


@pytest.mark.rule("ACT-5.a")
def test_the_question_is_its_alternative_and_no_writing_counts(client: Any, db: None) -> None:
    assert client.post(LOST, ADDRESS | verified(answer=1)).status_code == 200
    for rank, write in enumerate((str.upper, str.lower, lambda text: f"  {' '.join(text)} ")):
        drawn = verification.draw()
        assert verification.is_right(drawn.proof, write(drawn.answers[rank % len(drawn.answers)])), drawn
        drawn = verification.draw()
        assert verification.is_right(drawn.proof, write(drawn.letters))


@pytest.mark.rule("ACT-5.a")
def test_a_proof_serves_once_and_for_twenty_minutes() -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        drawn, late = verification.draw(), verification.draw()
        assert verification.is_right(drawn.proof, drawn.letters)
        assert not verification.is_right(drawn.proof, drawn.letters)
        clock.shift(timedelta(minutes=20, seconds=1))
        assert not verification.is_right(late.proof, late.letters)
    cache.clear()


@pytest.mark.rule("ACT-5.a")
def test_the_page_tells_no_answer_and_its_picture_is_one() -> None:
    for _ in range(200):
        drawn = verification.draw()
        assert drawn.letters not in drawn.proof
        for make in verification.QUESTIONS:
            question, answers = make()
            assert question.endswith("\u00a0?")
            assert all(answers)
    [kind, data] = verification.picture("ABCDE").split(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (280, 90)


@pytest.mark.parametrize(
    ("make", "known"),
    [
        ("_sum", {"combien font deux plus deux ?": "4"}),
        (
            "_following",
            {"quel jour vient juste après dimanche ?": "lundi", "quel mois vient juste après décembre ?": "janvier"},
        ),
    ],
)
def test_questions_are_right(make: str, known: dict[str, str]) -> None:
    drawn = [getattr(verification, make)() for _ in range(3_000)]
    found = {question.replace("\u00a0", " "): answers[0] for question, answers in drawn}
    for question, answer in known.items():
        assert found[question] == answer
