-- Agents that beat or stopped within the last so many ms.
-- KEYS  changed
-- ARGV  age in ms
-- Returns the agents.
return redis.call('ZRANGE', KEYS[1], digits(now_ms() - tonumber(ARGV[1])), '+inf', 'BYSCORE')
