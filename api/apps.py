"""The api app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        """Have every reply counted, keys accepted, and a body that is too large refused in JSON."""
        from api import limits, usage
        from api.middleware import refuse_body
        from api.requests import has_key
        from chat import replies
        from config import body_limits

        replies.before_begin.append(limits.check_budget)
        replies.on_end.append(usage.record)
        replies.on_end_unstored.append(usage.record_unstored)
        body_limits.refusals.append(refuse_body)
        body_limits.identities.append(has_key)
