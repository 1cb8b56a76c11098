"""The rules for users and personas. Those of a step are applied from top to bottom."""

from legacy.sql import NO_SUCH_USER, NO_TIME, times
from legacy.steps import MULTI_PERSONA, PERSONAS, USERS
from schema.adoption.spec import Quarantine, Repair

# The oldest persona of a user, as the migration chooses it.
BY_AGE = """
    SELECT p.id, row_number() OVER (
        PARTITION BY p.user_id ORDER BY COALESCE(p.is_active, false) DESC, p.created_at, p.id
    ) AS place
    FROM personas AS p
"""

ACCOUNTS = [
    Repair(
        step=USERS,
        kind="users without a time got the earliest that is known of them",
        table="users",
        where=NO_TIME,
        assign=times(
            "LEAST(one.updated_at, (SELECT min(p.created_at) FROM personas AS p"
            " WHERE p.user_id = one.id))"
        ),
        fixes=("created_at", "updated_at"),
        requires=("personas.created_at", "personas.user_id"),
    ),
    Repair(
        step=USERS,
        kind="users without a time got the earliest that is known of them",
        table="users",
        where=NO_TIME,
        assign=times("one.updated_at"),
        fixes=("created_at", "updated_at"),
        without=("personas.user_id",),
    ),
    Repair(
        step=USERS,
        kind="users without a name got an empty one",
        table="users",
        where="one.name IS NULL",
        assign="name = ''",
        fixes=("name",),
    ),
]
TWINS = [
    # Before the persona goes: deleting it would take these along.
    Quarantine(
        step=PERSONAS,
        kind="messages without a user, of a persona without one, went into quarantine",
        table="chat_messages",
        where="one.user_id IS NULL AND EXISTS (SELECT FROM personas AS p"
        " WHERE p.id = one.persona_id AND p.user_id IS NULL)",
        reason="neither the message nor its persona has a user",
        requires=("chat_messages.user_id", "chat_messages.persona_id"),
    ),
    Quarantine(
        step=PERSONAS,
        kind="personas without a user went into quarantine",
        table="personas",
        where="one.user_id IS NULL",
        reason="the persona has no user",
        fixes=("user_id",),
    ),
    Quarantine(
        step=PERSONAS,
        kind="personas of a user who does not exist went into quarantine",
        table="personas",
        where=f"one.user_id IS NOT NULL AND {NO_SUCH_USER}",
        reason="the persona's user does not exist",
        fixes=("user_id",),
    ),
    Repair(
        step=PERSONAS,
        kind="personas without a time got the earliest that is known of them",
        table="personas",
        where=NO_TIME,
        assign=times(
            "one.updated_at, (SELECT u.created_at FROM users AS u WHERE u.id = one.user_id)"
        ),
        fixes=("created_at", "updated_at"),
    ),
    Repair(
        step=PERSONAS,
        kind="personas without a name got the default, My Twin",
        table="personas",
        where="one.name IS NULL",
        assign="name = 'My Twin'",
        fixes=("name",),
    ),
    Repair(
        step=PERSONAS,
        kind="personas without metadata got {}",
        table="personas",
        where="one.metadata IS NULL",
        assign="metadata = '{}'",
        fixes=("metadata",),
    ),
]
PERSONA_COLUMNS = [
    Repair(
        step=MULTI_PERSONA,
        kind="personas without a description got an empty one",
        table="personas",
        where="one.description IS NULL",
        assign="description = ''",
        fixes=("description",),
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas whose colour was not a hex colour got the default, #4f46e5",
        table="personas",
        where="one.color IS NULL OR one.color::text !~ '^#[0-9A-Fa-f]{6}$'",
        assign="color = '#4f46e5'",
        fixes=("color",),
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas neither active nor inactive became inactive",
        table="personas",
        where="one.is_active IS NULL",
        assign="is_active = false",
        fixes=("is_active",),
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas made inactive because their user had an older active one",
        table="personas",
        where=f"one.is_active AND one.id IN (SELECT a.id FROM ({BY_AGE}) AS a WHERE a.place > 1)",
        assign="is_active = false",
        fixes=("user_id",),
        when="after_triggers",
    ),
    Repair(
        step=MULTI_PERSONA,
        kind="personas made active: the oldest of a user who had no active one",
        table="personas",
        where=f"NOT one.is_active AND one.id IN"
        f" (SELECT a.id FROM ({BY_AGE}) AS a WHERE a.place = 1)",
        assign="is_active = true",
        when="after_triggers",
    ),
]
