"""The api app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        """Have every reply counted when it ends."""
        from api import limits, usage
        from chat import replies

        replies.before_begin.append(limits.check_budget)

        replies.on_end.append(usage.record)
