-- One record of automated work for SQL. Redis gives the time and keeps nothing else of it.
-- KEYS  outbox, installation
-- ARGV  kind, record as a JSON object
-- Returns the length of a capped outbox, or 0.
local now = digits(now_ms())
remember(KEYS[1], KEYS[2], 'type', 'automation', 'kind', ARGV[1], 'recorded_ms', now, 'record', ARGV[2])
return redis.call('EXISTS', KEYS[2]) == 1 and 0 or redis.call('XLEN', KEYS[1])
