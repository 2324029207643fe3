-- Deletes the ratings of stages and tiers by their exact keys.
-- KEYS  stages, then for each member: ratings, scores
-- ARGV  members of the index, each a stage and a tier
-- Returns how many ratings there were.
redis.call('ZCARD', KEYS[1])
local cleared = 0
for index, member in ipairs(ARGV) do
  local ratings, scores = KEYS[2 * index], KEYS[2 * index + 1]
  if redis.call('TYPE', ratings).ok == 'list' then cleared = cleared + redis.call('LLEN', ratings) end
  redis.call('DEL', ratings, scores)
  redis.call('ZREM', KEYS[1], member)
end
return cleared
