-- Plays an author in Neovim 0.11 with editors/neovim: works on documents with Neovim's own functions and keys, and
-- writes down as JSON what is then in the buffers, windows and lists. The Python tests judge.
local facts = { notices = {}, failures = {} }
vim.notify = function(message)
  table.insert(facts.notices, message)
end

-- Everything below runs as a coroutine on Neovim's main loop, so that keys, insert mode and windows are the real ones.
local play

local function wait(what, look, limit_s)
  local limit = vim.uv.now() + (limit_s or 15) * 1000
  while true do
    local seen = look()
    if seen then
      return seen
    end
    if vim.uv.now() > limit then
      error(('%s: not in time; %s'):format(what, vim.inspect(facts.notices)))
    end
    vim.defer_fn(function()
      coroutine.resume(play)
    end, 20)
    coroutine.yield()
  end
end

local function open(name)
  vim.cmd('edit! ' .. vim.env.MPLP_PROJECT .. '/' .. name)
  wait('the server of ' .. name, function()
    return next(vim.lsp.get_clients({ bufnr = 0 })) ~= nil
  end)
end

local function lines(buffer)
  return vim.api.nvim_buf_get_lines(buffer or 0, 0, -1, true)
end

local function text(buffer)
  return table.concat(lines(buffer), '\n')
end

-- Puts the cursor on the `nth` occurrence of a plain text, `inside` bytes after its beginning.
local function go(plain, nth, inside)
  local seen = 0
  for number, line in ipairs(lines()) do
    local start = line:find(plain, 1, true)
    if start then
      seen = seen + 1
      if seen == (nth or 1) then
        vim.api.nvim_win_set_cursor(0, { number, start - 1 + (inside or 0) })
        return
      end
    end
  end
  error('not in the buffer: ' .. plain)
end

local function press(keys)
  vim.api.nvim_input(keys)
end

-- What a function of Neovim hands to `on_list`, or puts into the quickfix list.
local function listed(ask)
  local found
  ask({
    on_list = function(list)
      found = list.items
    end,
  })
  return wait('a list', function()
    return found
  end)
end

local function quickfix(ask)
  vim.fn.setqflist({}, 'r')
  ask()
  local found = wait('the quickfix list', function()
    local items = vim.fn.getqflist()
    return #items > 0 and items
  end)
  vim.cmd('cclose')
  return vim.tbl_map(function(item)
    return { text = item.text, file = vim.fs.basename(vim.api.nvim_buf_get_name(item.bufnr)), line = item.lnum }
  end, found)
end

local function places(items)
  return vim.tbl_map(function(item)
    return { text = item.text, file = vim.fs.basename(item.filename), line = item.lnum, kind = item.kind }
  end, items)
end

-- The text of the floating window that opens.
local function float(show)
  show()
  local found = wait('a floating window', function()
    for _, window in ipairs(vim.api.nvim_list_wins()) do
      if vim.api.nvim_win_get_config(window).relative ~= '' then
        return window
      end
    end
  end)
  local shown = text(vim.api.nvim_win_get_buf(found))
  vim.api.nvim_win_close(found, true)
  return shown
end

-- Applies the action with this title and waits for the buffer to change.
local function act(title, options)
  local before = vim.b.changedtick
  local seen = {}
  options = vim.tbl_extend('force', options or {}, {
    apply = true,
    filter = function(action)
      table.insert(seen, action.title)
      return action.title:find(title, 1, true) ~= nil
    end,
  })
  vim.lsp.buf.code_action(options)
  wait('the action ' .. title, function()
    return vim.b.changedtick ~= before
  end)
  return { titles = seen, text = text() }
end

local function other_buffer(name)
  local buffer = vim.fn.bufnr(vim.env.MPLP_PROJECT .. '/' .. name)
  return buffer ~= -1 and vim.api.nvim_buf_is_loaded(buffer) and text(buffer) or nil
end

local BUILD = vim.env.MPLP_BUILD
local features = {}

function features.hover()
  open('shop/checkout.plan.json')
  go('"' .. BUILD .. '"', 1, 5)
  return { step = float(vim.lsp.buf.hover) }
end

