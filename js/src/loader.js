/** The shipped module: the view's own code, deflated (see build.js), unpacked when the first view is drawn. */

/** @import { AnyModel } from "@anywidget/types" */

const CODE = "PACKED"; // base64, put here by build.js

/** @type {Promise<typeof import("./widget.js")> | undefined} */
let unpacked;

async function unpack() {
  const data = Uint8Array.from(atob(CODE), (char) => char.charCodeAt(0));
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
  const url = URL.createObjectURL(new Blob([await new Response(stream).text()], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

export default {
  /** @param {{model: AnyModel, el: HTMLElement, signal?: AbortSignal}} props */
  async render(props) {
    unpacked ??= unpack();
    return (await unpacked).default.render(props);
  },
};
