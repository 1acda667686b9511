-- Ends an attempt without an end of its job, which becomes due after a delay. Returns whether the attempt was current.
-- ARGV: id, attempt, delay_ms, error (JSON), spared (1: the attempt does not count as a try)
local id, attempt = ARGV[1], ARGV[2]
if not is_current(id, attempt) or redis.call('ZSCORE', RETRY, id) then return 0 end
local key = job_key(id)
if ARGV[5] == '1' then redis.call('HINCRBY', key, 'spared', 1) end
redis.call('HSET', key, 'status', 'queued', 'attempt', attempt, 'error', ARGV[4])
redis.call('ZADD', RETRY, now_ms() + tonumber(ARGV[3]), id)
return 1
