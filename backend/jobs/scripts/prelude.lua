-- Stands before every script. Time is Redis's own, so that the clocks of the backends do not matter.
local QUEUE, RESULTS, DEAD, RETRY, WEBHOOKS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
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

-- The one end of a job: its record, its line in the results, its place in the queue, its batch and webhook, at once.
local function finish(id, status, fields, ttl_ms)
  local now = now_ms()
  local key = job_key(id)
  redis.call('HSET', key, 'status', status, 'finished', now, unpack(fields))
  redis.call('PEXPIRE', key, ttl_ms)
  redis.call('XADD', RESULTS, 'MINID', '~', now - ttl_ms, '*', 'job', id, 'status', status, unpack(fields))
  redis.call('XACK', QUEUE, GROUP, id)
  redis.call('XDEL', QUEUE, id)
  redis.call('ZREM', RETRY, id)
  local record = redis.call('HMGET', key, 'batch', 'webhook')
  if record[1] then count_in_batch(record[1], status, ttl_ms) end
  if record[2] then redis.call('ZADD', WEBHOOKS, now, id) end
end
