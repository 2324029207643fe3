-- Gives a request the end that SQL knows: Redis was restored from a file older than this end, or lost the request.
-- KEYS  request, ended, pending, outbox, installation, event stream, event types
-- ARGV  id, digest, event type, status, approved (1, 0 or edited), responder, reason, ended_ms, decision_id, channel,
--       '1' to end also a request of which the server has nothing left, collected_ms or '', claim or '',
--       signature or '', edited or changes or '', changed arguments or '', their digest or ''
-- Returns 'restored'; 'collected' where only the mark of who collected this very end was missing; or why nothing was
-- changed: 'unknown', 'ended' or 'changed' (another digest).

-- An approval that was used stays used: the server may be older than its mark, too.
local function mark()
  if ARGV[12] == '' or redis.call('HSETNX', KEYS[1], 'collected_ms', ARGV[12]) == 0 then return false end
  redis.call('HSET', KEYS[1], 'claim', ARGV[13])
  return true
end

local request, was = redis.call('HMGET', KEYS[1], 'status', 'digest', 'agent_id', 'approval_type'), '@PENDING@'
if not request[1] then
  if ARGV[11] ~= '1' or redis.call('EXISTS', KEYS[2]) == 1 then return '@UNKNOWN@' end
  was = 'lost'
elseif request[1] ~= '@PENDING@' then
  if request[1] ~= ARGV[4] or redis.call('HGET', KEYS[1], 'decision_id') ~= ARGV[9] then return 'ended' end
  redis.call('XLEN', KEYS[4])
  if not mark() then return 'ended' end
  was = 'uncollected'
  remember(KEYS[4], KEYS[5], 'type', 'restored', 'request_id', ARGV[1], 'status', ARGV[4], 'was', was,
    'restored_ms', digits(now_ms()))
  return 'collected'
elseif request[2] ~= ARGV[2] then
  return '@CHANGED@'
end
finish(ARGV[1], tonumber(ARGV[8]), ARGV[3], request[1] and {request[3], request[4], request[2]}, {status = ARGV[4], approved = ARGV[5], responder = ARGV[6],
  reason = ARGV[7], decision_id = ARGV[9], channel = ARGV[10], signature = ARGV[14],
  answer = ARGV[15] ~= '' and ARGV[15] or nil, edited = ARGV[16], edited_digest = ARGV[17]})
if request[1] then mark() end
remember(KEYS[4], KEYS[5], 'type', 'restored', 'request_id', ARGV[1], 'status', ARGV[4], 'was', was,
  'restored_ms', digits(now_ms()))
return 'restored'
