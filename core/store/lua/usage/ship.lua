-- Counts a batch of tracked calls and moves the place in its spool forward with them.
-- KEYS  shipped, recent, seen today, seen yesterday, seen before, outbox, installation, event stream, event types [, day ...]
-- ARGV  place before, place after, number of days, when each day expires, what is counted as JSON, and then for each
--       call its time in microseconds and the call as JSON
--       What is counted: `groups`, each a call id or '', the number of its day, that of its `also`, how many of the
--       calls it has, and its amounts by field; `also`: lists of further fields, each with the one whose amount it takes
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
local function add(sums, field, amount)
  sums[field] = (sums[field] or 0) + amount
end

local days = tonumber(ARGV[3])
local said = cjson.decode(ARGV[4 + days])
local fields, known = {}, {}
local function counts(field)
  if not known[field] then fields[#fields + 1] = field end
  known[field] = true
end
for _, group in ipairs(said.groups) do
  for field in pairs(group[5]) do counts(field) end
end
for _, also in ipairs(said.also) do
  for _, of in ipairs(also) do counts(of[1]) end
end

-- What HINCRBY takes, and has room for a batch more.
local function is_sum(text)
  return text == '0' or (#text <= 18 and string.match(text, '^%-?[1-9]%d*$'))
end

-- A sum that somebody spoiled would stop the script among its writes, at every try again: it goes before the first.
local set_aside = {}
for day = 1, days do
  local sums = redis.call('HMGET', KEYS[FIRST_DAY + day], unpack(fields))
  for number, sum in ipairs(sums) do
    if sum and not is_sum(sum) then
      redis.call('HDEL', KEYS[FIRST_DAY + day], fields[number])
      for _, part in ipairs({day, fields[number], string.sub(sum, 1, 100)}) do
        set_aside[#set_aside + 1] = part
      end
    end
  end
end

local place = 5 + days
local totals, calls, counted = {}, {}, 0
for _, group in ipairs(said.groups) do
  local id, day, also, count, amounts = unpack(group)
  local again = id ~= '' and seen(id)
  if not again then
    totals[day] = totals[day] or {}
    totals[day][also] = totals[day][also] or {}
    for field, amount in pairs(amounts) do add(totals[day][also], field, amount) end
    counted = counted + count
  end
  for i = place, place + 2 * count - 2, 2 do
    redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i + 1])
    calls[#calls + 1] = ARGV[i + 1]
    if not again then publish(KEYS[8], KEYS[9], 'llm_call', 'core', ARGV[i + 1]) end
  end
  place = place + 2 * count
end

for day, by_also in pairs(totals) do
  local key, whole = KEYS[FIRST_DAY + day], {}
  for also, sums in pairs(by_also) do
    for field, amount in pairs(sums) do
      if amount ~= 0 then add(whole, field, amount) end
    end
    -- A name with nothing but zeros is still a name: a workflow whose answers all came from a cache.
    for _, of in ipairs(said.also[also]) do
      if sums[of[2]] then add(whole, of[1], sums[of[2]]) end
    end
  end
  for field, amount in pairs(whole) do
    redis.call('HINCRBY', key, field, digits(amount))
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
  local told = '[' .. table.concat(calls, ',') .. ']'
  local now = digits(now_ms())
  remember(KEYS[6], KEYS[7], 'type', 'llm_calls', 'shipped_ms', now, 'calls', told)
end
return {ARGV[2], counted, set_aside}
