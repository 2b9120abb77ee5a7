/**
 * The commands of the palette, and the same questions for code lenses and code actions.
 *
 * The server registers `mplp.runPlan` and its kin; the palette has `mplp.ui.runPlan`, so that both exist side by side.
 * Each command takes the server's argument object. What is missing in it, the user is asked for.
 */

import * as vscode from "vscode";
import { ResponseError } from "vscode-languageclient/node";
import { choosePlan, openBeside } from "./documents";
import { showExplanation, withFinding } from "./explain";
import { count } from "./lines";
import { isLive, shortId, type Question, type Run, type ServerStatus, type Step } from "./protocol";
import type { Server } from "./server";
import { runPick, type TraceView } from "./trace";

type Argument = Record<string, unknown>;
type Refusal = { refused: { code: string; message: string } };
/** Fills in what is missing; undefined when the user changed their mind. */
type Complete = (argument: Argument) => Promise<Argument | undefined>;

interface Command {
  complete: Complete;
  /** Starts processes, so a restricted window refuses it before the server is asked. */
  needsTrust?: boolean;
  after?: (answer: unknown, argument: Argument) => Promise<void> | void;
}

export class Commands {
  private readonly table: Record<string, Command> = {
    "mplp.runPlan": { complete: withPlan, needsTrust: true, after: (run) => this.started(run) },
    "mplp.dryRunPlan": { complete: withPlan, after: (run) => this.started(run) },
    "mplp.cancelRun": { complete: (argument) => this.withRun(argument, "Cancel which run?", isLive) },
    "mplp.pauseRun": { complete: (argument) => this.withRun(argument, "Pause which run?", (run) => isLive(run) && run.paused !== true) },
    "mplp.resumeRun": {
      complete: (argument) => this.withRepeat(argument),
      needsTrust: true,
      after: (run) => this.started(run),
    },
    "mplp.retryStep": {
      complete: (argument) => this.withStep(argument, "Retry which step?", (step) => step.status === "failed"),
      needsTrust: true,
      after: (run) => this.started(run),
    },
    "mplp.skipStep": {
      complete: (argument) => this.withStep(argument, "Skip which step?", canBeSkipped),
      needsTrust: true,
      after: (run) => this.started(run),
    },
    "mplp.rollbackRun": {
      complete: (argument) => this.withRun(argument, "Roll back the files of which run?", (run) => !isLive(run) && !run.simulated),
      needsTrust: true,
      after: (answer) => say((answer as { text: string }).text),
    },
    "mplp.answerHandoff": { complete: (argument) => this.withAnswer(argument) },
    "mplp.showTrace": {
      complete: (argument) => this.withTrace(argument),
      after: (answer) => this.showTrace(answer),
    },
    "mplp.showGraph": { complete: withPlan },
    "mplp.writeBackStatus": {
      complete: (argument) => this.withRun(argument, "Write back the statuses of which run?", (run) => !run.simulated),
      after: (answer) => this.written(answer),
    },
    "mplp.validateWorkspace": { complete: async (argument) => argument, after: (answer) => counted(answer) },
    "mplp.createSnapshot": {
      complete: withLabel,
      needsTrust: true,
      after: (answer) => say(`The snapshot holds ${count((answer as { files: number }).files, "file")}, the state and the graph.`),
    },
    "mplp.restoreSnapshot": {
      complete: (argument) => this.withSnapshot(argument),
      needsTrust: true,
      after: (answer) => restored(answer),
    },
    "mplp.checkDrift": { complete: (argument) => withUri(argument), after: (answer) => drifted(answer) },
    // Not awaited: the explanation stays for as long as the user reads it.
    "mplp.explain": { complete: withFinding, after: (answer) => void showExplanation(answer) },
    "mplp.proposePlan": { complete: withPlan, after: () => say("The plan is proposed: it now waits for an approval.") },
    "mplp.approvePlan": { complete: (argument) => withReason(argument, false), after: () => say("The plan is approved.") },
    "mplp.rejectPlan": { complete: (argument) => withReason(argument, true), after: () => say("The plan is rejected.") },
    "mplp.trustWorkspace": { complete: (argument) => withUri(argument) },
  };

  constructor(
    private readonly server: () => Server,
    private readonly trace: TraceView,
  ) {}

  register(): vscode.Disposable {
    const ids = Object.keys(this.table);
    return vscode.Disposable.from(
      ...ids.map((id) =>
        vscode.commands.registerCommand(id.replace("mplp.", "mplp.ui."), (argument?: unknown) => this.run(id, argument)),
      ),
      vscode.commands.registerCommand("mplp.ui.serverStatus", () => this.showStatus()),
      vscode.commands.registerCommand("mplp.ui.restartServer", () => this.server().restart()),
    );
  }

