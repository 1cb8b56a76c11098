"""Forms about accounts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from users import backends, invitations, mail, rate_limits
from users.models import User
from users.navigation import site_url

MAX_NAME_LENGTH = 100
HINT = gettext_lazy("At least eight characters, and not a common password.")
TAKEN = gettext_lazy("There is an account with this e-mail address already.")
TOO_MANY = gettext_lazy("Too many attempts. Try again later.")
RATE_LIMITED = "rate_limited"  # the code of a validation error; views respond with 429
WRONG = gettext_lazy("This is not your password.")


def is_rate_limited(form: forms.BaseForm) -> bool:
    """Return whether one of the form's errors is an exceeded rate limit."""
    return any(form.has_error(name, RATE_LIMITED) for name in form.errors)


def email_field() -> forms.EmailField:
    """Return an e-mail field that browsers and password managers recognise."""
    attributes = {"autocomplete": "username", "inputmode": "email"}
    return forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=forms.EmailInput(attrs=attributes)
    )


def password_field(label: Any, autocomplete: str = "current-password") -> forms.CharField:
    """Return a password field; leading and trailing spaces are part of a password."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, widget=widget)


def check_length(maximum: int, form: forms.BaseForm, field: str) -> str:
    """Return the value of `field`. A longer value of an adopted database may stay unchanged.

    Raises:
        ValidationError: The value was changed and has more than `maximum` characters.
    """
    text: str = form.cleaned_data[field]
    if len(text) > maximum and field in form.changed_data:
        message = _("At most %(number)s characters.") % {"number": intcomma(maximum)}
        raise ValidationError(message, code="max_length")
    return text


class NameForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at runtime
    """The user's name."""

    class Meta:
        model = User
        fields = ["name"]
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name", "maxlength": MAX_NAME_LENGTH})
        }
        labels = {"name": gettext_lazy("Name")}
        help_texts = {"name": gettext_lazy("How the assistant may address you. Optional.")}

    def clean_name(self) -> str:
        """Limit the length to what pages can show."""
        return check_length(MAX_NAME_LENGTH, self, "name")


class SignUpForm(NameForm):
    """Sign up with name, e-mail address and password."""

    email = email_field()
    password = password_field(gettext_lazy("Password"), "new-password")

    class Meta(NameForm.Meta):
        fields = ["name", "email", "password"]
        help_texts = {**NameForm.Meta.help_texts, "password": HINT}

    def __init__(self, *args: Any, invitation: str = "", **kwargs: Any) -> None:
        """Add the password's help text."""
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        self.fields["password"].help_text = HINT

    def clean_email(self) -> str:
        """Report an existing account once, regardless of case."""
        email: str = self.cleaned_data["email"]
        if refusal := invitations.refusal(email, self.invitation):
            raise ValidationError(refusal, code="refused")
        try:
            User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            return email
        raise ValidationError(TAKEN, code="unique")

    def clean(self) -> dict[str, Any]:
        """Validate the password, also against name and e-mail address."""
        super().clean()
        data = self.cleaned_data
        if data.get("password"):
            user = User(email=data.get("email", ""), name=data.get("name", ""))
            try:
                validate_password(data["password"], user)
            except ValidationError as error:
                self.add_error("password", error)
        return data


class LogInForm(AuthenticationForm):
    """Log in by e-mail address and password; report an exceeded rate limit."""

    username = forms.CharField(
        label=gettext_lazy("E-mail"),
        widget=forms.EmailInput(
            attrs={"autocomplete": "username", "inputmode": "email", "autofocus": True}
        ),
    )
    error_messages = {
        "invalid_login": gettext_lazy("Wrong e-mail address or password."),
        "inactive": gettext_lazy("This account is disabled."),
    }

    def get_invalid_login_error(self) -> ValidationError:
        """Return the error: wrong password, or rate limit exceeded."""
        request: HttpRequest | None = self.request
        if request and backends.is_rate_limited(request, self.cleaned_data["username"]):
            return ValidationError(
                _("Too many attempts. Wait 15 minutes, or reset the password by mail."),
                code=RATE_LIMITED,
            )
        return super().get_invalid_login_error()


def confirm(user: User, password: str) -> None:
    """Confirm the password of a user who is logged in.

    Raises:
        ValidationError: The password is wrong, or the rate limit is exceeded.
    """
    if not rate_limits.CONFIRM.hit(str(user.pk)):
        raise ValidationError(TOO_MANY, code=RATE_LIMITED)
    if not user.check_password(password):
        raise ValidationError(WRONG, code="wrong")
    rate_limits.CONFIRM.reset(str(user.pk))


class ConfirmForm(forms.Form):
    """Confirm an important action with the password."""

    password = password_field(gettext_lazy("Your password"))

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        """Store the user whose password is required."""
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        """Check the password."""
        password: str = self.cleaned_data["password"]
        confirm(self.user, password)
        return password


class EmailForm(ConfirmForm):
    """Change the e-mail address."""

    email = email_field()
    field_order = ["email", "password"]


class ChangePasswordForm(PasswordChangeForm):
    """Change the password."""

    def clean_old_password(self) -> str:
        """Check the old password."""
        password: str = self.cleaned_data["old_password"]
        confirm(self.user, password)
        return password


class ResetForm(PasswordResetForm):
    """Request a reset link; the response does not reveal whether the account exists."""

    email = email_field()

    def save(self, *args: Any, **options: Any) -> None:
        """Send a link to the account's address in the background."""
        request: HttpRequest = options["request"]
        email = self.cleaned_data["email"]
        user = User.objects.with_email(email)
        subject = rate_limits.account_subject(email, user)
        is_within = rate_limits.RESET_ACCOUNT.hit(subject)
        if not (is_within and user and user.is_active and user.has_usable_password()):
            return
        path = reverse(
            "users:reset_confirm",
            args=[
                urlsafe_base64_encode(force_bytes(user.pk)),
                default_token_generator.make_token(user),
            ],
        )
        context = {"email": user.email, "link": f"{site_url(request)}{path}"}
        mail.send("users/mail/reset.txt", to=user.email, context=context)
