"""The addresses of signing in and of one's own account. django-allauth finds its own by their names."""

from allauth.account import views as allauth_views
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as provider
from django.urls import path
from django.views.generic import RedirectView

from dashboard.sign_in import views
from dashboard.sign_in.first import FirstAccount
from dashboard.sign_in.throttle import sparingly

_again = RedirectView.as_view(pattern_name="sign-in")
_mine = RedirectView.as_view(pattern_name="account")

urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-in/", views.SignIn.as_view(), name="account_login"),
    path("sign-in/second/", factors.authenticate, name="mfa_authenticate"),
    path("sign-in/passkey/", sparingly(passkeys.login_webauthn), name="mfa_login_webauthn"),
    path("sign-in/again/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("sign-in/again/code/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("sign-in/again/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("sign-in/inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("sign-in/with/<slug:provider_id>/", sparingly(provider.login), name="openid_connect_login"),
    path("sign-in/with/<slug:provider_id>/back/", provider.callback, name="openid_connect_callback"),
    path("sign-in/with/cancelled", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("sign-in/sign-up", _again, name="account_signup"),
    path("sign-in/sign-up", _again, name="socialaccount_signup"),
    path("sign-in/first/<str:token>/", FirstAccount.as_view(), name="first-administrator"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("sign-out/", views.SignOut.as_view(), name="account_logout"),
    path("sign-out/everywhere/", views.sign_out_everywhere, name="sign-out-everywhere"),
    path("account/", views.show, name="account"),
    path("account/", _mine, name="mfa_index"),
    path("account/keys/", views.set_keys, name="set-keys"),
    path("account/password/", views.ChangePassword.as_view(), name="change-password"),
    path("account/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/passkeys/", _mine, name="mfa_list_webauthn"),
    path("account/passkeys/add/", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/name/", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
    path("account/passkeys/<int:pk>/remove/", views.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("account/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
]
