-- Asking the server for its commands, and telling the user what came of them.
local M = {}

local function of_buffer(buffer)
  local all = vim.lsp.get_clients and vim.lsp.get_clients({ bufnr = buffer })
    or vim.tbl_values(vim.lsp.buf_get_clients(buffer))
  for _, client in ipairs(all) do
    if client.name == 'mplp' then
      return client
    end
  end
end

function M.say(message, level)
  vim.notify('MPLP: ' .. message, level or vim.log.levels.INFO)
end

-- Sends one command of the server with one argument object; `done` gets its answer.
function M.execute(command, argument, done)
  local client = of_buffer(0)
  if client == nil then
    M.say('this buffer has no MPLP server', vim.log.levels.WARN)
    return
  end
  local function answer(err, result)
    if err then
      M.say(err.message, vim.log.levels.WARN)
    elseif done then
      done(result)
    end
  end
  local request = { command = command, arguments = { argument } }
  if vim.fn.has('nvim-0.11') == 1 then
    client:request('workspace/executeCommand', request, answer, 0)
  else
    client.request('workspace/executeCommand', request, answer, 0)
  end
end

return M