  /** Runs a server command; answers what the server answered, or `{refused}` with the sentence the user saw. */
  async run(id: string, given: unknown): Promise<unknown> {
    const command = this.table[id] ?? { complete: async (argument: Argument) => argument };
    if (id === "mplp.trustWorkspace" && !vscode.workspace.isTrusted) {
      return vscode.commands.executeCommand("workbench.trust.manage");
    }
    const argument = await command.complete(asArgument(given));
    if (argument === undefined) {
      return undefined;
    }
    if (command.needsTrust === true && argument["simulate"] !== true && !vscode.workspace.isTrusted) {
      const message = "Nothing is run in a folder that is not trusted. Trust it first, or simulate the plan, which starts nothing.";
      void this.offerTrust(message, argument);
      return refusal("not-trusted", message);
    }
    try {
      const answer = await this.send(id, argument);
      await command.after?.(answer, argument);
      return answer;
    } catch (error) {
      return this.refuse(argument, error);
    }
  }

  /** What the server knows of runs, for the lists; [] when there is no server. */
  async status(): Promise<ServerStatus | undefined> {
    const answer = await this.send("mplp.serverStatus", {}).catch(() => undefined);
    if (answer === undefined) {
      return undefined;
    }
    const status = answer as ServerStatus;
    this.trace.remember(status.runs ?? []);
    return status;
  }

