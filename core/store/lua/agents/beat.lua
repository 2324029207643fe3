-- One heartbeat, the first and the last included.
-- KEYS  beat, record, changed, running [, event stream, event types] [, outbox, installation] [, timeline]
-- ARGV  agent, instance, record as a JSON object without its opening brace,
--       'start', 'beat', 'finished' (a beat with a final status) or 'stop'
--       [, event data without its opening brace or '', 'agent_started', 'agent_stopped', 'agent_resumed' or '',
--       '1' for an entry in the timeline or '', run, status, progress, task, display name, metadata]
-- Returns the rival process seen within the beat's lifetime, '-' for a beat of an agent that was taken for
-- lost and is not told as resumed yet, or ''.
local agent, instance, mode, tell = ARGV[1], ARGV[2], ARGV[4], ARGV[6]
local now = now_ms()
local now_text = digits(now)

-- The beat key says "instance" or "instance rival ms": another process beats under the same name.
local owner, rival, seen = '', '', 0
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and held ~= instance then
  local o, r, s = string.match(held, '^(%x+) ?(%x*) ?(%d*)$')
  if o and o ~= instance then
    owner = o
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

-- The record says since when it says the same: a start and a return begin anew, as does what is said otherwise.
local before, changed = redis.pcall('GET', KEYS[2]), nil
if held and mode ~= 'start' and type(before) == 'string' and string.sub(before, -#ARGV[3]) == ARGV[3] then
  changed = string.match(before, '^{"last_beat_ms":%d+,"changed_ms":(%d+),')
end
local stamp = '{"last_beat_ms":' .. now_text .. ','
local since = '"changed_ms":' .. (changed or now_text) .. ','
local beside = rival ~= '' and '"rival":"' .. rival .. '",' or ''
redis.call('SET', KEYS[2], stamp .. since .. beside .. ARGV[3], 'PX', @AGENT_TTL_MS@)
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
local place = 5
if ARGV[5] and ARGV[5] ~= '' then
  publish(KEYS[5], KEYS[6], 'agent_heartbeat', agent, stamp .. beside .. ARGV[5])
  place = 7
end
if not tell then return not held and mode == 'beat' and '-' or rival end

-- From here on only what few beats have to say: a start, an end, a return, or a change for the timeline.
local outbox, installation = KEYS[place], KEYS[place + 1]
if tell ~= '' then place = place + 2 end
local run, status, progress, task, display_name, metadata = unpack(ARGV, 8, 13)
if ARGV[7] == '1' then
  -- A timeline of a wrong type harms no heartbeat.
  redis.pcall('XADD', KEYS[place], 'MAXLEN', '~', @TIMELINE_LENGTH@, '*',
    'instance', instance, 'status', status, 'progress', progress, 'task', task)
  redis.call('PEXPIRE', KEYS[place], @TIMELINE_TTL_MS@)
end
if tell == 'agent_started' then
  -- The beat that this process takes over from, if its sender has not stopped: it crashed, or it is a rival.
  local last = owner ~= '' and type(before) == 'string' and string.match(before, '^{"last_beat_ms":(%d+)') or ''
  remember(outbox, installation, 'type', 'agent_started', 'run_id', run, 'agent_id', agent, 'instance', instance,
    'started_ms', now_text, 'display_name', display_name, 'metadata', metadata, 'previous', owner,
    'previous_beat_ms', last)
elseif tell == 'agent_stopped' then
  remember(outbox, installation, 'type', 'agent_stopped', 'run_id', run, 'agent_id', agent, 'instance', instance,
    'stopped_ms', now_text, 'status', status, 'progress', progress, 'task', task)
elseif tell == 'agent_resumed' then
  remember(outbox, installation, 'type', 'agent_resumed', 'run_id', run, 'agent_id', agent, 'instance', instance,
    'resumed_ms', now_text)
end
return tell == '' and not held and mode == 'beat' and '-' or rival
