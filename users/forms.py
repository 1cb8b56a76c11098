"""What people fill in about their account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from users import attempts, backends, mail
from users.models import User

MOST_IN_NAME = 100
HOW_LONG = "At least eight characters, and not one that everybody uses."
TAKEN = "There is an account with this e-mail address already."
TOO_MANY = "Too many attempts. Wait a while and try again."
WRONG = "That is not your password."


def email_field() -> forms.EmailField:
    """Return a field that browsers and password managers know for what it is."""
    attributes = {"autocomplete": "username", "inputmode": "email"}
    return forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs=attributes)
    )


def password_field(label: str, autocomplete: str = "current-password") -> forms.CharField:
    """Return a field for a password, whose blanks at either end count."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, widget=widget)


def at_most(most: int, form: forms.BaseForm, field: str) -> str:
    """Return what `field` holds; a longer text of an older database may stay as it is.

    Raises:
        ValidationError: It was changed, and has more than `most` characters.
    """
    text: str = form.cleaned_data[field]
    if len(text) > most and field in form.changed_data:
        raise ValidationError(f"At most {most:,} characters.", code="max_length")
    return text


class NameForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What to call the person."""

    class Meta:
        model = User
        fields = ["name"]
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name", "maxlength": MOST_IN_NAME})
        }
        help_texts = {"name": "What the assistant may call you. You can leave it empty."}

    def clean_name(self) -> str:
        """Keep it short enough for the places that show it."""
        return at_most(MOST_IN_NAME, self, "name")


class SignUpForm(NameForm):
    """Everything that a new account needs."""

    email = email_field()
    password = password_field("Password", "new-password")

    class Meta(NameForm.Meta):
        fields = ["name", "email", "password"]
        help_texts = {**NameForm.Meta.help_texts, "password": HOW_LONG}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Say what a password has to be."""
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = HOW_LONG

    def clean_email(self) -> str:
        """Say once that the address has an account, in whatever case it is written."""
        email: str = self.cleaned_data["email"]
        try:
            User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            return email
        raise ValidationError(TAKEN, code="unique")

    def clean(self) -> dict[str, Any]:
        """Hold the password against the rules, and against the name and e-mail."""
        super().clean()
        data = self.cleaned_data
        if data.get("password"):
            person = User(email=data.get("email", ""), name=data.get("name", ""))
            try:
                validate_password(data["password"], person)
            except ValidationError as error:
                self.add_error("password", error)
        return data


class LogInForm(AuthenticationForm):
    """E-mail and password; says so when there were too many attempts."""

    username = forms.CharField(
        label="E-mail",
        widget=forms.EmailInput(
            attrs={"autocomplete": "username", "inputmode": "email", "autofocus": True}
        ),
    )
    error_messages = {
        "invalid_login": "No account has this e-mail address and this password.",
        "inactive": "This account is closed.",
    }

    def get_invalid_login_error(self) -> ValidationError:
        """Return the error that fits."""
        request: HttpRequest | None = self.request
        if request and backends.is_refused(request, self.cleaned_data["username"]):
            return ValidationError(
                "Too many attempts. Wait a quarter of an hour, or reset the password by mail.",
                code="refused",
            )
        return super().get_invalid_login_error()


def confirm(user: User, password: str) -> None:
    """Make sure that it is still the owner who sits there.

    Raises:
        ValidationError: The password is wrong, or was too often.
    """
    if not attempts.CONFIRM.take(str(user.pk)):
        raise ValidationError(TOO_MANY, code="refused")
    if not user.check_password(password):
        raise ValidationError(WRONG, code="wrong")
    attempts.CONFIRM.forget(str(user.pk))


class ConfirmForm(forms.Form):
    """The password once more, before something that matters."""

    password = password_field("Your password")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        """Remember whose password it has to be."""
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        """Hold it against the account's."""
        password: str = self.cleaned_data["password"]
        confirm(self.user, password)
        return password


class EmailForm(ConfirmForm):
    """Another e-mail address."""

    email = email_field()
    field_order = ["email", "password"]


class ChangePasswordForm(PasswordChangeForm):
    """The old password and a new one."""

    def clean_old_password(self) -> str:
        """Hold the old one against the account's."""
        password: str = self.cleaned_data["old_password"]
        confirm(self.user, password)
        return password


class ResetForm(PasswordResetForm):
    """Where to send the link for a new password; never tells whether there is an account."""

    email = email_field()

    def get_users(self, email: str) -> list[User]:
        """Return who gets a mail: nobody, after too many for one address."""
        if not attempts.RESET_ACCOUNT.take(email.lower()):
            return []
        try:
            user = User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            return []
        return [user] if user.is_active and user.has_usable_password() else []

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        """Send it without making the page wait."""
        mail.send(email_template_name, to=to_email, context=context)
