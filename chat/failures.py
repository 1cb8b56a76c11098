"""Why a reply failed, and what the person can do."""

from django.db import models


class Failure(models.TextChoices):
    """The cause. The label explains it to the person, `REMEDIES` has the remedy."""

    UNCONFIGURED = "unconfigured", "No model is connected."
    UNREACHABLE = "unreachable", "The model's server cannot be reached."
    REFUSED = "refused", "The model's server does not accept this site's key."
    RATE_LIMITED = "rate_limited", "The model's server accepts no more requests for now."
    UNPAID = "unpaid", "This site's account at the model's server has no credit left."
    NO_MODEL = "no_model", "The model's server does not know this model."
    UNLISTED = "unlisted", "No model is chosen, and the model's server lists none."
    NO_SERVICE = "no_service", "There is no model server at the configured address."
    TOO_LONG = "too_long", "This conversation is longer than the model can read."
    FILTERED = "filtered", "The model's server withheld the rest of this reply."
    LENGTH = "length", "The reply reached the model's length limit."
    SILENT = "silent", "The model went silent."
    CUT_OFF = "cut_off", "The reply was cut off before its end."
    EMPTY = "empty", "The model ended its reply without any text."
    BROKEN = "broken", "The model's server reported an error."
    INTERNAL = "internal", "Something went wrong on this site."


REMEDIES = {
    Failure.UNCONFIGURED: "The operator of this site can connect one by setting OPENAI_BASE_URL, "
    "OPENAI_API_KEY and OPENAI_MODEL.",
    Failure.UNREACHABLE: "Your message is saved. Try again in a few seconds.",
    Failure.REFUSED: "The operator of this site has to set a valid OPENAI_API_KEY.",
    Failure.RATE_LIMITED: "Your message is saved. Wait a little, then try again.",
    Failure.UNPAID: "The operator of this site has to top it up.",
    Failure.NO_SERVICE: "The operator of this site has to check OPENAI_BASE_URL; most end in /v1.",
    Failure.UNLISTED: "Name a model for this thread, then try again.",
    Failure.NO_MODEL: "Choose another model for this thread, then try again.",
    Failure.TOO_LONG: "Shorten your message, choose another model, or start a new thread.",
    Failure.FILTERED: "Rephrase your message, then try again.",
    Failure.LENGTH: "Ask it to continue.",
    Failure.SILENT: "Try again, or choose another model.",
    Failure.CUT_OFF: "What arrived is kept. Try again for a whole reply.",
    Failure.EMPTY: "Try again, or choose another model.",
    Failure.BROKEN: "Your message is saved. Try again in a few seconds.",
    Failure.INTERNAL: "Your message is saved. Try again in a few seconds.",
}
