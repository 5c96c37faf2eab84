/** Light or dark: from what the notebook says of itself, else from the colour that is really behind the view. */

const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/**
 * How bright a colour is, 0 to 1, however it is written (hosts use `oklch()` and `color()` too); null of one that shows
 * mostly what is behind it.
 * @param {string} colour
 */
function luminance(colour) {
  if (!probe) return null;
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = probe.getImageData(0, 0, 1, 1).data;
  return alpha < 128 ? null : (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}

/** What holds an element, across the border of a shadow tree too (marimo draws each output in one). @param {Element} el */
function above(el) {
  const root = el.getRootNode();
  return el.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** @param {Element} el */
function isDark(el) {
  const jupyter = document.body.dataset.jpThemeLight;
  if (jupyter) return jupyter === "false";
  for (let at = above(el); at; at = above(at)) {
    const behind = luminance(getComputedStyle(at).backgroundColor);
    if (behind !== null) return behind < 0.5;
  }
  return (
    getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
    matchMedia("(prefers-color-scheme: dark)").matches
  );
}

/**
 * Keep `data-theme` of the view right, also when the notebook changes its theme.
 * @param {HTMLElement} root
 * @param {() => void} changed  canvases hold colours, so they are drawn again
 * @param {AbortSignal} signal
 */
export function followTheme(root, changed, signal) {
  function look() {
    const theme = isDark(root) ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    changed();
  }
  const observer = new MutationObserver(look);
  for (const el of [document.documentElement, document.body]) {
    observer.observe(el, {
      attributes: true,
      attributeFilter: ["class", "style", "theme", "data-theme", "data-jp-theme-light"],
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
  look();
}
