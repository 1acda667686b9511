-- Says that attempts are alive. Returns those that are current no more, as id:attempt.
-- ARGV: consumer, then id, attempt, …
local lost = {}
for index = 2, #ARGV, 2 do
  local id = ARGV[index]
  if is_current(id, ARGV[index + 1]) and not redis.call('ZSCORE', RETRY, id) then
    redis.call('XCLAIM', QUEUE, GROUP, ARGV[1], 0, id, 'JUSTID')
  else
    table.insert(lost, id .. ':' .. ARGV[index + 1])
  end
end
return lost
