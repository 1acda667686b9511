-- Begins an attempt at a job this consumer has taken. Returns 'run' with the attempt's number and how many tries count
-- so far, this one included, whose it is, and how many tokens it may take ('' for any); 'expired'; or 'over', when the job ended meanwhile.
-- ARGV: id, consumer, max_age_ms, caller, webhook ('' for none)
local id, consumer, max_age, caller, webhook = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local key = job_key(id)
local now = now_ms()
if is_over(redis.call('HGET', key, 'status')) then
  redis.call('XACK', QUEUE, GROUP, id)
  redis.call('XDEL', QUEUE, id)
  return { 'over' }
end
-- A job that was added to the stream by hand has no record yet; its id says when it was added.
redis.call('HSETNX', key, 'created', string.match(id, '^%d+'))
redis.call('HSETNX', key, 'caller', caller)
if webhook ~= '' then redis.call('HSETNX', key, 'webhook', webhook) end
redis.call('ZREM', RETRY, id)
redis.call('XCLAIM', QUEUE, GROUP, consumer, 0, id, 'JUSTID')
local attempt = redis.call('HINCRBY', key, 'attempt', 1)
redis.call('HSET', key, 'status', 'running', 'started', now, 'consumer', consumer)
local tries = attempt - (redis.call('HGET', key, 'spared') or 0)
local record = redis.call('HMGET', key, 'created', 'caller', 'max_tokens')
local state = now - record[1] > max_age and 'expired' or 'run'
return { state, attempt, tries, record[2], record[3] or '' }
