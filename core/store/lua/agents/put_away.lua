-- Puts agents away that fell silent or stopped: their records say so until they beat again.
-- KEYS  changed, record of each agent
-- ARGV  agent and ms of the last beat that was looked at, for each
-- Returns the agents that are away now and were not; one that beat since is left as it is.
local put, now = {}, digits(now_ms())
for place = 2, #KEYS do
  local agent, seen = ARGV[2 * place - 3], ARGV[2 * place - 2]
  local record = redis.pcall('GET', KEYS[place])
  local last = type(record) == 'string' and string.match(record, '^{"last_beat_ms":(%d+),')
  if last and last == seen and not string.find(record, '^{"last_beat_ms":%d+,"away":true,') then
    record = string.gsub(record, '^({"last_beat_ms":%d+,)', '%1"away":true,', 1)
    redis.call('SET', KEYS[place], record, 'KEEPTTL')
    redis.call('ZADD', KEYS[1], now, agent)
    table.insert(put, agent)
  end
end
return put
