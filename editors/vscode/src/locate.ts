/** Where the server program is. Nothing inside an untrusted folder is ever started, not even looked at. */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

export interface Surroundings {
  /** The machine setting `mplp.server.path`; empty when not set. */
  configured: string;
  /** Folders of a trusted workspace; empty while it is not trusted. */
  trustedFolders: string[];
  searchPath: string;
  home: string;
}

export interface Located {
  program: string;
  from: "setting" | "workspace" | "path";
}

const PROGRAM = process.platform === "win32" ? "mplp-lsp.exe" : "mplp-lsp";
const SCRIPTS = process.platform === "win32" ? "Scripts" : "bin";

/** The first program that exists, or undefined; throws a sentence when the setting names none. */
export function locateServer(around: Surroundings): Located | undefined {
  const configured = around.configured.trim().replace(/^~(?=$|[\\/])/, around.home);
  if (configured !== "") {
    if (!path.isAbsolute(configured)) {
      throw new Error(`The setting mplp.server.path must be an absolute path; it is "${configured}".`);
    }
    if (!isProgram(configured)) {
      throw new Error(`The setting mplp.server.path names "${configured}", which is not a program.`);
    }
    return { program: configured, from: "setting" };
  }
  for (const folder of around.trustedFolders) {
    const program = path.join(folder, ".venv", SCRIPTS, PROGRAM);
    if (isProgram(program)) {
      return { program, from: "workspace" };
    }
  }
  // A relative entry of PATH would mean "inside the folder that is open": never.
  const folders = around.searchPath.split(path.delimiter).filter((entry) => path.isAbsolute(entry));
  // Desktop programs often start without the user's shell profile, where pipx and uv put themselves on PATH.
  folders.push(path.join(around.home, ".local", "bin"));
  for (const folder of folders) {
    const program = path.join(folder, PROGRAM);
    if (isProgram(program)) {
      return { program, from: "path" };
    }
  }
  return undefined;
}

export function surroundings(configured: string, trustedFolders: string[]): Surroundings {
  return { configured, trustedFolders, searchPath: process.env["PATH"] ?? "", home: os.homedir() };
}

function isProgram(candidate: string): boolean {
  try {
    fs.accessSync(candidate, fs.constants.X_OK);
    return fs.statSync(candidate).isFile();
  } catch {
    return false;
  }
}
