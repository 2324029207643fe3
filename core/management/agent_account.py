"""The account of one agent in Redis, word by word: its own keys, and of the shared ones what its scripts need.

Each selector in parentheses stands by itself. Scripts may be run on every key of the installation, and what they do
there is held to the other selectors, so a signal can be put into another's mailbox and not be read there.
"""

from collections.abc import Iterable

from core.store.keys import Keys, id_prefix_of, prefix, quoted

# On keys of its own, and on those that every agent shares without a text of others.
DATA = (
    "+get +set +setrange +mget +del +unlink +exists +type +pexpire +pexpireat +pexpiretime +pttl "
    "+hget +hmget +hset +hdel +hgetall +hincrby +hlen +hexists +sadd +scard +sismember "
    "+lpush +rpush +lpop +lrange +llen +ltrim "
    "+zadd +zrem +zcard +zcount +zrange +zscore +zmscore +zremrangebyrank +zremrangebyscore "
    "+xadd +xlen +xrange +xrevrange +xread +xdel +xinfo|stream"
)
REQUEST_WORDS = ("request", "ended", "withdrawn")
REQUESTS = "+hset +hget +hmget +hgetall +exists +pexpire +pexpireat +set +xadd +xlen +xread"
QUEUE = "+zadd +zrem +zcard +zrange +zmscore"
OUTBOX = "+xadd +xlen"
INSTALLATION = "+exists +hget"
TOLD = "+hmget +hget"
SENT = "+xadd +xdel +pexpireat"


def agent_rule(keys: Keys, agent: str, older: Iterable[str] = ()) -> list[str]:
    """The words after the password. Agents that read states of others, or decide, need the account for all agents.

    older: ids of requests of this agent that do not tell whose they are.
    """
    own = [keys.agent_beat(agent), keys.agent_record(agent), keys.agent_timeline(agent)]
    own += [keys.signals_inbox(agent), keys.signals_consumed(agent), keys.approvals_asked(agent)]
    own += [prefix(keys, "approvals", "key", quoted(agent)) + "*"]
    shared = [keys.agents_changed, keys.agents_running, keys.event_types, keys.signals_order]
    shared += [keys.signals_broadcast, keys.signals_broadcast_expiry]
    shared += [prefix(keys, *words) + "*" for words in (("signals", "expiry"), ("signals", "claimed"))]
    shared += [
        prefix(keys, *words) + "*"
        for words in (("events", "stream"), ("events", "born"), ("usage",), ("feedback",))
    ]
    ids = [id_prefix_of(agent) + "*", *sorted(older)]
    requests = [prefix(keys, "approvals", word) + id_ for word in REQUEST_WORDS for id_ in ids]
    inboxes = prefix(keys, "signals", "inbox") + "*"
    return [
        *("resetchannels", "-@all", "+@connection", "-@dangerous", "-client|tracking", "+time"),
        f"(+evalsha ~{prefix(keys)}*)",
        f"({DATA} {' '.join(f'~{key}' for key in [*own, *shared])})",
        f"({REQUESTS} {' '.join(f'~{key}' for key in requests)})",
        f"({QUEUE} ~{keys.approvals_pending})",
        f"({OUTBOX} ~{keys.outbox})",
        f"({INSTALLATION} %R~{keys.installation})",
        f"({TOLD} %R~{keys.approvals_limits} %R~{keys.approvals_policy})",
        f"({SENT} %W~{inboxes})",
    ]
