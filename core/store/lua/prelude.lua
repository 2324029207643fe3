-- Shared by every script: put before each of them when it is loaded.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Lua prints large numbers as 1.7e+12; keys and fields need all digits.
local function digits(number)
  return string.format('%.0f', number)
end

-- A moment as it was stored, or nil: tonumber alone also reads nan, inf and 0x10.
local function moment(text)
  if text and #text <= 15 and string.match(text, '^%d+$') then return tonumber(text) end
end

-- One entry that SQL must remember. Capped only while no recorder has ever run here.
local function remember(outbox, installation, ...)
  if redis.call('EXISTS', installation) == 1 then
    redis.call('XADD', outbox, '*', ...)
  else
    redis.call('XADD', outbox, 'MAXLEN', '~', @OUTBOX_LENGTH_WITHOUT_RECORDER@, '*', ...)
  end
end

-- One event. Its id comes from the stream of types, so it is larger than that of every event before it, of all
-- types: one id is a place in all streams together, and a stream that is born again repeats no id. The entry
-- there stays when the type is born, that is when its stream comes to be, and is taken back otherwise.
-- Returns the id, and the length of `types` when the type was born, else 0.
local function publish(stream, types, event_type, source, data)
  local known, id = redis.call('EXISTS', stream), nil
  if known == 1 then
    id = redis.call('XADD', types, '*', 'event_type', event_type)
    redis.call('XDEL', types, id)
  else
    id = redis.call('XADD', types, 'MAXLEN', '~', @EVENT_TYPES_LENGTH@, '*', 'event_type', event_type)
  end
  local added = redis.pcall('XADD', stream, 'MAXLEN', '~', @EVENT_STREAM_LENGTH@, id,
    'event_type', event_type, 'source', source, 'data', data)
  if type(added) == 'table' then
    -- Somebody else wrote into this stream, with a larger id.
    id = redis.call('XADD', stream, 'MAXLEN', '~', @EVENT_STREAM_LENGTH@, '*',
      'event_type', event_type, 'source', source, 'data', data)
  end
  redis.call('PEXPIRE', stream, @EVENT_TTL_MS@)
  return id, known == 0 and redis.call('XLEN', types) or 0
end

-- A script that fails is not rolled back, so a key of a wrong type must stop it before its first write.
local function fail_on_wrong_type(sorted_set, ...)
  redis.call('ZCARD', sorted_set)
  for _, stream in ipairs({...}) do redis.call('XLEN', stream) end
end

-- The standing end of a request: status, approved, responder, reason, at, decision id, channel.
local function standing(request)
  return redis.call('HMGET', request, 'status', 'approved', 'responder', 'reason', 'ended_ms',
    'decision_id', 'channel')
end

-- Ends a pending request: the one place where a request gets its outcome.
-- KEYS of every caller: request, ended, pending, outbox, installation, event stream, event types.
-- about: agent, type and digest, as the caller has read them; false where the server has nothing left of the request.
local function finish(id, now, event_type, about, outcome)
  fail_on_wrong_type(KEYS[3], KEYS[2], KEYS[4], KEYS[6], KEYS[7])
  local agent, kind, digest = unpack(about or {}, 1, 3)
  -- What not every end has. The outbox carries the digest of changed arguments, as it does of what was asked.
  local signed, told = {}, {}
  local function also(name, value, in_outbox)
    if (value or '') == '' then return end
    signed[#signed + 1], signed[#signed + 2] = name, value
    told[#told + 1], told[#told + 2] = in_outbox and in_outbox[1] or name, in_outbox and in_outbox[2] or value
  end
  also('signature', outcome.signature)
  also('answer', outcome.answer)
  also('arguments', outcome.edited, {'edited_digest', outcome.edited_digest})
  if about then
    redis.call('HSET', KEYS[1], 'status', outcome.status, 'approved', outcome.approved,
      'responder', outcome.responder, 'reason', outcome.reason, 'ended_ms', digits(now),
      'decision_id', outcome.decision_id, 'channel', outcome.channel, unpack(signed))
    redis.call('PEXPIRE', KEYS[1], @ENDED_TTL_MS@)
  end
  redis.call('XADD', KEYS[2], '*', 'status', outcome.status, 'approved', outcome.approved,
    'responder', outcome.responder, 'reason', outcome.reason, 'ended_ms', digits(now),
    'channel', outcome.channel, unpack(signed))
  redis.call('PEXPIRE', KEYS[2], @ENDED_TTL_MS@)
  redis.call('ZREM', KEYS[3], id)
  remember(KEYS[4], KEYS[5], 'type', 'ended', 'request_id', id, 'agent_id', agent or '',
    'approval_type', kind or '', 'digest', digest or '', 'status', outcome.status,
    'responder', outcome.responder, 'reason', outcome.reason, 'ended_ms', digits(now),
    'decision_id', outcome.decision_id, 'channel', outcome.channel, unpack(told))
  publish(KEYS[6], KEYS[7], event_type, 'core', cjson.encode({
    request_id = id, agent_id = agent or '', approval_type = kind or '', status = outcome.status,
    responder = outcome.responder, reason = outcome.reason, answer = outcome.answer}))
end
