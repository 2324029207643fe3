-- The one point of decision.
-- KEYS  request, ended, pending, outbox, installation, event stream, event types, policy
-- ARGV  id, decision_id, status (approved or rejected), responder, reason, channel,
--       not_after in ms or '', digest or '', what that digest was made of (agent, kind, context), signature or '',
--       edited or changes where it is that or '', changed arguments or '', their digest or ''
-- Returns {outcome, status, approved, responder, reason, ended_ms, decision_id, channel}
local id, decision_id, status = ARGV[1], ARGV[2], ARGV[3]
local function answer(outcome)
  local end_ = standing(KEYS[1])
  for i = 1, 7 do end_[i] = end_[i] or '' end
  return {outcome, unpack(end_, 1, 7)}
end
local request = redis.call('HMGET', KEYS[1], 'status', 'decision_id', 'deadline_ms', 'digest', 'agent_id',
  'approval_type', 'context', 'understands')
if not request[1] then return answer('@UNKNOWN@') end
if request[2] == decision_id then
  -- The same call again; with the opposite answer it is another decision under a name that is taken.
  return answer(request[1] == status and '@ACCEPTED@' or '@ALREADY_DECIDED@')
end
if request[1] == '@TIMEOUT@' then return answer('@EXPIRED@') end
if request[1] == '@CANCELLED@' then return answer('@CANCELLED@') end
if request[1] ~= '@PENDING@' then return answer('@ALREADY_DECIDED@') end
local now = now_ms()
if now >= (moment(request[3]) or 0) then return answer('@EXPIRED@') end
if ARGV[6] == '@DIRECT@' and redis.call('HGET', KEYS[8], '@DIRECT@') == '@NOT_ALLOWED@' then return answer('@NOT_ALLOWED@') end
if ARGV[7] ~= '' and now >= tonumber(ARGV[7]) then return answer('@LAPSED@') end
-- The field may say one thing and the bytes another, so the bytes are compared too.
local asked = (request[5] or '') .. '\n' .. (request[6] or '') .. '\n' .. (request[7] or '')
if ARGV[8] ~= '' and (ARGV[8] ~= request[4] or ARGV[9] ~= asked) then return answer('@CHANGED@') end
-- Whoever did not say that it understands this would run what it asked with.
local wanted = ',' .. (ARGV[11] or '') .. ','
if wanted ~= ',,' and not string.find(',' .. (request[8] or '') .. ',', wanted, 1, true) then return answer('@CHANGED@') end
local approved = ARGV[11] == '@EDITED@' and '@EDITED@' or status == '@APPROVED@' and '1' or '0'
finish(id, now, '@APPROVAL_DECIDED@', {request[5], request[6], request[4]}, {status = status, approved = approved,
  responder = ARGV[4], reason = ARGV[5], decision_id = decision_id, channel = ARGV[6],
  signature = ARGV[10], answer = ARGV[11] ~= '' and ARGV[11] or nil, edited = ARGV[12], edited_digest = ARGV[13]})
return {'@ACCEPTED@', status, approved, ARGV[4], ARGV[5], digits(now), decision_id, ARGV[6]}
