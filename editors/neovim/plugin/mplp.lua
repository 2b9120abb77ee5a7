-- Starts the server for MPLP documents and defines the command :Mplp.
if vim.g.loaded_mplp then
  return
end
vim.g.loaded_mplp = true

require('mplp').setup()
