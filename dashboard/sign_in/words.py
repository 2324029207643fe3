"""What a person reads of Python while signing in; a part of dashboard/words.py that only this room says."""

SECOND_FACTOR_FIRST = (
    "This account must have a second factor before it may do anything here. Set one up under “Your account”."
)
NO_GROUP_OF_PROVIDER = (
    "You are known to the provider, but in no group that may use this site. Ask whoever runs the provider."
)
NAME_IS_TAKEN = (
    "This site has an account of your name already, and accounts of the provider do not take over others. "
    "Sign in with your password, or ask an administrator to rename one of the two."
)
PROVIDER_FAILED = "The provider did not sign you in. Try again; if it stays so, ask whoever runs this site."
NOT_THE_PASSWORD = "This is not the password of this account."
PASSKEY = "Passkey"
FIRST_IS_OVER = (
    "This link is over: there is an account here, or half an hour has passed since the start printed it."
)
FIRST_DECIDES = "The account is made, and may answer requests. Sign in."
FIRST_DECIDES_NOT = (
    "The account is made. Sign in. It answers no requests: to do so too, open Admin, Users, and put it into the group "
    "approver."
)
ASK_APPROVER = "Being a superuser answers no requests. Shall {name} also approve and deny them? [y/N] "
FACTORS_REMOVED = (
    "{count} removed. {name} signs in with their password, and makes new ones under Your account."
)
IS_APPROVER = "{name} is in the group approver, and answers requests."
IS_NO_APPROVER = (
    "{name} answers no requests: being a superuser is no right to. To become an approver, sign in to /admin/, "
    "open Users, and put {name} into the group approver."
)


def too_many_tries(seconds: int) -> str:
    """Why a right password is not taken now."""
    minutes = -(-seconds // 60)
    wait = f"{seconds} s" if seconds < 60 else f"{minutes} min"
    return (
        f"Too many tries from here. Wait {wait}, then try again. A browser that you signed in with before is counted "
        "apart, and so is another address."
    )
