-- Stands before every script. Time is Redis's own, so that the clocks of the backends do not matter.
local QUEUE, RESULTS, DEAD, RETRY, WEBHOOKS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local SETTLEMENTS, SETTLING = KEYS[6], KEYS[7]
local GROUP = 'glm'

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function job_key(id)
  return 'glm:job:' .. id
end

local function batch_key(id)
  return 'glm:batch:' .. id
end

local function is_over(status)
  return status == 'done' or status == 'dead' or status == 'cancelled'
end

-- Whether this attempt is the newest one and its job is still open: the fence of everything an attempt may write.
local function is_current(id, attempt)
  local record = redis.call('HMGET', job_key(id), 'attempt', 'status')
  return (record[1] or '0') == attempt and not is_over(record[2])
end

local function count_in_batch(batch, status, ttl_ms)
  local key = batch_key(batch)
  if redis.call('EXISTS', key) == 0 then return end
  redis.call('HINCRBY', key, status, 1)
  if redis.call('HINCRBY', key, 'open', -1) == 0 then
    redis.call('PEXPIRE', key, ttl_ms)
    redis.call('PEXPIRE', key .. ':jobs', ttl_ms)
  end
end

-- What a reservation at the edge has come to, as 'prompt_tokens completion_tokens since_ms tries': due after a delay.
local function settle(reservation, prompt_tokens, completion_tokens, delay_ms)
  local now = now_ms()
  redis.call('HSET', SETTLING, reservation, table.concat({ prompt_tokens, completion_tokens, now, 0 }, ' '))
  redis.call('ZADD', SETTLEMENTS, now + delay_ms, reservation)
end

-- The one end of a job: its record, its line in the results, its place in the queue, its batch, webhook and settlement,
-- at once. `used`: prompt and completion tokens, and how long to wait for somebody who knows better; none used by default.
local function finish(id, status, fields, ttl_ms, used)
  local now = now_ms()
  local key = job_key(id)
  redis.call('HSET', key, 'status', status, 'finished', now, unpack(fields))
  redis.call('PEXPIRE', key, ttl_ms)
  redis.call('XADD', RESULTS, 'MINID', '~', now - ttl_ms, '*', 'job', id, 'status', status, unpack(fields))
  redis.call('XACK', QUEUE, GROUP, id)
  redis.call('XDEL', QUEUE, id)
  redis.call('ZREM', RETRY, id)
  local record = redis.call('HMGET', key, 'batch', 'webhook', 'reservation')
  if record[1] then count_in_batch(record[1], status, ttl_ms) end
  if record[2] then redis.call('ZADD', WEBHOOKS, now, id) end
  if record[3] then
    local tokens = used or { 0, 0, 0 }
    settle(record[3], tokens[1], tokens[2], tokens[3])
  end
end
