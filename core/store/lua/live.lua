-- Agents that beat within the last so many ms and have not stopped.
-- KEYS  running
-- ARGV  age in ms
-- Returns the agents.
return redis.call('ZRANGE', KEYS[1], digits(now_ms() - tonumber(ARGV[1])), '+inf', 'BYSCORE')
