"""What a person reads after pressing a button: one sentence that says what is true now."""

from dataclasses import dataclass

from django.contrib.messages import constants

from core.approvals.request import Decision
from core.values.approvals import ACCEPTED, ALREADY_DECIDED
from dashboard.approvals.page import STATUS_WORDS


@dataclass(frozen=True)
class Notice:
    """kind is done, refused or unsure; status is that of the HTTP answer."""

    kind: str
    text: str
    status: int

    @property
    def level(self) -> int:
        """The same for pages without JavaScript."""
        return {"done": constants.SUCCESS, "unsure": constants.WARNING}.get(self.kind, constants.ERROR)

    @classmethod
    def unconfirmed(cls) -> "Notice":
        """Redis did not answer: nobody knows yet."""
        text = (
            "Not confirmed: the telemetry server did not answer, so your decision may or may not have taken "
            "effect. The card shows the truth as soon as the server is back."
        )
        return cls("unsure", text, 503)

    @classmethod
    def not_noted(cls, decision: Decision, *, approved: bool, by: str) -> "Notice":
        """It took effect, and the database went away before that could be written down."""
        told = notice_of(decision, approved=approved, by=by)
        text = (
            f"{told.text} It stands in the telemetry server alone, because the record cannot be written now. The "
            "recorder writes it as soon as it can: look again in a minute, and do not restart the server before."
        )
        return cls("unsure", text, told.status)


def notice_of(decision: Decision, *, approved: bool, by: str) -> Notice:
    """What came of a decision that was answered."""
    when = f"{decision.ended_at:%H:%M:%S} UTC" if decision.ended_at else ""
    stands = STATUS_WORDS.get(decision.status, decision.status).lower()
    if decision.outcome == ACCEPTED:
        return Notice("done", f"You {'approved' if approved else 'denied'} it. The agent is being told.", 200)
    if decision.outcome == ALREADY_DECIDED:
        who = "You" if decision.responder == by else decision.responder
        return Notice("refused", f"{who} already {stands} it at {when}. Your answer changed nothing.", 409)
    sentences = {
        "expired": "Too late: its time had run out, so the agent went on without an approval. Nothing was decided.",
        "cancelled": "It was cancelled before your answer came. Nothing was decided.",
        "changed": "This is not what your page showed. Nothing was decided: read the request again, then answer.",
        "lapsed": "Your answer took too long to reach the telemetry server. Nothing was decided: try again.",
    }
    return Notice("refused", sentences[decision.outcome], 409)
