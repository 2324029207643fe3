-- What a watcher must draw again: agents that beat since its last look, and agents that crossed the
-- threshold to late or lost since then without writing anything.
-- KEYS  changed, running
-- ARGV  time of the last look in server ms, late after ms, lost after ms
-- Returns {now, agent, agent, ...}; an agent may stand in it twice.
local since, now = tonumber(ARGV[1]), now_ms()
local agents = redis.call('ZRANGE', KEYS[1], digits(since), '+inf', 'BYSCORE')
for _, age in ipairs({tonumber(ARGV[2]), tonumber(ARGV[3])}) do
  for _, agent in ipairs(redis.call('ZRANGE', KEYS[2], digits(since - age), digits(now - age), 'BYSCORE')) do
    table.insert(agents, agent)
  end
end
table.insert(agents, 1, digits(now))
return agents
