"""Create the data of the screenshots: alice, her personas and a conversation in both voices."""

from datetime import timedelta

from django.utils import timezone

from personas.models import Persona, Sample
from personas.teaching.learning import learn
from tests.factories import PASSWORD, make_message, make_persona
from threads.models import Thread
from threads.signup import create_account

EMAIL = "alice@example.com"
PERSONAS = [
    ("Work me", "#0d9488", "Polite, structured, never more than two paragraphs."),
    ("Sunday self", "#d97706", "Slow, curious, has time."),
]
# Minutes ago, who, what.
LISBON = [
    (26, "user", "Three days in Lisbon with my sister in October. Where do we start?"),
    (
        25,
        "assistant",
        "One neighbourhood a day rather than one sight an hour:\n\n"
        "| Day | Morning | Evening |\n|---|---|---|\n"
        "| Friday | Alfama, on foot | Graça, for the view |\n"
        "| Saturday | Tile museum, at opening | Príncipe Real |\n"
        "| Sunday | Ferry to Cacilhas | Dinner by the river |\n\n"
        "Book only the museum, at $m$ each. Of a budget $b$, that leaves $\\frac{b - 2m}{3}$ a day."
        " The rest is better **undecided**.",
    ),
    (4, "user", "Tell her, the way I would."),
    (
        3,
        "twin",
        "Right, I have a plan, and it is mostly walking. Three days, three corners of Lisbon, one"
        " museum (you like tiles, don\u2019t argue). Bring the good shoes and leave Sunday to the"
        " ferry. Deal?",
    ),
]
# What the Sunday self has learnt from.
NOTES = [
    "Hi you, the kettle is on. I was thinking about the garden: we could leave it wild. Take care",
    "Hi you, no rush at all. I was thinking about the lake \u2014 Saturday, early? Take care",
    "Hi you, I read the book! It is slow, and then it is not. Tell me when you are done. Take care",
    "Hi you, the bread failed again. I was thinking about more water, or patience. Take care",
]
OTHERS = [
    ("Offer for the bike workshop", "Work me", 3),
    ("What to read after Middlemarch", "Sunday self", 20),
    ("Slow query on bookings", None, 28),
    ("Thank-you note for the choir", "Work me", 51),
    ("Risotto without white wine", None, 75),
    ("My knee again", "Sunday self", 100),
]


def make_scene() -> None:
    """Create the rows."""
    alice = create_account(email=EMAIL, password=PASSWORD, name="Alice")
    now = timezone.now()
    Thread.objects.update(created_at=now - timedelta(days=30))
    personas: dict[str | None, Persona] = {
        name: make_persona(alice, name, color=color, description=told)
        for name, color, told in PERSONAS
    }
    sunday = personas["Sunday self"]
    for text in NOTES:
        Sample.objects.create(
            persona=sunday, text=text, source=Sample.Source.MAIL, origin="mail.mbox"
        )
    learn(sunday)
    for title, persona, hours in OTHERS:
        made = now - timedelta(hours=hours)
        thread = Thread.objects.create(user=alice, title=title, persona=personas.get(persona))
        make_message(thread, "How do I put this?", created_at=made)
        make_message(thread, "Short and true.", role="assistant", created_at=made)
    lisbon = Thread.objects.create(
        user=alice,
        title="Three days in Lisbon",
        persona=sunday,
        pinned_at=now,
    )
    for minutes, role, text in LISBON:
        make_message(lisbon, text, role=role, created_at=now - timedelta(minutes=minutes))
