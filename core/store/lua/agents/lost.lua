-- Agents that fell silent: they have not stopped, and their last beat came of an age since a moment.
-- KEYS  running
-- ARGV  the moment in server ms, age in ms
-- Returns {now, agent, ms of its last beat, agent, ms, ...}, oldest beat first.
local since, age, now = tonumber(ARGV[1]), tonumber(ARGV[2]), now_ms()
local silent = redis.call('ZRANGE', KEYS[1], digits(since - age), digits(now - age), 'BYSCORE', 'WITHSCORES')
table.insert(silent, 1, digits(now))
return silent
