// One file for the extension host: VS Code loads a single bundle far faster than a tree of modules.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const result = await build({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode"],
  minify: process.argv.includes("--minify"),
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

// The licences of what went into the bundle travel with it.
const folder = /^(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//;
const packages = new Set(Object.keys(result.metafile.inputs).flatMap((path) => folder.exec(path)?.[1] ?? []));
const notices = [];
for (const path of [...packages].sort()) {
  const licence = (await readdir(path)).find((name) => /^licen[cs]e/i.test(name));
  const text = licence === undefined ? "(see its package.json)" : await readFile(`${path}/${licence}`, "utf8");
  notices.push(`${path.replace(/^.*node_modules\//, "")}\n\n${text.trim()}\n`);
}
await writeFile("dist/licenses.txt", notices.join("\n----\n\n"));
