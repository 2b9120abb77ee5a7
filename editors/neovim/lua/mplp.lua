-- MPLP for Neovim: which buffers are ours, and how the server starts. `mplp.commands` is the command :Mplp.
-- Neovim 0.11 and later use vim.lsp.config; 0.7 to 0.10 are started by an autocommand.
local M = { execute = require('mplp.requests').execute }

local KINDS = {
  'context', 'plan', 'confirm', 'trace', 'role', 'extension', 'dialog', 'collab', 'core', 'network', 'event', 'sample',
}
local MARKERS = { 'mplp.toml', '.mplp', '.git' }

-- The nearest folder from that of a file upwards that has one of these names; nil where none has.
-- Not findfile(): it takes commas, blanks and semicolons in folder names for separators.
local function upwards(path, names)
  local current = vim.fn.fnamemodify(path, ':p:h')
  while true do
    for _, name in ipairs(names) do
      if vim.loop.fs_stat(current .. '/' .. name) then
        return current
      end
    end
    local parent = vim.fn.fnamemodify(current, ':h')
    if parent == current then
      return nil
    end
    current = parent
  end
end

-- Whether a file is an MPLP document by its name, or may be one by its content.
function M.is_ours(path)
  local name = vim.fn.fnamemodify(path, ':t')
  if name == 'mplp.toml' or name == 'execution.ndjson' or name:match('[.-]events%.ndjson$') then
    return true
  end
  for _, kind in ipairs(KINDS) do
    if name == kind .. '.json' or name:match('%.' .. kind .. '%.json$') then
      return true
    end
  end
  return name:match('%.jsonc?$') ~= nil and upwards(path, { 'mplp.toml' }) ~= nil
end

-- The project of a file: the nearest folder with mplp.toml, .mplp or .git, else the file's own.
function M.root(path)
  return upwards(path, MARKERS) or vim.fn.fnamemodify(path, ':p:h')
end

function M.config()
  return {
    cmd = { 'mplp-lsp', '--stdio' },
    filetypes = { 'json', 'jsonc', 'ndjson', 'toml' },
    root_dir = function(buffer, on_dir)
      local path = vim.api.nvim_buf_get_name(buffer)
      if M.is_ours(path) then
        on_dir(M.root(path))
      end
    end,
    before_init = M.prefer_push,
  }
end

-- Neovim 0.11 pulls diagnostics on open and on change only and cannot be told to pull again, so the findings of a run
-- would never show. Without the capability the server sends them by itself.
function M.prefer_push(request)
  local capabilities = request.capabilities
  local refresh = vim.tbl_get(capabilities, 'workspace', 'diagnostics', 'refreshSupport')
  if capabilities.textDocument and not refresh then
    capabilities.textDocument.diagnostic = nil
  end
end

local clients = {} -- root -> client id; for Neovim 0.7, which has no vim.lsp.start

local function attach(buffer)
  local path = vim.api.nvim_buf_get_name(buffer)
  if vim.bo[buffer].buftype ~= '' or not M.is_ours(path) then
    return
  end
  local root = M.root(path)
  local config = { name = 'mplp', cmd = M.config().cmd, root_dir = root, before_init = M.prefer_push }
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = buffer })
    return
  end
  config.on_exit = function()
    clients[root] = nil
  end
  clients[root] = clients[root] or vim.lsp.start_client(config)
  vim.lsp.buf_attach_client(buffer, clients[root])
end

function M.setup()
  require('mplp.commands').define()
  if vim.filetype then
    vim.filetype.add({ extension = { ndjson = 'ndjson' } })
  end
  if vim.fn.has('nvim-0.11') == 1 then
    vim.lsp.enable('mplp')
    return
  end
  local group = vim.api.nvim_create_augroup('mplp', {})
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
    group = group,
    pattern = { '*.json', '*.jsonc', '*.ndjson', 'mplp.toml' },
    callback = function(event)
      attach(event.buf)
    end,
  })
end

return M