-- What completion offers at the cursor, in the order of its list.
local function offered_here()
  vim.lsp.completion.get()
  wait('the list', function()
    return vim.fn.pumvisible() == 1
  end)
  return vim.tbl_map(function(item)
    return item.abbr ~= '' and item.abbr or item.word
  end, vim.fn.complete_info({ 'items' }).items)
end

function features.completion()
  open('shop/checkout.plan.json')
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  vim.lsp.completion.enable(true, client.id, 0, { autotrigger = false })
  vim.o.completeopt = 'menuone,noinsert'
  -- The last step, "Print receipts", has an empty list of dependencies.
  go('"dependencies": []', 2, #'"dependencies": [')
  press('i')
  wait('insert mode', function()
    return vim.api.nvim_get_mode().mode == 'i'
  end)
  local offered = offered_here()
  press('<C-y>')
  local accepted = wait('the accepted item', function()
    return vim.fn.pumvisible() == 0 and vim.api.nvim_get_current_line():find('%[.+%]') and vim.api.nvim_get_current_line()
  end)
  press('<Esc>')
  wait('normal mode', function()
    return vim.api.nvim_get_mode().mode == 'n'
  end)
  return { offered = offered, accepted = accepted }
end

-- A whole step: the snippet is expanded, and its first place is ready to be typed over.
function features.snippet()
  open('shop/checkout.plan.json')
  vim.lsp.completion.enable(true, vim.lsp.get_clients({ bufnr = 0 })[1].id, 0, { autotrigger = false })
  vim.o.completeopt = 'menuone,noinsert'
  vim.cmd('normal! G')
  vim.fn.search('^    }$', 'bW')
  press('A,<CR>')
  wait('a new line', function()
    return vim.api.nvim_get_mode().mode == 'i' and vim.api.nvim_get_current_line():match('^%s*$') ~= nil
  end)
  local offered = offered_here()
  press('<C-y>')
  wait('the snippet', function()
    return vim.snippet.active()
  end)
  press('Count the money')
  wait('the description', function()
    return text():find('Count the money', 1, true)
  end)
  press('<Esc>')
  wait('normal mode', function()
    return vim.api.nvim_get_mode().mode == 'n'
  end)
  vim.snippet.stop()
  return { offered = offered, text = text() }
end

function features.definition()
  open('shop/checkout.plan.json')
  go('"' .. BUILD .. '"', 2, 5)
  local items = listed(function(options)
    vim.lsp.buf.definition(options)
  end)
  vim.lsp.buf.definition()
  local from = vim.api.nvim_win_get_cursor(0)[1]
  local to = wait('the jump', function()
    local line = vim.api.nvim_win_get_cursor(0)[1]
    return line ~= from and line
  end)
  return { places = places(items), line = lines()[to] }
end

function features.references()
  open('shop/checkout.plan.json')
  go('"' .. BUILD .. '"', 1, 5)
  return places(listed(function(options)
    vim.lsp.buf.references(nil, options)
  end))
end

function features.highlight()
  open('shop/checkout.plan.json')
  go('"' .. BUILD .. '"', 1, 5)
  vim.lsp.buf.document_highlight()
  local space = vim.api.nvim_create_namespace('nvim.lsp.references')
  local marks = wait('marks', function()
    local found = vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })
    return #found > 0 and found
  end)
  vim.lsp.buf.clear_references()
  return vim.tbl_map(function(mark)
    local line = lines()[mark[2] + 1]
    return { group = mark[4].hl_group, text = line:sub(mark[3] + 1, mark[4].end_col), line = mark[2] + 1 }
  end, marks)
end

