-- Forgets the totals, the newest calls and the ids that were seen; the recorder forgets what it recorded of calls
-- shipped until now.
-- KEYS  recent, outbox, installation, seen today, seen yesterday, seen before [, day ...]
-- Returns the time in ms until which calls are forgotten.
fail_on_wrong_type(KEYS[1], KEYS[2])
redis.call('DEL', KEYS[1])
for i = 4, #KEYS do redis.call('DEL', KEYS[i]) end
local now = digits(now_ms())
remember(KEYS[2], KEYS[3], 'type', 'usage_reset', 'reset_ms', now)
return now
