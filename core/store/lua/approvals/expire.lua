-- Ends a request that is past its deadline.
-- KEYS  request, ended, pending, outbox, installation, event stream, event types
-- ARGV  id
-- Returns {'pending', ms left}, {'unknown', ''}, or {status, approved, responder, reason, ended_ms,
-- decision_id, channel, signature or '', answer or '', edited or '', '1' if this call ended it} of the end that stands now.
local request = redis.pcall('HMGET', KEYS[1], 'status', 'deadline_ms', 'timeout_seconds',
  'agent_id', 'approval_type', 'digest')
local ended = redis.pcall('XLEN', KEYS[2])
-- An account that may not read it does not take it out of the queue.
if request.err and not string.find(request.err, 'WRONGTYPE', 1, true) then return request end
if request.err or not request[1] or type(ended) == 'table' then
  -- Nothing here, or a key of a wrong type: it leaves the queue, or it would stay due for ever.
  redis.call('ZREM', KEYS[3], ARGV[1])
  return {'@UNKNOWN@', ''}
end
local by_this_call = ''
if request[1] == '@PENDING@' then
  local now, deadline = now_ms(), moment(request[2]) or 0
  if now < deadline then return {'@PENDING@', digits(deadline - now)} end
  finish(ARGV[1], now, '@APPROVAL_EXPIRED@', {unpack(request, 4, 6)}, {status = '@TIMEOUT@', approved = '0',
    responder = '@SYSTEM@', reason = 'timeout: no decision within ' .. (request[3] or '?') .. ' s', decision_id = '',
    channel = '@SYSTEM@'})
  by_this_call = '1'
else
  redis.call('ZREM', KEYS[3], ARGV[1])
end
local end_ = standing(KEYS[1])
local more = redis.call('HMGET', KEYS[1], 'signature', 'answer', 'arguments')
for i = 1, 3 do end_[7 + i] = more[i] or '' end
end_[11] = by_this_call
return end_
