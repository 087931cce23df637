// Reads a list of ExternalSecrets in JSON from standard input, holds each against the schema of its apiVersion, and
// writes what is wrong with each, or null. The packages are in the folder that is the argument.
const path = require("node:path");

const packages = path.join(process.argv[2], "node_modules", "@kubernetes-models/external-secrets");

function problem(document) {
  const { ExternalSecret } = require(path.join(packages, document.apiVersion, "ExternalSecret"));
  try {
    new ExternalSecret(document).validate();
    return null;
  } catch (error) {
    return error.message;
  }
}

const documents = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(documents.map(problem)));
