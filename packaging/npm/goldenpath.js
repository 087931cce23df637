#!/usr/bin/env node
// Runs the program of this platform's package, with the same arguments, streams and exit code.
"use strict";
const { spawnSync } = require("node:child_process");
const { constants } = require("node:os");

// Alpine and others with musl; both packages of Linux have one program each.
const isMusl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
const name = `goldenpath-${process.platform}-${process.arch}${isMusl ? "-musl" : ""}`;
const file = process.platform === "win32" ? "goldenpath.exe" : "goldenpath";

let program;
try {
  program = require.resolve(`${name}/bin/${file}`);
} catch {
  console.error(`goldenpath: the package ${name} is not installed: this platform has none, or npm ran with --omit=optional`);
  process.exit(2);
}
const { status, signal, error } = spawnSync(program, process.argv.slice(2), { stdio: "inherit" });
if (error) {
  console.error(`goldenpath: cannot run ${program}: ${error.message}`);
  process.exit(2);
}
process.exit(signal ? 128 + constants.signals[signal] : status);