  /** Asks which of the snapshots shall come back; nothing where there are none. */
  private async withSnapshot(given: Argument): Promise<Argument | undefined> {
    const argument = await withUri(given);
    if (argument["snapshot"] !== undefined || !vscode.workspace.isTrusted) {
      return argument;
    }
    const answer = (await this.send("mplp.restoreSnapshot", { ...argument, list: true })) as { snapshots: Snapshot[] };
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

  private async send(command: string, argument: Argument): Promise<unknown> {
    const client = await this.server().ready();
    if (client === undefined) {
      throw new Error("The MPLP server is not running.");
    }
    return client.sendRequest("workspace/executeCommand", { command, arguments: [argument] });
  }

  private started(answer: unknown): void {
    if (isRun(answer)) {
      this.trace.follow(answer);
    }
  }

  private async showTrace(answer: unknown): Promise<void> {
    const shown = answer as { text?: string; shown?: boolean } | null;
    if (typeof shown?.text === "string" && shown.shown === true) {
      // The server has opened the text by itself.
      return;
    }
    this.trace.show();
    const path = (answer as { trace_path?: string } | null)?.trace_path;
    if (typeof path === "string") {
      await openBeside(vscode.Uri.file(path));
    }
  }

  private written(answer: unknown): void {
    if ((answer as { changed?: number } | null)?.changed === 0) {
      say("The plan already says what this run left.");
    }
  }

  private refuse(argument: Argument, error: unknown): Refusal {
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

  private async offerTrust(message: string, argument: Argument): Promise<void> {
    const choice = await vscode.window.showWarningMessage(message, "Trust", "Simulate");
    if (choice === "Trust") {
      await this.run("mplp.trustWorkspace", { uri: argument["uri"] });
    } else if (choice === "Simulate" && argument["uri"] !== undefined) {
      await this.run("mplp.dryRunPlan", { uri: argument["uri"] });
    }
  }

  private async withRun(
    argument: Argument,
    question: string,
    fits: (run: Run) => boolean,
  ): Promise<Argument | undefined> {
    if (typeof argument["run"] === "string") {
      return argument;
    }
    await this.status();
    const picks = this.trace.all.filter(fits).reverse().map(runPick);
    if (picks.length === 0) {
      say("There is no run for this.");
      return undefined;
    }
    const pick = picks.length === 1 ? picks[0] : await vscode.window.showQuickPick(picks, { placeHolder: question });
    return pick && { ...argument, run: pick.run.run_id };
  }

  /** A step of the newest run of each plan; of a run that went through there is nothing to decide. */
  private async withStep(
    argument: Argument,
    question: string,
    fits: (step: Step) => boolean,
  ): Promise<Argument | undefined> {
    if (typeof argument["run"] === "string" && typeof argument["step"] === "string") {
      return argument;
    }
    await this.status();
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

  private async withTrace(argument: Argument): Promise<Argument | undefined> {
    return argument["uri"] === undefined ? this.withRun(argument, "The trace of which run?", () => true) : argument;
  }

  /** A step that was under way when the process ended is repeated only if the user says so. */
  private async withRepeat(argument: Argument): Promise<Argument | undefined> {
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

  private async withAnswer(argument: Argument): Promise<Argument | undefined> {
    let asked = argument;
    if (argument["step"] === undefined || argument["run"] === undefined) {
      await this.status();
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

  private async showStatus(): Promise<unknown> {
    const status = await this.status();
    const item = (label: string, detail: string, run: () => unknown) => ({ label, detail, run });
    const items = [
      item("$(output) Show trace", "The output channel of all runs", () => this.trace.show()),
      item("$(debug-restart) Restart server", this.server().program ?? "not found", () => this.server().restart()),
      item("$(list-unordered) Show log", "What the server and the editor tell each other", () => this.server().showLog()),
      ...this.trace.all
        .slice()
        .reverse()
        .map((run) => ({ ...runPick(run), run: () => this.run("mplp.showTrace", { run: run.run_id }) })),
    ];
    const title =
      status === undefined
        ? "MPLP: no server"
        : `MPLP ${status.version}, ${status.trusted ? "trusted: plans may run" : "not trusted: dry runs only"}`;
    void vscode.window.showQuickPick(items, { title }).then((choice) => choice?.run());
    return status;
  }
}

function canBeSkipped(step: Step): boolean {
  return ["failed", "pending", "blocked"].includes(step.status);
}

async function withUri(argument: Argument): Promise<Argument> {
  const uri = argument["uri"] ?? vscode.window.activeTextEditor?.document.uri.toString();
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.toString();
  return { ...argument, uri: uri ?? folder };
}

async function withPlan(argument: Argument): Promise<Argument | undefined> {
  if (argument["uri"] !== undefined) {
    return argument;
  }
  const uri = await choosePlan();
  return uri && { ...argument, uri: uri.toString() };
}

async function withReason(argument: Argument, isRequired: boolean): Promise<Argument | undefined> {
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

/** VS Code hands menus a Uri, lenses an object, the palette nothing. */
interface Snapshot {
  readonly snapshot_id: string;
  readonly label: string;
  readonly captured_at: string;
  readonly files: number;
}

async function withLabel(given: Argument): Promise<Argument | undefined> {
  const argument = await withUri(given);
  if (argument["label"] !== undefined) {
    return argument;
  }
  const label = await vscode.window.showInputBox({ title: "Create snapshot", prompt: "A few words to know it by" });
  return label === undefined ? undefined : { ...argument, label };
}

function restored(answer: unknown): void {
  const { written, failed } = answer as { written?: string[]; failed?: { path: string; why: string }[] };
  if (written === undefined) {
    return;
  }
  const lost = (failed ?? []).map((one) => `${one.path}: ${one.why}`);
  say(`${count(written.length, "file")} restored, with state and graph.${lost.length > 0 ? ` Not restored: ${lost.join("; ")}` : ""}`);
}

function drifted(answer: unknown): void {
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
  const more = parts.length > 5 ? ` and ${parts.length - 5} more` : "";
  say(`Files had drifted from the graph: ${parts.slice(0, 5).join(", ")}${more}.`);
}

function counted(answer: unknown): void {
  const { documents, errors, warnings } = answer as { documents: number; errors: number; warnings: number };
  say(`${count(documents, "document")} checked: ${count(errors, "error")}, ${count(warnings, "warning")}.`);
}

function asArgument(given: unknown): Argument {
  if (given instanceof vscode.Uri) {
    return { uri: given.toString() };
  }
  return typeof given === "object" && given !== null ? { ...(given as Argument) } : {};
}

function isRun(answer: unknown): answer is Run {
  return typeof answer === "object" && answer !== null && "run_id" in answer && "steps" in answer;
}

interface AnswerPick extends vscode.QuickPickItem {
  answer: { success: boolean; repeat?: boolean; output?: string };
  /** What to ask next; nothing where there is nothing to add. */
  prompt?: string;
}

function answersTo(kind: Question["kind"], choices: string[] = []): AnswerPick[] {
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

function refusal(code: string, message: string): Refusal {
  return { refused: { code, message } };
}

function kindText(question: Question): string {
  return { handoff: "done by a person", gate: "may it start?", repeat: "interrupted", completion: "may the plan complete?", conflict: "whose holds?" }[question.kind];
}

function say(message: string): void {
  void vscode.window.showInformationMessage(message);
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
