/** Entry point: commands at once, the server as soon as something here is MPLP. */

import * as vscode from "vscode";
import { State } from "vscode-languageclient/node";
import { Commands } from "./commands";
import { looksLikeOurs } from "./documents";
import { Server } from "./server";
import { TraceView } from "./trace";

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const trace = new TraceView();
  const commands = new Commands(() => server, trace);
  const server: Server = new Server((command, argument) => commands.run(command, argument));
  // Once is enough: a server that is missing or was stopped is not asked for again with each document.
  let isStarted = false;
  const start = async (): Promise<void> => {
    if (!isStarted) {
      isStarted = true;
      await server.ready();
    }
  };

  context.subscriptions.push(
    trace,
    server,
    commands.register(),
    server.onRun((run) => trace.update(run)),
    server.onState((state) => {
      trace.showStatus(state === State.Running ? "running" : state === State.Starting ? "starting" : "stopped");
      if (state === State.Running) {
        void commands.status();
      }
    }),
    vscode.workspace.onDidOpenTextDocument((document) => {
      if (looksLikeOurs(document)) {
        void start();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => server.surroundingsChanged()),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("mplp")) {
        await server.surroundingsChanged();
      }
    }),
  );

  const ours = vscode.workspace.textDocuments.some(looksLikeOurs);
  const names = "{mplp.toml,*/mplp.toml,**/*.plan.json,**/*.context.json}";
  if (ours || (await vscode.workspace.findFiles(names, "**/{node_modules,.venv}/**", 1)).length > 0) {
    void start();
  }
}
