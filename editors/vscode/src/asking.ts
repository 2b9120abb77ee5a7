/** What a command still has to know is asked of the user; undefined when they change their mind. */

import * as vscode from "vscode";
import { answersTo, kindText } from "./answers";
import { choosePlan } from "./documents";
import { count } from "./lines";
import { shortId, type Question, type Run, type Step } from "./protocol";
import { say } from "./told";
import { runPick, type TraceView } from "./trace";

export type Argument = Record<string, unknown>;

/** What the questions need of the server: its commands, and a fresh look at its runs. */
export interface Asked {
  send(command: string, argument: Argument): Promise<unknown>;
  status(): Promise<unknown>;
}

interface Snapshot {
  readonly snapshot_id: string;
  readonly label: string;
  readonly captured_at: string;
  readonly files: number;
}

/** Questions about runs, steps and snapshots, which only the server knows. */
export class Asking {
  constructor(
    private readonly server: Asked,
    private readonly trace: TraceView,
  ) {}

  /** Asks which of the snapshots shall come back; nothing where there are none. */
  async withSnapshot(given: Argument): Promise<Argument | undefined> {
    const argument = await withUri(given);
    if (argument["snapshot"] !== undefined || !vscode.workspace.isTrusted) {
      return argument;
    }
    const answer = (await this.server.send("mplp.restoreSnapshot", { ...argument, list: true })) as { snapshots: Snapshot[] };
    if (answer.snapshots.length === 0) {
      say("This project has no snapshots yet.");
      return undefined;
    }
    const items = answer.snapshots.map((one) => ({
      label: one.label === "" ? "Snapshot" : one.label,
      description: `${new Date(one.captured_at).toLocaleString()} · ${count(one.files, "file")}`,
      id: one.snapshot_id,
    }));
    const title = "Restore which snapshot? How things are now is kept in another one first.";
    const chosen = await vscode.window.showQuickPick(items, { title, matchOnDescription: true });
    return chosen === undefined ? undefined : { ...argument, snapshot: chosen.id };
  }

  async withRun(
    argument: Argument,
    question: string,
    fits: (run: Run) => boolean,
  ): Promise<Argument | undefined> {
    if (typeof argument["run"] === "string") {
      return argument;
    }
    await this.server.status();
    const picks = this.trace.all.filter(fits).reverse().map(runPick);
    if (picks.length === 0) {
      say("There is no run for this.");
      return undefined;
    }
    const pick = picks.length === 1 ? picks[0] : await vscode.window.showQuickPick(picks, { placeHolder: question });
    return pick && { ...argument, run: pick.run.run_id };
  }

  /** A step of the newest run of each plan; of a run that went through there is nothing to decide. */
  async withStep(
    argument: Argument,
    question: string,
    fits: (step: Step) => boolean,
  ): Promise<Argument | undefined> {
    if (typeof argument["run"] === "string" && typeof argument["step"] === "string") {
      return argument;
    }
    await this.server.status();
    const runs = this.trace.all.filter((run) => !run.simulated && run.status !== "completed");
    const picks = runs.reverse().flatMap((run) =>
      run.steps.filter(fits).map((step) => ({
        label: step.description,
        description: `${step.status}, ${run.title}, run ${shortId(run.run_id)}`,
        argument: { ...argument, run: run.run_id, step: step.step_id },
      })),
    );
    if (picks.length === 0) {
      say("There is no step for this.");
      return undefined;
    }
    return (await vscode.window.showQuickPick(picks, { placeHolder: question }))?.argument;
  }

  async withTrace(argument: Argument): Promise<Argument | undefined> {
    return argument["uri"] === undefined ? this.withRun(argument, "The trace of which run?", () => true) : argument;
  }

