"""Sign up."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from threads.signup import create_account
from users import devices, invitations, rate_limits
from users.forms import TAKEN, TOO_MANY, SignUpForm


@require_http_methods(["GET", "POST"])
@login_not_required
def sign_up(request: HttpRequest) -> HttpResponseBase:
    """Create an account and log in to it."""
    if request.user.is_authenticated:
        return redirect("threads:home")
    # The form is sent to the address of the link, so the token comes with it.
    token = request.GET.get("invitation", "")
    invited = invitations.invited(token)
    if not invited and not invitations.is_open():
        return render(request, "threads/sign_up.html", status=403)
    form = SignUpForm(request.POST or None, invitation=token, initial={"email": invited})
    status = 200
    if request.method == "POST":
        status = 422
        if not rate_limits.SIGN_UP.hit(rate_limits.client_address(request)):
            form.add_error(None, TOO_MANY)
            status = 429
        if form.is_valid():
            try:
                user = create_account(**form.cleaned_data)
            except IntegrityError:
                form.add_error("email", TAKEN)
            else:
                login(request, user)
                response = redirect("threads:home")
                devices.remember(request, response, user)
                return response
    return render(request, "threads/sign_up.html", {"form": form}, status=status)
