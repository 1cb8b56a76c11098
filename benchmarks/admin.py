"""How fast the admin answers over a big table: `python -m benchmarks.admin [--messages N]`.

Fills a PostgreSQL database with a demo (1,000,000 messages unless told otherwise) and asks
for each page several times through Django's own stack. The bound for each is 300 ms.
`--url` measures a database that holds a demo already.
"""

import argparse
import time

from benchmarks import databases

BOUND = 300  # ms


def pages() -> dict[str, str]:
    """Return the addresses to ask for, by what they show."""
    from chat.models import ChatMessage
    from personas.models import Persona
    from threads.models import Thread
    from users.models import User

    busy = Thread.objects.order_by("-message_count")[0]
    person = User.objects.get(pk=busy.user_id)
    message = ChatMessage.objects.filter(thread=busy)[0]
    persona = Persona.objects.filter(user=person)[0]
    day = message.created_at.date()
    messages, threads = "/admin/chat/chatmessage/", "/admin/threads/thread/"
    prefix = person.email[:6]
    return {
        "messages": messages,
        "messages, page 2": f"{messages}?p=2",
        "messages, last page": f"{messages}?p=200",
        "messages of a role": f"{messages}?role__exact=twin",
        "messages of the last 7 days": f"{messages}?created_at__gte={day} 00:00:00%2B00:00",
        "messages of a day": f"{messages}?created_at__gte={day} 00:00:00%2B00:00"
        f"&created_at__lt={day} 23:59:59%2B00:00",
        "messages of a user": f"{messages}?user={person.pk}",
        "a user's, of a role": f"{messages}?user={person.pk}&role__exact=twin",
        "messages of a thread": f"{messages}?thread={busy.pk}",
        "messages, search e-mail": f"{messages}?q={prefix}",
        "messages, search id": f"{messages}?q={message.pk}",
        "messages, search nobody": f"{messages}?q=nobody",
        "a message": f"{messages}{message.pk}/change/",
        "threads": threads,
        "threads, general only": f"{threads}?is_general__exact=1",
        "threads of a user": f"{threads}?user={person.pk}",
        "threads, search title": f"{threads}?q=Dinner",
        "threads, search nothing": f"{threads}?q=zzz",
        "a thread": f"{threads}{busy.pk}/change/",
        "a thread, oldest messages": f"{threads}{busy.pk}/change/?older=999999",
        "delete a thread?": f"{threads}{busy.pk}/delete/",
        "users": "/admin/users/user/",
        "users, search": f"/admin/users/user/?q={prefix}",
        "a user": f"/admin/users/user/{person.pk}/change/",
        "delete a user?": f"/admin/users/user/{person.pk}/delete/",
        "personas": "/admin/personas/persona/",
        "a persona": f"/admin/personas/persona/{persona.pk}/change/",
        "find a thread (autocomplete)": "/admin/autocomplete/?app_label=chat"
        "&model_name=chatmessage&field_name=thread&term=tr",
        "migrations": "/admin/migrations/",
        "index": "/admin/",
    }


def main() -> None:
    """Fill, ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--url", help="a PostgreSQL database that holds a demo already")
    options = parser.parse_args()
    if options.url:
        databases.connect(options.url)
    else:
        databases.start("postgresql")
    from django.core.management import call_command
    from django.test import Client

    from users.models import User

    call_command("collectstatic", interactive=False, verbosity=0)
    if not options.url:
        call_command("demo", users=options.users, messages=options.messages)
    client = Client()
    client.force_login(User.objects.filter(is_superuser=True)[0])
    rows = []
    slow = []
    for name, address in pages().items():
        times = []
        for _ in range(options.repeat):
            begin = time.perf_counter()
            answer = client.get(address)
            times.append((time.perf_counter() - begin) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
        middle, late = databases.median(times), databases.percentile(times, 0.95)
        if middle > BOUND:
            slow.append(name)
        rows.append([name, f"{times[0]:.0f}", f"{middle:.0f}", f"{late:.0f}"])
    print(databases.table(["page", "first, ms", "p50, ms", "p95, ms"], rows))
    print(f"over {BOUND} ms: " + (", ".join(slow) or "none"))


if __name__ == "__main__":
    main()
