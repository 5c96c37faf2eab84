/** Playing a part: asked for when it is first played, from any second, to the end or to the end of an interval. */

/** @import { Data } from "./data.js" */
/** @import { Part } from "./types.js" */

/**
 * @param {Data} data
 * @param {Part} part  with media
 * @param {() => HTMLMediaElement} create
 * @param {() => void} moved  playing, pausing, every frame in between
 * @param {(words: string, lasting: boolean) => void} failed  `lasting`: to try again is of no use
 */
export function createPlayer(data, part, create, moved, failed) {
  /** @type {Promise<HTMLMediaElement> | null} */
  let asked = null;
  /** @type {HTMLMediaElement | null} */
  let player = null;
  let url = "";
  let frame = 0;
  let start = 0; // seconds, until there is a player
  let stop = Number.POSITIVE_INFINITY; // seconds

  async function load() {
    const blob = await data.media.get(part.index);
    const made = create();
    url = URL.createObjectURL(blob);
    await new Promise((done, fail) => {
      made.addEventListener("loadedmetadata", done, { once: true });
      made.addEventListener("error", () => {
        const broken = new Error(`this browser cannot play it (${blob.type || "unknown coding"})`);
        broken.name = "Unplayable";
        failed(broken.message, true);
        fail(broken);
      });
      made.preload = "auto";
      made.src = url;
    });
    made.currentTime = start;
    for (const event of ["play", "pause", "ended", "seeked", "timeupdate"])
      made.addEventListener(event, follow);
    player = made;
    return made;
  }

  function follow() {
    cancelAnimationFrame(frame);
    if (!player) return;
    if (player.currentTime >= stop && !player.paused) {
      player.pause();
      player.currentTime = stop;
      stop = Number.POSITIVE_INFINITY;
    }
    if (!player.paused) frame = requestAnimationFrame(follow);
    moved();
  }

  /** @param {number} [from] @param {number} [to]  seconds */
  async function play(from, to) {
    try {
      asked ??= load();
      const made = await asked;
      if (from !== undefined) made.currentTime = from;
      else if (made.ended) made.currentTime = 0;
      stop = to ?? Number.POSITIVE_INFINITY;
      await made.play();
    } catch (error) {
      if (player) return; // paused before it began
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      asked = null;
      if (name !== "Unplayable") failed(message, false);
    }
  }

  return {
    play,
    pause: () => player?.pause(),
    playing: () => Boolean(player && !player.paused && !player.ended),
    time: () => player?.currentTime ?? start,
    /** @param {number} time  seconds */
    seek(time) {
      stop = Number.POSITIVE_INFINITY;
      if (player) player.currentTime = time;
      else start = time;
      moved();
    },
    dispose() {
      cancelAnimationFrame(frame);
      player?.pause();
      player?.removeAttribute("src");
      if (url) URL.revokeObjectURL(url);
    },
  };
}

/** @typedef {ReturnType<typeof createPlayer>} Player */
