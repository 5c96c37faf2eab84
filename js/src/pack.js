/** Reading packs: `omnitrace_nb/view/packing.py` writes them and says what they are. */

/**
 * @typedef {Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array}
 *   TypedArray
 * @typedef {{document: any, arrays: Record<string, any>}} Pack  `arrays`: typed arrays by name
 */

const TYPES = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
};
const LENGTH = 4; // bytes

/**
 * @param {DataView | ArrayBuffer | undefined} data  hosts promise neither offset nor alignment, so bytes are copied
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytes(data) {
  if (!data) return new Uint8Array();
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  const start = data.byteOffset;
  return new Uint8Array(/** @type {ArrayBuffer} */ (data.buffer).slice(start, start + data.byteLength));
}

/** @param {Uint8Array<ArrayBuffer>} data */
async function inflate(data) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** @param {ArrayBuffer} plain @returns {Pack} */
function read(plain) {
  const start = LENGTH + new DataView(plain).getUint32(0, true);
  const { document, arrays } = JSON.parse(
    new TextDecoder().decode(new Uint8Array(plain, LENGTH, start - LENGTH)),
  );
  /** @type {Record<string, TypedArray>} */
  const typed = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(arrays)) {
    const count = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    typed[name] = new TYPES[/** @type {keyof typeof TYPES} */ (dtype)](plain, start + offset, count);
  }
  return { document, arrays: typed };
}

/**
 * @param {DataView | ArrayBuffer | undefined} data
 * @returns {Promise<Pack[]>}
 */
export async function unpack(data) {
  const all = bytes(data);
  const view = new DataView(all.buffer);
  const packs = [];
  for (let at = 0; at < all.length; ) {
    const end = at + LENGTH + view.getUint32(at, true);
    packs.push(inflate(all.slice(at + LENGTH, end)).then(read));
    at = end;
  }
  return Promise.all(packs);
}
