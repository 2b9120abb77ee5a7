/** What the server refuses, as a notification with buttons for what can be done about it. */

import * as vscode from "vscode";
import { ResponseError } from "vscode-languageclient/node";
import type { Argument } from "./asking";

export type Refusal = { refused: { code: string; message: string } };

/** Offers what helps against a refusal; `run` runs a command by its id. */
export class Refusals {
  constructor(private readonly run: (id: string, argument: Argument) => Promise<unknown>) {}

  /** Tells the sentence, and answers it: whoever called the command hears of it too. */
  refuse(argument: Argument, error: unknown): Refusal {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof ResponseError ? ((error.data as { code?: string } | undefined)?.code ?? "") : "";
    void this.offer(argument, code, message);
    return refusal(code, message);
  }

  /** The refusal as a notification, with what the user can do about it as buttons. */
  private async offer(argument: Argument, code: string, message: string): Promise<void> {
    const offers: Record<string, [string, () => unknown][]> = {
      "not-approved": [
        ["Approve and run", () => this.run("mplp.runPlan", { ...argument, approve: true })],
        ["Simulate", () => this.run("mplp.dryRunPlan", { uri: argument["uri"] })],
      ],
      // Another approval would not help.
      "confirm-unreadable": [
        ["Simulate", () => this.run("mplp.dryRunPlan", { uri: argument["uri"] })],
      ],
      "not-bound": [
        ["Simulate", () => this.run("mplp.dryRunPlan", { uri: argument["uri"] })],
        ["Open mplp.toml", () => openSettings(argument["uri"])],
      ],
      "not-valid": [["Show problems", () => vscode.commands.executeCommand("workbench.actions.view.problems")]],
      interrupted: [
        ["Resume", () => this.run("mplp.resumeRun", {})],
        ["Give up and run anew", () => this.run("mplp.runPlan", { ...argument, anew: true })],
      ],
      "in-progress": [["Show trace", () => this.run("mplp.showTrace", { uri: argument["uri"] })]],
    };
    if (code === "not-trusted") {
      await this.offerTrust(message, argument);
      return;
    }
    const actions = offers[code] ?? [];
    const choice = await vscode.window.showWarningMessage(message, ...actions.map(([label]) => label));
    await actions.find(([label]) => label === choice)?.[1]();
  }

  /** Where nothing may run, the ways on are to trust the folder and to run nothing. */
  async offerTrust(message: string, argument: Argument): Promise<void> {
    const choice = await vscode.window.showWarningMessage(message, "Trust", "Simulate");
    if (choice === "Trust") {
      await this.run("mplp.trustWorkspace", { uri: argument["uri"] });
    } else if (choice === "Simulate" && argument["uri"] !== undefined) {
      await this.run("mplp.dryRunPlan", { uri: argument["uri"] });
    }
  }
}

/** The answer of a command that was refused. */
export function refusal(code: string, message: string): Refusal {
  return { refused: { code, message } };
}

async function openSettings(uri: unknown): Promise<void> {
  const folder =
    typeof uri === "string" ? vscode.workspace.getWorkspaceFolder(vscode.Uri.parse(uri)) : vscode.workspace.workspaceFolders?.[0];
  if (folder !== undefined) {
    const file = vscode.Uri.joinPath(folder.uri, "mplp.toml");
    await vscode.workspace.fs.stat(file).then(undefined, () => vscode.workspace.fs.writeFile(file, new Uint8Array()));
    await vscode.window.showTextDocument(file, { viewColumn: vscode.ViewColumn.Beside });
  }
}
