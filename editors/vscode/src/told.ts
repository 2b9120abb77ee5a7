/** What people are told when a command is done. */

import * as vscode from "vscode";
import { count, restoredLine, some, type Restored } from "./lines";

/** A notification that nobody waits for. */
export function say(message: string): void {
  void vscode.window.showInformationMessage(message);
}

export function written(answer: unknown): void {
  if ((answer as { changed?: number } | null)?.changed === 0) {
    say("The plan already says what this run left.");
  }
}

export function restored(answer: unknown): void {
  const line = restoredLine(answer as Restored);
  if (line !== undefined) {
    say(line);
  }
}

export function drifted(answer: unknown): void {
  const found = answer as { is_clean: boolean; added: string[]; modified: string[]; deleted: string[] };
  if (found.is_clean) {
    say("Files and graph agree.");
    return;
  }
  const parts = [
    ...found.modified.map((path) => `changed ${path}`),
    ...found.added.map((path) => `new ${path}`),
    ...found.deleted.map((path) => `missing ${path}`),
  ];
  say(`Files had drifted from the graph: ${some(parts)}.`);
}

export function counted(answer: unknown): void {
  const { documents, errors, warnings } = answer as { documents: number; errors: number; warnings: number };
  say(`${count(documents, "document")} checked: ${count(errors, "error")}, ${count(warnings, "warning")}.`);
}
