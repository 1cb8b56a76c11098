"""The migrations whose work the hand-run SQL may have done."""

USERS = ("users", "0001_users")
PERSONAS = ("personas", "0001_personas")
CHAT = ("chat", "0001_chat_history")
MULTI_PERSONA = ("personas", "0002_multi_persona")
THREADS = ("threads", "0001_threads")
LINK = ("chat", "0002_thread_link")
BACKFILL = ("chat", "0003_thread_backfill")
INDEX = ("chat", "0004_thread_index")
