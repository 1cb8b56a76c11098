"""Why a reply failed, and what the person can do."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Failure(models.TextChoices):
    """The cause. The label explains it to the person, `REMEDIES` has the remedy."""

    UNCONFIGURED = "unconfigured", _("No model is connected.")
    UNREACHABLE = "unreachable", _("The model's server cannot be reached.")
    REFUSED = "refused", _("The model's server does not accept this site's key.")
    RATE_LIMITED = "rate_limited", _("The model's server accepts no more requests for now.")
    UNPAID = "unpaid", _("This site's account at the model's server has no credit left.")
    NO_MODEL = "no_model", _("The model's server does not know this model.")
    UNLISTED = "unlisted", _("No model is chosen, and the model's server lists none.")
    NO_SERVICE = "no_service", _("There is no model server at the configured address.")
    TOO_LONG = "too_long", _("This conversation is longer than the model can read.")
    FILTERED = "filtered", _("The model's server withheld the rest of this reply.")
    LENGTH = "length", _("The reply reached the model's length limit.")
    SILENT = "silent", _("The model went silent.")
    CUT_OFF = "cut_off", _("The reply was cut off before its end.")
    EMPTY = "empty", _("The model ended its reply without any text.")
    BROKEN = "broken", _("The model's server reported an error.")
    INTERNAL = "internal", _("Something went wrong on this site.")


REMEDIES = {
    Failure.UNCONFIGURED: _(
        "The operator of this site can connect one by setting OPENAI_BASE_URL, "
        "OPENAI_API_KEY and OPENAI_MODEL."
    ),
    Failure.UNREACHABLE: _("Your message is saved. Try again in a few seconds."),
    Failure.REFUSED: _("The operator of this site has to set a valid OPENAI_API_KEY."),
    Failure.RATE_LIMITED: _("Your message is saved. Wait a little, then try again."),
    Failure.UNPAID: _("The operator of this site has to top it up."),
    Failure.NO_SERVICE: _(
        "The operator of this site has to check OPENAI_BASE_URL; most end in /v1."
    ),
    Failure.UNLISTED: _("Name a model for this thread, then try again."),
    Failure.NO_MODEL: _("Choose another model for this thread, then try again."),
    Failure.TOO_LONG: _("Shorten your message, choose another model, or start a new thread."),
    Failure.FILTERED: _("Rephrase your message, then try again."),
    Failure.LENGTH: _("Ask it to continue."),
    Failure.SILENT: _("Try again, or choose another model."),
    Failure.CUT_OFF: _("What arrived is kept. Try again for a whole reply."),
    Failure.EMPTY: _("Try again, or choose another model."),
    Failure.BROKEN: _("Your message is saved. Try again in a few seconds."),
    Failure.INTERNAL: _("Your message is saved. Try again in a few seconds."),
}
