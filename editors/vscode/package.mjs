// Packages mplp.vsix. The same sources and lock file give the same bytes: no file in it carries the time of the build.
process.env.SOURCE_DATE_EPOCH ??= "1735689600"; // 2025-01-01; the format knows no time before 1980.
const { createVSIX } = await import("@vscode/vsce");
await createVSIX({ dependencies: false, packagePath: process.argv[2] ?? "mplp.vsix", allowMissingRepository: true });
