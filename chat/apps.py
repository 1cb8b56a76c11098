"""The chat app."""

from django.apps import AppConfig

from config import lifespan


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        """Have replies produced in the server's event loop, from its start to its end."""
        from chat.generation.engine import engine
        from chat.replies import in_flight_metric
        from config import metrics

        metrics.in_database.append(in_flight_metric)
        lifespan.startup.append(engine.attach)
        lifespan.closing.append(engine.close)
        lifespan.shutdown.append(engine.detach)
