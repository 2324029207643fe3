-- Ends a pending request as cancelled.
-- KEYS  request, ended, pending, outbox, installation, event stream, event types
-- ARGV  id, reason, '1' to end also a request of which the server has nothing left
-- Returns 1 when this call ended it, else 0.
local request = redis.call('HMGET', KEYS[1], 'status', 'deadline_ms', 'agent_id', 'approval_type', 'digest')
local now = now_ms()
if request[1] then
  if request[1] ~= '@PENDING@' or now >= (moment(request[2]) or 0) then return 0 end
elseif ARGV[3] ~= '1' or redis.call('EXISTS', KEYS[2]) == 1 then
  return 0
end
finish(ARGV[1], now, '@APPROVAL_CANCELLED@', request[1] and {unpack(request, 3, 5)}, {status = '@CANCELLED@', approved = '0',
  responder = '@SYSTEM@', reason = ARGV[2], decision_id = '', channel = '@SYSTEM@'})
return 1
