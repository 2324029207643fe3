"""What pages say of the answers beside yes and no at once."""

TAKEN_BACK = "You took back your approval of {name}. Nothing was decided."
NOT_TAKEN_BACK = "It was too late to take that back: {what}"
NOTHING_HELD = "no approval of yours is held."
NOT_YOURS = "Only {name} can take back that approval. You can deny the request."
NOT_BACK_NOW = "That could not be taken back, because the record cannot be written. Look at the request: it shows what stands."
HELD = "Approving {name}. The agent is told when the time to take it back is over."
STOOD = "{status}, by {by}."
UNCERTAIN = (
    "the telemetry server lost the request before it was known what came of it. "
    "The agent may have heard this answer and acted on it."
)
TRIED = {True: "tried to approve: ", False: "tried to deny: "}
CLAIMED = "{status}, by {by}"
REPAIRED = "{what}: was {was}, is {now}"
UNVERIFIED = " by a direct call, person not verified"
