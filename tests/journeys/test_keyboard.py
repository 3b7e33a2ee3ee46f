"""A family asks, and a person of a lieu fetches, with the keyboard alone; the focus can always be seen (DEM-1)."""

import re
from datetime import date

import pytest

from extranet.core import clock
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory, contenu_of
from tests.journeys.steps import proven

pytestmark = pytest.mark.django_db(transaction=True)

SEEN = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  const inside = !here.matches(':focus');  // a part of the browser's own date field, which draws its own ring
  return inside || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none';
}"""


class Keys:
    """Moves by Tab, never by a pointer."""

    def __init__(self, page):
        self.page, self.unseen = page, set()

    def to(self, selector):
        """Tab until the focus is on what `selector` names; whatever takes it on the way must show it."""
        for _ in range(150):
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            self.page.keyboard.press("Tab")
            if not self.page.evaluate(SEEN):
                self.unseen.add(self.page.evaluate("document.activeElement.outerHTML").partition(">")[0])
        raise AssertionError(f"{selector} is out of the keyboard's reach")

    def write(self, **fields):
        for name, text in fields.items():
            self.to(f"main [name={name}]")
            self.page.keyboard.type(text)

    def date(self, name, day):
        """In the parts of the browser's date field; day and month alike, since their order is the machine's."""
        self.to(f"main [name={name}]")
        self.page.keyboard.type(f"{day:%d%m%Y}")
        self.page.keyboard.press("Tab")
        assert self.page.input_value(f"main [name={name}]") == day.isoformat()

    def check(self, selector):
        self.to(selector)
        self.page.keyboard.press("Space")
        assert self.page.is_checked(selector)

    def follow(self, selector):
        """Enter on a link or a button, and wait for the page that it leads to."""
        self.to(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")


@pytest.mark.rule("DEM-1.b")
def test_a_family_asks_by_keyboard(live_server, new_page, settings):
    settings.PUBLIC_URL = live_server.url
    HabilitationFactory(lieu=LieuFactory())
    page = new_page()
    page.goto(f"{live_server.url}/demandes/nouvelle/")
    keys, today = Keys(page), clock.today()
    keys.write(q="Le Châtelet-en-Brie")
    keys.follow("main form button.bouton")
    keys.check("main [name=enfants-0-situation][value=ne]")
    keys.date("enfants-0-date", date(today.year - 1, 2, 2))
    keys.follow("main button.bouton:not([name])")
    keys.check("main [name=modes][value=creche-collective]")
    keys.date("a_partir_du", date(today.year + 1, 1, 1))
    keys.follow("main button.bouton:not([name])")
    keys.follow("main button.bouton:not([name])")
    keys.write(prenom="Lina", nom="Fiction", code_postal="77820", ville="Le Châtelet-en-Brie")
    keys.follow("main button.bouton:not([name])")
    keys.write(courriel="lina@famille.test", telephone="06 00 00 00 55")
    keys.follow("main button.bouton:not([name])")
    assert "Fiction" in page.inner_text("main"), page.inner_text("main")
    proven(page)
    keys.follow("main button[name=valider]")
    reference = re.search(r"F-[\w-]+", page.inner_text("main")).group()
    assert contenu_of(demande__reference=reference).nom == "Fiction"
    assert not keys.unseen


def test_a_lieu_fetches_by_keyboard(live_server, new_page, settings):
    settings.PUBLIC_URL = live_server.url
    lieu = LieuFactory()
    person = HabilitationFactory(lieu=lieu).user
    demande = DemandeFactory(transmise=True, lieu=lieu, at=clock.now())
    page = new_page()
    page.goto(f"{live_server.url}/compte/connexion/")
    keys = Keys(page)
    keys.write(login=person.email, password="Demonstration-2026")
    keys.follow("main form button.bouton")
    keys.follow(f"main a[href$='{demande.uuid}/']")
    with page.expect_download():
        keys.to("main button[value=xml]")
        page.keyboard.press("Enter")
    demande.refresh_from_db()
    assert demande.state == "recuperee"
    assert not keys.unseen