  /** A step that was under way when the process ended is repeated only if the user says so. */
  async withRepeat(argument: Argument): Promise<Argument | undefined> {
    const chosen = await this.withRun(argument, "Resume which run?", (run) => run.status === "interrupted" || run.paused === true);
    const run = this.trace.all.find((candidate) => candidate.run_id === chosen?.["run"]);
    const open = run?.steps.filter((step) => step.interrupted === true) ?? [];
    if (chosen === undefined || chosen["repeat"] !== undefined || open.length === 0) {
      return chosen;
    }
    const ask = { label: "Ask me at the step", detail: "The run goes on with what does not depend on it.", repeat: {} };
    const again = { label: "Run it again", detail: "What it did before may then happen twice.", repeat: { repeat: true } };
    const failed = { label: "Count it as failed", detail: "It is not run again.", repeat: { repeat: false } };
    const choice = await vscode.window.showQuickPick([ask, again, failed], {
      title: `Was under way: ${open.map((step) => step.description).join(", ")}`,
      placeHolder: "Nobody knows whether it finished",
    });
    return choice && { ...chosen, ...choice.repeat };
  }

  async withAnswer(argument: Argument): Promise<Argument | undefined> {
    let asked = argument;
    if (argument["step"] === undefined || argument["run"] === undefined) {
      await this.server.status();
      const open = this.trace.all.flatMap((run) => run.questions.map((question) => ({ run, question })));
      const picks = open.map(({ run, question }) => ({
        label: question.text,
        description: run.title,
        detail: `${kindText(question)}, run ${shortId(run.run_id)}`,
        run,
        question,
      }));
      if (picks.length === 0) {
        say("No run is waiting for an answer.");
        return undefined;
      }
      const pick = picks.length === 1 ? picks[0] : await vscode.window.showQuickPick(picks, { placeHolder: "Answer what?" });
      if (pick === undefined) {
        return undefined;
      }
      asked = { ...argument, run: pick.run.run_id, step: pick.question.step_id };
    }
    if (typeof asked["success"] === "boolean") {
      return asked;
    }
    const question = this.question(asked);
    const answers = answersTo(question?.kind ?? "handoff", question?.choices);
    const choice = await vscode.window.showQuickPick(answers, {
      title: question?.text ?? "Did the step succeed?",
      placeHolder: "Your answer is recorded in the trace",
    });
    if (choice === undefined || choice.prompt === undefined) {
      return choice && { ...asked, ...choice.answer };
    }
    const output = await vscode.window.showInputBox({
      title: question?.text ?? "The step",
      prompt: choice.prompt,
    });
    return output === undefined ? undefined : { ...asked, ...choice.answer, output };
  }

  private question(argument: Argument): Question | undefined {
    const run = this.trace.all.find((candidate) => candidate.run_id === argument["run"]);
    return run?.questions.find((question) => question.step_id === argument["step"]);
  }
}

/** VS Code hands menus a Uri, lenses an object, the palette nothing. */
export function asArgument(given: unknown): Argument {
  if (given instanceof vscode.Uri) {
    return { uri: given.toString() };
  }
  return typeof given === "object" && given !== null ? { ...(given as Argument) } : {};
}

export function canBeSkipped(step: Step): boolean {
  return ["failed", "pending", "blocked"].includes(step.status);
}

export async function withUri(argument: Argument): Promise<Argument> {
  const uri = argument["uri"] ?? vscode.window.activeTextEditor?.document.uri.toString();
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.toString();
  return { ...argument, uri: uri ?? folder };
}

export async function withPlan(argument: Argument): Promise<Argument | undefined> {
  if (argument["uri"] !== undefined) {
    return argument;
  }
  const uri = await choosePlan();
  return uri && { ...argument, uri: uri.toString() };
}

export async function withReason(argument: Argument, isRequired: boolean): Promise<Argument | undefined> {
  const chosen = await withPlan(argument);
  if (chosen === undefined || typeof chosen["reason"] === "string") {
    return chosen;
  }
  const reason = await vscode.window.showInputBox({
    title: isRequired ? "Reject the plan" : "Approve the plan",
    prompt: isRequired ? "Why is it rejected?" : "Why? (optional)",
    validateInput: (text) => (isRequired && text.trim() === "" ? "A rejection needs a reason." : undefined),
  });
  return reason === undefined ? undefined : { ...chosen, reason };
}

export async function withLabel(given: Argument): Promise<Argument | undefined> {
  const argument = await withUri(given);
  if (argument["label"] !== undefined) {
    return argument;
  }
  const label = await vscode.window.showInputBox({ title: "Create snapshot", prompt: "A few words to know it by" });
  return label === undefined ? undefined : { ...argument, label };
}
