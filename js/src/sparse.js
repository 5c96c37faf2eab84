/** Rows of which only the largest values are kept (`omnitrace_nb/view/stepwise.py`). */

/** @import { Pack } from "./pack.js" */

export class Sparse {
  /** @param {Pack["arrays"]} arrays @param {string} name @param {number} levels  what a row's scale is quantised to */
  constructor(arrays, name, levels) {
    /** @type {Int32Array} */
    this.start = arrays[`${name}_start`];
    /** @type {Uint8Array | Uint16Array} */
    this.value = arrays[`${name}_value`];
    this.scale = Float32Array.from(arrays[`${name}_scale`], (scale) => scale / levels);
    const gap = arrays[`${name}_gap`];
    this.column = new Uint32Array(gap.length);
    for (let row = 0; row + 1 < this.start.length; row++) {
      let column = -1;
      for (let at = this.start[row]; at < this.start[row + 1]; at++) {
        column += gap[at];
        this.column[at] = column;
      }
    }
  }

  /**
   * Add a row to a dense one.
   * @param {number} row
   * @param {Float32Array | Float64Array} sum
   */
  addTo(row, sum) {
    const scale = this.scale[row];
    for (let at = this.start[row]; at < this.start[row + 1]; at++)
      sum[this.column[at]] += scale * this.value[at];
  }

  /** @param {number} row @returns {number} */
  total(row) {
    let sum = 0;
    for (let at = this.start[row]; at < this.start[row + 1]; at++) sum += this.value[at];
    return sum * this.scale[row];
  }

  /**
   * @param {number} row
   * @param {Uint8Array} wanted  [columns], 1 where wanted
   * @returns {number}  the sum of a row's wanted values
   */
  among(row, wanted) {
    let sum = 0;
    for (let at = this.start[row]; at < this.start[row + 1]; at++)
      if (wanted[this.column[at]]) sum += this.value[at];
    return sum * this.scale[row];
  }
}
