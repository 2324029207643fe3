"""The page on which the first administrator of a site is made."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import UserCreationForm
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import FormView

from core.history.people import first
from dashboard.sign_in import words


@method_decorator(never_cache, name="dispatch")
class FirstAccount(FormView):  # type: ignore[type-arg]
    """For whoever has the link of the start, while there is nobody; 404 for all others, and from then on."""

    template_name = "dashboard/account/first.html"
    form_class = UserCreationForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Whether the link still holds."""
        if not first.is_good(kwargs["token"]):
            raise Http404(words.FIRST_IS_OVER)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """They sign in as anybody does."""
        approver = "approver" in self.request.POST
        try:
            first.make(form.save(commit=False), self.kwargs["token"], approver=approver)
        except first.LinkIsOver as error:
            raise Http404(words.FIRST_IS_OVER) from error
        said = words.FIRST_DECIDES if approver else words.FIRST_DECIDES_NOT
        messages.success(self.request, said)
        return redirect("sign-in")
