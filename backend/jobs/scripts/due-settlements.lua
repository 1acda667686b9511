-- Takes settlements that are due and makes them due again later, in case their sender dies.
-- Returns { reservation, prompt_tokens, completion_tokens, age_ms, try }, …
-- ARGV: count, lease_ms
local now = now_ms()
local due = {}
for _, reservation in ipairs(redis.call('ZRANGEBYSCORE', SETTLEMENTS, 0, now, 'LIMIT', 0, ARGV[1])) do
  local what = redis.call('HGET', SETTLING, reservation) or ''
  local prompt, completion, since, tries = string.match(what, '(%d+) (%d+) (%d+) (%d+)')
  if tries then
    tries = tries + 1
    redis.call('HSET', SETTLING, reservation, table.concat({ prompt, completion, since, tries }, ' '))
    redis.call('ZADD', SETTLEMENTS, now + tonumber(ARGV[2]), reservation)
    table.insert(due, { reservation, prompt, completion, now - since, tries })
  else
    redis.call('ZREM', SETTLEMENTS, reservation)
  end
end
return due
