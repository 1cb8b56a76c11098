"""What people fill in about their account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from users import backends
from users.models import User

HOW_LONG = "At least eight characters, and not one that everybody uses."
TOO_MANY = "Too many attempts. Wait a quarter of an hour, or reset the password by mail."


class EmailField(forms.EmailField):
    """An e-mail address that is nobody's yet."""

    def __init__(self, **options: Any) -> None:
        """Say to browsers and password managers what this is."""
        widget = forms.EmailInput(attrs={"autocomplete": "username", "inputmode": "email"})
        super().__init__(label="E-mail", widget=widget, max_length=254, **options)


class SignUpForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Everything that a new account needs."""

    email = EmailField()
    password = forms.CharField(
        strip=False,
        help_text=HOW_LONG,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ["name", "email", "password"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name", "maxlength": 100})}
        help_texts = {"name": "What the assistant may call you. You can leave it empty."}

    def clean(self) -> dict[str, Any] | None:
        """Hold the password against the rules, and against the name and e-mail."""
        cleaned = super().clean()
        data = cleaned if cleaned is not None else self.cleaned_data
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
            return ValidationError(TOO_MANY, code="refused")
        return super().get_invalid_login_error()
