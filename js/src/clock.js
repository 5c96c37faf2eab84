/** Times as they are read: seconds below a minute, else minutes, else hours. */

/**
 * @param {number} at  seconds
 * @param {number} total  seconds, of all that is on the axis
 * @param {number} [digits]  after the point
 */
export function clock(at, total, digits = total < 60 ? 1 : 0) {
  const unit = 10 ** digits;
  const ticks = Math.round(at * unit);
  if (total < 60) return String(ticks / unit);
  const minutes = Math.floor(ticks / (60 * unit));
  const rest = ((ticks % (60 * unit)) / unit).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  if (total < 3600) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** @param {[number, number]} time  seconds @param {number} total */
export function stretch([from, to], total) {
  const digits = total < 60 ? 2 : to - from < 2 ? 1 : 0;
  const [first, last] = [from, to].map((at) => clock(at, total, digits));
  return `${first}-${last}${total < 60 ? " s" : ""}`;
}