function features.rename()
  open('shop/checkout.plan.json')
  go('"status"', 2, 12)
  local before = #facts.notices
  vim.lsp.buf.rename('whatever')
  wait('the refusal', function()
    return #facts.notices > before
  end)
  local refusal = facts.notices[#facts.notices]
  go('"' .. BUILD .. '"', 1, 5)
  vim.lsp.buf.rename(vim.env.MPLP_RENAMED)
  wait('the new id in both buffers', function()
    local confirm = other_buffer('shop/build.confirm.json')
    return confirm and confirm:find(vim.env.MPLP_RENAMED, 1, true) and text():find(vim.env.MPLP_RENAMED, 1, true)
  end)
  local renamed = { refusal = refusal, plan = text(), confirm = other_buffer('shop/build.confirm.json') }
  go('"tester"', 1, 3)
  vim.lsp.buf.rename(vim.env.MPLP_ROLE_RENAMED)
  wait('the new name in three buffers', function()
    local role, settings = other_buffer('shop/tester.role.json'), other_buffer('mplp.toml')
    return role and settings and role:find(vim.env.MPLP_ROLE_RENAMED, 1, true) and settings:find(vim.env.MPLP_ROLE_RENAMED, 1, true)
  end)
  renamed.role_in_plan = text()
  renamed.role = other_buffer('shop/tester.role.json')
  renamed.settings = other_buffer('mplp.toml')
  return renamed
end

function features.symbols()
  open('shop/checkout.plan.json')
  local outline = places(listed(function(options)
    vim.lsp.buf.document_symbol(options)
  end))
  local found = places(listed(function(options)
    vim.lsp.buf.workspace_symbol('shelves', options)
  end))
  return { outline = outline, found = found }
end

function features.actions()
  open('shop/stocktaking.plan.json')
  wait('the finding', function()
    return #vim.tbl_filter(function(found)
      return found.code == 'key-not-snake-case'
    end, vim.diagnostic.get(0)) == 1
  end)
  local before = text()
  local sorted = act('Sort the steps')
  vim.cmd('undo')
  local undone = text() == before
  go('agentRole', 1, 2)
  local fixed = act('agent_role')
  vim.cmd('undo')
  local all = act('', { context = { only = { 'source.fixAll.mplp' }, diagnostics = {} } })
  return { sorted = sorted, undone = undone, fixed = fixed, all = all }
end

-- The steps under a selection become a plan of their own: a file that Neovim makes.
function features.extract()
  open('shop/checkout.plan.json')
  local selected = {}
  for number, line in ipairs(lines()) do
    if line:find('Print receipts', 1, true) then
      selected = { start = { number - 1, 6 }, ['end'] = { number, 20 } }
    end
  end
  local extracted = act('new plan', { range = selected })
  extracted.buffers = {}
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    local name = vim.fs.basename(vim.api.nvim_buf_get_name(buffer))
    if name:match('%.plan%.json$') and vim.api.nvim_buf_is_loaded(buffer) then
      extracted.buffers[name] = text(buffer)
    end
  end
  return extracted
end

function features.hints()
  open('shop/checkout.plan.json')
  vim.lsp.inlay_hint.enable(true)
  local hints = wait('hints', function()
    local found = vim.lsp.inlay_hint.get({ bufnr = 0 })
    return #found >= 3 and found
  end)
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  local labels = vim.tbl_map(function(hint)
    local label = hint.inlay_hint.label
    local shown = type(label) == 'string' and label
      or table.concat(vim.tbl_map(function(part)
        return part.value
      end, label))
    return { label = shown, line = lines()[hint.inlay_hint.position.line + 1] }
  end, hints)
  local answer = client:request_sync('inlayHint/resolve', hints[2].inlay_hint, 5000, 0)
  vim.lsp.inlay_hint.enable(false)
  return { labels = labels, resolved = answer.result }
end

function features.folds()
  open('shop/checkout.plan.json')
  vim.wo.foldmethod = 'expr'
  vim.wo.foldexpr = 'v:lua.vim.lsp.foldexpr()'
  vim.wo.foldtext = 'v:lua.vim.lsp.foldtext()'
  vim.wo.foldlevel = 0
  go('"steps": [')
  local line = vim.api.nvim_win_get_cursor(0)[1]
  wait('folds', function()
    return vim.fn.foldlevel(line) >= 2
  end)
  vim.wo.foldlevel = 1
  local last = vim.fn.foldclosedend(line)
  local shown = vim.fn.foldtextresult(line)
  vim.wo.foldmethod = 'manual'
  vim.cmd('normal! zE')
  return { first = lines()[line], last = lines()[last], shown = shown }
end

