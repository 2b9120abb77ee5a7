/** Which finding the user wants explained, and the explanation. */

import * as vscode from "vscode";

type Argument = Record<string, unknown>;

interface Explanation {
  code: string;
  meaning: string;
  fix: string;
  documentation: string | null;
  findings: { message: string; line: number }[];
}

/** The finding at the cursor, else one of its line, else one of the document; the user picks where there are several. */
export async function withFinding(argument: Argument): Promise<Argument | undefined> {
  if (typeof argument["uri"] === "string" && typeof argument["code"] === "string") {
    return argument;
  }
  const editor = vscode.window.activeTextEditor;
  const all = editor === undefined ? [] : vscode.languages.getDiagnostics(editor.document.uri).filter(isOurs);
  const cursor = editor?.selection.active ?? new vscode.Position(0, 0);
  const here = all.filter((found) => found.range.contains(cursor));
  const onLine = all.filter((found) => found.range.start.line <= cursor.line && cursor.line <= found.range.end.line);
  const nearest = [here, onLine, all].find((found) => found.length > 0) ?? [];
  const picks = new Map(nearest.map((found) => [codeOf(found), { label: codeOf(found), detail: found.message }]));
  if (editor === undefined || picks.size === 0) {
    void vscode.window.showInformationMessage("There is no MPLP problem here to explain.");
    return undefined;
  }
  const choices = [...picks.values()];
  const pick = choices.length === 1 ? choices[0] : await vscode.window.showQuickPick(choices, { placeHolder: "Explain what?" });
  return pick && { ...argument, uri: editor.document.uri.toString(), code: pick.label };
}

export async function showExplanation(answer: unknown): Promise<void> {
  const { code, meaning, fix, documentation, findings } = answer as Explanation;
  const places = findings.map((found) => `Line ${found.line + 1}: ${found.message}`);
  const text = [places.join("\n"), `Why: ${meaning}`, `How to fix: ${fix}`].filter((part) => part !== "").join("\n\n");
  const offers = documentation === null ? [] : ["Open the page of this rule"];
  const choice = await vscode.window.showInformationMessage(code, { modal: true, detail: text }, ...offers);
  if (choice !== undefined && documentation !== null) {
    await vscode.commands.executeCommand("vscode.open", vscode.Uri.parse(documentation));
  }
}

function isOurs(found: vscode.Diagnostic): boolean {
  return found.source === "mplp" && found.code !== undefined;
}

function codeOf(found: vscode.Diagnostic): string {
  return String(typeof found.code === "object" ? found.code.value : found.code);
}
