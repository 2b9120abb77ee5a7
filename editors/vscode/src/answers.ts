/** What a person may answer to each kind of question. */

import type * as vscode from "vscode";
import type { Question } from "./protocol";

export interface AnswerPick extends vscode.QuickPickItem {
  answer: { success: boolean; repeat?: boolean; output?: string };
  /** What to ask next; nothing where there is nothing to add. */
  prompt?: string;
}

export function answersTo(kind: Question["kind"], choices: string[] = []): AnswerPick[] {
  const prompt = "What came out of it? (optional)";
  const why = "Why? (optional)";
  switch (kind) {
    case "gate":
      return [
        { label: "Yes, go on", answer: { success: true } },
        { label: "No, stop here", answer: { success: false }, prompt: why },
      ];
    case "repeat":
      return [
        { label: "It had finished", answer: { success: true }, prompt },
        { label: "Run it again", answer: { success: false, repeat: true } },
        { label: "Count it as failed", answer: { success: false }, prompt: why },
      ];
    case "completion":
      return [
        { label: "Complete the plan all the same", answer: { success: true } },
        { label: "Do not complete it", answer: { success: false }, prompt: why },
      ];
    case "conflict":
      return [
        ...choices.map((name) => ({ label: `What ${name} wrote holds`, answer: { success: true, output: name } })),
        { label: "Nobody's: the run fails", answer: { success: false }, prompt: why },
      ];
    case "handoff":
      return [
        { label: "Done", answer: { success: true }, prompt },
        { label: "Not done", answer: { success: false }, prompt: why },
      ];
  }
}

/** What is asked, in a few words. */
export function kindText(question: Question): string {
  return { handoff: "done by a person", gate: "may it start?", repeat: "interrupted", completion: "may the plan complete?", conflict: "whose holds?" }[question.kind];
}
