"""What is left after kill -9, at a small size; tests/faults/killed_replies.py is the full one."""

from tests.factories import make_user
from tests.faults.killed_replies import kill_in_the_middle
from tests.site import Site


def test_replies_survive_the_death_of_their_worker(site: Site) -> None:
    ends = kill_in_the_middle(site, make_user(), replies=4, after=1.0)
    assert ends.get("interrupted", 0) + ends.get("complete", 0) == 4
