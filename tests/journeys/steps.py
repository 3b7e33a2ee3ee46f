"""The family's form as its steps are named: a page is used once it has its own title."""

from playwright.sync_api import expect

TITLES = {
    "besoin": "Votre besoin",
    "horaires": "Rythme et horaires",
    "vous": "Vous",
    "reponse": "Pour vous répondre",
    "relire": "Relisez votre demande",
}
CONTINUE = "button:text-is('Continuer')"


def arrived(page, title):
    """Waits for the page of this title, whole, not for that of a step that bears the same name."""
    page.get_by_role("heading", level=1, name=title, exact=True).wait_for()
    page.wait_for_load_state()


def go_on(page, step):
    """From a step to the one that comes next."""
    page.click(CONTINUE)
    arrived(page, TITLES[step])


def proven(page):
    """Waits for the browser's work: pressed before, the page waits for it ten seconds, then asks its question."""
    expect(page.locator("input[name=altcha]").first).not_to_have_value("", timeout=60_000)
