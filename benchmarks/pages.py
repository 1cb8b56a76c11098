"""How long do the pages take that grow with use? `python -m benchmarks.pages`

PostgreSQL holds one person with a conversation of `--messages` (10,000) and `--threads`
(10,000) more. Each page is asked for through Django's own stack, by a session that is logged
in. The limit for opening the conversation is 100 ms of the server's time.
"""

import argparse
import time

from benchmarks import databases

LIMIT = 100  # ms


def fill(messages: int, threads: int) -> dict[str, str]:
    """Write the person's rows; return the addresses to ask for, by what they show."""
    from chat.models import ChatMessage
    from threads.models import Thread
    from users.models import User

    person = User.objects.create_user("heavy@example.com")
    Thread.objects.bulk_create(
        Thread(user=person, title=f"Thread {number}") for number in range(threads)
    )
    thread = Thread.objects.create(user=person, title="The long one")
    ChatMessage.objects.bulk_create(
        (
            ChatMessage(
                user=person,
                thread=thread,
                role=("user", "assistant")[number % 2],
                content=f"**Number {number}**: what `f(x)` is\n\n```python\nprint({number})\n```",
            )
            for number in range(messages)
        ),
        batch_size=5_000,
    )
    conversation = f"/threads/{thread.pk}/"
    middle = ChatMessage.objects.filter(thread=thread).order_by("created_at", "id")[messages // 2]
    return {
        "a long conversation": conversation,
        "a message in its middle": f"/messages/{middle.pk}/",
        "many threads": "/threads/",
        "many threads, by title": "/threads/?q=9999",
    }


def main() -> None:
    """Fill, ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=30)
    options = parser.parse_args()
    databases.start("postgresql")
    from django.core.management import call_command
    from django.test import Client

    from users.models import User

    call_command("collectstatic", interactive=False, verbosity=0)
    pages = fill(options.messages, options.threads)
    client = Client()
    client.force_login(User.objects.get(email="heavy@example.com"))
    rows = []
    for name, address in pages.items():
        times = []
        for _ in range(options.repeat):
            begin = time.perf_counter()
            answer = client.get(address, follow=True)
            times.append((time.perf_counter() - begin) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
        figures = [times[0], databases.median(times), databases.percentile(times, 0.95)]
        rows.append([name, *(f"{figure:.0f}" for figure in figures)])
    print(databases.table(["page", "first, ms", "p50, ms", "p95, ms"], rows))
    print(f"limit for the conversation: {LIMIT} ms")


if __name__ == "__main__":
    main()
