-- Agents that have not stopped and whose last beat is older than an age.
-- KEYS  running
-- ARGV  age in ms
-- Returns the agents, oldest beat first.
return redis.call('ZRANGE', KEYS[1], '-inf', '(' .. digits(now_ms() - tonumber(ARGV[1])), 'BYSCORE')
