"""The checks of `verify --data` on messages and on the counts of threads."""

from schema.drift.data_checks import DataCheck

TRUTH = (
    "SELECT thread_id, count(*) AS messages, max(created_at) AS latest"
    " FROM chat_messages GROUP BY thread_id"
)

MISCOUNTED = f"""
    SELECT threads.id FROM threads LEFT JOIN ({TRUTH}) AS truth ON truth.thread_id = threads.id
    WHERE threads.message_count <> coalesce(truth.messages, 0)
    OR (threads.last_message_at IS NULL) <> (truth.latest IS NULL)
    OR threads.last_message_at <> truth.latest
"""  # noqa: S608 - a constant

CHECKS = [
    DataCheck(
        name="rows of chat_messages.thread_id",
        after=("chat", "0003_thread_backfill"),
        expected="every message is in a thread",
        offending="SELECT id FROM chat_messages WHERE thread_id IS NULL",
        # A trigger puts them into their users' General threads.
        repair=("UPDATE chat_messages SET thread_id = NULL WHERE thread_id IS NULL",),
        table="chat_messages",
    ),
    DataCheck(
        name="rows of chat_messages.thread_id",
        after=("chat", "0003_thread_backfill"),
        expected="every message is in a thread of its own user",
        offending=(
            "SELECT chat_messages.id FROM chat_messages"
            " JOIN threads ON threads.id = chat_messages.thread_id"
            " WHERE threads.user_id <> chat_messages.user_id"
        ),
        repair=(
            "UPDATE chat_messages SET thread_id = NULL WHERE EXISTS ("
            "SELECT 1 FROM threads WHERE threads.id = chat_messages.thread_id"
            " AND threads.user_id <> chat_messages.user_id)",
        ),
        table="chat_messages",
    ),
    DataCheck(
        name="rows of threads.message_count",
        after=("chat", "0003_thread_backfill"),
        expected="message_count and last_message_at agree with the messages",
        offending=MISCOUNTED,
        repair=(
            "UPDATE threads SET message_count ="  # noqa: S608 - a constant
            " (SELECT count(*) FROM chat_messages WHERE thread_id = threads.id),"
            " last_message_at ="
            " (SELECT max(created_at) FROM chat_messages WHERE thread_id = threads.id)"
            f" WHERE id IN ({MISCOUNTED})",
        ),
        table="threads",
    ),
]
