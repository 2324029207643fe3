-- Ends a request whose asker was refused because no reply came, or keeps it from being stored later.
-- KEYS  request, ended, pending, outbox, installation, event stream, event types, withdrawn[, key]
-- ARGV  id, reason
local request = redis.call('HMGET', KEYS[1], 'status', 'deadline_ms', 'agent_id', 'approval_type', 'digest')
if not request[1] then
  redis.call('SET', KEYS[8], '1', 'PX', @WITHDRAWN_TTL_MS@)
  return
end
local now = now_ms()
if request[1] ~= '@PENDING@' or now >= (moment(request[2]) or 0) then return end
local named = KEYS[9] and redis.call('GET', KEYS[9])
-- Another asker found it by its key and waits for it.
if named and named ~= ARGV[1] and string.sub(named, 1, #ARGV[1]) == ARGV[1] then return end
if named == ARGV[1] then redis.call('DEL', KEYS[9]) end
finish(ARGV[1], now, '@APPROVAL_CANCELLED@', {unpack(request, 3, 5)}, {status = '@CANCELLED@', approved = '0',
  responder = '@SYSTEM@', reason = ARGV[2], decision_id = '', channel = '@SYSTEM@'})
