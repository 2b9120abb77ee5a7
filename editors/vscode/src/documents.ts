/** Which documents are plans, and where a trace is shown. */

import * as vscode from "vscode";

const PLAN_FILE = /(^|[./\\])plan\.json$/;
const OURS = new Set(["mplp", "mplp-ndjson", "mplp-toml"]);

/** A guess that is only used to decide whether to start the server; what a document is, the server decides. */
export function looksLikeOurs(document: vscode.TextDocument): boolean {
  if (document.uri.scheme !== "file") {
    return false;
  }
  if (OURS.has(document.languageId)) {
    return true;
  }
  if (document.languageId !== "json" && document.languageId !== "jsonc") {
    return false;
  }
  const beginning = document.getText(new vscode.Range(0, 0, 200, 0));
  return /"(protocol_version|event_family)"\s*:/.test(beginning);
}

/** The plan a palette command means: the active editor, else the only plan, else the one the user picks. */
export async function choosePlan(): Promise<vscode.Uri | undefined> {
  const active = vscode.window.activeTextEditor?.document;
  if (active !== undefined && isPlan(active)) {
    return active.uri;
  }
  const files = await vscode.workspace.findFiles("**/{plan,*.plan}.json", "**/{node_modules,.venv,.mplp}/**", 200);
  if (files.length === 0) {
    void vscode.window.showInformationMessage("There is no plan here. Open or create a file named *.plan.json first.");
    return undefined;
  }
  const picks = files
    .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }))
    .sort((a, b) => a.label.localeCompare(b.label));
  if (picks.length === 1) {
    return picks[0]?.uri;
  }
  const pick = await vscode.window.showQuickPick(picks, { placeHolder: "Which plan?" });
  return pick?.uri;
}

function isPlan(document: vscode.TextDocument): boolean {
  return PLAN_FILE.test(document.uri.path) || /"steps"\s*:/.test(document.getText());
}

/** Shows a document beside the active editor, in the place it already has if it has one. */
export async function openBeside(uri: vscode.Uri, takeFocus = false): Promise<void> {
  const shown = vscode.window.tabGroups.all.find((group) =>
    group.tabs.some((tab) => tab.input instanceof vscode.TabInputText && tab.input.uri.toString() === uri.toString()),
  );
  await vscode.window.showTextDocument(uri, {
    viewColumn: shown?.viewColumn ?? vscode.ViewColumn.Beside,
    preserveFocus: !takeFocus,
    preview: true,
  });
}
