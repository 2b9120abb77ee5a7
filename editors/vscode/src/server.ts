/** The life of the language client: start, restart, trust, settings. */

import * as path from "node:path";
import * as vscode from "vscode";
import {
  LanguageClient,
  State,
  TransportKind,
  WorkDoneProgressCancelNotification,
  type LanguageClientOptions,
} from "vscode-languageclient/node";
import { locateServer, surroundings, type Located } from "./locate";
import type { Run } from "./protocol";
import { openBeside } from "./documents";
import { RunProgress } from "./progress";

/** What is looked at beside the plan: traces and graphs. */
const VIEW = /\.trace\.json$|^mplp-(graph|trace):/;

type CommandHook = (command: string, argument: unknown) => Promise<unknown>;

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient | undefined> | undefined;
  private located: Located | undefined;
  private isWanted = false;
  private readonly log = vscode.window.createOutputChannel("MPLP", { log: true });
  private readonly runs = new vscode.EventEmitter<Run>();
  private readonly states = new vscode.EventEmitter<State>();
  private readonly progress = new RunProgress((token) => {
    void this.client?.sendNotification(WorkDoneProgressCancelNotification.type, { token });
  });

  /** Each change of each run of the project, whoever started it. */
  readonly onRun = this.runs.event;
  readonly onState = this.states.event;

  /** `onCommand` receives what code lenses and code actions ask for, so that they ask the user like the palette does. */
  constructor(private readonly onCommand: CommandHook) {}

  get program(): string | undefined {
    return this.located?.program;
  }

  get state(): State {
    return this.client?.state ?? State.Stopped;
  }

  /** The running client; starts it if need be. Undefined when there is no server (the user has been told). */
  async ready(): Promise<LanguageClient | undefined> {
    this.isWanted = true;
    const client = this.client;
    if (client?.state === State.Running) {
      return client;
    }
    if (this.starting === undefined && client?.state === State.Starting) {
      // The library starts a server that crashed by itself: that start is waited for, not doubled.
      await client.start().catch(() => undefined);
      if (client === this.client && client.isRunning()) {
        return client;
      }
    }
    return this.started();
  }

  /** Also where a start is under way: it is given up, so that a server that hangs while it starts can be restarted. */
  async restart(): Promise<void> {
    this.isWanted = true;
    this.starting = undefined;
    await this.started();
  }

  private started(): Promise<LanguageClient | undefined> {
    if (this.starting === undefined) {
      const starting = this.start().finally(() => {
        if (this.starting === starting) {
          this.starting = undefined;
        }
      });
      this.starting = starting;
    }
    return this.starting;
  }

  /** Trust or settings changed: the server hears it, or starts anew when it is another program now. */
  async surroundingsChanged(): Promise<void> {
    if (!this.isWanted) {
      return;
    }
    if (this.client === undefined || this.isAnotherProgram()) {
      await this.restart();
    } else {
      await this.tellSettings();
    }
  }

  /** LSP has no word for trust, so it travels with the settings. */
  private async tellSettings(): Promise<void> {
    if (this.client?.state === State.Running) {
      await this.client.sendNotification("workspace/didChangeConfiguration", { settings: { mplp: settings() } });
    }
  }

  showLog(): void {
    this.log.show(true);
  }

  dispose(): void {
    void this.stop().finally(() => {
      this.log.dispose();
      this.runs.dispose();
      this.states.dispose();
    });
  }

  private async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.progress.clear();
    if (client !== undefined) {
      this.states.fire(State.Stopped);
    }
    if (client?.needsStop()) {
      await client.stop().catch((error: unknown) => this.log.warn(`The server did not stop in time: ${String(error)}`));
    }
    // A client that is still starting, or could not be stopped, refuses this too; it must not keep the next from starting.
    await client?.dispose().catch((error: unknown) => this.log.debug(`The old client: ${String(error)}`));
  }

  private isAnotherProgram(): boolean {
    try {
      return this.locate()?.program !== this.located?.program;
    } catch {
      return true;
    }
  }

  private locate(): Located | undefined {
    const folders = vscode.workspace.workspaceFolders ?? [];
    const trusted = vscode.workspace.isTrusted ? folders.map((folder) => folder.uri.fsPath) : [];
    const configured = vscode.workspace.getConfiguration("mplp").get<string>("server.path", "");
    return locateServer(surroundings(configured, trusted));
  }

  private async start(): Promise<LanguageClient | undefined> {
    await this.stop();
    try {
      this.located = this.locate();
    } catch (error) {
      void offerSettings((error as Error).message);
      return undefined;
    }
    if (this.located === undefined) {
      void offerInstallation();
      return undefined;
    }
    this.log.info(`Starting ${this.located.program} (found by ${this.located.from}).`);
    const client = new LanguageClient("mplp", "MPLP", this.serverOptions(this.located), this.clientOptions());
    client.onDidChangeState((change) => {
      if (client !== this.client) {
        return;
      }
      if (change.newState !== State.Running) {
        this.progress.clear();
      }
      this.states.fire(change.newState);
    });
    client.onNotification("mplp/run", (run: Run) => this.runs.fire(run));
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.log.error(String(error));
      if (client !== this.client) {
        return this.client;
      }
      void vscode.window
        .showErrorMessage(`The MPLP server ${this.located.program} could not be started.`, "Show log")
        .then((choice) => choice && this.showLog());
      return undefined;
    }
    return client;
  }

  private serverOptions(located: Located) {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    // An untrusted folder is not even the working directory: nothing in it can be picked up by accident.
    const cwd = vscode.workspace.isTrusted && folder !== undefined ? folder : path.dirname(located.program);
    return { command: located.program, transport: TransportKind.stdio, options: { cwd } };
  }

  private clientOptions(): LanguageClientOptions {
    const file = (language: string) => ({ scheme: "file", language });
    return {
      documentSelector: [
        ...["mplp", "mplp-ndjson", "mplp-toml", "json", "jsonc"].map(file),
        { scheme: "file", pattern: "**/mplp.toml" },
      ],
      outputChannel: this.log,
      // Called at each start, so that a restart carries what is true then.
      initializationOptions: () => ({ trusted: vscode.workspace.isTrusted, runNotifications: true }),
      middleware: {
        executeCommand: (command, args) => this.onCommand(command, args[0]),
        handleWorkDoneProgress: (token, progress, next) => {
          if (!this.progress.accept(token, progress) || progress.kind === "end") {
            next(token, progress);
          }
        },
        workspace: {
          configuration: async (params, token, next) => {
            const answers = await next(params, token);
            if (!Array.isArray(answers)) {
              return answers;
            }
            return answers.map((answer: unknown, index) =>
              params.items[index]?.section === "mplp" ? { ...(answer as object), ...settings() } : answer,
            );
          },
        },
        window: {
          showDocument: async (params, token, next) => {
            if (params.external === true || !VIEW.test(params.uri)) {
              return next(params, token);
            }
            await openBeside(vscode.Uri.parse(params.uri), params.takeFocus === true);
            return { success: true };
          },
        },
      },
    };
  }
}

/** The `mplp` section as the server reads it, with the trust of this window. */
function settings(): object {
  const section = vscode.workspace.getConfiguration("mplp");
  return {
    files: { associations: section.get("files.associations"), exclude: section.get("files.exclude") },
    validation: { maxFindings: section.get("validation.maxFindings") },
    inlayHints: { ids: section.get("inlayHints.ids") },
    trusted: vscode.workspace.isTrusted,
  };
}

async function offerSettings(message: string): Promise<void> {
  if ((await vscode.window.showErrorMessage(message, "Open setting")) !== undefined) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "mplp.server.path");
  }
}

async function offerInstallation(): Promise<void> {
  const choice = await vscode.window.showErrorMessage(
    "The program mplp-lsp was not found, so MPLP documents are not checked. " +
      "Install it, or name it in the setting mplp.server.path.",
    "Install",
    "Open setting",
  );
  if (choice === "Install") {
    const terminal = vscode.window.createTerminal("Install mplp-lsp");
    terminal.show();
    // Typed, not run: what is installed on this machine is the user's decision.
    terminal.sendText("pipx install mplp-lsp", false);
  } else if (choice === "Open setting") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "mplp.server.path");
  }
}
