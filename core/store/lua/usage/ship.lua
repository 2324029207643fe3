-- Counts a batch of tracked calls and moves the place in its spool forward with them.
-- KEYS  shipped, recent, seen today, seen yesterday, seen before, outbox, installation, event stream, event types [, day ...]
-- ARGV  place before, place after, number of days, when each day expires, number of fields, names of the fields;
--       then groups: call id or '', number of its day, amounts as 'field:amount ...', number of calls,
--       and for each call its time in microseconds and the call as JSON
-- Returns {place now, calls counted by this run, sums that were set aside: number of the day, name, value ...}.
-- A call id that was seen in the last 48 h counts no more; the recorder hears of it, and decides what it is worth.
local FIRST_DAY = 9
local stored = redis.call('GET', KEYS[1]) or '0'
if stored ~= ARGV[1] then return {stored, 0, {}} end
fail_on_wrong_type(KEYS[2], KEYS[6], KEYS[8], KEYS[9])
for i = 3, 5 do redis.call('SCARD', KEYS[i]) end
for i = FIRST_DAY + 1, #KEYS do redis.call('HLEN', KEYS[i]) end

local function seen(id)
  for i = 3, 5 do
    if redis.call('SISMEMBER', KEYS[i], id) == 1 then return true end
  end
  redis.call('SADD', KEYS[3], id)
  redis.call('PEXPIRE', KEYS[3], @USAGE_SEEN_TTL_MS@)
  return false
end

-- Each amount and the sum of a batch stay below 2^53, where Lua's numbers are exact; HINCRBY is exact beyond.
local function add(sums, amounts)
  for field, amount in string.gmatch(amounts, '(%d+):(%-?%d+)') do
    field = tonumber(field)
    sums[field] = (sums[field] or 0) + tonumber(amount)
  end
end

local days = tonumber(ARGV[3])
local fields_at = 4 + days

-- What HINCRBY takes, and has room for a batch more.
local function is_sum(text)
  return text == '0' or (#text <= 18 and string.match(text, '^%-?[1-9]%d*$'))
end

-- A sum that somebody spoiled would stop the script among its writes, at every try again: it goes before the first.
local set_aside = {}
local last_field = fields_at + tonumber(ARGV[fields_at])
for day = 1, days do
  local sums = redis.call('HMGET', KEYS[FIRST_DAY + day], unpack(ARGV, fields_at + 1, last_field))
  for number, sum in ipairs(sums) do
    if sum and not is_sum(sum) then
      redis.call('HDEL', KEYS[FIRST_DAY + day], ARGV[fields_at + number])
      for _, said in ipairs({day, ARGV[fields_at + number], string.sub(sum, 1, 100)}) do
        set_aside[#set_aside + 1] = said
      end
    end
  end
end

local place = fields_at + tonumber(ARGV[fields_at]) + 1
local totals, calls, counted = {}, {}, 0
while ARGV[place] do
  local day, count = tonumber(ARGV[place + 1]), tonumber(ARGV[place + 3])
  local again = ARGV[place] ~= '' and seen(ARGV[place])
  if not again then
    totals[day] = totals[day] or {}
    add(totals[day], ARGV[place + 2])
    counted = counted + count
  end
  for i = place + 4, place + 2 * count + 2, 2 do
    redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i + 1])
    calls[#calls + 1] = ARGV[i + 1]
    if not again then publish(KEYS[8], KEYS[9], 'llm_call', 'core', ARGV[i + 1]) end
  end
  place = place + 4 + 2 * count
end

for day, sums in pairs(totals) do
  local key = KEYS[FIRST_DAY + day]
  for field, amount in pairs(sums) do
    redis.call('HINCRBY', key, ARGV[fields_at + field], digits(amount))
  end
  -- Trackers may keep days for different times: the longest holds. GT alone leaves a new key without an end.
  if redis.call('PEXPIREAT', key, ARGV[3 + day], 'NX') == 0 then
    redis.call('PEXPIREAT', key, ARGV[3 + day], 'GT')
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', @USAGE_SHIPPED_TTL_MS@)
if #calls > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -(@USAGE_RECENT_LENGTH@ + 1))
  redis.call('PEXPIRE', KEYS[2], @USAGE_RECENT_TTL_MS@)
  local said = '[' .. table.concat(calls, ',') .. ']'
  local now = digits(now_ms())
  remember(KEYS[6], KEYS[7], 'type', 'llm_calls', 'shipped_ms', now, 'calls', said)
end
return {ARGV[2], counted, set_aside}
