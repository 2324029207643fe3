-- Stores a request, or answers the same again when its own id comes a second time.
-- KEYS  request, pending, outbox, installation, event stream, event types
-- ARGV  id, agent_id, approval_type, context, digest, timeout_ms, timeout in seconds as text
-- Returns {requested_ms, deadline_ms, length of a capped outbox or 0} or {'taken'} when another request has this id.
local id, agent, kind, context, digest = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local known = redis.call('HMGET', KEYS[1], 'digest', 'requested_ms', 'deadline_ms')
if known[1] then
  if known[1] ~= digest then return {'taken'} end
  return {known[2], known[3], 0}
end
fail_on_wrong_type(KEYS[2], KEYS[3], KEYS[5], KEYS[6])
local now = now_ms()
local deadline = now + tonumber(ARGV[6])
redis.call('HSET', KEYS[1], 'agent_id', agent, 'approval_type', kind, 'context', context,
  'digest', digest, 'requested_ms', digits(now), 'deadline_ms', digits(deadline),
  'timeout_seconds', ARGV[7], 'status', '@PENDING@')
redis.call('PEXPIREAT', KEYS[1], digits(deadline + @ENDED_TTL_MS@))
redis.call('ZADD', KEYS[2], digits(deadline), id)
remember(KEYS[3], KEYS[4], 'type', 'requested', 'request_id', id, 'agent_id', agent,
  'approval_type', kind, 'digest', digest, 'requested_ms', digits(now),
  'deadline_ms', digits(deadline), 'timeout_seconds', ARGV[7])
publish(KEYS[5], KEYS[6], '@APPROVAL_REQUESTED@', 'core', cjson.encode({
  request_id = id, agent_id = agent, approval_type = kind, digest = digest}))
return {digits(now), digits(deadline), redis.call('EXISTS', KEYS[4]) == 1 and 0 or redis.call('XLEN', KEYS[3])}