function features.colours()
  open('shop/checkout.plan.json')
  vim.lsp.semantic_tokens.force_refresh(0)
  local function tokens_at(plain, nth, inside)
    go(plain, nth, inside)
    local row, column = unpack(vim.api.nvim_win_get_cursor(0))
    return wait('the colour of ' .. plain, function()
      local found = vim.lsp.semantic_tokens.get_at_pos(0, row - 1, column)
      return found and #found > 0 and found
    end)[1]
  end
  local function told(token)
    return { type = token.type, modifiers = vim.tbl_keys(token.modifiers) }
  end
  return {
    declared = told(tokens_at('"' .. BUILD .. '"', 1, 5)),
    used = told(tokens_at('"' .. BUILD .. '"', 2, 5)),
    role = told(tokens_at('"tester"', 1, 3)),
    status = told(tokens_at('"status": "pending"', 1, 12)),
  }
end

function features.format()
  open('shop/crowded.plan.json')
  local before = text()
  vim.bo.tabstop, vim.bo.shiftwidth, vim.bo.expandtab = 2, 2, true
  vim.lsp.buf.format({ async = false, timeout_ms = 5000 })
  local whole = text()
  vim.cmd('silent undo')
  local undone = text() == before
  vim.lsp.buf.format({ async = false, timeout_ms = 5000, range = { start = { 4, 0 }, ['end'] = { 4, #lines()[4] } } })
  return { whole = whole, undone = undone, part = text() }
end

function features.calls()
  open('shop/checkout.plan.json')
  go('"' .. BUILD .. '"', 1, 5)
  local incoming = quickfix(vim.lsp.buf.incoming_calls)
  go('"' .. BUILD .. '"', 1, 5)
  return { incoming = incoming, outgoing = quickfix(vim.lsp.buf.outgoing_calls) }
end

function features.graph()
  open('shop/checkout.plan.json')
  vim.cmd('Mplp graph')
  local shown = wait('the graph', function()
    for _, window in ipairs(vim.api.nvim_list_wins()) do
      local buffer = vim.api.nvim_win_get_buf(window)
      if vim.api.nvim_buf_get_name(buffer):match('%.mmd$') and text(buffer) ~= '' then
        return buffer
      end
    end
  end)
  return text(shown)
end

function features.explain()
  open('shop/stocktaking.plan.json')
  wait('the finding', function()
    return #vim.diagnostic.get(0) > 0
  end)
  go('agentRole', 1, 2)
  return float(function()
    vim.cmd('Mplp explain')
  end)
end

function features.check_all()
  open('shop/checkout.plan.json')
  local before = #facts.notices
  vim.cmd('Mplp check_all')
  wait('the count', function()
    return #facts.notices > before
  end)
  return facts.notices[#facts.notices]
end

local ORDER = {
  'hover', 'definition', 'references', 'highlight', 'symbols', 'hints', 'folds', 'colours', 'calls', 'explain', 'check_all', 'completion',
  'snippet', 'format', 'actions', 'extract', 'rename',
  'graph',
}

local function scenario()
  open('shop/checkout.plan.json')
  -- The project has been read when the findings know the Role documents, and the context, of other files.
  wait('the findings of the whole project', function()
    local codes = {}
    for _, found in ipairs(vim.diagnostic.get(0)) do
      codes[found.code] = true
    end
    return codes['step-role-unknown'] and not codes['plan-context-unknown']
  end, 60)
  for _, name in ipairs(ORDER) do
    -- One feature that fails does not hide the others; what one changes, the next does not see.
    local started = vim.uv.now()
    local is_good, found = xpcall(features[name], debug.traceback)
    if is_good then
      facts[name] = found
    else
      facts.failures[name] = found
    end
    facts.took_ms = vim.tbl_extend('force', facts.took_ms or {}, { [name] = vim.uv.now() - started })
    vim.cmd('stopinsert')
    vim.cmd('silent! bufdo edit!')
    vim.cmd('silent! only!')
  end
end

local function finish(problem)
  facts.error = problem
  local file = assert(io.open(vim.env.MPLP_FACTS, 'w'))
  file:write(vim.json.encode(facts))
  file:close()
  vim.cmd('qall!')
end

play = coroutine.create(function()
  local is_good, problem = xpcall(scenario, debug.traceback)
  finish(not is_good and problem or nil)
end)
vim.schedule(function()
  coroutine.resume(play)
end)
