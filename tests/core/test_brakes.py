"""Brakes: so many in a time by one network and one address, one heavy thing at a time; nobody's name in a key."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.crypto import get_random_string
from redis import Redis

from extranet.core.errors import TooMany
from extranet.core.web import brakes
from extranet.core.web.brakes import DAY, HOUR

NOW = datetime(2026, 11, 23, 9, 10, tzinfo=UTC)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def view(request: HttpRequest) -> HttpResponse:
    """Takes what is sent."""
    held = brakes.hold(request, "essai", request.POST["courriel"], network=[(4, HOUR), (6, DAY)], address=[(2, DAY)])
    return held or HttpResponse("pris")


def send(courriel: str = "", *, come_from: str = "192.0.2.7", button: str = "valider", **typed: Any) -> HttpResponse:
    request = RequestFactory().post("/essai/?x=1", {"courriel": courriel, button: "1", **typed}, REMOTE_ADDR=come_from)
    return view(request)


@pytest.mark.rule("DEM-6.b")
def test_so_many_an_hour_and_a_day_by_one_network(clock: Any) -> None:
    assert [send().status_code for _ in range(5)] == [200] * 4 + [429]
    assert int(send()["Retry-After"]) == 50 * 60, "until the hour is over"
    assert send(come_from="192.0.2.200").status_code == 429, "its neighbours are the same party"
    assert send(come_from="198.51.100.7").status_code == 200
    clock.shift(timedelta(minutes=50))
    assert [send().status_code for _ in range(3)] == [200, 200, 429], "what was refused is not counted in the day"
    assert int(send()["Retry-After"]) == 14 * HOUR
    clock.shift(timedelta(days=1))
    assert send().status_code == 200


@pytest.mark.rule("DEM-6.b")
def test_so_many_a_day_by_one_address_in_any_case_from_anywhere(clock: Any) -> None:
    places = [f"198.51.{rank}.7" for rank in range(4)]
    typed = ["Lina@famille.test", " lina@FAMILLE.test ", "lina@famille.test", "autre@famille.test"]
    assert [send(one, come_from=place).status_code for one, place in zip(typed, places, strict=True)] == [
        200,
        200,
        429,
        200,
    ]


@pytest.mark.rule("DEM-6.b")
def test_what_was_typed_is_sent_again_by_one_button(clock: Any) -> None:
    for _ in range(4):
        send()
    refused = send("lina@famille.test", nom='O’Kanari "L" <b>', modes=["a", "b"], csrfmiddlewaretoken="secret")
    page = refused.content.decode()
    assert refused["Cache-Control"] == "no-store"
    assert 'action="/essai/?x=1"' in page
    for field in (
        'name="courriel" value="lina@famille.test"',
        'name="nom" value="O’Kanari &quot;L&quot; &lt;b&gt;"',
        'name="modes" value="a"',
        'name="modes" value="b"',
        'name="valider" value="1"',
    ):
        assert field in page
    assert "secret" not in page
    assert "50\xa0minutes" in page


@pytest.mark.rule("RGP-2.a")
def test_no_address_is_in_the_shared_cache(clock: Any) -> None:
    courriel = f"{get_random_string(8).lower()}@famille.test"
    send(courriel)
    with brakes.one_at_a_time(courriel):
        server = Redis.from_url(settings.REDIS_URL)
        kept = b" ".join([*server.keys(), *(server.get(key) or b"" for key in server.keys("*brake*"))])
    assert b"brake" in kept
    for told in (courriel, "192.0.2", "famille"):
        assert told.encode() not in kept


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "1\xa0minute"),
        (61, "2\xa0minutes"),
        (3600, "60\xa0minutes"),
        (5401, "2\xa0heures"),
        (86_400, "24\xa0heures"),
    ],
)
def test_a_wait_in_words(seconds: int, said: str) -> None:
    assert brakes.in_words(seconds) == said


@pytest.mark.rule("DEM-6.b")
def test_a_cache_emptied_or_gone_lets_people_send(clock: Any, settings: Any) -> None:
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert [send().status_code for _ in range(5)] == [200] * 4 + [429], "this process counts alone"


def test_one_heavy_thing_at_a_time_for_each_person() -> None:
    inside, out = threading.Event(), threading.Event()

    def heavy() -> None:
        with brakes.one_at_a_time("telechargement:1"):
            inside.set()
            out.wait(10)

    worker = threading.Thread(target=heavy)
    worker.start()
    assert inside.wait(10)
    with pytest.raises(TooMany) as refusal, brakes.one_at_a_time("telechargement:1"):
        pass
    assert refusal.value.retry_after > 0
    with brakes.one_at_a_time("telechargement:2"):
        pass
    out.set()
    worker.join(10)
    with pytest.raises(ValueError), brakes.one_at_a_time("telechargement:1"):
        raise ValueError
    with brakes.one_at_a_time("telechargement:1"):
        pass


def test_a_place_left_by_a_dead_process_is_free_again_and_the_late_one_takes_nobody_s() -> None:
    with brakes.one_at_a_time("telechargement:1"):
        cache.clear()  # its time is over
        with brakes.one_at_a_time("telechargement:1"):
            pass
        following = brakes.one_at_a_time("telechargement:1")
        following.__enter__()
    with pytest.raises(TooMany), brakes.one_at_a_time("telechargement:1"):
        pass
    following.__exit__(None, None, None)
    with brakes.one_at_a_time("telechargement:1", for_at_most=7):
        [key] = Redis.from_url(settings.REDIS_URL).keys("*brake:alone*")
        assert 0 < Redis.from_url(settings.REDIS_URL).ttl(key) <= 7
