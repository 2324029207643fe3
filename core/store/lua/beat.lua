-- One heartbeat, the first and the last included.
-- KEYS  beat, record, changed, running [, event stream, event types]
-- ARGV  agent, instance, record as a JSON object without its opening brace,
--       'start', 'beat', 'finished' (a beat with a final status) or 'stop' [, event data without its opening brace]
-- Returns the rival process seen within the beat's lifetime, or ''.
local agent, instance, mode = ARGV[1], ARGV[2], ARGV[4]
local now = now_ms()
local now_text = digits(now)

-- The beat key says "instance" or "instance rival ms": another process beats under the same name.
local owner, rival, seen = '', '', 0
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and held ~= instance then
  local o, r, s = string.match(held, '^(%x+) ?(%x*) ?(%d*)$')
  if o and o ~= instance then
    -- A first beat takes the place of a process that crashed; a rival that lives shows itself at its next.
    if mode ~= 'start' then rival, seen = o, now end
  elseif o and r ~= '' and now - (moment(s) or 0) < @BEAT_TTL_MS@ then
    rival, seen = r, tonumber(s)
  end
end

if mode == 'stop' and rival == '' then
  redis.call('DEL', KEYS[1])
elseif mode ~= 'stop' then
  local value = rival == '' and instance or instance .. ' ' .. rival .. ' ' .. digits(seen)
  redis.call('SET', KEYS[1], value, 'PX', @BEAT_TTL_MS@)
end

local stamp = '{"last_beat_ms":' .. now_text .. ','
if rival ~= '' then stamp = stamp .. '"rival":"' .. rival .. '",' end
redis.call('SET', KEYS[2], stamp .. ARGV[3], 'PX', @AGENT_TTL_MS@)
redis.call('ZADD', KEYS[3], now_text, agent)
if mode == 'start' or mode == 'beat' then
  redis.call('ZADD', KEYS[4], now_text, agent)
else
  redis.call('ZREM', KEYS[4], agent)
end
if not held then
  -- The sets grow only by agents that were not alive, so only then is it time to trim them.
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', digits(now - @AGENT_TTL_MS@))
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', digits(now - @AGENT_TTL_MS@))
end
if KEYS[5] then publish(KEYS[5], KEYS[6], 'agent_heartbeat', agent, stamp .. ARGV[5]) end
return rival
