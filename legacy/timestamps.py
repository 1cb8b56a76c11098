"""What happens to timestamps that Python cannot hold; the originals are kept."""

from collections.abc import Iterator

from legacy.sql import in_range, out_of_range
from legacy.steps import CHAT, PERSONAS, THREADS, USERS
from schema.adoption.spec import Repair
from schema.models import MigrationKey


def _times(step: MigrationKey, table: str, name: str) -> Iterator[Repair]:
    """Yield the rules for the two timestamps of every table.

    The other one of the two is the best guess; without it, the time of the adoption.
    """
    for column, other in (("created_at", "updated_at"), ("updated_at", "created_at")):
        yield Repair(
            step=step,
            kind=f"{name} whose {column} Python cannot hold got another; the original is kept",
            table=table,
            where=out_of_range(column),
            assign=f"{column} = COALESCE({in_range(other)}, now())",
            fixes=(column,),
            requires=(f"{table}.{other}",),
            keeps=(column,),
        )
        yield Repair(
            step=step,
            kind=f"{name} whose {column} Python cannot hold got another; the original is kept",
            table=table,
            where=out_of_range(column),
            assign=f"{column} = now()",
            fixes=(column,),
            without=(f"{table}.{other}",),
            keeps=(column,),
        )


ACCOUNT_TIMES = tuple(_times(USERS, "users", "users"))
PERSONA_TIMES = tuple(_times(PERSONAS, "personas", "personas"))
MESSAGE_TIMES = tuple(_times(CHAT, "chat_messages", "messages"))
THREAD_TIMES = (
    *_times(THREADS, "threads", "threads"),
    Repair(
        step=THREADS,
        kind="threads whose last_message_at Python cannot hold got their last change's",
        table="threads",
        where=out_of_range("last_message_at"),
        assign=f"last_message_at = {in_range('updated_at')}",
        fixes=("last_message_at",),
        requires=("threads.updated_at",),
        keeps=("last_message_at",),
    ),
)
