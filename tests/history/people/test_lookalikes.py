"""Names that look like each other count as one, for people and for who asked."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from core.history.people.lookalikes import begins_alike, look_alike
from core.history.people.tokens import NotYours, TokenSpec, make
from core.models import AgentOwner


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("modern", "rnodern", True),
        ("agent-x", "\u0430gent\u2011x", True),
        ("Ian", "lan", True),
        ("bill", "bi11", True),
        ("agent1", "agenti", True),
        ("\u039d", "\u03bd", True),
        ("ann", "anna", False),
        ("m\u00fcller", "muller", False),
        ("worker 2", "worker 3", False),
    ],
    ids=ascii,
)
def test_names_of_people_are_alike_as_all_names_are(one, other, wanted):
    assert look_alike(one, other) is wanted


@pytest.mark.parametrize(
    ("name", "beginning", "wanted"),
    [
        ("modern-1", "rnod", True),
        ("rnodern-1", "mod", True),
        ("D\u0415PLOY", "dep", True),
        ("mailer", "r", False),
        ("bum-1", "bur", False),
    ],
    ids=ascii,
)
def test_a_letter_that_looks_like_two_is_not_parted_where_a_name_begins(name, beginning, wanted):
    assert begins_alike(name, beginning) is wanted


@pytest.mark.django_db
def test_whoever_owns_what_begins_so_makes_no_token_for_what_does_not(make_user):
    olga = make_user("olga", "approver")
    AgentOwner.objects.create(agent="bur", is_prefix=True, person=olga)
    wanted = TokenSpec("laptop", "bum-1", False, ("ask",), 30)
    with pytest.raises(NotYours, match="not yours"):
        make(olga, wanted)
    make(olga, wanted._replace(agent="Bur-1"))


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Maria", "m\u0430ria", "rnaria"], ids=ascii)
def test_nobody_gets_a_name_that_looks_like_somebodys(make_user, name):
    make_user("maria")
    with pytest.raises(ValidationError, match="looks like that of maria"):
        make_user(name)
    ann = make_user("ann")
    ann.username = name
    with pytest.raises(ValidationError, match="looks like"):
        ann.save()
    with pytest.raises(CommandError, match="looks like"):
        call_command("createsuperuser", username=name, email="", interactive=False, verbosity=0)


@pytest.mark.django_db
def test_an_account_that_looks_like_another_since_before_can_still_be_saved(make_user):
    maria = make_user("maria")
    other = make_user("somebody")
    type(other).objects.filter(pk=other.pk).update(username="Maria")  # as it was in an older version
    other.refresh_from_db()
    other.is_active = False
    other.save()
    maria.first_name = "Maria"
    maria.save()


@pytest.mark.django_db
def test_somebody_may_spell_their_own_name_otherwise(make_user):
    maria = make_user("maria")
    maria.username = "Maria"
    maria.save()
