"""What people wait for among a million live demandes (SIZE), against ten thousand: p95 of whole requests."""

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.test import Client

from bench import world
from bench.rows.ingest import prepare
from conventions.models import Lieu
from extranet.core.accounts.models import User
from extranet.core.web.start import settle
from extranet.portal import sweep
from habilitations.models import Habilitation
from tests.factories import AgentFactory

SMALL, SIZE = 10_000, int(os.environ.get("SIZE", "100000"))
ROUNDS = 40


def run() -> list[dict[str, object]]:
    """`list`, its page 100, a search in it; an agent's home and list, the Cnaf's; the sweep when nothing is due."""
    prepare()
    world.clear()
    now = datetime.now(UTC)
    world.fill(SMALL, now)
    settle()
    floor = measure(now)
    world.fill(SIZE, now)
    ours = measure(now)
    world.clear()
    return [
        {"name": name, "ours": ours[name] * 1000, "floor": floor[name] * 1000, "unit": "ms p95", "n": SIZE}
        for name in ours
    ]


def measure(now: datetime) -> dict[str, float]:
    """Name of the row → p95 in seconds."""
    sweep.run(now=now)  # what the new world owes is done; afterwards it is idle
    world.analyze()
    person, agent, cnaf = Client(), Client(), Client()
    lieu = Lieu.objects.get(code=world.LARGE_LIEU)
    person.force_login(Habilitation.objects.get(personne__lieu=lieu).user)
    agent.force_login(_agent("agent@bench.test"))
    cnaf.force_login(_agent("cnaf@bench.test", cnaf=True))
    return {
        "list": p95(lambda: person.get("/espace/demandes/")),
        "list-100": p95(lambda: person.get("/espace/demandes/?page=100")),
        "search": p95(lambda: person.post("/espace/demandes/", {"q": "fiction 4321"}, follow=True)),
        "dashboard": p95(lambda: agent.get("/admin/")),
        "agent-list": p95(lambda: agent.get("/admin/demandes/demande/")),
        "cnaf-list": p95(lambda: cnaf.get("/admin/demandes/demande/")),
        "sweep": p95(lambda: sweep.run(now=now), rounds=3),
    }


def _agent(email: str, **traits: bool) -> User:
    found = User.objects.filter(email=email).first()
    return found or AgentFactory(user__email=email, **traits).user


def p95(act: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The twentieth slowest of the rounds, the first left out."""
    act()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = act()
        took.append(time.perf_counter() - began)
        assert getattr(answer, "status_code", 200) == 200, answer
    return statistics.quantiles(took, n=20)[-1] if rounds > 3 else max(took)
