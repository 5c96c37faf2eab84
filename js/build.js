// Builds the front end into the Python package; `--check` compares instead of writing.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const OUT = new URL("../omnitrace_nb/static/", import.meta.url);
const ENTRIES = { "widget.js": "src/widget.js", "host.js": "src/host.js", "widget.css": "src/widget.css" };
const check = process.argv.includes("--check");

for (const [name, entry] of Object.entries(ENTRIES)) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    write: false,
  });
  const built = outputFiles[0].text;
  const path = new URL(name, OUT);
  if (!check) {
    writeFileSync(path, built);
    console.log(`${name}: ${built.length} bytes`);
  } else if (readFileSync(path, "utf8") !== built) {
    console.error(`${name} differs from its source: run "npm run build" in js/ and commit the result`);
    process.exitCode = 1;
  }
}
