// Builds the front end into the Python package; `--check` compares instead of writing.
//
// A notebook keeps the widget's code once for each view, so the code is shipped deflated, about half its minified size:
// a few lines that unpack the rest when the first view is drawn. Browsers inflate it in a few milliseconds.
import { readFileSync, writeFileSync } from "node:fs";
import { deflateSync, inflateSync } from "node:zlib";
import { build } from "esbuild";

const OUT = new URL("../omnitrace_nb/static/", import.meta.url);
const ENTRIES = { "widget.js": "src/widget.js", "host.js": "src/host.js", "widget.css": "src/widget.css" };
const PACKED = "widget.js";
const LOADER = "src/loader.js";
const check = process.argv.includes("--check");

/** @param {string} entry */
async function bundle(entry) {
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
  return outputFiles[0].text;
}

// Deflated bytes may differ between versions of zlib, so what is compared is what they hold.
/** @param {string} shipped */
const plain = (shipped) =>
  shipped.replace(/"([A-Za-z0-9+/]{1000,}=*)"/, (_, code) =>
    inflateSync(Buffer.from(code, "base64")).toString(),
  );

for (const [name, entry] of Object.entries(ENTRIES)) {
  const code = await bundle(entry);
  const pack = () => deflateSync(code, { level: 9 }).toString("base64");
  const built = name === PACKED ? (await bundle(LOADER)).replace("PACKED", pack) : code;
  const path = new URL(name, OUT);
  if (!check) {
    writeFileSync(path, built);
    console.log(`${name}: ${built.length} bytes${built === code ? "" : ` (${code.length} unpacked)`}`);
  } else if (plain(readFileSync(path, "utf8")) !== plain(built)) {
    console.error(`${name} differs from its source: run "npm run build" in js/ and commit the result`);
    process.exitCode = 1;
  }
}
