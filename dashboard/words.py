"""Every sentence and every word of a status that a person reads on a page."""

UNAVAILABLE = (
    "The telemetry server does not answer: nothing can be approved or denied now. Agents keep waiting."
)
