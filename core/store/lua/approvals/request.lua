-- Stores a request, or answers the same again when its own id comes a second time.
-- KEYS  request, pending, outbox, installation, event stream, event types, asked by this agent, withdrawn, limits, policy[, key]
-- ARGV  id, agent_id, approval_type, context, digest, timeout_ms or '' for no deadline, timeout in seconds as text,
--       key or '', id of a request that is gone, which the key may still name, or '',
--       answers that the asker understands beside yes and no or '', id of the request that it revises or '',
--       how many values and levels its context has, the fields of policy that may speak of it, the first that is there counts
-- Returns {requested_ms, deadline_ms, length of a capped outbox or 0, '1' when nobody can approve it now or ''},
-- {'taken'} when another request has this id, {'withdrawn'} when its asker was refused before,
-- {'over', what, most} when this agent has too many or this is too large, or {'known', id, '1' or ''} of the request that the key names.
local id, agent, kind, context, digest = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- What cannot be read, as by an account of before this key, is not known: then nobody says so.
local function nobody_can()
  local named, lengths = {unpack(ARGV, 14)}, redis.pcall('HMGET', KEYS[10], '@BEGINNINGS@')
  -- Of a kind and of all: first its agent's own field, then those of how the name begins, the longest first.
  local fields = {}
  for place = 1, #named, 2 do
    local agents, any = named[place], named[place + 1]
    fields[#fields + 1] = agents
    for length in string.gmatch(lengths[1] or '', '%d+') do
      local most = any and #any - 1 + tonumber(length)
      if most and most <= #agents then fields[#fields + 1] = string.sub(agents, 1, most) .. '*' end
    end
    fields[#fields + 1] = any
  end
  local said = redis.pcall('HMGET', KEYS[10], unpack(fields))
  for place = 1, #fields do
    if said[place] then return said[place] == '0' and '1' or '' end
  end
  return ''
end

local known = redis.call('HMGET', KEYS[1], 'digest', 'requested_ms', 'deadline_ms')
if known[1] then
  if known[1] ~= digest then return {'taken'} end
  return {known[2], known[3], 0, nobody_can()}
end
if redis.call('EXISTS', KEYS[8]) == 1 then return {'withdrawn'} end
local named = KEYS[11] and redis.call('GET', KEYS[11])
if named and string.sub(named, 1, #id) ~= ARGV[9] then
  -- From now on it has two askers, so none of them may withdraw it for having been refused alone.
  redis.call('SETRANGE', KEYS[11], #id, '+')
  return {'known', string.sub(named, 1, #id), nobody_can()}
end
fail_on_wrong_type(KEYS[2], KEYS[3], KEYS[5], KEYS[6])
local now = now_ms()
local asked, limits = redis.call('ZCARD', KEYS[7]), redis.call('HMGET', KEYS[9], 'waiting', 'a_minute', 'values', 'levels')
local most, a_minute = tonumber(limits[1] or 0) or 0, tonumber(limits[2] or 0) or 0
for place, name in ipairs({'values', 'levels'}) do
  local bound = tonumber(limits[place + 2] or 0) or 0
  if bound > 0 and tonumber(ARGV[11 + place]) > bound then return {'over', name, digits(bound)} end
end
if a_minute > 0 and asked >= a_minute and redis.call('ZCOUNT', KEYS[7], digits(now - 60000), '+inf') >= a_minute then
  return {'over', 'a_minute', digits(a_minute)}
end
-- What is older than the newest ones, and is let go; where few may wait, what waits stays and is counted.
local gone, waiting = redis.call('ZRANGE', KEYS[7], 0, -@ASKED_LENGTH@), 0
if most > 0 and asked >= most then
  local ids, old = redis.call('ZRANGE', KEYS[7], 0, -1), #gone
  gone = {}
  for place, due in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(ids))) do
    if due and tonumber(due) > now then waiting = waiting + 1
    elseif place <= old then gone[#gone + 1] = ids[place] end
  end
  if waiting >= most then return {'over', 'waiting', digits(most)} end
end
local deadline = ARGV[6] == '' and @NO_DEADLINE_MS@ or now + tonumber(ARGV[6])
redis.call('HSET', KEYS[1], 'agent_id', agent, 'approval_type', kind, 'context', context,
  'digest', digest, 'requested_ms', digits(now), 'deadline_ms', digits(deadline),
  'timeout_seconds', ARGV[7], 'status', '@PENDING@')
if ARGV[10] ~= '' then redis.call('HSET', KEYS[1], 'understands', ARGV[10]) end
if ARGV[11] ~= '' then redis.call('HSET', KEYS[1], 'revises', ARGV[11]) end
redis.call('PEXPIREAT', KEYS[1], digits(deadline + @ENDED_TTL_MS@))
if KEYS[11] then
  redis.call('HSET', KEYS[1], 'key', ARGV[8])
  redis.call('SET', KEYS[11], id, 'PXAT', digits(deadline + @ENDED_TTL_MS@))
end
redis.call('ZADD', KEYS[2], digits(deadline), id)
local asked_ms = redis.call('PTTL', KEYS[7])
redis.call('ZADD', KEYS[7], digits(now), id)
if #gone > 0 then redis.call('ZREM', KEYS[7], unpack(gone)) end
redis.call('PEXPIRE', KEYS[7], digits(math.max(asked_ms, math.min(deadline - now + @ENDED_TTL_MS@, @ASKED_TTL_MS@))))
remember(KEYS[3], KEYS[4], 'type', 'requested', 'request_id', id, 'agent_id', agent,
  'approval_type', kind, 'digest', digest, 'requested_ms', digits(now),
  'deadline_ms', digits(deadline), 'timeout_seconds', ARGV[7], 'key', ARGV[8], unpack(ARGV[11] ~= '' and {'revises', ARGV[11]} or {}))
publish(KEYS[5], KEYS[6], '@APPROVAL_REQUESTED@', 'core', cjson.encode({
  request_id = id, agent_id = agent, approval_type = kind, digest = digest}))
local length = redis.call('EXISTS', KEYS[4]) == 1 and 0 or redis.call('XLEN', KEYS[3])
return {digits(now), digits(deadline), length, nobody_can()}
