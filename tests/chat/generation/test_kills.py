"""What is left after kill -9, at a small size; tests/faults/killed_replies.py is the full one."""

from tests.chat.provider_server import ProviderServer
from tests.factories import make_user
from tests.faults.killed_replies import kill_in_the_middle
from tests.site import Site


def test_replies_survive_the_death_of_their_worker(site: Site, provider: ProviderServer) -> None:
    people = [make_user(f"alice{number}") for number in range(4)]
    ends = kill_in_the_middle(site, provider, people, after=10)
    assert ends.get("interrupted", 0) + ends.get("complete", 0) == 4
